package apply

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/packsync/packsync/internal/safefs"
)

// swapWithReaders swaps a pack back and forth while readers look at it as
// StackStorm does, and returns how often they looked and how often it was missing.
func swapWithReaders(t *testing.T, disk safefs.Disk, swaps int) (reads, missing int64) {
	t.Helper()
	parent := "/dev/shm"
	if _, err := os.Stat(parent); err != nil {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, "packsync-readers-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	o := op{Kind: opPlace, Live: dir + "/packs/p", Staged: dir + "/stage/new", Out: dir + "/stage/out"}
	for path, version := range map[string]string{o.Live: "1", o.Staged: "2"} {
		if err := os.MkdirAll(filepath.Join(path, "actions"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "pack.yaml"), []byte(version), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var done atomic.Bool
	var looked, gaps atomic.Int64
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for !done.Load() {
				data, err := os.ReadFile(o.Live + "/pack.yaml")
				switch {
				case os.IsNotExist(err):
					gaps.Add(1)
				case err != nil || string(data) != "1" && string(data) != "2":
					t.Errorf("a reader sees %q, %v", data, err)
				}
				looked.Add(1)
			}
		})
	}
	a := &Applier{Disk: disk}
	for range swaps {
		if o.Inode, err = inode(o.Staged); err == nil {
			err = a.swap(o)
		}
		if _, there := os.Lstat(o.Out); err == nil && there == nil { // without an exchange the old one waits there
			err = os.Rename(o.Out, o.Staged)
		}
		if err != nil {
			t.Error(err)
			break
		}
	}
	done.Store(true)
	readers.Wait()
	return looked.Load(), gaps.Load()
}

// TestReadersNeverSeeAPackMissing is invariant I1 at its sharpest.
func TestReadersNeverSeeAPackMissing(t *testing.T) {
	swaps := 20_000
	if os.Getenv("PACKSYNC_TEST_LONG") == "1" {
		swaps = 1_000_000
	}
	reads, missing := swapWithReaders(t, safefs.OS(), swaps)
	if missing > 0 {
		t.Errorf("%d of %d readers found the pack missing", missing, reads)
	}
	t.Logf("figures: %d swaps, %d reads, %d missing", swaps, reads, missing)
}

// TestReadersWouldSeeAGap shows that these readers see a gap where there is one:
// on a file system without exchange.
func TestReadersWouldSeeAGap(t *testing.T) {
	disk := safefs.WithHook(safefs.OS(), func(s safefs.Step) error {
		if s.Op == safefs.OpExchange {
			return safefs.ErrNoExchange
		}
		return nil
	})
	reads, missing := int64(0), int64(0)
	for range 50 {
		more, gaps := swapWithReaders(t, disk, 1000)
		reads, missing = reads+more, missing+gaps
		if missing > 0 {
			t.Logf("%d of %d reads fell into the gap", missing, reads)
			return
		}
	}
	t.Errorf("none of %d reads fell into a gap: readers that see nothing prove nothing", reads)
}
