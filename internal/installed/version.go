package installed

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/tree"
)

// maxMeta is far more than any pack.yaml has.
const maxMeta = 1 << 20

// readVersion returns the version that pack.yaml gives, "" if there is none or
// StackStorm could not read it. It returns the fingerprint of pack.yaml as well,
// nil if there is no such regular file.
func readVersion(dir string) (string, *node, error) {
	path := dir + "/" + content.MetaFile
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	switch {
	case errors.Is(err, unix.ENOENT):
		return "", nil, nil
	case err != nil:
		return "", nil, &fs.PathError{Op: "look at", Path: path, Err: err}
	}
	n := nodeOf(content.MetaFile, &st)
	var data []byte
	switch n.kind() {
	case unix.S_IFREG:
		data, err = readSmall(path)
	case unix.S_IFLNK:
		data, err = readLinked(dir)
	default:
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	meta, err := content.ReadMeta(tree.FS(tree.Memory(map[string]string{content.MetaFile: string(data)})))
	if err != nil {
		meta.Version = "" // a *content.MetaError: the plan shows such a pack without a version
	}
	if n.kind() == unix.S_IFLNK {
		return meta.Version, nil, nil
	}
	return meta.Version, &n, nil
}

// readSmall reads a regular file, following no link at its end and waiting for
// no pipe.
func readSmall(path string) ([]byte, error) {
	f, err := openFile(path, unix.O_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	return readAndClose(f, maxMeta)
}

// openFile opens a file to read it; it does not wait for the other end of a pipe.
func openFile(path string, flags int) (*os.File, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|flags, 0)
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// readLinked reads a pack.yaml that is a link, as long as it leads to a regular
// file inside the pack. Where else it leads is StackStorm's problem, not ours:
// nil.
func readLinked(dir string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(content.MetaFile)
	if err != nil || !info.Mode().IsRegular() {
		return nil, root.Close()
	}
	f, err := root.OpenFile(content.MetaFile, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	data, err := readAndClose(f, maxMeta)
	return data, errors.Join(err, root.Close())
}

// readAndClose reads a regular file that may have at most limit bytes.
func readAndClose(f *os.File, limit int64) (data []byte, err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: it is not a regular file", f.Name())
	}
	data, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("read %s: it has more than %d bytes", f.Name(), limit)
	}
	return data, err
}
