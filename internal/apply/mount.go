package apply

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// sameMount reports whether two existing paths lie on the same mount: a rename
// works only then. Two mounts of one device (a bind mount) count as different.
func sameMount(a, b string) (bool, error) {
	first, err := mountOf(a)
	if err != nil {
		return false, err
	}
	second, err := mountOf(b)
	if err != nil {
		return false, err
	}
	return first == second, nil
}

type mountID struct {
	major, minor uint32
	id           uint64
}

func mountOf(path string) (mountID, error) {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &stat); err != nil {
		return mountID{}, fmt.Errorf("find the mount of %s: %w", path, err)
	}
	m := mountID{major: stat.Dev_major, minor: stat.Dev_minor}
	if stat.Mask&unix.STATX_MNT_ID != 0 { // kernels before 5.8 do not tell
		m.id = stat.Mnt_id
	}
	return m, nil
}
