package tree

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/trace"
)

// Profile is the modes and the owner that written files get, whatever the umask
// is. UID and GID -1 leave the process's own.
type Profile struct {
	DirMode, FileMode, ExecMode fs.FileMode
	UID, GID                    int
}

// Write writes t into dir, which must exist, be empty, be writable by nobody
// else, and lie where nobody else can rename it. It returns what it wrote.
// Nothing is flushed: the caller makes the whole stage durable at once. After an
// error dir holds a part of the tree and is to be thrown away.
//
// The order is that of reliability.md 1.3: the complete list is judged as by
// Check without limits; files are created by descriptor, O_EXCL, following no
// link, with mode and owner set by descriptor; links come after all files; then
// directories get their modes, the deepest first, dir last. So even a tree that
// passed a faulty check cannot write outside dir.
func Write(ctx context.Context, dir string, t Tree, p Profile) (Manifest, error) {
	if err := checkPaths(t, Limits{}); err != nil {
		return Manifest{}, err
	}
	for _, f := range t.Files() {
		if Ignored(f.Path) { // the t1 of what is written would not be that of any lock
			return Manifest{}, &RefusedError{Path: f.Path, Rule: RuleBytecode, Reason: "bytecode is never installed: it should have been left out before"}
		}
	}
	root, err := openRoot(dir, false)
	if err != nil {
		return Manifest{}, err
	}
	ctx, span := trace.Do(ctx, trace.Writing)
	defer span.End()
	w := &writer{dir: dir, t: t, p: p, stack: []openedDir{{fd: root}}, span: span}
	m, err := w.write(ctx)
	if err := errors.Join(err, w.closeAll()); err != nil {
		return Manifest{}, err
	}
	return m, nil
}

// writer walks the sorted files and keeps the directories above the current one
// open.
type writer struct {
	dir   string
	t     Tree
	p     Profile
	stack []openedDir // the root first
	span  *trace.Span
}

type openedDir struct {
	fd   int
	path string // in the tree
}

func (w *writer) write(ctx context.Context) (Manifest, error) {
	if err := w.checkRoot(); err != nil {
		return Manifest{}, err
	}
	files := w.t.Files()
	m := Manifest{Files: make([]FileSum, len(files))}
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return Manifest{}, err
		}
		content, err := contentOf(w.t, i)
		if err != nil {
			return Manifest{}, err
		}
		if err := checkPointer(f, content); err != nil {
			return Manifest{}, err
		}
		m.Files[i] = FileSum{File: f, Sum: sha256.Sum256(content)}
		if err := w.enter(parent(f.Path), w.makeDir, nil); err != nil {
			return Manifest{}, err
		}
		if f.Kind == Link {
			continue // all files exist before the first link does
		}
		if err := w.file(f, content); err != nil {
			return Manifest{}, w.pathError("write file", f.Path, err)
		}
		w.span.Add(int64(len(content)), 1)
	}
	if err := w.enter("", nil, nil); err != nil {
		return Manifest{}, err
	}
	return m, w.finish(ctx)
}

// finish is the second pass: links, then the modes of directories.
func (w *writer) finish(ctx context.Context) error {
	for i, f := range w.t.Files() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.enter(parent(f.Path), w.openDir, w.finishDir); err != nil {
			return err
		}
		if f.Kind != Link {
			continue
		}
		target, err := contentOf(w.t, i)
		if err != nil {
			return err
		}
		if err := w.link(f, string(target)); err != nil {
			return w.pathError("write link", f.Path, err)
		}
	}
	if err := w.enter("", nil, w.finishDir); err != nil {
		return err
	}
	return w.finishDir(w.top())
}

func (w *writer) checkRoot() error {
	var st unix.Stat_t
	if err := unix.Fstat(w.top().fd, &st); err != nil {
		return w.pathError("look at", "", err)
	}
	if st.Mode&0o022 != 0 {
		return w.pathError("write pack into", "", fmt.Errorf("others may write to it (mode %#o)", st.Mode&0o7777))
	}
	names, err := namesIn(w.top().fd)
	if err != nil {
		return w.pathError("list directory", "", err)
	}
	if len(names) > 0 {
		return w.pathError("write pack into", "", fmt.Errorf("it is not empty: it holds %s", quote(names[0])))
	}
	return nil
}

func (w *writer) top() openedDir { return w.stack[len(w.stack)-1] }

// enter makes dir the directory on top of the stack. Directories that are left
// go to leave, if given; those below are opened by open. Since files are sorted,
// no directory is entered twice.
func (w *writer) enter(dir string, open func(parent int, name string) (int, error), leave func(openedDir) error) error {
	for top := w.top(); top.path != dir && top.path != "" && !strings.HasPrefix(dir, top.path+"/"); top = w.top() {
		if leave != nil {
			if err := leave(top); err != nil {
				return err
			}
		}
		w.stack = w.stack[:len(w.stack)-1]
		if err := unix.Close(top.fd); err != nil {
			return w.pathError("close directory", top.path, err)
		}
	}
	for top := w.top(); top.path != dir; top = w.top() {
		rest := dir[len(top.path):]
		name, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		path := join(top.path, name)
		fd, err := open(top.fd, name)
		if err != nil {
			return w.pathError("create directory", path, err)
		}
		w.stack = append(w.stack, openedDir{fd: fd, path: path})
	}
	return nil
}

// makeDir creates a directory; that it exists already is an error, because then
// it is not ours.
func (w *writer) makeDir(parent int, name string) (int, error) {
	if err := unix.Mkdirat(parent, name, 0o700); err != nil {
		return -1, err
	}
	fd, err := w.openDir(parent, name)
	if !errors.Is(err, unix.EACCES) {
		return fd, err
	}
	// The umask took our own permissions, and we are not root. The parent is
	// private, so the name still means the directory just made.
	if err := unix.Fchmodat(parent, name, 0o700, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return -1, err
	}
	return w.openDir(parent, name)
}

func (w *writer) openDir(parent int, name string) (int, error) {
	return openAt(parent, name, dirFlags, 0)
}

func (w *writer) finishDir(d openedDir) error {
	if err := w.own(d.fd, w.p.DirMode); err != nil {
		return w.pathError("set mode and owner of directory", d.path, err)
	}
	return nil
}

// own sets owner, then mode: chown clears set-id bits, chmod comes after it.
func (w *writer) own(fd int, mode fs.FileMode) error {
	if w.p.UID != -1 || w.p.GID != -1 {
		if err := unix.Fchown(fd, w.p.UID, w.p.GID); err != nil {
			return fmt.Errorf("give it to uid %d, gid %d: %w", w.p.UID, w.p.GID, err)
		}
	}
	return unix.Fchmod(fd, uint32(mode.Perm()))
}

func (w *writer) file(f File, content []byte) (err error) {
	fd, err := openAt(w.top().fd, f.Path[strings.LastIndexByte(f.Path, '/')+1:], unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if err := writeAll(fd, content); err != nil {
		return err
	}
	mode := w.p.FileMode
	if f.Kind == Executable {
		mode = w.p.ExecMode
	}
	return w.own(fd, mode)
}

func (w *writer) link(f File, target string) error {
	dir, name := w.top().fd, f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	if err := unix.Symlinkat(target, dir, name); err != nil {
		return err
	}
	if w.p.UID == -1 && w.p.GID == -1 {
		return nil
	}
	return unix.Fchownat(dir, name, w.p.UID, w.p.GID, unix.AT_SYMLINK_NOFOLLOW)
}

func (w *writer) closeAll() error {
	var err error
	for _, d := range w.stack {
		err = errors.Join(err, unix.Close(d.fd))
	}
	return err
}

func (w *writer) pathError(op, path string, err error) error {
	full := w.dir
	if path != "" {
		full += "/" + path
	}
	return &os.PathError{Op: op, Path: full, Err: err}
}
