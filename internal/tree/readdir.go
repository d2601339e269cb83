package tree

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The bounds of a listing: a directory that somebody named by mistake must not
// take all memory. They lie above every Limits that makes sense.
const (
	maxListed = 1_000_000
	maxDepth  = 256
)

// ReadDir lists a plain directory as a Tree: without .git, __pycache__/** and
// *.pyc (see DroppedFrom), without empty directories, links as links. Anything
// but files, directories and links is a *RefusedError; what cannot be read is an
// error with its path. dir itself may be a link.
//
// Content is read when it is asked for, so it may have changed since the
// listing: another size is an error, other bytes of the same size are for the
// caller to detect by comparing manifests.
func ReadDir(ctx context.Context, dir string) (Tree, error) {
	root, err := openRoot(dir, true)
	if err != nil {
		return nil, err
	}
	l := lister{dir: dir, filter: true}
	err = l.list(ctx, root, "", 0)
	if err := errors.Join(err, unix.Close(root)); err != nil {
		return nil, err
	}
	l.tidy()
	return &diskTree{dir: dir, files: l.files, gone: l.gone}, nil
}

// lister collects the files below a directory.
type lister struct {
	dir    string // for messages
	filter bool
	files  []File
	gone   Dropped
}

func (l *lister) tidy() {
	slices.SortFunc(l.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	l.gone.tidy()
}

// list adds what lies below the open directory fd, whose path in the tree is at.
func (l *lister) list(ctx context.Context, fd int, at string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if depth > maxDepth {
		return &RefusedError{Path: at, Rule: RuleLimit, Reason: fmt.Sprintf("directories lie more than %d levels deep", maxDepth)}
	}
	names, err := namesIn(fd)
	if err != nil {
		return l.pathError("list directory", at, err)
	}
	for _, name := range names {
		if err := l.entry(ctx, fd, join(at, name), name, depth); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) entry(ctx context.Context, fd int, path, name string, depth int) error {
	var st unix.Stat_t
	if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return l.pathError("look at", path, err)
	}
	dir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if l.filter && (dir && IgnoredDir(name) || !dir && IgnoredFile(name)) {
		l.gone.add(path)
		return nil
	}
	file := File{Path: path, Kind: Regular, Size: st.Size}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return l.descend(ctx, fd, path, name, depth)
	case unix.S_IFREG:
		if st.Mode&unix.S_IXUSR != 0 {
			file.Kind = Executable
		}
	case unix.S_IFLNK:
		target, err := readLinkAt(fd, name) // some file systems do not give the size of a link
		if err != nil {
			return l.pathError("read link", path, err)
		}
		file.Kind, file.Size = Link, int64(len(target))
	default:
		return &RefusedError{Path: path, Rule: RuleMode, Reason: "it is neither a file, a directory nor a link"}
	}
	if len(l.files) == maxListed {
		return &RefusedError{Rule: RuleLimit, Reason: fmt.Sprintf("%s holds more than %d files", quote(l.dir), maxListed)}
	}
	l.files = append(l.files, file)
	return nil
}

func (l *lister) descend(ctx context.Context, fd int, path, name string, depth int) error {
	sub, err := openAt(fd, name, dirFlags, 0)
	if err != nil {
		return l.pathError("open directory", path, err)
	}
	return errors.Join(l.list(ctx, sub, path, depth+1), unix.Close(sub))
}

func (l *lister) pathError(op, path string, err error) error {
	return &os.PathError{Op: op, Path: fmt.Sprintf("%s/%s", l.dir, path), Err: err}
}

// diskTree is a directory that was listed. It holds no descriptor, so that it
// need not be closed.
type diskTree struct {
	dir   string
	files []File
	gone  Dropped
}

func (d *diskTree) Files() []File    { return d.files }
func (d *diskTree) dropped() Dropped { return d.gone }

func (d *diskTree) Content(i int) ([]byte, error) {
	f := d.files[i]
	content, err := d.read(f)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: d.dir + "/" + f.Path, Err: err}
	}
	return content, nil
}

func (d *diskTree) read(f File) ([]byte, error) {
	root, err := openRoot(d.dir, true)
	if err != nil {
		return nil, err
	}
	content, err := readBelow(root, f)
	return content, errors.Join(err, unix.Close(root))
}

// readBelow reads one listed file below an open directory.
func readBelow(root int, f File) ([]byte, error) {
	dir, err := openBelow(root, parent(f.Path))
	if err != nil {
		return nil, err
	}
	content, err := readIn(dir, f, nil)
	return content, errors.Join(err, unix.Close(dir))
}

// readIn reads one listed file in its own directory, which is open, into buf if
// that is large enough.
func readIn(dir int, f File, buf []byte) ([]byte, error) {
	name := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	if f.Kind == Link {
		return readLinkAt(dir, name)
	}
	return readAt(dir, name, f.Size, buf)
}
