package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/packsync/packsync/internal/apply"
)

// emulator installs a pack as StackStorm's own st2 pack install does (reference.md
// 3.7, 3.9): remove the old tree, move the new one in, chmod everything. It
// remembers which of its trees it removed itself.
type emulator struct {
	live    string
	temp    string
	placed  map[int]bool // trees that it moved in, by number
	removed map[int]bool // trees that it removed again, at least in part
	nested  int          // how often the pack was back when it moved its tree in
	failed  int          // how often it gave up
}

func markerOf(n int) string { return fmt.Sprintf("installed by st2 pack install number %d.", n) }

// install is one st2 pack install. An error is one that a person would see.
func (e *emulator) install(n int) error {
	temp := filepath.Join(e.temp, fmt.Sprintf("%032x", n))
	defer os.RemoveAll(temp)
	if err := os.MkdirAll(filepath.Join(temp, "actions"), 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"marker": markerOf(n), "pack.yaml": "ref: a\nname: a\nversion: 9.9.9\nauthor: a\nemail: a@example.com\n",
		"actions/run.yaml": "name: run\nrunner_type: local-shell-cmd\nentry_point: ''\n",
	} {
		if err := os.WriteFile(filepath.Join(temp, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if _, err := os.Stat(e.live); err == nil {
		if err := e.rmtree(e.live); err != nil {
			return err
		}
	}
	target := e.live // shutil.move into a directory that is there nests
	if _, err := os.Stat(e.live); err == nil {
		target = filepath.Join(e.live, filepath.Base(temp))
		e.nested++
	}
	e.placed[n] = true
	if err := os.Rename(temp, target); err != nil {
		delete(e.placed, n)
		return err
	}
	return filepath.WalkDir(e.live, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(path, 0o775)
	})
}

// rmtree removes a tree as Python's shutil.rmtree does: by descriptor below, by
// name at the top. It goes on in the tree that it opened, wherever that is by now.
func (e *emulator) rmtree(path string) error {
	dir, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	err = e.empty(dir)
	return errors.Join(err, dir.Close(), os.Remove(path))
}

func (e *emulator) empty(dir *os.Root) error {
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			below, err := dir.OpenRoot(entry.Name())
			if err != nil {
				return err
			}
			if err := errors.Join(e.empty(below), below.Close()); err != nil {
				return err
			}
		}
		var n int
		if data, err := dir.ReadFile(entry.Name()); err == nil && entry.Name() == "marker" {
			if _, err := fmt.Sscanf(string(data), markerOf(0)[:len(markerOf(0))-2]+"%d.", &n); err == nil {
				e.removed[n] = true
			}
		}
		if err := dir.Remove(entry.Name()); err != nil {
			return err
		}
	}
	return nil
}

// TestRaceWithStackStormsOwnInstall lets StackStorm's own installer replace a pack
// again and again while packsync updates and repairs it. Whatever the installer
// put there and did not remove itself is somewhere afterwards, apply never says
// more than is true, and once the installer is quiet everything is as declared.
func TestRaceWithStackStormsOwnInstall(t *testing.T) {
	rounds := 60
	if long {
		rounds = 2000
	}
	h := newHost(t)
	h.source("a", "1.0.0")
	h.declare(block("a", `on_drift = "repair"`))
	h.mustApply()
	e := &emulator{live: h.path("root/packs/a"), temp: h.path("st2packs"), placed: map[int]bool{}, removed: map[int]bool{}}
	started, stop := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := e.install(n); err != nil {
				e.failed++
			}
			if n == 1 {
				close(started)
			}
		}
	})
	<-started
	outcomes := map[string]int{}
	for round := range rounds {
		h.source("a", fmt.Sprintf("1.0.%d", round+1))
		_, err := h.apply(nil)
		outcomes[kindOf(err)]++
		if kindOf(err) == "other" {
			t.Errorf("round %d: %v", round, err)
		}
	}
	close(stop)
	wg.Wait()
	t.Logf("figures: %d installs by the emulator (%d nested, %d given up) against %d applies: %v", len(e.placed), e.nested, e.failed, rounds, outcomes)
	if len(e.placed) < rounds || outcomes["done"] == rounds {
		t.Errorf("there was no race")
	}
	for n := range e.placed {
		if !e.removed[n] && !h.holds(markerOf(n)) {
			t.Errorf("tree %d of StackStorm's installer is lost", n)
		}
	}
	h.mustApply()
	if applied := h.mustApply(); applied.Changed() {
		t.Error("there is still something to do")
	}
}

func kindOf(err error) string {
	var unfinished *apply.UnfinishedError
	var partial *PartialError
	var blocked *BlockedError
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &partial), errors.As(err, &unfinished):
		return "partial"
	case errors.As(err, &blocked):
		return "blocked"
	case errors.Is(err, fs.ErrNotExist), strings.Contains(err.Error(), "it changed while packsync looked at it"):
		return "looked in vain" // before anything was done: exit 1
	}
	return "other"
}
