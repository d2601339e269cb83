package tree

import (
	"slices"
	"strings"
)

// Entry is one file of a tree that is built in memory.
type Entry struct {
	Path    string
	Kind    Kind   // 0 means Regular
	Content string // of the file, or the target of the link
}

// Build makes a tree of entries, in any order. It checks and filters nothing, so
// that tests can build what must be refused.
func Build(entries ...Entry) Tree {
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	m := &memory{}
	for _, e := range entries {
		if e.Kind == 0 {
			e.Kind = Regular
		}
		m.files = append(m.files, File{Path: e.Path, Kind: e.Kind, Size: int64(len(e.Content))})
		m.content = append(m.content, []byte(e.Content))
	}
	return m
}

// Memory makes a tree of regular files from path → content.
func Memory(files map[string]string) Tree {
	entries := make([]Entry, 0, len(files))
	for path, content := range files {
		entries = append(entries, Entry{Path: path, Content: content})
	}
	return Build(entries...)
}

type memory struct {
	files   []File
	content [][]byte
}

func (m *memory) Files() []File                 { return m.files }
func (m *memory) Content(i int) ([]byte, error) { return m.content[i], nil }
