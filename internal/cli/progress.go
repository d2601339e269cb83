package cli

import (
	"time"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/view"
)

// redraw is how often the progress on a terminal is drawn.
const redraw = 100 * time.Millisecond

// movesCursor tells whether progress may be redrawn in place. Logs of CI are read
// later, line by line, even where it gives its jobs a terminal.
func (a *app) movesCursor() bool {
	return a.streams.ErrTTY && a.streams.Size != nil && !a.globals.json &&
		environ(a.streams.Environ, "TERM") != "dumb" && environ(a.streams.Environ, "CI") == ""
}

// watching returns callbacks that show progress on stderr, and a function that
// ends it.
func (a *app) watching() (reconcile.Callbacks, func()) {
	ticker := time.NewTicker(redraw)
	progress := view.NewProgress(view.ProgressOptions{
		W: a.streams.Err, Terminal: a.movesCursor(), Trace: a.trace, Size: a.streams.Size, Ticks: ticker.C,
	})
	a.progress = progress
	ended := func(label, name string, done bool, err error) {
		if done {
			progress.Ended(label, name, err == nil)
		}
	}
	cb := reconcile.Callbacks{
		Resolving: func(e resolve.Event) {
			switch e.Step {
			case resolve.Done:
				progress.Ended("resolve", string(e.Ref), true)
			case resolve.Failed:
				progress.Ended("resolve", string(e.Ref), false)
			}
		},
		Fetching: func(f reconcile.Fetch) { ended("fetch", string(f.Ref), f.Done, f.Err) },
		Applying: func(e apply.Event) {
			switch e.Phase {
			case apply.PhaseBuild: // it goes on beside the staging of trees, so it counts with that
				ended(string(apply.PhaseStage), string(e.Ref)+" (virtualenv)", e.Done, e.Err)
			case apply.PhaseStage, apply.PhaseRegister, apply.PhaseUnregister, apply.PhaseUnload, apply.PhasePurge:
				ended(string(e.Phase), string(e.Ref), e.Done, e.Err)
			case apply.PhaseRecover:
				a.note("%s", e.Text)
			}
		},
		Recovered: func(notes []string) {
			for _, note := range notes {
				a.note("Recovered: %s", view.Quote(note))
			}
		},
		Waiting: func(h state.Holder) {
			a.note("Waiting for another run: process %d on %s, %q, since %s.", h.PID, h.Host, h.Command, h.Since.Format("15:04:05"))
		},
	}
	return cb, func() {
		ticker.Stop()
		progress.Close()
	}
}
