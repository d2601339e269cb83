package tree

import (
	"slices"
	"strings"
)

// Ignored reports whether a file with this path is left out of every tree:
// .git, __pycache__/** and *.pyc at any depth (design.md 4).
func Ignored(path string) bool { return ignoredPart(path) != "" }

// ignoredPart returns the shortest prefix of path because of which it is left
// out, or "".
func ignoredPart(path string) string {
	for start := 0; ; {
		end := strings.IndexByte(path[start:], '/')
		if end < 0 {
			if IgnoredFile(path[start:]) {
				return path
			}
			return ""
		}
		if IgnoredDir(path[start : start+end]) {
			return path[:start+end]
		}
		start += end + 1
	}
}

// IgnoredDir reports whether a directory of this name is left out with all that
// lies below it.
func IgnoredDir(name string) bool { return name == ".git" || name == "__pycache__" }

// IgnoredFile reports whether a file or link of this name is left out.
func IgnoredFile(name string) bool { return name == ".git" || strings.HasSuffix(name, ".pyc") }

// Dropped lists what was left out of a tree: paths of files or of whole
// directories, sorted.
type Dropped struct {
	Bytecode []string // __pycache__ directories and *.pyc files
	Git      []string // .git directories and files
}

func (d *Dropped) add(path string) {
	if path == ".git" || strings.HasSuffix(path, "/.git") {
		d.Git = append(d.Git, path)
	} else {
		d.Bytecode = append(d.Bytecode, path)
	}
}

func (d *Dropped) tidy() {
	for _, list := range []*[]string{&d.Bytecode, &d.Git} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
}

// DroppedFrom tells what Filter or ReadDir left out of t, so that a finding can
// be made of it.
func DroppedFrom(t Tree) Dropped {
	if f, ok := t.(interface{ dropped() Dropped }); ok {
		return f.dropped()
	}
	return Dropped{}
}

// Filter returns t without .git, __pycache__/** and *.pyc. Run Check first where
// the source is hostile.
func Filter(t Tree) Tree {
	gone := DroppedFrom(t)
	v := &view{base: t}
	for i, f := range t.Files() {
		if part := ignoredPart(f.Path); part != "" {
			gone.add(part)
			continue
		}
		v.files = append(v.files, f)
		v.index = append(v.index, i)
	}
	if len(v.files) == len(t.Files()) {
		return t
	}
	gone.tidy()
	v.gone = gone
	return v
}

// view is a selection of another tree's files.
type view struct {
	base  Tree
	files []File
	index []int // of files[i] in base
	gone  Dropped
}

func (v *view) Files() []File                 { return v.files }
func (v *view) Content(i int) ([]byte, error) { return v.base.Content(v.index[i]) }
func (v *view) dropped() Dropped              { return v.gone }
