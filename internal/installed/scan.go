package installed

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/tree"
)

// node is one file or directory as the kernel described it: its fingerprint. If
// nothing of this moved, the content did not either (performance.md 4).
type node struct {
	path         string // relative to the pack; "" for its own directory
	mode         uint32 // type and permissions
	uid, gid     uint32
	size         int64
	mtime, ctime int64 // nanoseconds
	ino          uint64
}

func nodeOf(path string, st *unix.Stat_t) node {
	return node{
		path: path, mode: uint32(st.Mode), uid: st.Uid, gid: st.Gid, size: st.Size, ino: st.Ino,
		mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(),
	}
}

func (n *node) kind() uint32 { return n.mode & unix.S_IFMT }

// name is the last part of the path.
func (n *node) name() string { return n.path[strings.LastIndexByte(n.path, '/')+1:] }

// fileMode converts the mode to the form of package fs.
func (n *node) fileMode() fs.FileMode {
	mode := fs.FileMode(n.mode & 0o777)
	if n.mode&unix.S_ISUID != 0 {
		mode |= fs.ModeSetuid
	}
	if n.mode&unix.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	if n.mode&unix.S_ISVTX != 0 {
		mode |= fs.ModeSticky
	}
	if n.kind() == unix.S_IFLNK {
		mode |= fs.ModeSymlink
	}
	return mode
}

// imprint is all that is known of one pack directory. Of a pack that is not looked
// at in full it holds no directories, and of the files only pack.yaml.
type imprint struct {
	dir     string // absolute
	full    bool
	version string

	dev     uint64
	dirs    []dirNode // the pack's own first, each before those below it
	files   []node    // grouped by directory
	sums    [][32]byte
	tree    pack.TreeHash
	content pack.TreeHash
	held    bool // read from the index, and found to be still so
}

// dirNode is a directory and the files in it: files[first:end] of the imprint.
type dirNode struct {
	node
	first, end int
}

// at returns the absolute form of a path in the pack.
func (p *imprint) at(path string) string { return join(p.dir, path) }

func join(dir, name string) string {
	if dir == "" || name == "" {
		return dir + name
	}
	return dir + "/" + name
}

// What lies deeper is no pack but a mistake or an attack.
const maxDepth = 256

// scan lists a pack with the fingerprints of everything in it; it reads no
// content.
func scan(dir string) (*imprint, error) {
	fd, err := openDir(unix.AT_FDCWD, dir)
	if err != nil {
		return nil, &fs.PathError{Op: "open pack", Path: dir, Err: err}
	}
	p := &imprint{dir: dir, full: true}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errors.Join(&fs.PathError{Op: "look at", Path: dir, Err: err}, unix.Close(fd))
	}
	p.dev = uint64(st.Dev)
	if err := errors.Join(p.list(fd, nodeOf("", &st), 0), unix.Close(fd)); err != nil {
		return nil, err
	}
	p.sums = make([][32]byte, len(p.files))
	return p, nil
}

// list adds an open directory, its files, then what lies below it.
func (p *imprint) list(fd int, self node, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("list %s: directories lie more than %d levels deep", p.dir, maxDepth)
	}
	names, err := namesIn(fd)
	if err != nil {
		return &fs.PathError{Op: "list", Path: p.at(self.path), Err: err}
	}
	dir := dirNode{node: self, first: len(p.files)}
	var below []node
	for _, name := range names {
		path := join(self.path, name)
		var st unix.Stat_t
		if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &fs.PathError{Op: "look at", Path: p.at(path), Err: err}
		}
		n := nodeOf(path, &st)
		switch n.kind() {
		case unix.S_IFDIR:
			if !tree.IgnoredDir(name) {
				below = append(below, n)
			}
		case unix.S_IFREG, unix.S_IFLNK:
			if !tree.IgnoredFile(name) {
				p.files = append(p.files, n)
			}
		default:
			return fmt.Errorf("look at %s: it is neither a file, a directory nor a link, and belongs to no pack: remove it", p.at(path))
		}
	}
	dir.end = len(p.files)
	p.dirs = append(p.dirs, dir)
	for _, sub := range below {
		subFD, err := openDir(fd, sub.name())
		if err != nil {
			return &fs.PathError{Op: "open", Path: p.at(sub.path), Err: err}
		}
		if err := errors.Join(p.list(subFD, sub, depth+1), unix.Close(subFD)); err != nil {
			return err
		}
	}
	return nil
}

// manifest is what the pack consists of, once its files are hashed.
func (p *imprint) manifest() tree.Manifest {
	m := tree.Manifest{Files: make([]tree.FileSum, len(p.files))}
	for i := range p.files {
		f := &p.files[i]
		kind := tree.Regular
		switch {
		case f.kind() == unix.S_IFLNK:
			kind = tree.Link
		case f.mode&unix.S_IXUSR != 0:
			kind = tree.Executable
		}
		m.Files[i] = tree.FileSum{File: tree.File{Path: f.path, Kind: kind, Size: f.size}, Sum: p.sums[i]}
	}
	slices.SortFunc(m.Files, func(a, b tree.FileSum) int { return strings.Compare(a.Path, b.Path) })
	return m
}

func openDir(dir int, name string) (int, error) {
	return retry(func() (int, error) {
		return unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
}

// retry repeats a system call that a signal interrupted.
func retry[T any](call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if !errors.Is(err, unix.EINTR) {
			return v, err
		}
	}
}

// namesIn lists a directory.
func namesIn(dir int) ([]string, error) {
	var names []string
	buf := make([]byte, 8<<10)
	for {
		n, err := retry(func() (int, error) { return unix.ReadDirent(dir, buf) })
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return names, nil
		}
		for rest := buf[:n]; len(rest) > 0; {
			var used int
			used, _, names = unix.ParseDirent(rest, -1, names)
			rest = rest[used:]
		}
	}
}
