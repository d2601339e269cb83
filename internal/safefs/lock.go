package safefs

import (
	"errors"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"
)

// ErrLocked: another process holds the lock.
var ErrLocked = errors.New("another process holds the lock")

// FileLock is a lock of the kernel on a file (flock). It ends with Release or
// with the process, whatever kills it; nothing about it needs cleaning up. On
// NFS it is only as good as the server's locking.
type FileLock struct {
	fd   int
	path string
}

// TryLock takes the lock on path, which is created if need be, or returns
// ErrLocked at once. The file is never removed: two processes could then hold
// locks on two files of the same name.
func TryLock(path string) (*FileLock, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open lock", Path: path, Err: err}
	}
	_, err = retry(func() (struct{}, error) { return struct{}{}, unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(ErrLocked, unix.Close(fd))
	}
	if err != nil {
		return nil, errors.Join(&fs.PathError{Op: "lock", Path: path, Err: err}, unix.Close(fd))
	}
	return &FileLock{fd: fd, path: path}, nil
}

// Note replaces the content of the lock file, for those who find it locked. It
// need not survive anything.
func (l *FileLock) Note(text []byte) error {
	if err := unix.Ftruncate(l.fd, 0); err != nil {
		return &fs.PathError{Op: "write lock", Path: l.path, Err: err}
	}
	n, err := unix.Pwrite(l.fd, text, 0)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return &fs.PathError{Op: "write lock", Path: l.path, Err: err}
	}
	return nil
}

// Release gives the lock back. Closing alone would not do while a child process
// that is just starting still has the descriptor.
func (l *FileLock) Release() error {
	_, err := retry(func() (struct{}, error) { return struct{}{}, unix.Flock(l.fd, unix.LOCK_UN) })
	if err := errors.Join(err, unix.Close(l.fd)); err != nil {
		return &fs.PathError{Op: "release lock", Path: l.path, Err: err}
	}
	return nil
}
