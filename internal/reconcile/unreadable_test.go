package reconcile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnreadableIsNeverEmpty puts something unreadable, even for root, in the
// place of each thing that an apply reads. Apply must refuse and change nothing:
// "cannot read" is never "nothing wanted" and never "nothing there".
func TestUnreadableIsNeverEmpty(t *testing.T) {
	x := newTrial(t, scenarioNamed(t, "a bit of everything"))
	file := func(path string) error { return os.WriteFile(path, []byte("not a directory"), 0o644) }
	dir := func(path string) error { return os.Mkdir(path, 0o755) }
	loop := func(path string) error { return os.Symlink(filepath.Base(path), path) }
	for _, c := range []struct {
		name string
		put  func(path string) error
	}{
		{"root/.packsync/journal", file}, {"root/.packsync/state.json", loop}, {"root/.packsync/key", dir},
		{"root/packs", file}, {"root/packs", loop}, {"root/configs", file}, {"root/configs/old.yaml", dir},
		{"packs.lock.json", dir}, {"packs.lock.json", loop}, {"packs.hcl", loop}, {"packs.hcl", dir}, {"sources/same", file}, {"sources", loop},
	} {
		x.restore(x.saved)
		away := x.path("away")
		must(t, os.Rename(x.path(c.name), away))
		must(t, c.put(x.path(c.name)))
		if _, err := x.apply(nil); err == nil {
			t.Errorf("%s cannot be read, and apply says success", c.name)
		}
		must(t, os.Remove(x.path(c.name)))
		must(t, os.Rename(away, x.path(c.name)))
		for name, now := range x.look() {
			if now != x.before[name] {
				t.Errorf("%s could not be read, and %s was changed", c.name, name)
			}
		}
		x.checkConverges(c.name + " could not be read")
	}
}

// TestIntentThatCannotBeLookedFor hides the intent of an interrupted apply, while
// the only copy of what a person wrote waits in stage/.
func TestIntentThatCannotBeLookedFor(t *testing.T) {
	x := newTrial(t, scenarioNamed(t, "a bit of everything"))
	x.stopInTheMiddle()
	journal, away := x.path("root/.packsync/journal"), x.path("away")
	must(t, os.Rename(journal, away))
	must(t, os.WriteFile(journal, nil, 0o600))
	if _, err := x.apply(nil); err == nil {
		t.Error("the journal cannot be read, and apply says success")
	}
	must(t, os.Remove(journal))
	must(t, os.Rename(away, journal))
	x.checkVisible("the journal could not be read")
	x.checkConverges("the journal could not be read")
}

// TestDeclarationMovesOnAfterACrash stops an update at every step, and then
// declares the next version: what the crash left is packsync's own, not an edit.
func TestDeclarationMovesOnAfterACrash(t *testing.T) {
	x := newTrial(t, scenarioNamed(t, "update"))
	for n := 1; n <= x.steps; n++ {
		x.restore(x.saved)
		if _, err := x.apply(x.stopBefore(n)); err == nil {
			break
		}
		x.source("a", "3.0.0")
		x.source("b", "3.0.0")
		if _, err := x.apply(nil); err != nil {
			t.Fatalf("stopped before step %d of %d, then another version: %v", n, x.steps, err)
		}
		for _, ref := range []string{"a", "b"} {
			data, err := os.ReadFile(x.path("root/packs/" + ref + "/pack.yaml"))
			if err != nil || !strings.Contains(string(data), "3.0.0") {
				t.Fatalf("stopped before step %d: %s is %q, %v", n, ref, data, err)
			}
		}
	}
}
