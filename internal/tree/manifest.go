package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// FileSum is a file with the SHA-256 of its content, or of its target if it is
// a link.
type FileSum struct {
	File
	Sum [sha256.Size]byte
}

// Manifest is what a tree consists of, without the content: enough to name it
// (Tree) and to tell two trees apart file by file. The zero Manifest is the
// empty tree.
type Manifest struct {
	Files []FileSum
}

// Tree returns the tree hash t1 (design.md 4). The order of Files does not
// matter.
func (m Manifest) Tree() pack.TreeHash { return m.hash(false) }

// Content returns t1 with every x written as f: what the files hold, whatever
// their modes are.
func (m Manifest) Content() pack.TreeHash { return m.hash(true) }

func (m Manifest) hash(foldExec bool) pack.TreeHash {
	files := m.Files
	if !slices.IsSortedFunc(files, comparePaths) {
		files = slices.Clone(files)
		slices.SortFunc(files, comparePaths)
	}
	h := sha256.New()
	var line []byte
	for i := range files {
		kind := files[i].Kind
		if foldExec && kind == Executable {
			kind = Regular
		}
		line = append(line[:0], byte(kind), ' ')
		line = hex.AppendEncode(line, files[i].Sum[:])
		line = append(line, ' ')
		line = append(line, files[i].Path...)
		line = append(line, 0)
		h.Write(line) // a hash.Hash never fails
	}
	return pack.TreeHash("t1:" + hex.EncodeToString(h.Sum(nil)))
}

func comparePaths(a, b FileSum) int { return strings.Compare(a.Path, b.Path) }

// HashOf reads every file of t once. A file whose content has not the size that
// the tree announced is an error: it changed while it was read.
func HashOf(t Tree) (Manifest, error) {
	files := t.Files()
	m := Manifest{Files: make([]FileSum, len(files))}
	for i, f := range files {
		if err := checkLine(f); err != nil {
			return Manifest{}, err
		}
		content, err := contentOf(t, i)
		if err != nil {
			return Manifest{}, err
		}
		m.Files[i] = FileSum{File: f, Sum: sha256.Sum256(content)}
	}
	return m, nil
}

// checkLine keeps t1 unambiguous: one tree, one text.
func checkLine(f File) error {
	switch f.Kind {
	case Regular, Executable, Link:
	default:
		return &RefusedError{Path: f.Path, Rule: RuleMode, Reason: fmt.Sprintf("it is of the unknown kind %q", byte(f.Kind))}
	}
	if strings.IndexByte(f.Path, 0) >= 0 {
		return &RefusedError{Path: f.Path, Rule: RuleName, Reason: "its name contains a NUL byte"}
	}
	return nil
}

// contentOf reads one file and holds the tree to the size it announced.
func contentOf(t Tree, i int) ([]byte, error) {
	f := t.Files()[i]
	content, err := t.Content(i)
	if err != nil {
		return nil, fmt.Errorf("read file %q of the pack: %w", f.Path, err)
	}
	if int64(len(content)) != f.Size {
		return nil, fmt.Errorf("read file %q of the pack: it has %d bytes, %d were announced: it changed while it was read, run again", f.Path, len(content), f.Size)
	}
	return content, nil
}
