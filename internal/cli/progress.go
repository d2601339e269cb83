package cli

import (
	"errors"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/view"
)

// errFailed marks a step as failed for the progress line; the reason is shown
// with the result.
var errFailed = errors.New("failed")

// watching returns callbacks that show progress on stderr, and a function that
// ends it.
func (a *app) watching() (reconcile.Callbacks, func()) {
	progress := view.NewProgress(a.streams.Err, a.streams.ErrTTY && !a.globals.json && environ(a.streams.Environ, "TERM") != "dumb")
	cb := reconcile.Callbacks{
		Resolving: func(e resolve.Event) {
			switch e.Step {
			case resolve.Choosing:
				progress.Begin("resolve", string(e.Ref))
			case resolve.Done:
				progress.End(string(e.Ref), nil)
			case resolve.Failed:
				progress.End(string(e.Ref), errFailed)
			}
		},
		Fetching: func(f reconcile.Fetch) {
			if f.Done {
				progress.End(string(f.Ref), f.Err)
			} else {
				progress.Begin("fetch", string(f.Ref))
			}
		},
		Applying: func(e apply.Event) { a.applying(progress, e) },
		Recovered: func(notes []string) {
			for _, note := range notes {
				a.note("Recovered: %s", view.Quote(note))
			}
		},
		Waiting: func(h state.Holder) {
			a.note("Waiting for another run: process %d on %s, %q, since %s.", h.PID, h.Host, h.Command, h.Since.Format("15:04:05"))
		},
	}
	return cb, progress.Close
}

func (a *app) applying(progress *view.Progress, e apply.Event) {
	label, name := string(e.Phase), string(e.Ref)
	switch e.Phase {
	case apply.PhaseBuild: // it goes on beside the staging of trees, so it counts with that
		label, name = string(apply.PhaseStage), name+" (virtualenv)"
	case apply.PhaseStage, apply.PhaseRegister, apply.PhaseUnregister:
	case apply.PhaseRecover:
		a.note("%s", e.Text)
		return
	default:
		return
	}
	if e.Done {
		progress.End(name, e.Err)
	} else {
		progress.Begin(label, name)
	}
}
