package safefs

import (
	"io/fs"
	"syscall"
)

// OwnerOf returns the user and group that own a file which os.Stat or os.Lstat
// looked at; -1 where the file system does not say.
func OwnerOf(info fs.FileInfo) (uid, gid int) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid), int(stat.Gid)
	}
	return -1, -1
}
