// Package safefstest is what every safefs.Disk must do, as tests.
//
// It is for tests only.
package safefstest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/safefs"
)

// Run checks a Disk in fresh directories below base, which may lie on any file
// system. It changes the umask, so nothing may run in parallel with it.
func Run(t *testing.T, base string, newDisk func() safefs.Disk) {
	for name, test := range map[string]func(*testing.T, safefs.Disk, string){
		"write a new file":                        writeNew,
		"replace a file":                          replace,
		"replace a link, not what it leads to":    replaceLink,
		"write fails and leaves nothing":          writeFails,
		"readers see one version or the other":    readersDuringWrites,
		"modes whatever the umask":                umask,
		"make directories":                        mkdirAll,
		"make directories that others make too":   mkdirTogether,
		"make directories not through a link":     mkdirLink,
		"exchange":                                exchange,
		"exchange fails and changes nothing":      exchangeFails,
		"move to a free name":                     moveNew,
		"move to a taken name":                    moveTaken,
		"only one of many moves to one name wins": moveTogether,
		"remove":                             removeAll,
		"sync":                               syncs,
		"links and odd paths as directories": badParents,
		"exchange while readers look, never a gap": readersDuringExchange,
	} {
		t.Run(name, func(t *testing.T) { test(t, newDisk(), freshDir(t, base)) })
	}
}

var plain = safefs.Owner{Mode: 0o640, UID: -1, GID: -1}

func freshDir(t *testing.T, base string) string {
	t.Helper()
	dir, err := os.MkdirTemp(base, "safefs")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// layOut makes files by ordinary means: path → content, "→x" for a link to x.
func layOut(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if target, isLink := bytes.CutPrefix([]byte(content), []byte("→")); isLink {
			must(t, os.Symlink(string(target), path))
		} else {
			must(t, os.WriteFile(path, []byte(content), 0o644))
		}
	}
}

// expect compares all that lies below dir, temporary names included.
func expect(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case d.IsDir():
			got[rel] = "dir"
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			got[rel] = "→" + target
			return err
		}
		content, err := os.ReadFile(path)
		got[rel] = string(content)
		return err
	}))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("on disk (-want +got):\n%s", diff)
	}
}

func expectMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	if info.Mode() != want {
		t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
	}
}

func writeNew(t *testing.T, d safefs.Disk, dir string) {
	must(t, d.WriteFile(dir+"/new", []byte("content"), plain))
	must(t, d.WriteFile(dir+"/empty", nil, plain))
	expect(t, dir, map[string]string{"new": "content", "empty": ""})
	expectMode(t, dir+"/new", 0o640)
}

func replace(t *testing.T, d safefs.Disk, dir string) {
	layOut(t, dir, map[string]string{"f": "old and longer"})
	must(t, d.WriteFile(dir+"/f", []byte("new"), safefs.Owner{Mode: 0o600, UID: os.Getuid(), GID: os.Getgid()}))
	expect(t, dir, map[string]string{"f": "new"})
	expectMode(t, dir+"/f", 0o600)
}

func replaceLink(t *testing.T, d safefs.Disk, dir string) {
	layOut(t, dir, map[string]string{"canary": "untouched", "f": "→canary"})
	must(t, d.WriteFile(dir+"/f", []byte("new"), plain))
	expect(t, dir, map[string]string{"canary": "untouched", "f": "new"})
	expectMode(t, dir+"/canary", 0o644)
}

func writeFails(t *testing.T, d safefs.Disk, dir string) {
	layOut(t, dir, map[string]string{"d/x": "in the way"})
	if err := d.WriteFile(dir+"/d", []byte("new"), plain); err == nil {
		t.Error("a file replaced a directory")
	}
	if err := d.WriteFile(dir+"/no/f", []byte("new"), plain); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	expect(t, dir, map[string]string{"d": "dir", "d/x": "in the way"})
}

func readersDuringWrites(t *testing.T, d safefs.Disk, dir string) {
	a, b := bytes.Repeat([]byte("a"), 100_000), bytes.Repeat([]byte("b"), 50_000)
	must(t, d.WriteFile(dir+"/f", a, plain))
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !done.Load() {
			got, err := os.ReadFile(dir + "/f")
			if err != nil || !bytes.Equal(got, a) && !bytes.Equal(got, b) {
				t.Errorf("a reader saw %d bytes, %v", len(got), err)
				return
			}
		}
	})
	for range 20 {
		must(t, errors.Join(d.WriteFile(dir+"/f", b, plain), d.WriteFile(dir+"/f", a, plain)))
	}
	done.Store(true)
	wg.Wait()
}

func umask(t *testing.T, d safefs.Disk, dir string) {
	for _, mask := range []int{0, 0o777} {
		old := syscall.Umask(mask)
		name := fmt.Sprintf("%s/%o", dir, mask)
		err := errors.Join(
			d.MkdirAll(name+"/sub", safefs.Owner{Mode: 0o750, UID: -1, GID: -1}),
			d.WriteFile(name+"/sub/f", []byte("x"), safefs.Owner{Mode: 0o664, UID: -1, GID: -1}))
		syscall.Umask(old)
		must(t, err)
		expectMode(t, name, fs.ModeDir|0o750)
		expectMode(t, name+"/sub", fs.ModeDir|0o750)
		expectMode(t, name+"/sub/f", 0o664)
	}
}

func mkdirAll(t *testing.T, d safefs.Disk, dir string) {
	must(t, os.Mkdir(dir+"/there", 0o711))
	owner := safefs.Owner{Mode: 0o755, UID: os.Getuid(), GID: os.Getgid()}
	must(t, d.MkdirAll(dir+"/there/a/b", owner))
	must(t, d.MkdirAll(dir+"/there/a/b", safefs.Owner{Mode: 0o700, UID: -1, GID: -1}))
	expect(t, dir, map[string]string{"there": "dir", "there/a": "dir", "there/a/b": "dir"})
	expectMode(t, dir+"/there", fs.ModeDir|0o711)
	expectMode(t, dir+"/there/a", fs.ModeDir|0o755)
	expectMode(t, dir+"/there/a/b", fs.ModeDir|0o755)
	must(t, d.MkdirStage(dir+"/there/c/d", owner))
	must(t, d.MkdirStage(dir+"/there", plain))
	expectMode(t, dir+"/there", fs.ModeDir|0o711)
	expectMode(t, dir+"/there/c/d", fs.ModeDir|0o755)
}

func mkdirTogether(t *testing.T, d safefs.Disk, dir string) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := d.MkdirAll(dir+"/a/b/c", safefs.Owner{Mode: 0o755, UID: -1, GID: -1}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	expect(t, dir, map[string]string{"a": "dir", "a/b": "dir", "a/b/c": "dir"})
}

func mkdirLink(t *testing.T, d safefs.Disk, dir string) {
	layOut(t, dir, map[string]string{"real/x": "x", "link": "→real", "dangling": "→nothing", "file": "f"})
	for _, path := range []string{"/link", "/link/new", "/dangling", "/dangling/new", "/file", "/file/new"} {
		if err := d.MkdirAll(dir+path, plain); err == nil {
			t.Errorf("made %s", path)
		}
		if err := d.MkdirStage(dir+path, plain); err == nil {
			t.Errorf("made %s", path)
		}
	}
	expect(t, dir, map[string]string{"real": "dir", "real/x": "x", "link": "→real", "dangling": "→nothing", "file": "f"})
}

func exchange(t *testing.T, d safefs.Disk, dir string) {
	layOut(t, dir, map[string]string{"live/p/f": "old", "stage/p/f": "new", "stage/p/g": "new", "x": "1", "y": "2"})
	must(t, d.Exchange(dir+"/stage/p", dir+"/live/p"))
	must(t, d.Exchange(dir+"/x", dir+"/y"))
	expect(t, dir, map[string]string{
		"live": "dir", "live/p": "dir", "live/p/f": "new", "live/p/g": "new",
		"stage": "dir", "stage/p": "dir", "stage/p/f": "old", "x": "2", "y": "1",
	})
}

func exchangeFails(t *testing.T, d safefs.Disk, dir string) {
	layOut(t, dir, map[string]string{"a/f": "a"})
	if err := d.Exchange(dir+"/a", dir+"/missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := d.Exchange(dir+"/missing", dir+"/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	expect(t, dir, map[string]string{"a": "dir", "a/f": "a"})
}

func readersDuringExchange(t *testing.T, d safefs.Disk, dir string) {
	layOut(t, dir, map[string]string{"live/p/f": "content", "stage/p/f": "content"})
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !done.Load() {
			if _, err := os.Stat(dir + "/live/p/f"); err != nil {
				t.Errorf("a reader saw a gap: %v", err)
				return
			}
		}
	})
	for range 1000 {
		must(t, d.Exchange(dir+"/stage/p", dir+"/live/p"))
	}
	done.Store(true)
	wg.Wait()
}

func moveNew(t *testing.T, d safefs.Disk, dir string) {
	layOut(t, dir, map[string]string{"d/f": "x", "file": "y", "link": "→d", "to/keep": ""})
	must(t, d.MoveNew(dir+"/d", dir+"/to/d"))
	must(t, d.MoveNew(dir+"/file", dir+"/to/file"))
	must(t, d.MoveNew(dir+"/link", dir+"/to/link"))
	expect(t, dir, map[string]string{"to": "dir", "to/keep": "", "to/d": "dir", "to/d/f": "x", "to/file": "y", "to/link": "→d"})
}

func moveTaken(t *testing.T, d safefs.Disk, dir string) {
	files := map[string]string{"d/f": "x", "file": "y", "full/f": "z", "dangling": "→nothing"}
	layOut(t, dir, files)
	must(t, os.Mkdir(dir+"/empty", 0o755))
	for _, from := range []string{"/d", "/file"} {
		for _, to := range []string{"/full", "/empty", "/dangling", "/file", "/d"} {
			if err := d.MoveNew(dir+from, dir+to); !errors.Is(err, fs.ErrExist) && from != to {
				t.Errorf("move %s to %s: %v, want fs.ErrExist", from, to, err)
			}
		}
	}
	if err := d.MoveNew(dir+"/missing", dir+"/new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("move what is not there: %v", err)
	}
	files["d"], files["full"], files["empty"] = "dir", "dir", "dir"
	expect(t, dir, files)
}

func moveTogether(t *testing.T, d safefs.Disk, dir string) {
	const movers = 16
	for i := range movers {
		layOut(t, dir, map[string]string{fmt.Sprintf("from%d/f", i): fmt.Sprint(i)})
	}
	var wg sync.WaitGroup
	var won atomic.Int64
	for i := range movers {
		wg.Go(func() {
			switch err := d.MoveNew(fmt.Sprintf("%s/from%d", dir, i), dir+"/to"); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d moves to one name succeeded", won.Load())
	}
}

func removeAll(t *testing.T, d safefs.Disk, dir string) {
	layOut(t, dir, map[string]string{
		"outside/canary": "untouched", "a/b/c/f": "x", "a/link": "→../outside", "a/b/file": "→../../outside/canary",
		"link": "→outside", "file": "x", "stays": "y",
	})
	for _, path := range []string{"/a", "/link", "/file", "/missing", "/missing/too"} {
		must(t, d.RemoveAll(dir+path))
	}
	expect(t, dir, map[string]string{"outside": "dir", "outside/canary": "untouched", "stays": "y"})
}

func syncs(t *testing.T, d safefs.Disk, dir string) {
	layOut(t, dir, map[string]string{"f": "x", "link": "→."})
	must(t, d.SyncFS(dir))
	must(t, d.SyncDir(dir))
	for _, path := range []string{"/missing", "/link"} {
		if d.SyncFS(dir+path) == nil || d.SyncDir(dir+path) == nil {
			t.Errorf("%s was synced", path)
		}
	}
}

func badParents(t *testing.T, d safefs.Disk, dir string) {
	layOut(t, dir, map[string]string{"real/f": "x", "real/g": "y", "link": "→real", "file": "z"})
	want := map[string]string{"real": "dir", "real/f": "x", "real/g": "y", "link": "→real", "file": "z"}
	for _, bad := range []string{dir + "/link", dir + "/file", dir + "/real/../real", "relative"} {
		for name, err := range map[string]error{
			"write":         d.WriteFile(bad+"/new", nil, plain),
			"mkdir":         d.MkdirAll(bad+"/new", plain),
			"exchange":      d.Exchange(bad+"/f", dir+"/real/g"),
			"exchange with": d.Exchange(dir+"/real/g", bad+"/f"),
			"move":          d.MoveNew(bad+"/f", dir+"/new"),
			"move to":       d.MoveNew(dir+"/real/f", bad+"/new"),
			"remove":        d.RemoveAll(bad + "/f"),
		} {
			if err == nil {
				t.Errorf("%s below %q succeeded", name, bad)
			}
		}
	}
	expect(t, dir, want)
}
