package safefs

import (
	"errors"

	"golang.org/x/sys/unix"
)

func renameat2(oldDir int, oldName string, newDir int, newName string, flag renameFlag) error {
	flags := uint(unix.RENAME_NOREPLACE)
	if flag == exchange {
		flags = unix.RENAME_EXCHANGE
	}
	return unix.Renameat2(oldDir, oldName, newDir, newName, flags)
}

func syncfs(fd int) error { return unix.Syncfs(fd) }

// isMountPoint reports whether name is where something is mounted. Kernels before
// 5.8 do not say so; there only a mount of another device is seen.
func isMountPoint(dir int, name string) (bool, error) {
	var st unix.Statx_t
	err := unix.Statx(dir, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, &st)
	if err == nil && st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
	}
	if err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) { // EPERM: old seccomp filters
		return false, err
	}
	var at, parent unix.Stat_t
	if err := unix.Fstatat(dir, name, &at, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, err
	}
	if err := unix.Fstat(dir, &parent); err != nil {
		return false, err
	}
	return at.Dev != parent.Dev, nil
}
