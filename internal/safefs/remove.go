package safefs

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// RemoveAll implements Disk. It enters no mount: what is mounted somewhere below
// path belongs to somebody else.
func (d *osDisk) RemoveAll(path string) (err error) {
	defer func() { err = wrap("remove "+path, err) }()
	p, err := open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	return d.remove(p)
}

func (d *osDisk) remove(p place) error {
	var st unix.Stat_t
	err := unix.Fstatat(p.dir, p.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "look at", Path: p.path, Err: err}
	}
	flags := 0
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		if err := d.empty(p); err != nil {
			return err
		}
		flags = unix.AT_REMOVEDIR
	}
	err = d.step(OpRemove, p.path, func() error { return unix.Unlinkat(p.dir, p.name, flags) })
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return &fs.PathError{Op: "remove", Path: p.path, Err: err}
	}
	return nil
}

// empty removes what a directory holds.
func (d *osDisk) empty(p place) (err error) {
	mounted, err := isMountPoint(p.dir, p.name)
	if err != nil {
		return &fs.PathError{Op: "look at", Path: p.path, Err: err}
	}
	if mounted {
		return fmt.Errorf("%s: %w", p.path, ErrMountPoint)
	}
	fd, err := openDir(p.dir, p.name)
	if err != nil {
		return &fs.PathError{Op: "open directory", Path: p.path, Err: err}
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	names, err := namesIn(fd)
	if err != nil {
		return &fs.PathError{Op: "list directory", Path: p.path, Err: err}
	}
	for _, name := range names {
		if err := d.remove(place{dir: fd, name: name, path: p.path + "/" + name}); err != nil {
			return err
		}
	}
	return nil
}

// namesIn lists a directory completely before anything in it is removed.
func namesIn(dir int) ([]string, error) {
	var names []string
	buf := make([]byte, 32<<10)
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
