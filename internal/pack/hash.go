package pack

import (
	"fmt"
	"strings"
)

// Commit is the full hexadecimal id of a git commit: a name that never moves.
// The empty Commit stands for "none", as a plain directory has.
type Commit string

// isHex reports whether a text has lower-case hexadecimal digits only. Every pin of
// a lock is checked so, which patterns make ten times slower.
func isHex(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ParseCommit accepts exactly 40 lower-case hexadecimal digits.
func ParseCommit(text string) (Commit, error) {
	if len(text) != 40 || !isHex(text) {
		return "", fmt.Errorf("invalid commit %q: want 40 lower-case hexadecimal digits", text)
	}
	return Commit(text), nil
}

// Short returns the first ten digits, for people.
func (c Commit) Short() string { return string(c[:min(len(c), 10)]) }

// TreeHash names the content of a pack: "t1:" and the hexadecimal SHA-256 over
// its files (design.md 4). The empty TreeHash stands for "not known".
type TreeHash string

// ParseTreeHash accepts the t1 form only: a weaker or unknown scheme is an
// error, never taken for "not known".
func ParseTreeHash(text string) (TreeHash, error) {
	digits, t1 := strings.CutPrefix(text, "t1:")
	if !t1 || len(digits) != 64 || !isHex(digits) {
		return "", fmt.Errorf("invalid tree hash %q: want t1: and 64 lower-case hexadecimal digits", text)
	}
	return TreeHash(text), nil
}

// Short returns the scheme and the first twelve digits, for people.
func (h TreeHash) Short() string { return string(h[:min(len(h), 15)]) }
