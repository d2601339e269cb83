package tree

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
)

// FS shows t as a read-only file system: fs.FS, fs.ReadFileFS, fs.ReadDirFS,
// fs.StatFS and fs.ReadLinkFS. As with os.DirFS, opening a link gives what it
// leads to; ReadDir and Lstat show the link. Links that leave the tree lead to
// fs.ErrNotExist. Modes are 0755 and 0644, times are zero. t should have passed
// Check: where two files clash, one hides the other.
func FS(t Tree) fs.FS {
	f := &treeFS{t: t, dirs: map[string][]fs.DirEntry{"": {}}}
	for i := range t.Files() {
		f.enter(i)
	}
	for _, entries := range f.dirs {
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
	return f
}

type treeFS struct {
	t    Tree
	dirs map[string][]fs.DirEntry // by path, "" for the root
}

// enter adds a file, and the directories above it that are not there yet, to
// their directories.
func (f *treeFS) enter(i int) {
	file := f.t.Files()[i]
	entry := fs.DirEntry(info{name: path.Base(file.Path), size: file.Size, mode: modeOf(file.Kind)})
	for at := file.Path; ; {
		dir := parent(at)
		_, known := f.dirs[dir]
		f.dirs[dir] = append(f.dirs[dir], entry)
		if known {
			return
		}
		entry = dirInfo(dir)
		at = dir
	}
}

func dirInfo(dir string) info { return info{name: path.Base(dir), mode: fs.ModeDir | 0o755} }

func modeOf(k Kind) fs.FileMode {
	switch k {
	case Executable:
		return 0o755
	case Link:
		return fs.ModeSymlink | 0o777
	}
	return 0o644
}

// locate follows name through links. It returns the path in the tree, and the
// index of the file or -1 for a directory.
func (f *treeFS) locate(op, name string) (string, int, error) {
	if !fs.ValidPath(name) {
		return "", 0, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return "", -1, nil
	}
	w := walker{t: f.t}
	at, problem, err := w.follow("", name)
	switch {
	case err != nil:
		return "", 0, &fs.PathError{Op: op, Path: name, Err: err}
	case problem == leadsNoway:
		return "", 0, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	case problem != "":
		return "", 0, &fs.PathError{Op: op, Path: name, Err: fmt.Errorf("%w: %s", fs.ErrNotExist, problem)}
	}
	return at, find(f.t.Files(), at), nil
}

// locateLink is locate, but a link at the end stays a link.
func (f *treeFS) locateLink(op, name string) (string, int, error) {
	if !fs.ValidPath(name) {
		return "", 0, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return "", -1, nil
	}
	dir, _, err := f.locate(op, path.Dir(name))
	if err != nil {
		return "", 0, err
	}
	at := join(dir, path.Base(name))
	i := find(f.t.Files(), at)
	if i < 0 && !isDir(f.t.Files(), at) {
		return "", 0, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return at, i, nil
}

func (f *treeFS) infoOf(at string, i int, name string) info {
	if i < 0 {
		in := dirInfo(at)
		in.name = path.Base(name)
		return in
	}
	file := f.t.Files()[i]
	return info{name: path.Base(name), size: file.Size, mode: modeOf(file.Kind)}
}

func (f *treeFS) Open(name string) (fs.File, error) {
	at, i, err := f.locate("open", name)
	if err != nil {
		return nil, err
	}
	in := f.infoOf(at, i, name)
	if i < 0 {
		return &openDir{info: in, path: name, entries: f.dirs[at]}, nil
	}
	content, err := f.t.Content(i)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{Reader: bytes.NewReader(content), info: in}, nil
}

func (f *treeFS) ReadFile(name string) ([]byte, error) {
	_, i, err := f.locate("read", name)
	if err != nil {
		return nil, err
	}
	if i < 0 {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errIsDir}
	}
	content, err := f.t.Content(i)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return slices.Clone(content), nil // ReadFileFS: the caller may change it
}

func (f *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	at, i, err := f.locate("readdir", name)
	if err != nil {
		return nil, err
	}
	if i >= 0 {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errNoDir}
	}
	return slices.Clone(f.dirs[at]), nil
}

func (f *treeFS) Stat(name string) (fs.FileInfo, error) {
	at, i, err := f.locate("stat", name)
	if err != nil {
		return nil, err
	}
	return f.infoOf(at, i, name), nil
}

func (f *treeFS) Lstat(name string) (fs.FileInfo, error) {
	at, i, err := f.locateLink("lstat", name)
	if err != nil {
		return nil, err
	}
	return f.infoOf(at, i, name), nil
}

func (f *treeFS) ReadLink(name string) (string, error) {
	_, i, err := f.locateLink("readlink", name)
	if err != nil {
		return "", err
	}
	if i < 0 || f.t.Files()[i].Kind != Link {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	target, err := f.t.Content(i)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(target), nil
}

var (
	errIsDir = errors.New("is a directory")
	errNoDir = errors.New("is not a directory")
)

// info is a file or directory as fs.FileInfo and fs.DirEntry.
type info struct {
	name string
	size int64
	mode fs.FileMode
}

func (i info) Name() string               { return i.name }
func (i info) Size() int64                { return i.size }
func (i info) Mode() fs.FileMode          { return i.mode }
func (i info) Type() fs.FileMode          { return i.mode.Type() }
func (i info) ModTime() time.Time         { return time.Time{} }
func (i info) IsDir() bool                { return i.mode.IsDir() }
func (i info) Sys() any                   { return nil }
func (i info) Info() (fs.FileInfo, error) { return i, nil }
func (i info) String() string             { return fs.FormatDirEntry(i) }

type openFile struct {
	*bytes.Reader
	info info
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	info    info
	path    string
	entries []fs.DirEntry
	next    int
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: errIsDir}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := d.entries[d.next:]
	if n > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if n > 0 && n < len(rest) {
		rest = rest[:n]
	}
	d.next += len(rest)
	return slices.Clone(rest), nil
}
