package tree

import (
	"fmt"
	"strings"
)

// NoSubdirError reports a sub-directory that a tree does not have.
type NoSubdirError struct {
	Subdir string
	Packs  []string // directories of the tree's root that hold a pack.yaml, sorted: what may have been meant
}

func (e *NoSubdirError) Error() string {
	text := fmt.Sprintf("the source has no directory %s", quote(e.Subdir))
	if len(e.Packs) == 0 {
		return text + ", and no directory of its root holds a pack.yaml"
	}
	quoted := make([]string, len(e.Packs))
	for i, name := range e.Packs {
		quoted[i] = quote(name)
	}
	return text + "; these hold a pack.yaml: " + strings.Join(quoted, ", ")
}

// Sub returns the part of t below subdir (slash-separated, cleaned; "" is t
// itself), with paths that count from there. Links are not followed. The error
// is a *NoSubdirError.
func Sub(t Tree, subdir string) (Tree, error) {
	if subdir == "" {
		return t, nil
	}
	prefix := subdir + "/"
	v := &view{base: t}
	for i, f := range t.Files() {
		rest, inside := strings.CutPrefix(f.Path, prefix)
		if !inside {
			continue
		}
		f.Path = rest
		v.files = append(v.files, f)
		v.index = append(v.index, i)
	}
	if len(v.files) == 0 {
		return nil, &NoSubdirError{Subdir: subdir, Packs: packDirs(t)}
	}
	all := DroppedFrom(t)
	v.gone = Dropped{Bytecode: below(all.Bytecode, prefix), Git: below(all.Git, prefix)}
	return v, nil
}

func below(paths []string, prefix string) []string {
	var out []string
	for _, path := range paths {
		if rest, inside := strings.CutPrefix(path, prefix); inside {
			out = append(out, rest)
		}
	}
	return out
}

func packDirs(t Tree) []string {
	var dirs []string
	for _, f := range t.Files() {
		dir, name, _ := strings.Cut(f.Path, "/")
		if name == "pack.yaml" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
