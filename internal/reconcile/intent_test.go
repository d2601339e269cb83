package reconcile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/safefs"
)

func scenarioNamed(t testing.TB, name string) scenario {
	for _, s := range scenarios {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("there is no scenario %q", name)
	return scenario{}
}

// stopInTheMiddle stops an apply after its first exchange, and returns the path
// of the intent that it left.
func (x *trial) stopInTheMiddle() string {
	x.t.Helper()
	x.restore(x.saved)
	exchanges := 0
	_, err := x.apply(x.disk(func(s safefs.Step) error {
		if s.Op == safefs.OpExchange {
			exchanges++
		}
		if exchanges > 1 {
			return errStopped
		}
		return nil
	}))
	var unfinished *apply.UnfinishedError
	if !errors.As(err, &unfinished) {
		x.t.Fatalf("the apply was to be stopped, and it says %v", err)
	}
	left, err := apply.Unfinished(x.path("root/.packsync"))
	if err != nil || len(left) != 1 {
		x.t.Fatalf("intents %v, %v", left, err)
	}
	return left[0]
}

// TestDamagedIntent cuts the intent of an interrupted apply at every length and
// flips every bit of it (a sample of both in the short run). Nothing that people
// see is ever half a pack, nothing that a person wrote is lost, and the next
// apply brings everything where it belongs.
func TestDamagedIntent(t *testing.T) {
	x := newTrial(t, scenarioNamed(t, "a bit of everything"))
	whole, err := os.ReadFile(x.stopInTheMiddle())
	must(t, err)
	damage := func(when string, data []byte) {
		path := x.stopInTheMiddle()
		must(t, os.WriteFile(path, data, 0o600))
		x.checkVisible(when)
		x.checkConverges(when)
	}
	stride := 97
	if long {
		stride = 7
	}
	for n := 0; n < len(whole); n += stride {
		damage(fmt.Sprintf("the intent cut at %d of %d bytes", n, len(whole)), whole[:n])
	}
	for bit := 0; bit < 8*len(whole); bit += 8*stride + 1 {
		data := append([]byte(nil), whole...)
		data[bit/8] ^= 1 << (bit % 8)
		damage(fmt.Sprintf("bit %d of the intent flipped (%q)", bit, data[max(0, bit/8-10):bit/8+1]), data)
	}
}

// TestDamagedIntentTwice damages the intents of two applies on the same record.
func TestDamagedIntentTwice(t *testing.T) {
	x := newTrial(t, scenarioNamed(t, "a bit of everything"))
	must(t, os.WriteFile(x.stopInTheMiddle(), nil, 0o600))
	_, err := x.apply(x.disk(func(s safefs.Step) error {
		if s.Op == safefs.OpExchange {
			return errStopped
		}
		return nil
	}))
	if err == nil {
		t.Fatal("the second apply was not stopped")
	}
	left, err := apply.Unfinished(x.path("root/.packsync"))
	must(t, err)
	for _, path := range left {
		must(t, os.WriteFile(path, []byte("{"), 0o600))
	}
	x.checkConverges("two damaged intents")
}

// TestIntentOfALaterVersion is refused, and nothing is touched: the packsync that
// wrote it knows what it means.
func TestIntentOfALaterVersion(t *testing.T) {
	x := newTrial(t, scenarioNamed(t, "a bit of everything"))
	path := x.stopInTheMiddle()
	must(t, os.WriteFile(path, []byte(`{"format_version": 7, "what": "ever"}`), 0o600))
	before := x.look()
	_, err := x.apply(nil)
	var unfinished *apply.UnfinishedError
	if !errors.As(err, &unfinished) {
		t.Errorf("got %v", err)
	}
	for name, now := range x.look() {
		if now != before[name] {
			t.Errorf("%s was touched", name)
		}
	}
}

// TestWithdrawnIntent makes the very last step of writing the intent fail: the
// intent is there, but the run says that nothing was changed. Nothing of it may be
// carried out later, when the declaration wants something else.
func TestWithdrawnIntent(t *testing.T) {
	x := newTrial(t, scenarioNamed(t, "removal that StackStorm is told of"))
	declared, err := os.ReadFile(x.path("packs.hcl"))
	must(t, err)
	journal := x.path("root/.packsync/journal")
	seen := 0
	_, err = x.apply(x.disk(func(s safefs.Step) error {
		if s.Op == safefs.OpSyncDir && s.Path == journal {
			if seen++; seen == 1 {
				return errStopped
			}
		}
		return nil
	}))
	var unfinished *apply.UnfinishedError
	if err == nil || errors.As(err, &unfinished) || seen != 2 {
		t.Fatalf("got %v after %d syncs of the journal", err, seen)
	}
	x.declare(block("gone", "config = { level = 1 }"), block("edited", "depends_on = [pack.gone]", `on_drift = "leave"`), block("stays"))
	x.mustApply()
	for _, name := range []string{"root/packs/gone", "root/packs/edited"} {
		if x.picture(name) != x.before[name] {
			t.Errorf("%s was touched by an intent that was never announced", name)
		}
	}
	if calls := x.st2.changes(); len(calls) > 0 {
		t.Errorf("StackStorm was told %q", calls)
	}
	must(t, os.WriteFile(x.path("packs.hcl"), declared, 0o644))
	x.checkConverges("after all")
}

// TestTheSameAgain repeats changes that leave the record as it is, and loses the
// record, so that names in keep/ and pen/ come again.
func TestTheSameAgain(t *testing.T) {
	h := newHost(t)
	h.source("a", "1.0.0")
	h.declare(block("a", `on_drift = "repair"`))
	h.mustApply()
	for round := range 4 {
		must(t, os.Chmod(h.path("root/packs/a/actions/run.yaml"), 0o775))
		h.mustApply()
		wrote := fmt.Sprintf("somebody's work %d", round)
		h.write("root/packs/a/actions/run.sh", wrote)
		h.mustApply()
		for n := range round + 1 {
			if text := fmt.Sprintf("somebody's work %d", n); !h.holds(text) {
				t.Errorf("round %d: %q is lost", round, text)
			}
		}
		states, err := filepath.Glob(h.path("root/.packsync/state.json*"))
		must(t, err)
		for _, path := range states {
			must(t, os.Remove(path))
		}
		h.mustApply() // adopts
	}
	if kept, err := os.ReadDir(h.path("root/.packsync/keep/a")); err != nil || len(kept) > 3 {
		t.Errorf("keep holds %v, %v", kept, err)
	}
}

// TestSweep wants the temporary files of crashes gone, and those left alone that
// somebody may be writing.
func TestSweep(t *testing.T) {
	h := newHost(t)
	h.source("a", "1.0.0")
	h.declare(block("a"))
	h.mustApply()
	old := map[string]bool{ // path → is it to be gone
		"root/.packsync-01.tmp":                true,
		"root/.packsync/.packsync-02.tmp":      true,
		"root/packs/.packsync-03.tmp":          true,
		"root/packs/.packsync-person":          false,
		"root/other/.packsync-04.tmp":          false,
		"root/.packsync/keep/.packsync-05.tmp": true,
	}
	for name := range old {
		h.write(name, "")
		must(t, os.Chtimes(h.path(name), time.Time{}, time.Now().Add(-2*time.Hour)))
	}
	h.write("root/.packsync/.packsync-06.tmp", "a plan is just writing the index")
	old["root/.packsync/.packsync-06.tmp"] = false
	h.mustApply()
	for name, gone := range old {
		if _, err := os.Lstat(h.path(name)); os.IsNotExist(err) != gone {
			t.Errorf("%s: %v, want it gone: %v", name, err, gone)
		}
	}
}
