// Package lockfile reads and writes packs.lock.json: the one commit and tree
// hash chosen for each pack (design.md 4). The file is canonical: the same pins
// give the same bytes everywhere.
//
// It is not for choosing pins (package resolve); it does not touch the network.
package lockfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/packsync/packsync/internal/pack"
)

// FormatVersion is the lock format that this packsync writes.
const FormatVersion = 1

// File is the content of a lock. The zero File is an empty lock.
type File struct {
	Packs map[pack.Ref]Entry
	extra map[string]json.RawMessage // unknown top-level keys, kept
}

// Entry is the pin of one pack. A plain directory has only Source, Subdir and
// Direct.
type Entry struct {
	Source     string        // canonical URL without credential, before rewrite; for a directory its path relative to the lock
	Index      string        // URL of the index a short name was found in
	Subdir     string        // "" for the root of the source
	Constraint pack.Selector // kind and text of the selector it was chosen under
	Ref        string        // full name, refs/tags/v1.1.0; "" for a bare commit
	Commit     pack.Commit
	Tree       pack.TreeHash
	Version    string   // from pack.yaml
	Title      string   // first line of the commit message, quoted, at most 120 characters
	Requires   []string // pack.yaml dependencies
	Direct     bool     // declared, not only required by another pack
	// Unreachable records that somebody accepted a commit to which no branch or
	// tag leads, or not the one that was named.
	Unreachable bool

	extra map[string]json.RawMessage // unknown and reserved keys, kept
}

// With returns a lock that holds other packs and the same unknown keys. The
// receiver, which may be nil, is not changed.
func (f *File) With(packs map[pack.Ref]Entry) *File {
	if f == nil {
		return &File{Packs: packs}
	}
	return &File{Packs: packs, extra: f.extra}
}

// IsDir reports whether the entry is of a plain directory: it has no commit,
// and the repository around it is what pins it.
func (e Entry) IsDir() bool { return isDirPath(e.Source) }

// Equal reports whether two entries say the same, unknown keys included.
func (e Entry) Equal(other Entry) bool {
	return e.Source == other.Source &&
		e.Index == other.Index &&
		e.Subdir == other.Subdir &&
		e.Constraint == other.Constraint &&
		e.Ref == other.Ref &&
		e.Commit == other.Commit &&
		e.Tree == other.Tree &&
		e.Version == other.Version &&
		e.Title == other.Title &&
		slices.Equal(e.Requires, other.Requires) &&
		e.Direct == other.Direct &&
		e.Unreachable == other.Unreachable &&
		maps.EqualFunc(e.extra, other.extra, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) })
}

// isDirPath tells the path of a plain directory from a git source, which has a
// scheme or the form user@host:path.
func isDirPath(source string) bool {
	return source == "." || source == ".." ||
		strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") || strings.HasPrefix(source, "/")
}

// DirSource returns what the lock records for a plain directory: its path from
// the directory of the lock, so that a checkout can lie anywhere; or the
// absolute path if it was declared as one. All paths but declared are absolute.
func DirSource(lockDir, dir, declared string) (string, error) {
	if filepath.IsAbs(declared) {
		return filepath.ToSlash(filepath.Clean(dir)), nil
	}
	relative, err := filepath.Rel(lockDir, dir)
	if err != nil {
		return "", fmt.Errorf("record the directory %s in a lock in %s: %w", dir, lockDir, err)
	}
	relative = filepath.ToSlash(relative)
	if isDirPath(relative) {
		return relative, nil
	}
	return "./" + relative, nil
}

// Check reports why an entry must not be recorded: it holds a text that Parse
// would refuse, because it could mislead whoever reviews the lock.
func (e Entry) Check() error {
	for _, text := range slices.Concat([]string{e.Source, e.Index, e.Subdir, e.Constraint.Text, e.Ref, e.Version, e.Title}, e.Requires) {
		if !printable(text) {
			return fmt.Errorf("%q contains a character that is not printable, which the lock must not hold", text)
		}
	}
	return nil
}

// Quote makes a text from a repository fit for the lock and for a terminal:
// characters that are not printable (control, bidirectional, invisible) are
// escaped as in Go, and what is longer than limit characters is cut.
func Quote(text string, limit int) string {
	var b strings.Builder
	length := 0
	for _, r := range text {
		part := string(r)
		if !strconv.IsPrint(r) {
			part = strings.Trim(strconv.QuoteRuneToASCII(r), "'")
		}
		length += utf8.RuneCountInString(part)
		if length > limit {
			return b.String() + "…"
		}
		b.WriteString(part)
	}
	return b.String()
}
