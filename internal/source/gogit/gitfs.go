package gogit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// gitFS shows a tree object as an fs.FS. Objects are read when they are asked for,
// so that the declaration of a large repository costs what it is worth. Links
// inside the tree are followed; those that leave it lead to fs.ErrNotExist.
type gitFS struct {
	repo objects
	root plumbing.Hash
}

// Open implements fs.FS.
func (f *gitFS) Open(name string) (fs.File, error) {
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	entry, err := f.find(name, 0)
	if err != nil {
		return fail(err)
	}
	if entry.isDir() {
		entries, err := f.list(entry.id)
		if err != nil {
			return fail(err)
		}
		return &gitDir{info: gitInfo{entry, 0}, rest: entries}, nil
	}
	if strings.TrimLeft(entry.mode, "0") == modeSubmodule {
		return fail(errors.New("it is a submodule, whose content is in another repository"))
	}
	_, content, err := f.repo.get(entry.id)
	if err != nil {
		return fail(err)
	}
	return &gitFile{gitInfo{entry, int64(len(content))}, bytes.NewReader(content)}, nil
}

// find walks down to a path. The root is a directory without a name.
func (f *gitFS) find(name string, links int) (treeEntry, error) {
	const mostLinks = 16
	at := treeEntry{mode: modeDir, name: ".", id: f.root}
	if name == "." {
		return at, nil
	}
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if !at.isDir() {
			return at, fs.ErrNotExist
		}
		entries, err := entriesOf(f.repo, at.id)
		if err != nil {
			return at, err
		}
		found := slices.IndexFunc(entries, func(e treeEntry) bool { return e.name == part })
		if found < 0 {
			return at, fs.ErrNotExist
		}
		at = entries[found]
		if strings.TrimLeft(at.mode, "0") != modeLink {
			continue
		}
		_, target, err := f.repo.get(at.id)
		if err != nil {
			return at, err
		}
		to := path.Join(append([]string{path.Join(parts[:i]...), string(target)}, parts[i+1:]...)...)
		if links == mostLinks {
			return at, fmt.Errorf("it leads through more than %d links", mostLinks)
		}
		if path.IsAbs(string(target)) || !fs.ValidPath(to) {
			return at, fs.ErrNotExist
		}
		return f.find(to, links+1)
	}
	return at, nil
}

func (f *gitFS) list(id plumbing.Hash) ([]fs.DirEntry, error) {
	entries, err := entriesOf(f.repo, id)
	if err != nil {
		return nil, err
	}
	out := make([]fs.DirEntry, len(entries))
	for i, e := range entries {
		info := gitInfo{entry: e}
		if !e.isDir() && strings.TrimLeft(e.mode, "0") != modeSubmodule {
			if _, info.size, err = f.repo.size(e.id); err != nil {
				return nil, err
			}
		}
		out[i] = fs.FileInfoToDirEntry(info)
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// gitInfo describes an entry as it stands in the tree.
type gitInfo struct {
	entry treeEntry
	size  int64
}

func (i gitInfo) Name() string       { return i.entry.name }
func (i gitInfo) Size() int64        { return i.size }
func (i gitInfo) ModTime() time.Time { return time.Time{} }
func (i gitInfo) IsDir() bool        { return i.Mode().IsDir() }
func (i gitInfo) Sys() any           { return nil }

func (i gitInfo) Mode() fs.FileMode {
	switch strings.TrimLeft(i.entry.mode, "0") {
	case modeDir:
		return fs.ModeDir | 0o755
	case modeLink:
		return fs.ModeSymlink | 0o777
	case modeExecutable:
		return 0o755
	case modeSubmodule:
		return fs.ModeDir | fs.ModeIrregular | 0o755
	}
	return 0o644
}

type gitFile struct {
	info gitInfo
	*bytes.Reader
}

func (f *gitFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *gitFile) Close() error               { return nil }

type gitDir struct {
	info gitInfo
	rest []fs.DirEntry
}

func (d *gitDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *gitDir) Close() error               { return nil }

func (d *gitDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.entry.name, Err: errors.New("it is a directory")}
}

func (d *gitDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		out := d.rest
		d.rest = nil
		return out, nil
	}
	if len(d.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.rest))
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out, nil
}
