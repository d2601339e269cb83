package pack

import (
	"fmt"
	"regexp"
)

// Commit is the full hexadecimal id of a git commit: a name that never moves.
// The empty Commit stands for "none", as a plain directory has.
type Commit string

var commitPattern = regexp.MustCompile(`\A[0-9a-f]{40}\z`)

// ParseCommit accepts exactly 40 lower-case hexadecimal digits.
func ParseCommit(text string) (Commit, error) {
	if !commitPattern.MatchString(text) {
		return "", fmt.Errorf("invalid commit %q: want 40 lower-case hexadecimal digits", text)
	}
	return Commit(text), nil
}

// Short returns the first ten digits, for people.
func (c Commit) Short() string { return string(c[:min(len(c), 10)]) }

// TreeHash names the content of a pack: "t1:" and the hexadecimal SHA-256 over
// its files (design.md 4). The empty TreeHash stands for "not known".
type TreeHash string

var treeHashPattern = regexp.MustCompile(`\At1:[0-9a-f]{64}\z`)

// ParseTreeHash accepts the t1 form only: a weaker or unknown scheme is an
// error, never taken for "not known".
func ParseTreeHash(text string) (TreeHash, error) {
	if !treeHashPattern.MatchString(text) {
		return "", fmt.Errorf("invalid tree hash %q: want t1: and 64 lower-case hexadecimal digits", text)
	}
	return TreeHash(text), nil
}

// Short returns the scheme and the first twelve digits, for people.
func (h TreeHash) Short() string { return string(h[:min(len(h), 15)]) }
