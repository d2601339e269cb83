package tree

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// retry repeats a system call that a signal interrupted.
func retry[T any](call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if !errors.Is(err, unix.EINTR) {
			return v, err
		}
	}
}

// openAt opens name in a directory; a link is never followed.
func openAt(dir int, name string, flags int, mode uint32) (int, error) {
	return retry(func() (int, error) {
		return unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
	})
}

const dirFlags = unix.O_RDONLY | unix.O_DIRECTORY

// openRoot opens the directory itself, which may be a link only if follow is
// set: the user named it.
func openRoot(dir string, follow bool) (int, error) {
	flags := dirFlags | unix.O_CLOEXEC
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := retry(func() (int, error) { return unix.Open(dir, flags, 0) })
	if err != nil {
		return -1, &os.PathError{Op: "open directory", Path: dir, Err: err}
	}
	return fd, nil
}

// openBelow opens the directory at a slash-separated path below a directory,
// component by component. (openat2 would do it in one call, but the oldest
// kernels under StackStorm do not have it.)
func openBelow(root int, path string) (int, error) {
	at, err := retry(func() (int, error) { return unix.FcntlInt(uintptr(root), unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil {
		return -1, err
	}
	for name := range strings.SplitSeq(path, "/") {
		if path == "" {
			break
		}
		next, err := openAt(at, name, dirFlags, 0)
		closeErr := unix.Close(at)
		if err != nil {
			return -1, err
		}
		if closeErr != nil {
			return -1, errors.Join(closeErr, unix.Close(next))
		}
		at = next
	}
	return at, nil
}

// readAt reads a regular file whole, into buf if that is large enough. want is the
// size it had when it was listed; another one means that somebody writes to it.
func readAt(dir int, name string, want int64, buf []byte) (content []byte, err error) {
	fd, err := openAt(dir, name, unix.O_RDONLY|unix.O_NONBLOCK, 0) // a pipe in its place must not block
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size != want {
		return nil, errChanged
	}
	if content = buf; int64(len(content)) <= want {
		content = make([]byte, want+1) // one more, to notice growth
	}
	n := 0
	for n < len(content) {
		got, err := retry(func() (int, error) { return unix.Read(fd, content[n:]) })
		if err != nil {
			return nil, err
		}
		// There was room for more: what has grown since gave more than want.
		if n += got; got == 0 || int64(n) == want {
			break
		}
	}
	if int64(n) != want {
		return nil, errChanged
	}
	return content[:n:n], nil
}

var errChanged = errors.New("it changed while it was read: run again when nothing writes to it")

// readLinkAt returns the target of a link.
func readLinkAt(dir int, name string) ([]byte, error) {
	for size := 256; ; size *= 2 {
		buf := make([]byte, size)
		n, err := retry(func() (int, error) { return unix.Readlinkat(dir, name, buf) })
		if err != nil {
			return nil, err
		}
		if n < size {
			return buf[:n:n], nil
		}
	}
}

func writeAll(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := retry(func() (int, error) { return unix.Write(fd, data) })
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrShortWrite
		}
		data = data[n:]
	}
	return nil
}

// namesIn lists a directory.
func namesIn(dir int) ([]string, error) {
	var names []string
	buf := make([]byte, 32<<10)
	for {
		n, err := retry(func() (int, error) { return unix.ReadDirent(dir, buf) })
		if err != nil {
			return nil, fmt.Errorf("list directory: %w", err)
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
