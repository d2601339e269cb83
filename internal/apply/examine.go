package apply

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Place is a directory that applies change, as it is now. Nothing is written to
// find out.
type Place struct {
	Dir        string // that was asked about
	There      bool
	Nearest    string // Dir, or the deepest directory on the way to it that exists
	Unwritable error  // why this process may not write to Nearest, with what to do; nil if it may
	SameMount  bool   // as the work folder: what is staged there can be renamed into place
	FileSystem string // its name, or its number where that is not known
	Network    bool   // a file system of which it is not sure that two directories can be exchanged
	Bytes      uint64 // free to this user
	Inodes     uint64 // free; 0 with HasInodes false where there is no limit
	HasInodes  bool
}

// fileSystems are the names of common file systems, and which are no local disk.
var fileSystems = map[int64]struct {
	name   string
	remote bool
}{
	unix.EXT4_SUPER_MAGIC: {"ext4", false}, unix.XFS_SUPER_MAGIC: {"xfs", false}, unix.BTRFS_SUPER_MAGIC: {"btrfs", false},
	unix.TMPFS_MAGIC: {"tmpfs", false}, unix.F2FS_SUPER_MAGIC: {"f2fs", false}, 0x2fc12fc1: {"zfs", false},
	unix.OVERLAYFS_SUPER_MAGIC: {"overlay", true}, unix.NFS_SUPER_MAGIC: {"nfs", true}, unix.SMB2_SUPER_MAGIC: {"smb", true},
	unix.CIFS_SUPER_MAGIC: {"cifs", true}, unix.FUSE_SUPER_MAGIC: {"fuse", true}, unix.CEPH_SUPER_MAGIC: {"ceph", true}, unix.V9FS_MAGIC: {"9p", true},
}

// Examine looks at one directory beside the work folder.
func Examine(dir, work string) (Place, error) {
	p := Place{Dir: dir}
	var err error
	if p.Nearest, err = nearest(dir); err != nil {
		return p, err
	}
	p.There = p.Nearest == dir
	if err := unix.Faccessat(unix.AT_FDCWD, p.Nearest, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		p.Unwritable = fmt.Errorf("%s cannot be written to: %w; %s", p.Nearest, err, adviceFor(err))
	}
	near, err := nearest(work)
	if err != nil {
		return p, err
	}
	if p.SameMount, err = sameMount(p.Nearest, near); err != nil {
		return p, err
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(p.Nearest, &stat); err != nil {
		return p, fmt.Errorf("look at the file system of %s: %w", p.Nearest, err)
	}
	known, is := fileSystems[int64(stat.Type)]
	if p.FileSystem, p.Network = known.name, known.remote; !is {
		p.FileSystem, p.Network = fmt.Sprintf("type %#x", stat.Type), true
	}
	blocks := stat.Bavail
	if os.Geteuid() == 0 {
		blocks = stat.Bfree // the rest is reserved for root
	}
	p.Bytes, p.Inodes, p.HasInodes = blocks*uint64(stat.Bsize), stat.Ffree, stat.Files > 0
	return p, nil
}

// Penned lists what lies in the pens of a work folder and of the directories that
// have one of their own: what people wrote, and applies displaced.
func Penned(work string, dirs []string) ([]string, error) {
	pens := []string{filepath.Join(work, penDir)}
	for _, dir := range dirs {
		pens = append(pens, filepath.Join(dir, ".packsync", penDir))
	}
	var out []string
	for _, pen := range pens {
		entries, err := os.ReadDir(pen)
		if err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("look into the pen: %w", err)
		}
		for _, e := range entries {
			out = append(out, filepath.Join(pen, e.Name()))
		}
	}
	return out, nil
}
