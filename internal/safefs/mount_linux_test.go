package safefs_test

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/testenv"
)

// mounting runs the rest of a test in a mount namespace of its own. The thread
// is never unlocked, so it ends with the test and takes the namespace with it.
func mounting(t *testing.T) {
	t.Helper()
	testenv.NeedRoot(t)
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		testenv.Skip(t, "needs a mount namespace of its own: "+err.Error())
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		testenv.Skip(t, "needs private mounts: "+err.Error())
	}
}

func mount(t *testing.T, source, target, fstype string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		testenv.Skip(t, "needs to mount "+fstype+": "+err.Error())
	}
}

func mkdirs(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMountPointsAreNamedAndLeftAlone(t *testing.T) {
	mounting(t)
	dir := t.TempDir()
	for name, flags := range map[string]uintptr{"tmpfs": 0, "bind": unix.MS_BIND} {
		pack := dir + "/" + name + "/pack"
		mkdirs(t, pack, dir+"/"+name+"/stage", dir+"/"+name+"/other", dir+"/source")
		mount(t, dir+"/source", pack, "tmpfs", flags, "")
		if err := os.WriteFile(pack+"/canary", []byte("untouched"), 0o644); err != nil {
			t.Fatal(err)
		}
		d := safefs.OS()
		for op, err := range map[string]error{
			"exchange":  d.Exchange(dir+"/"+name+"/stage", pack),
			"move":      d.MoveNew(pack, dir+"/"+name+"/new"),
			"remove":    d.RemoveAll(pack),
			"remove up": d.RemoveAll(dir + "/" + name),
		} {
			if !errors.Is(err, safefs.ErrMountPoint) || errors.Is(err, safefs.ErrNoExchange) || !strings.Contains(err.Error(), pack+":") {
				t.Errorf("%s of a %s mount: %v", op, name, err)
			}
		}
		if got := read(t, pack+"/canary"); got != "untouched" {
			t.Errorf("%s mount: the canary holds %q", name, got)
		}
		if err := unix.Unmount(pack, 0); err != nil {
			t.Error(err)
		}
	}
}

func TestExchangeAcrossFileSystems(t *testing.T) {
	mounting(t)
	dir := t.TempDir()
	mkdirs(t, dir+"/here/a", dir+"/there")
	mount(t, "none", dir+"/there", "tmpfs", 0, "")
	mkdirs(t, dir+"/there/b")
	err := safefs.OS().Exchange(dir+"/here/a", dir+"/there/b")
	if !errors.Is(err, safefs.ErrNoExchange) || !errors.Is(err, syscall.EXDEV) || !strings.Contains(err.Error(), "different file systems") {
		t.Errorf("exchange: %v", err)
	}
	if err := safefs.OS().MoveNew(dir+"/here/a", dir+"/there/a"); !errors.Is(err, syscall.EXDEV) || !strings.Contains(err.Error(), "different file systems") {
		t.Errorf("move: %v", err)
	}
	if err := unix.Unmount(dir+"/there", 0); err != nil {
		t.Error(err)
	}
}

func TestExchangeOfALowerOverlayLayer(t *testing.T) {
	mounting(t)
	dir := t.TempDir()
	mount(t, "none", dir, "tmpfs", 0, "") // an overlay does not stack on every file system
	mkdirs(t, dir+"/lower/a", dir+"/lower/b", dir+"/upper", dir+"/work", dir+"/merged")
	mount(t, "overlay", dir+"/merged", "overlay", 0, "redirect_dir=off,lowerdir="+dir+"/lower,upperdir="+dir+"/upper,workdir="+dir+"/work")
	err := safefs.OS().Exchange(dir+"/merged/a", dir+"/merged/b")
	if !errors.Is(err, safefs.ErrNoExchange) || !strings.Contains(err.Error(), "overlay") {
		t.Errorf("exchange: %v", err)
	}
	mkdirs(t, dir+"/merged/c", dir+"/merged/d")
	if err := safefs.OS().Exchange(dir+"/merged/c", dir+"/merged/d"); err != nil {
		t.Errorf("exchange in the upper layer: %v", err)
	}
	if err := errors.Join(unix.Unmount(dir+"/merged", 0), unix.Unmount(dir, 0)); err != nil {
		t.Error(err)
	}
}

func TestFullDisk(t *testing.T) {
	mounting(t)
	dir := t.TempDir()
	mount(t, "none", dir, "tmpfs", 0, "size=64k,nr_inodes=5")
	d := safefs.OS()
	if err := d.WriteFile(dir+"/f", []byte("old"), private); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteFile(dir+"/f", bytes.Repeat([]byte("x"), 1<<20), private); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("no space: %v", err)
	}
	if err := d.MkdirAll(dir+"/1/2/3/4/5", safefs.Owner{Mode: 0o755, UID: -1, GID: -1}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("no inodes: %v", err)
	}
	if got, left := read(t, dir+"/f"), temps(t, dir); got != "old" || len(left) > 0 {
		t.Errorf("the file holds %q, left %v", got, left)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Error(err)
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	mounting(t)
	dir := t.TempDir()
	mount(t, "none", dir, "tmpfs", 0, "")
	mkdirs(t, dir+"/a", dir+"/b")
	mount(t, "none", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, "")
	d := safefs.OS()
	for op, err := range map[string]error{
		"write": d.WriteFile(dir+"/f", nil, private), "mkdir": d.MkdirAll(dir+"/c", private),
		"exchange": d.Exchange(dir+"/a", dir+"/b"), "move": d.MoveNew(dir+"/a", dir+"/c"), "remove": d.RemoveAll(dir + "/a"),
	} {
		if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Error(err)
	}
}
