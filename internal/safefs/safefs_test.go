package safefs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/safefs/safefstest"
)

var private = safefs.Owner{Mode: 0o600, UID: -1, GID: -1}

func TestOS(t *testing.T) { safefstest.Run(t, t.TempDir(), safefs.OS) }

func TestOSOnTmpfs(t *testing.T) {
	if _, err := os.Stat("/dev/shm"); err != nil {
		t.Skip("this machine has no /dev/shm; the suite ran on the ordinary file system")
	}
	safefstest.Run(t, "/dev/shm", safefs.OS)
}

func TestHookedDiskIsADisk(t *testing.T) {
	safefstest.Run(t, t.TempDir(), func() safefs.Disk {
		return safefs.WithHook(safefs.OS(), func(safefs.Step) error { return nil })
	})
}

// crashAt makes a Disk that dies before step n: nothing happens any more, the
// clean-up neither.
func crashAt(n int) safefs.Disk {
	return safefs.WithHook(safefs.OS(), func(s safefs.Step) error {
		if s.N >= n {
			return fmt.Errorf("crash before step %d (%s)", s.N, s.Op)
		}
		return nil
	})
}

// failAt makes a Disk whose step n fails with an errno.
func failAt(n int, errno syscall.Errno) safefs.Disk {
	return safefs.WithHook(safefs.OS(), func(s safefs.Step) error {
		if s.N == n {
			return errno
		}
		return nil
	})
}

func steps(t *testing.T, do func(safefs.Disk) error) []string {
	t.Helper()
	var out []string
	d := safefs.WithHook(safefs.OS(), func(s safefs.Step) error {
		out = append(out, fmt.Sprintf("%d %s %s", s.N, s.Op, filepath.Base(s.Path)))
		return nil
	})
	if err := do(d); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStepsAreNumberedAndNamed(t *testing.T) {
	dir := t.TempDir()
	got := steps(t, func(d safefs.Disk) error {
		return errors.Join(
			d.MkdirAll(dir+"/a/b", safefs.Owner{Mode: 0o700, UID: -1, GID: -1}),
			d.WriteFile(dir+"/a/f", []byte("x"), private),
			d.MoveNew(dir+"/a/f", dir+"/a/g"),
			d.SyncFS(dir+"/a"), d.SyncDir(dir+"/a"),
			d.Exchange(dir+"/a/g", dir+"/a/b"),
			d.RemoveAll(dir+"/a"))
	})
	base := filepath.Base(dir)
	want := []string{
		"1 mkdir a", "2 publish a", "3 sync-dir " + base, "4 mkdir b", "5 publish b", "6 sync-dir a",
		"7 create f", "8 write f", "9 sync f", "10 rename f", "11 sync-dir a", "12 move g", "13 sync-fs a", "14 sync-dir a",
		"15 exchange b", "16 remove b", "17 remove g", "18 remove a",
	}
	if strings.HasSuffix(got[15], "remove g") { // as the directory lists them
		want[15], want[16] = "16 remove g", "17 remove b"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func temps(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if safefs.IsTemp(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestWriteFileCrashedAtEveryStep(t *testing.T) {
	const atSteps = 5
	for n := 1; n <= atSteps; n++ {
		dir := t.TempDir()
		path := dir + "/f"
		if err := safefs.OS().WriteFile(path, []byte("old"), private); err != nil {
			t.Fatal(err)
		}
		if err := crashAt(n).WriteFile(path, []byte("new"), private); err == nil {
			t.Errorf("step %d: no error", n)
		}
		want := "old"
		if n == atSteps {
			want = "new" // visible, but not known to be durable
		}
		if got := read(t, path); got != want {
			t.Errorf("step %d: the file holds %q, want %q", n, got, want)
		}
		if err := crashAt(atSteps+1).WriteFile(path, []byte("newer"), private); err != nil || read(t, path) != "newer" {
			t.Errorf("step %d: writing again: %v", n, err)
		}
	}
}

func TestWriteFileFailedAtEveryStepCleansUp(t *testing.T) {
	for n := 1; n <= 4; n++ {
		dir := t.TempDir()
		path := dir + "/f"
		if err := safefs.OS().WriteFile(path, []byte("old"), private); err != nil {
			t.Fatal(err)
		}
		if err := failAt(n, syscall.EIO).WriteFile(path, []byte("new"), private); !errors.Is(err, syscall.EIO) {
			t.Errorf("step %d: %v, want EIO", n, err)
		}
		if got := read(t, path); got != "old" {
			t.Errorf("step %d: the file holds %q", n, got)
		}
		if left := temps(t, dir); len(left) > 0 {
			t.Errorf("step %d: left %v", n, left)
		}
	}
}

func TestMkdirAllCrashedAtEveryStep(t *testing.T) {
	owner := safefs.Owner{Mode: 0o751, UID: -1, GID: -1}
	for n := 1; n <= 6; n++ {
		dir := t.TempDir()
		if err := crashAt(n).MkdirAll(dir+"/a/b", owner); err == nil {
			t.Errorf("step %d: no error", n)
		}
		for _, path := range []string{"/a", "/a/b"} {
			if info, err := os.Stat(dir + path); err == nil && info.Mode().Perm() != 0o751 {
				t.Errorf("step %d: %s is there with mode %v", n, path, info.Mode())
			}
		}
		if err := safefs.OS().MkdirAll(dir+"/a/b", owner); err != nil {
			t.Errorf("step %d: again: %v", n, err)
		}
	}
}

func TestMkdirAllFailedAtEveryStepCleansUp(t *testing.T) {
	for n := 1; n <= 6; n++ {
		dir := t.TempDir()
		if err := failAt(n, syscall.ENOSPC).MkdirAll(dir+"/a/b", private); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("step %d: %v, want ENOSPC", n, err)
		}
		left := temps(t, dir)
		if _, err := os.Stat(dir + "/a"); err == nil {
			left = append(left, temps(t, dir+"/a")...)
		}
		if len(left) > 0 {
			t.Errorf("step %d: left %v", n, left)
		}
	}
}

func TestRemoveAllStoppedAnywhereGoesOnAgain(t *testing.T) {
	for n := 1; n <= 4; n++ {
		dir := t.TempDir()
		if err := errors.Join(os.MkdirAll(dir+"/a/b", 0o755), os.WriteFile(dir+"/a/b/f", nil, 0o644), os.WriteFile(dir+"/a/f", nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		if err := crashAt(n).RemoveAll(dir + "/a"); err == nil {
			t.Errorf("step %d: no error", n)
		}
		if _, err := os.Stat(dir + "/a"); err != nil {
			t.Errorf("step %d: the directory went before its content: %v", n, err)
		}
		if err := safefs.OS().RemoveAll(dir + "/a"); err != nil {
			t.Errorf("step %d: again: %v", n, err)
		}
	}
}

func TestHooksNest(t *testing.T) {
	var order []string
	hook := func(name string, err error) func(safefs.Step) error {
		return func(safefs.Step) error {
			order = append(order, name)
			return err
		}
	}
	stop := errors.New("stop")
	d := safefs.WithHook(safefs.WithHook(safefs.OS(), hook("inner", nil)), hook("outer", stop))
	if err := d.SyncDir(t.TempDir()); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"inner", "outer"}, order); diff != "" {
		t.Errorf("hooks (-want +got):\n%s", diff)
	}
}

func TestErrorsNameThePathAndTheCause(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	err := safefs.OS().WriteFile(dir+"/link/f", nil, private)
	if err == nil || !strings.Contains(err.Error(), dir+"/link") || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("got %v", err)
	}
}

func TestIsTemp(t *testing.T) {
	for name, want := range map[string]bool{
		".packsync-0123.tmp": true, ".packsync": false, ".packsync-.tmp": false, "packsync-1.tmp": false, ".packsync-1.tmp~": false,
	} {
		if safefs.IsTemp(name) != want {
			t.Errorf("IsTemp(%q) = %v", name, !want)
		}
	}
}
