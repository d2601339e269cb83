// Package content reads what a pack contains, as StackStorm's registrars do
// (reference.md 1), from an fs.FS: a git tree, a directory, an installed pack.
//
// It is not for judging whether content fits an installation (package review).
package content

import "github.com/packsync/packsync/internal/pack"

// Meta is pack.yaml, as far as packsync uses it.
type Meta struct {
	Ref               pack.Ref // as StackStorm derives it at download (reference.md 1.5)
	Name              string
	Version           string
	Description       string
	Dependencies      []string
	StackStormVersion string
	PythonVersions    []string
}
