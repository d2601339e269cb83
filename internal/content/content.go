// Package content reads what a pack contains, as StackStorm's registrars do
// (reference.md 1), from an fs.FS: a git tree, a directory, an installed pack.
//
// It is not for judging whether content fits an installation (package review).
package content

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
)

// Meta is pack.yaml, as far as packsync uses it.
type Meta struct {
	Ref               pack.Ref // as StackStorm derives it at download (reference.md 1.5)
	Name              string
	Version           string // Python's str() of it: 1.10 is "1.1"
	Description       string
	Dependencies      []string
	StackStormVersion string
	PythonVersions    []string

	// Findings are what StackStorm would refuse at registration, or what its
	// author cannot have meant, although the pack can be placed.
	Findings []pack.Finding
}

// MetaFile is the name of the pack's metadata file; StackStorm knows no other.
const MetaFile = "pack.yaml"

// MetaError is a pack.yaml that cannot be used. Reason says what is wrong, why
// that matters, and what to do.
type MetaError struct {
	Reason string
	Line   int // from 1; 0 if there is no place
	Err    error
}

func (e *MetaError) Error() string {
	if e.Line == 0 {
		return MetaFile + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", MetaFile, e.Line, e.Reason)
}

func (e *MetaError) Unwrap() error { return e.Err }

var contentTypes = []string{"triggers", "sensors", "actions", "rules", "aliases", "policies"}

// Types returns which registration types the pack has content for, in the order
// of StackStorm's registrars and with the words that the API counts by:
// "triggers", "sensors", "actions", "rules", "aliases", "policies". A directory
// that is not there is no content; one that cannot be read is an error. Files
// count as StackStorm's glob finds them (reference.md 1.1): directly in the
// directory, ending in .yaml or .yml, not hidden.
func Types(fsys fs.FS) ([]string, error) {
	var types []string
	for _, kind := range contentTypes {
		entries, err := fs.ReadDir(fsys, kind)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the pack's %s: %w", kind, err)
		}
		for _, entry := range entries {
			if !entry.IsDir() && isContent(kind, entry.Name()) {
				types = append(types, kind)
				break
			}
		}
	}
	return types, nil
}

// TypesOf is Types for a pack whose files are known by their paths.
func TypesOf(files []string) (types []string) {
	for _, kind := range contentTypes {
		if slices.ContainsFunc(files, func(file string) bool {
			dir, name := path.Split(file)
			return dir == kind+"/" && isContent(kind, name)
		}) {
			types = append(types, kind)
		}
	}
	return types
}

func isContent(kind, name string) bool {
	ext := path.Ext(name)
	switch {
	case ext != ".yaml" && ext != ".yml", strings.HasPrefix(name, "."):
		return false
	case kind == "actions" && strings.TrimSuffix(name, ext) == "config":
		return false
	}
	return true
}

// readFile reads a file of the pack, but no more of it than can be a document.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	// The size is only a hint; io.ReadAll would find it out by copying.
	var data bytes.Buffer
	data.Grow(int(min(max(info.Size(), 0), pyyaml.MaxSize)) + bytes.MinRead)
	_, err = data.ReadFrom(io.LimitReader(file, pyyaml.MaxSize+1))
	return data.Bytes(), err
}
