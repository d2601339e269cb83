package reconcile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/state"
)

// long is set for the run that docs/reliability.md gives the figures of.
var long = os.Getenv("PACKSYNC_TEST_LONG") == "1"

// figures counts what all tests of this package have done together.
var figures struct{ cycles, faults, pairs atomic.Int64 }

func TestMain(m *testing.M) {
	code := m.Run()
	if long {
		fmt.Printf("figures: %d crash-and-recover cycles (%d of them with a second crash during recovery), %d injected errors\n",
			figures.cycles.Load(), figures.pairs.Load(), figures.faults.Load())
	}
	os.Exit(code)
}

// trial is a scenario on a host at the point before its apply, with what is
// visible then and after an undisturbed apply.
type trial struct {
	*host
	scenario
	saved         string
	before, after map[string]string
	record        string   // after the undisturbed apply
	disabled      []string // in StackStorm then
	steps         int      // of the undisturbed apply
	calls         int64    // of operations, which have one or more steps
}

func newTrial(t testing.TB, s scenario) *trial {
	x := &trial{host: newHost(t), scenario: s}
	s.build(x.host)
	if s.gap != x.noExchange {
		t.Fatal("a gap is allowed where there is no exchange, and only there")
	}
	x.saved = x.save()
	x.before = x.look()
	late, calls := stopAfter(x.disk(func(safefs.Step) error { x.steps++; return nil }), 0)
	if _, err := x.apply(late); err != nil {
		t.Fatalf("undisturbed apply: %v", err)
	}
	x.after, x.record, x.calls = x.look(), x.recorded(), calls.Load()
	if x.st2 != nil {
		x.disabled = x.st2.double().Disabled()
	}
	if x.steps < 8 || x.calls < 4 {
		t.Fatalf("only %d steps: the hook does not see the work", x.steps)
	}
	same := 0
	for _, name := range s.watch {
		if x.before[name] == x.after[name] {
			same++
		}
	}
	if same == len(s.watch) {
		t.Fatalf("the scenario changes nothing of what it watches")
	}
	x.restore(x.saved)
	return x
}

// look takes a picture of all that the scenario watches, and of what packsync has
// no business with.
func (x *trial) look() map[string]string {
	x.t.Helper()
	seen := map[string]string{}
	for _, name := range append([]string{"root/packs/foreign", "root/configs/foreign.yaml", "root/other"}, x.watch...) {
		seen[name] = x.picture(name)
	}
	return seen
}

// recorded is the record without what is random: lineage, checksums, and digests
// under a key that may have been made anew.
func (x *trial) recorded() string {
	x.t.Helper()
	record, err := state.Open(x.path("root/.packsync"), safefs.OS()).Read()
	if err != nil {
		x.t.Fatalf("read the record: %v", err)
	}
	packs := map[pack.Ref]state.Pack{}
	for ref, p := range record.Packs {
		if p.Config != nil {
			p.Config = &state.Config{Owned: p.Config.Owned, HMAC: "(some)"}
		}
		if p.Overrides != nil {
			p.Overrides = &state.Overrides{HMAC: "(some)"}
		}
		if p.Registered.Digest != "" {
			p.Registered.Digest = "(some)"
		}
		packs[ref] = p
	}
	text, err := json.MarshalIndent(packs, "", "  ")
	if err != nil {
		x.t.Fatal(err)
	}
	return fmt.Sprintf("%s, overrides of all packs: %t\n%s", record.Name, record.Overrides != nil, text)
}

// unfinished reports whether an intent record is there.
func (x *trial) unfinished() bool {
	paths, err := apply.Unfinished(x.path("root/.packsync"))
	if err != nil {
		x.t.Fatal(err)
	}
	return len(paths) > 0
}

// checkVisible holds what people and StackStorm see now to I1, I2, I3 and I6.
func (x *trial) checkVisible(when string) {
	x.t.Helper()
	now := x.look()
	for name, got := range now {
		if got == x.before[name] || got == x.after[name] {
			continue
		}
		if got == "" && x.gap && x.unfinished() {
			continue
		}
		x.t.Fatalf("%s: %s is neither the old nor the new one:\n%s", when, name, got)
	}
	for _, m := range x.moves {
		if now[m[0]] == "" && now[m[1]] == "" {
			x.t.Fatalf("%s: the pack is missing from both %s and %s", when, m[0], m[1])
		}
	}
	if x.never != nil {
		if problem := x.never(x.host); problem != "" {
			x.t.Fatalf("%s: %s", when, problem)
		}
	}
	for _, text := range x.wrote {
		if !x.holds(text) {
			x.t.Fatalf("%s: what a person wrote is lost: %s", when, text)
		}
	}
}

// checkDone holds the host to I7: all is as planned, on disk and in the record.
func (x *trial) checkDone(when string) {
	x.t.Helper()
	for name, got := range x.look() {
		if got != x.after[name] {
			x.t.Fatalf("%s: %s is not as declared:\n%s", when, name, got)
		}
	}
	x.checkLost(when)
	if got := x.recorded(); got != x.record {
		x.t.Fatalf("%s: the record is\n%s\nand after an undisturbed apply\n%s", when, got, x.record)
	}
	if x.st2 != nil {
		if got := x.st2.double().Disabled(); !slices.Equal(got, x.disabled) {
			x.t.Fatalf("%s: StackStorm has disabled %q, and after an undisturbed apply %q", when, got, x.disabled)
		}
	}
}

// checkLost holds StackStorm to what it has to lose, and what it must not lose.
func (x *trial) checkLost(when string) {
	x.t.Helper()
	for want, names := range map[bool][]string{false: x.lost, true: x.has} {
		for _, name := range names {
			collection, ref, _ := strings.Cut(name, " ")
			if got := slices.Contains(x.st2.double().Refs(collection), ref); got != want {
				x.t.Fatalf("%s: StackStorm has %s: %v, want %v", when, name, got, want)
			}
		}
	}
}

// checkConverges lets one undisturbed apply finish the job (I4), looks for what
// is left over (I10), and wants the apply after that to find nothing to do (I5).
func (x *trial) checkConverges(when string) {
	x.t.Helper()
	if _, err := x.apply(nil); err != nil {
		x.t.Fatalf("%s: the next apply fails: %v", when, err)
	}
	x.checkVisible(when + ", then an apply")
	x.checkDone(when + ", then an apply")
	x.checkLeftovers(when)
	if x.st2 != nil {
		x.st2.double().Forget()
	}
	steps := 0
	applied, err := x.apply(x.disk(func(s safefs.Step) error {
		if s.Path != x.path("root/.packsync/index") && s.Path != x.path("root/.packsync") { // a cache, which a no-op may renew
			steps++
		}
		return nil
	}))
	if err != nil || applied.Changed() || !applied.Plan.Empty() {
		x.t.Fatalf("%s: there is still something to do: %v", when, err)
	}
	if steps != 0 {
		x.t.Fatalf("%s: an apply with nothing to do took %d steps on the disk", when, steps)
	}
	if x.st2 != nil {
		if calls := x.st2.changes(); len(calls) > 0 {
			x.t.Fatalf("%s: an apply with nothing to do told StackStorm %q", when, calls)
		}
	}
	figures.cycles.Add(1)
}

func (x *trial) checkLeftovers(when string) {
	x.t.Helper()
	for _, work := range x.workFolders() {
		for _, dir := range []string{"stage", "journal"} {
			left := slices.DeleteFunc(x.list(filepath.Join(work, dir)), func(name string) bool { return strings.HasSuffix(name, ".damaged") })
			if len(left) > 0 {
				x.t.Fatalf("%s: %s holds %v", when, filepath.Join(work, dir), left)
			}
		}
		for _, ref := range x.list(filepath.Join(work, "keep")) {
			if kept := x.list(filepath.Join(work, "keep", ref)); len(kept) > 4*2 { // config, overrides, tree and virtualenv of two generations
				x.t.Fatalf("%s: keep/%s holds %v", when, ref, kept)
			}
		}
	}
	var seen []string
	for _, name := range x.watch {
		seen = append(seen, filepath.Dir(x.path(name)))
	}
	slices.Sort(seen)
	for _, dir := range slices.Compact(seen) {
		for _, name := range x.list(dir) {
			if safefs.IsTemp(name) && dir != x.dir { // beside the lock a temporary file may stay
				x.t.Fatalf("%s: %s was left in %s", when, name, dir)
			}
		}
	}
}

// list returns the names in a directory, none if it is not there.
func (x *trial) list(dir string) []string {
	x.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		x.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

var errStopped = errors.New("stopped here by the test")

// stopBefore is a disk on which the run ends before step n: every later step
// fails too, as after a kill.
func (x *trial) stopBefore(n int) safefs.Disk {
	return x.failOn(func(count int) error {
		if count >= n {
			return errStopped
		}
		return nil
	})
}

// failOn is a disk whose steps, counted from 1, fail as told.
func (x *trial) failOn(fault func(count int) error) safefs.Disk {
	count := 0
	return x.disk(func(s safefs.Step) error {
		count++
		if err := fault(count); err != nil {
			return &fs.PathError{Op: string(s.Op), Path: s.Path, Err: err}
		}
		return nil
	})
}

// each runs a test for every scenario, several at once.
func each(t *testing.T, test func(t *testing.T, x *trial)) {
	for _, s := range scenarios {
		t.Run(strings.ReplaceAll(s.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			test(t, newTrial(t, s))
		})
	}
}

// TestStopAtEveryStep stops an apply before each of its steps on the disk, and
// checks what an operator is promised: at the stop every visible pack and config
// is the old one or the new one, whole; nothing that a person wrote is lost; one
// further apply finishes the job; the one after that has nothing to do.
func TestStopAtEveryStep(t *testing.T) {
	each(t, func(t *testing.T, x *trial) {
		for n := 1; n <= x.steps; n++ {
			when := fmt.Sprintf("stopped before step %d of %d", n, x.steps)
			x.restore(x.saved)
			if _, err := x.apply(x.stopBefore(n)); err == nil {
				x.checkDone(when + " it says success")
			}
			x.checkVisible(when)
			x.checkConverges(when)
		}
		t.Logf("%d stops", x.steps)
	})
}

// TestStopAfterEveryOperation stops an apply just after an operation had its
// effect and before the run learned of it.
func TestStopAfterEveryOperation(t *testing.T) {
	each(t, func(t *testing.T, x *trial) {
		for n := int64(1); n <= x.calls; n++ {
			when := fmt.Sprintf("stopped after operation %d of %d", n, x.calls)
			x.restore(x.saved)
			disk, _ := stopAfter(x.disk(nil), n)
			if _, err := x.apply(disk); err == nil {
				x.checkDone(when + " it says success")
			}
			x.checkVisible(when)
			x.checkConverges(when)
		}
		t.Logf("%d stops", x.calls)
	})
}

// TestStopTwice stops an apply, and then the recovery from that, for pairs of
// steps: in the long run all of them in two scenarios, every fourth step of both
// in the others.
func TestStopTwice(t *testing.T) {
	each(t, func(t *testing.T, x *trial) {
		stride := 19
		switch {
		case long && (x.name == "a bit of everything" || x.gap):
			stride = 1
		case long:
			stride = 4
		}
		pairs := 0
		for n := 1; n <= x.steps; n += stride {
			for m := 1 + n%stride; m <= 2*x.steps; m += stride {
				when := fmt.Sprintf("stopped before step %d, and then before step %d", n, m)
				x.restore(x.saved)
				if _, err := x.apply(x.stopBefore(n)); err == nil {
					break
				}
				_, err := x.apply(x.stopBefore(m))
				x.checkVisible(when)
				x.checkConverges(when)
				pairs++
				if err == nil {
					break // the second run ended before step m
				}
			}
		}
		figures.pairs.Add(int64(pairs))
		t.Logf("%d pairs", pairs)
	})
}

// TestFailAtEveryStep makes each step fail with an error of the disk: once or
// from then on, instead of its effect or, as a lost answer of a file server,
// after it. Success is only claimed where it is true. The short run takes every
// other step, and one error each.
func TestFailAtEveryStep(t *testing.T) {
	errnos := []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EACCES, syscall.EROFS, syscall.EDQUOT, syscall.ENOENT, syscall.EEXIST, syscall.EXDEV}
	each(t, func(t *testing.T, x *trial) {
		faults := 0
		try := func(when string, disk safefs.Disk) {
			x.restore(x.saved)
			if _, err := x.apply(disk); err == nil {
				x.checkDone(when + ", apply says success")
			}
			x.checkVisible(when)
			x.checkConverges(when)
			faults++
		}
		stride := 2
		if long {
			stride = 1
		}
		for n := 1; n <= x.steps; n += stride {
			for i, errno := range errnos {
				if !long && i != n/stride%len(errnos) {
					continue
				}
				try(fmt.Sprintf("step %d of %d fails with %v", n, x.steps, errno), x.failOn(func(count int) error {
					if count == n {
						return errno
					}
					return nil
				}))
				if long {
					try(fmt.Sprintf("from step %d of %d on all fails with %v", n, x.steps, errno), x.failOn(func(count int) error {
						if count >= n {
							return errno
						}
						return nil
					}))
				}
			}
		}
		for n := int64(1); n <= x.calls; n++ {
			for i, errno := range errnos {
				if long || i == int(n)%len(errnos) {
					try(fmt.Sprintf("operation %d of %d has its effect and fails with %v", n, x.calls, errno), failAfter(x.disk(nil), n, errno))
				}
			}
		}
		figures.faults.Add(int64(faults))
		t.Logf("%d injected errors", faults)
	})
}
