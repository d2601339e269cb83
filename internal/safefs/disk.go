package safefs

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// OS returns the Disk of this machine. It is safe for concurrent use.
//
// The directory that holds a given path is opened once and must be a directory,
// not a link; everything then happens by that descriptor and a name. What lies
// above it may contain links: that is the operator's own layout.
func OS() Disk {
	return &osDisk{
		before:  func(Op, string) error { return nil },
		rename2: renameat2,
	}
}

type osDisk struct {
	before  func(op Op, path string) error
	rename2 func(oldDir int, oldName string, newDir int, newName string, flags renameFlag) error
}

// renameFlag says what happens to the new name if it is there.
type renameFlag int

const (
	noReplace renameFlag = iota
	exchange
)

// Temporary names stand beside what they will become. They are told apart by
// prefix and suffix, so that what a crash left can be found and removed.
const (
	tempPrefix = ".packsync-"
	tempSuffix = ".tmp"
)

// IsTemp reports whether a file or directory name is one that this package
// gives to what is not finished. After a crash such names may be left; nothing
// needs them.
func IsTemp(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix) && len(name) > len(tempPrefix)+len(tempSuffix)
}

// TempName returns a fresh name that IsTemp knows, for what an operation of more
// than one call builds.
func TempName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return tempPrefix + hex.EncodeToString(b[:]) + tempSuffix
}

// place is a name in a directory that is open.
type place struct {
	dir  int
	name string
	path string // for messages
}

// open opens the directory that holds path.
func open(path string) (place, error) {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" {
		return place{}, fmt.Errorf("%q is not a clean absolute path below /", path)
	}
	dir, err := openDir(unix.AT_FDCWD, filepath.Dir(path))
	if err != nil {
		return place{}, &fs.PathError{Op: "open directory", Path: filepath.Dir(path), Err: err}
	}
	return place{dir: dir, name: filepath.Base(path), path: path}, nil
}

func (p place) close() error { return unix.Close(p.dir) }

// errLink is why a directory is not used that turns out to be a link.
var errLink = errors.New("it is a symbolic link, which packsync does not follow: name the directory that it leads to")

// openDir opens a directory; a link at the end of the name is an error.
func openDir(dir int, name string) (int, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		var st unix.Stat_t
		if unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
			return -1, errLink
		}
	}
	return fd, err
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

// WriteFile implements Disk.
func (d *osDisk) WriteFile(path string, data []byte, owner Owner) (err error) {
	defer func() { err = wrap("write file "+path, err) }()
	p, err := open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := d.before(OpCreate, path); err != nil {
		return err
	}
	temp := TempName()
	fd, err := retry(func() (int, error) {
		return unix.Openat(p.dir, temp, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	})
	if err != nil {
		return fmt.Errorf("create a temporary file beside it: %w", err)
	}
	err = errors.Join(d.fill(fd, path, data, owner), unix.Close(fd))
	if err == nil {
		err = d.step(OpRename, path, func() error { return unix.Renameat(p.dir, temp, p.dir, p.name) })
	}
	if err != nil {
		return errors.Join(err, d.discard(p, temp, 0))
	}
	return d.step(OpSyncDir, filepath.Dir(path), func() error { return unix.Fsync(p.dir) })
}

// fill gives a new file its content, owner and mode, and makes them durable. An
// error of fsync is final: the kernel may report it once and forget the data.
func (d *osDisk) fill(fd int, path string, data []byte, owner Owner) error {
	err := d.step(OpWrite, path, func() error {
		for rest := data; len(rest) > 0; {
			n, err := retry(func() (int, error) { return unix.Write(fd, rest) })
			if err != nil {
				return err
			}
			if n == 0 {
				return io.ErrShortWrite
			}
			rest = rest[n:]
		}
		return own(fd, owner)
	})
	if err != nil {
		return err
	}
	return d.step(OpSync, path, func() error { return unix.Fsync(fd) })
}

// own sets the owner, then the mode: a chown may clear mode bits.
func own(fd int, owner Owner) error {
	if owner.UID != -1 || owner.GID != -1 {
		if err := unix.Fchown(fd, owner.UID, owner.GID); err != nil {
			return fmt.Errorf("give it to uid %d, gid %d: %w", owner.UID, owner.GID, err)
		}
	}
	if err := unix.Fchmod(fd, uint32(owner.Mode.Perm())); err != nil {
		return fmt.Errorf("set mode %#o: %w", owner.Mode.Perm(), err)
	}
	return nil
}

// step has one effect, unless the hook objects.
func (d *osDisk) step(op Op, path string, effect func() error) error {
	if err := d.before(op, path); err != nil {
		return err
	}
	return wrap(string(op), effect())
}

// discard removes a temporary name after a failure.
func (d *osDisk) discard(p place, temp string, flags int) error {
	return d.step(OpDiscard, p.path, func() error { return unix.Unlinkat(p.dir, temp, flags) })
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// MkdirAll implements Disk. A directory gets its mode and owner before it gets
// its name, so that a crash leaves no directory that is there but wrong.
func (d *osDisk) MkdirAll(path string, owner Owner) error { return d.mkdirAll(path, owner, true) }

// MkdirStage implements Disk.
func (d *osDisk) MkdirStage(path string, owner Owner) error { return d.mkdirAll(path, owner, false) }

func (d *osDisk) mkdirAll(path string, owner Owner, durable bool) (err error) {
	defer func() { err = wrap("make directory "+path, err) }()
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return fmt.Errorf("%q is not a clean absolute path", path)
	}
	at, missing, err := deepest(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(at)) }()
	for i := len(missing) - 1; i >= 0; i-- {
		p := place{dir: at, name: filepath.Base(missing[i]), path: missing[i]}
		if err := d.mkdir(p, owner, durable); err != nil {
			return err
		}
		next, err := openDir(at, p.name)
		if err != nil {
			return &fs.PathError{Op: "open directory", Path: p.path, Err: err}
		}
		if err := unix.Close(at); err != nil {
			at = next
			return err
		}
		at = next
	}
	return nil
}

// deepest opens the deepest directory on the way to path that exists, and lists
// the paths that do not, the deepest first.
func deepest(path string) (int, []string, error) {
	var missing []string
	for at := path; ; at = filepath.Dir(at) {
		fd, err := openDir(unix.AT_FDCWD, at)
		if err == nil {
			return fd, missing, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || at == "/" {
			return -1, nil, &fs.PathError{Op: "open directory", Path: at, Err: err}
		}
		missing = append(missing, at)
	}
}

func (d *osDisk) mkdir(p place, owner Owner, durable bool) error {
	temp := TempName()
	if err := d.step(OpMkdir, p.path, func() error { return makeOwned(p.dir, temp, owner) }); err != nil {
		return err
	}
	err := d.step(OpPublish, p.path, func() error { return d.moveNew(p.dir, temp, p.dir, p.name) })
	switch {
	case errors.Is(err, fs.ErrExist): // somebody else made it meanwhile: theirs stays as it is
		return d.discard(p, temp, unix.AT_REMOVEDIR)
	case err != nil:
		return errors.Join(err, d.discard(p, temp, unix.AT_REMOVEDIR))
	case !durable:
		return nil
	}
	return d.step(OpSyncDir, filepath.Dir(p.path), func() error { return unix.Fsync(p.dir) })
}

// makeOwned makes a directory with mode and owner.
func makeOwned(dir int, name string, owner Owner) (err error) {
	if err := unix.Mkdirat(dir, name, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Unlinkat(dir, name, unix.AT_REMOVEDIR))
		}
	}()
	fd, err := openDir(dir, name)
	if errors.Is(err, unix.EACCES) { // the umask took our own permissions, and we are not root
		if err := unix.Fchmodat(dir, name, 0o700, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		fd, err = openDir(dir, name)
	}
	if err != nil {
		return err
	}
	return errors.Join(own(fd, owner), unix.Close(fd))
}

// SyncFS implements Disk.
func (d *osDisk) SyncFS(path string) error { return d.sync(OpSyncFS, path, syncfs) }

// SyncDir implements Disk.
func (d *osDisk) SyncDir(path string) error { return d.sync(OpSyncDir, path, unix.Fsync) }

func (d *osDisk) sync(op Op, path string, call func(fd int) error) error {
	fd, err := openDir(unix.AT_FDCWD, path)
	if err != nil {
		return &fs.PathError{Op: string(op), Path: path, Err: err}
	}
	err = d.step(op, path, func() error { return call(fd) })
	return wrap(path, errors.Join(err, unix.Close(fd)))
}
