package reconcile

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"syscall"
	"testing"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/state"
)

// backTrial is a host whose packs and config were updated, and what it looks like
// before and after an undisturbed rollback to the first apply.
type backTrial struct {
	*host
	saved         string
	before, after map[string]string
	steps         int
}

func newBackTrial(t *testing.T) *backTrial {
	x := &backTrial{host: newHost(t)}
	update(x.host)
	x.mustApply()
	x.saved = x.save()
	x.before = x.look()
	if _, err := x.back(x.disk(func(safefs.Step) error { x.steps++; return nil })); err != nil {
		t.Fatalf("undisturbed rollback: %v", err)
	}
	x.after = x.look()
	for name := range x.before {
		if x.before[name] == x.after[name] {
			t.Fatalf("the rollback does not change %s", name)
		}
	}
	x.restore(x.saved)
	return x
}

func (x *backTrial) back(disk safefs.Disk) (*Applied, error) {
	opts := x.options(disk)
	first := uint64(1)
	opts.Rollback = &Rollback{Serial: &first, WithConfig: true}
	return Apply(context.Background(), opts, Callbacks{})
}

func (x *backTrial) look() map[string]string {
	seen := map[string]string{}
	for _, name := range []string{"root/packs/a", "root/packs/b", "root/configs/a.yaml"} {
		seen[name] = x.picture(name)
	}
	return seen
}

// held returns which packs the record holds, and wants the history to tell of a
// rollback if there is one.
func (x *backTrial) held(when string) (held []string) {
	x.t.Helper()
	store := state.Open(x.path("root/.packsync"), safefs.OS())
	record, err := store.Read()
	if err != nil {
		x.t.Fatalf("%s: %v", when, err)
	}
	history, err := store.History(record)
	if err != nil || history.End != "" {
		x.t.Fatalf("%s: the history is broken: %v %s", when, err, history.End)
	}
	for _, ref := range []pack.Ref{"a", "b"} {
		if record.Packs[ref].Hold != nil {
			held = append(held, "root/packs/"+string(ref))
		}
	}
	if told := history.Entries[0].Kind == state.KindRollback; told != (held != nil) {
		x.t.Fatalf("%s: held: %v, and the history tells of a rollback: %v", when, held, told)
	}
	return held
}

func (x *backTrial) checkVisible(when string) {
	x.t.Helper()
	for name, got := range x.look() {
		if got != x.before[name] && got != x.after[name] {
			x.t.Fatalf("%s: %s is neither the old nor the new one:\n%s", when, name, got)
		}
	}
}

// checkSettled: an ordinary apply finishes the rollback or finds that there was
// none, and never goes forward on its own; the rollback is possible then in any
// case, and is the end of it.
func (x *backTrial) checkSettled(when string, whole bool) {
	x.t.Helper()
	x.mustApply()
	held := x.held(when)
	if whole && len(held) == 1 {
		x.t.Fatalf("%s: only %v is held", when, held)
	}
	now := x.look()
	for _, name := range []string{"root/packs/a", "root/packs/b"} {
		want := x.before[name]
		if slices.Contains(held, name) {
			want = x.after[name]
		}
		if now[name] != want {
			x.t.Fatalf("%s, then an apply: %s is not where the record says:\n%s", when, name, now[name])
		}
	}
	if config := "root/configs/a.yaml"; (now[config] == x.after[config]) != slices.Contains(held, "root/packs/a") {
		x.t.Fatalf("%s, then an apply: the config does not go with its pack: %s", when, now[config])
	}
	if _, err := x.back(nil); err != nil {
		x.t.Fatalf("%s: the rollback cannot be repeated: %v", when, err)
	}
	if got := x.look(); !maps.Equal(got, x.after) || len(x.held(when)) != 2 {
		x.t.Fatalf("%s: after the rollback was repeated: %v", when, got)
	}
	applied, err := x.apply(nil)
	if err != nil || applied.Changed() || !applied.Plan.Empty() {
		x.t.Fatalf("%s: the apply after the rollback has something to do: %v", when, err)
	}
}

// TestStopARollbackAtEveryStep stops a rollback of two packs and a config before
// each of its steps.
func TestStopARollbackAtEveryStep(t *testing.T) {
	x := newBackTrial(t)
	for n := 1; n <= x.steps; n++ {
		when := fmt.Sprintf("stopped before step %d of %d", n, x.steps)
		x.restore(x.saved)
		count := 0
		_, err := x.back(x.disk(func(s safefs.Step) error {
			if count++; count >= n {
				return &fs.PathError{Op: string(s.Op), Path: s.Path, Err: errStopped}
			}
			return nil
		}))
		if err == nil && !maps.Equal(x.look(), x.after) {
			t.Fatalf("%s: it says success", when)
		}
		x.checkVisible(when)
		x.checkSettled(when, true)
	}
	t.Logf("%d stops", x.steps)
}

// TestFailARollbackAtEveryStep lets each step of it fail once.
func TestFailARollbackAtEveryStep(t *testing.T) {
	x := newBackTrial(t)
	for n := 1; n <= x.steps; n++ {
		when := fmt.Sprintf("step %d of %d failed", n, x.steps)
		x.restore(x.saved)
		count := 0
		_, err := x.back(x.disk(func(s safefs.Step) error {
			if count++; count == n {
				return &fs.PathError{Op: string(s.Op), Path: s.Path, Err: syscall.ENOSPC}
			}
			return nil
		}))
		if err == nil && !maps.Equal(x.look(), x.after) {
			t.Fatalf("%s: it says success", when)
		}
		x.checkVisible(when)
		x.checkSettled(when, false) // a pack that fails does not keep the other
	}
}
