package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/safefs"
)

var errSignal = errors.New("a signal that the test sends")

// TestCancelBeforeEveryStep cancels a run, as SIGINT and SIGTERM do, before each
// of its steps. Until the intent is durable everything is taken back and the run
// says so; from then on all swaps are finished, and what StackStorm could not be
// told any more is pending.
func TestCancelBeforeEveryStep(t *testing.T) {
	all := append([]scenario{told}, scenarios...)
	if !long {
		all = []scenario{told, scenarioNamed(t, "a bit of everything"), scenarioNamed(t, "first install")}
	}
	for _, s := range all {
		t.Run(strings.ReplaceAll(s.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			x := newTrial(t, s)
			stoppedAt, finishedAt := 0, 0
			for n := 1; n <= x.steps; n++ {
				when := fmt.Sprintf("cancelled before step %d of %d", n, x.steps)
				x.restore(x.saved)
				ctx, cancel := context.WithCancelCause(t.Context())
				count := 0
				_, err := Apply(ctx, x.options(x.disk(func(safefs.Step) error {
					if count++; count == n {
						cancel(errSignal)
					}
					return nil
				})), Callbacks{})
				cancel(nil)
				var stop *StoppedError
				var partial *PartialError
				switch {
				case err == nil:
					x.checkDone(when + " it says success")
					finishedAt = n
				case errors.As(err, &stop):
					x.checkUntouched(when, err)
					if finishedAt > 0 {
						t.Fatalf("%s: taken back, but when cancelled before step %d it was finished", when, finishedAt)
					}
					stoppedAt = n
				case errors.As(err, &partial) && x.st2 != nil:
					finishedAt = n
				default:
					t.Fatalf("%s: %v", when, err)
				}
				x.checkVisible(when)
				x.checkConverges(when)
			}
			if stoppedAt == 0 || finishedAt == 0 {
				t.Errorf("stopped until %d, finished from %d: the test does not reach both", stoppedAt, finishedAt)
			}
		})
	}
}

// checkUntouched wants nothing to be left of a run that was taken back.
func (x *trial) checkUntouched(when string, err error) {
	x.t.Helper()
	for name, now := range x.look() {
		if now != x.before[name] {
			x.t.Fatalf("%s: it says %q, but %s was changed", when, err, name)
		}
	}
	if x.unfinished() {
		x.t.Fatalf("%s: it says %q, but an intent is left", when, err)
	}
	x.checkLeftovers(when)
	if text := err.Error(); text != "stopped before anything was changed (a signal that the test sends)" {
		x.t.Fatalf("%s: it says %q", when, text)
	}
}
