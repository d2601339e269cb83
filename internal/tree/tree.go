// Package tree is a pack's files: what they are, how they are named, checked,
// hashed (t1, design.md 4), viewed as an fs.FS and written to disk.
//
// It is not for fetching (package source) and not for swapping directories
// (package safefs): it writes into a fresh directory that nobody else sees.
package tree

// Kind is what a file is: the K of a t1 line.
type Kind byte

// The kinds of file. Directories exist only as parts of paths: empty ones are
// not installed.
const (
	Regular    Kind = 'f'
	Executable Kind = 'x'
	Link       Kind = 'l'
)

// File is one file of a tree.
type File struct {
	Path string // relative to the pack, with "/", without "./"
	Kind Kind
	Size int64 // bytes; for a link the length of its target
}

// Tree is a set of files whose content can be read. Files are sorted by raw
// path bytes, and neither .git, __pycache__/** nor *.pyc is among them.
// A Tree is read-only and safe for concurrent use.
type Tree interface {
	// Files returns the files; the caller must not change the slice.
	Files() []File
	// Content returns the bytes of Files()[i], or the target of a link. The
	// caller must not change them.
	Content(i int) ([]byte, error)
}
