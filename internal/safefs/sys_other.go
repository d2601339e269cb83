//go:build !linux

package safefs

import "golang.org/x/sys/unix"

// renameat2 exists on Linux only, where StackStorm runs. Elsewhere packsync
// serves to write and check declarations; the ways without it are taken.
func renameat2(int, string, int, string, renameFlag) error { return unix.ENOSYS }

func syncfs(int) error { return unix.Sync() }

func isMountPoint(dir int, name string) (bool, error) {
	var at, parent unix.Stat_t
	if err := unix.Fstatat(dir, name, &at, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, err
	}
	if err := unix.Fstat(dir, &parent); err != nil {
		return false, err
	}
	return at.Dev != parent.Dev, nil
}
