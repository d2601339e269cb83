package safefs

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Exchange implements Disk.
func (d *osDisk) Exchange(a, b string) (err error) {
	defer func() { err = wrap(fmt.Sprintf("exchange %s and %s", a, b), err) }()
	pa, err := open(a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pa.close()) }()
	pb, err := open(b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pb.close()) }()
	return d.step(OpExchange, b, func() error {
		return explainExchange(d.rename2(pa.dir, pa.name, pb.dir, pb.name, exchange), pa, pb)
	})
}

// explainExchange tells what the kernel's error means here. The error number
// stays in the chain.
func explainExchange(err error, a, b place) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%s: %w (%w)", mountedOf(a, b), ErrMountPoint, err)
	case errors.Is(err, unix.EXDEV) && !sameDevice(a.dir, b.dir):
		return fmt.Errorf("%w: %s and %s are on different file systems (%w)", ErrNoExchange, filepath.Dir(a.path), filepath.Dir(b.path), err)
	case errors.Is(err, unix.EXDEV):
		return fmt.Errorf("%w: a different mount, or a directory of a lower overlay layer (%w)", ErrNoExchange, err)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("%w: the kernel has no renameat2 (%w)", ErrNoExchange, err)
	case unsupported(err):
		return fmt.Errorf("%w: it does not implement it, as NFS does not (%w)", ErrNoExchange, err)
	}
	return err
}

// mountedOf names which of two places is the mount point, as far as that can be
// told.
func mountedOf(a, b place) string {
	for _, p := range []place{a, b} {
		if mounted, err := isMountPoint(p.dir, p.name); err == nil && mounted {
			return p.path
		}
	}
	return b.path
}

func sameDevice(a, b int) bool {
	var sa, sb unix.Stat_t
	return unix.Fstat(a, &sa) == nil && unix.Fstat(b, &sb) == nil && sa.Dev == sb.Dev
}

// unsupported tells errors that mean "this flag does not exist here" from
// failures. EINVAL also reports a directory that is moved into itself, where the
// way without the flag fails just so.
func unsupported(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP)
}

// MoveNew implements Disk.
func (d *osDisk) MoveNew(oldPath, newPath string) (err error) {
	defer func() { err = wrap(fmt.Sprintf("move %s to %s", oldPath, newPath), err) }()
	from, err := open(oldPath)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	to, err := open(newPath)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.close()) }()
	return d.step(OpMove, newPath, func() error {
		err := d.moveNew(from.dir, from.name, to.dir, to.name)
		switch {
		case errors.Is(err, unix.EBUSY):
			return fmt.Errorf("%s: %w (%w)", oldPath, ErrMountPoint, err)
		case errors.Is(err, unix.EXDEV):
			return fmt.Errorf("they are on different file systems or mounts: %w", err)
		}
		return err
	})
}

// moveNew renames to a name that must be free. Where the kernel cannot promise
// that in one step, a file is linked under the new name, which fails if the name
// is taken, and a directory is renamed, which at worst replaces an empty
// directory that appeared this very moment.
func (d *osDisk) moveNew(oldDir int, oldName string, newDir int, newName string) error {
	err := d.rename2(oldDir, oldName, newDir, newName, noReplace)
	if err == nil || !unsupported(err) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(oldDir, oldName, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		if err := unix.Linkat(oldDir, oldName, newDir, newName, 0); err != nil {
			return err
		}
		return unix.Unlinkat(oldDir, oldName, 0)
	}
	switch err := unix.Fstatat(newDir, newName, &st, unix.AT_SYMLINK_NOFOLLOW); {
	case err == nil:
		return unix.EEXIST
	case !errors.Is(err, unix.ENOENT):
		return err
	}
	return unix.Renameat(oldDir, oldName, newDir, newName)
}
