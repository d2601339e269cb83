package installed

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// What changes between the listing and the reading is an error, not a hash of
// something that never was.
func TestFilesThatChangeMeanwhile(t *testing.T) {
	const big = 200_000
	for name, change := range map[string]func(dir string) error{
		"small file grew":       func(dir string) error { return os.WriteFile(dir+"/small", []byte("longer"), 0o644) },
		"small file shrank":     func(dir string) error { return os.Truncate(dir+"/small", 1) },
		"small file became big": func(dir string) error { return os.Truncate(dir+"/small", big) },
		"big file grew":         func(dir string) error { return os.Truncate(dir+"/big", 2*big) },
		"big file shrank":       func(dir string) error { return os.Truncate(dir+"/big", big-1) },
		"file went":             func(dir string) error { return os.Remove(dir + "/small") },
		"file became a link":    func(dir string) error { return errors.Join(os.Remove(dir+"/small"), os.Symlink("big", dir+"/small")) },
		"file became a pipe": func(dir string) error {
			return errors.Join(os.Remove(dir+"/small"), syscall.Mkfifo(dir+"/small", 0o644))
		},
		"file became a folder": func(dir string) error { return errors.Join(os.Remove(dir+"/small"), os.Mkdir(dir+"/small", 0o755)) },
		"link became a file": func(dir string) error {
			return errors.Join(os.Remove(dir+"/link"), os.WriteFile(dir+"/link", nil, 0o644))
		},
		"the whole pack is gone": os.RemoveAll,
	} {
		dir := t.TempDir() + "/p"
		if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(dir+"/small", []byte("abc"), 0o644), os.Symlink("small", dir+"/link"), os.WriteFile(dir+"/big", make([]byte, big), 0o644)); err != nil {
			t.Fatal(err)
		}
		p, err := scan(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if err := hashAll(t.Context(), []*imprint{p}, 1); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParallelCallsEachOnceAndStopsAtAnError(t *testing.T) {
	seen := make([]bool, 1000)
	err := parallel(t.Context(), 4, len(seen), func() func(int) error {
		return func(i int) error {
			seen[i] = true // each index belongs to one call
			return nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, did := range seen {
		if !did {
			t.Fatalf("%d was left out", i)
		}
	}
	calls := 0
	stop := errors.New("stop")
	err = parallel(t.Context(), 1, len(seen), func() func(int) error {
		return func(int) error {
			calls++
			return stop
		}
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}
