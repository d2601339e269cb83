package safefs

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

// without makes a Disk on a file system whose renameat2 gives an error, as NFS
// (EINVAL) and old kernels (ENOSYS) do.
func without(errno syscall.Errno) *osDisk {
	d := OS().(*osDisk)
	d.rename2 = func(int, string, int, string, renameFlag) error { return errno }
	return d
}

func TestExchangeSaysWhyItCannot(t *testing.T) {
	for errno, reason := range map[syscall.Errno]string{
		syscall.EINVAL: "as NFS does not", syscall.EOPNOTSUPP: "does not implement it", syscall.ENOSYS: "no renameat2", syscall.EXDEV: "overlay",
	} {
		dir := t.TempDir()
		err := without(errno).Exchange(dir+"/a", dir+"/b")
		if !errors.Is(err, ErrNoExchange) || !errors.Is(err, errno) || !strings.Contains(err.Error(), reason) || errors.Is(err, ErrMountPoint) {
			t.Errorf("%v: %v", errno, err)
		}
	}
	dir := t.TempDir()
	if err := without(syscall.EBUSY).Exchange(dir+"/a", dir+"/b"); !errors.Is(err, ErrMountPoint) || errors.Is(err, ErrNoExchange) {
		t.Errorf("EBUSY: %v", err)
	}
	if err := without(syscall.EACCES).Exchange(dir+"/a", dir+"/b"); errors.Is(err, ErrMountPoint) || errors.Is(err, ErrNoExchange) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("EACCES: %v", err)
	}
}

func TestMoveNewWithoutNoReplace(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EINVAL, syscall.ENOSYS} {
		d, dir := without(errno), t.TempDir()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(errors.Join(os.MkdirAll(dir+"/d/sub", 0o755), os.WriteFile(dir+"/f", []byte("f"), 0o644), os.WriteFile(dir+"/taken", []byte("t"), 0o644), os.Mkdir(dir+"/empty", 0o755)))
		for _, from := range []string{"/d", "/f"} {
			for _, to := range []string{"/taken", "/empty"} {
				if err := d.MoveNew(dir+from, dir+to); !errors.Is(err, fs.ErrExist) {
					t.Errorf("move %s to %s: %v", from, to, err)
				}
			}
		}
		must(d.MoveNew(dir+"/d", dir+"/d2"))
		must(d.MoveNew(dir+"/f", dir+"/f2"))
		must(d.MkdirAll(dir+"/new/sub", Owner{Mode: 0o755, UID: -1, GID: -1}))
		content, err := os.ReadFile(dir + "/f2")
		must(err)
		if _, err := os.Lstat(dir + "/f"); !errors.Is(err, fs.ErrNotExist) || string(content) != "f" {
			t.Errorf("the file was not moved: %v, %q", err, content)
		}
		if err := d.MoveNew(dir+"/missing", dir+"/x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("missing: %v", err)
		}
	}
}
