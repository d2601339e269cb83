package apply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/state"
)

// Recovery is what Recover found and did.
type Recovery struct {
	Finished []pack.Ref // packs whose interrupted change was finished
	Notes    []string   // sentences for a person
}

// Recover finishes or discards what an interrupted apply left behind. Every
// mutating command calls it first, under the run lock. It is idempotent and may
// itself be interrupted. Registration is not its job: what is pending stands in
// the record, and the next plan shows it.
func (a *Applier) Recover(ctx context.Context) (*Recovery, error) {
	paths, err := Unfinished(a.Layout.Work)
	if err != nil {
		return nil, err
	}
	recovery := &Recovery{}
	for _, path := range paths {
		if err := a.rollForward(ctx, path, recovery); err != nil {
			return recovery, &UnfinishedError{Err: fmt.Errorf("finish the interrupted apply %s: %w", filepath.Base(path), err)}
		}
	}
	if err := a.cleanStages(); err != nil {
		return nil, err
	}
	if err := a.sweep(); err != nil {
		return nil, err
	}
	return recovery, nil
}

func (a *Applier) rollForward(ctx context.Context, path string, recovery *Recovery) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	in, err := parseIntent(data)
	if errors.Is(err, errDamagedIntent) || in == nil && isSyntax(err) {
		return a.setAside(path, recovery)
	}
	if err != nil {
		return err
	}
	base, err := a.Store.Read()
	if err != nil {
		return err
	}
	report := &Report{}
	if base.Serial == in.Serial { // else the record was committed, and only the end is missing
		a.tell(Event{Phase: PhaseRecover, Text: fmt.Sprintf("finishing an interrupted apply (%d steps)", len(in.Ops))})
		d, err := a.perform(ctx, in, report)
		if err != nil {
			return err
		}
		if base, err = a.commit(in, base, d); err != nil {
			return err
		}
		recovery.tell(in, d)
	}
	err = errors.Join(a.forgetTold(in, base), a.finish(ctx, in, report))
	recovery.Notes = append(recovery.Notes, report.Notes...)
	return err
}

// tell notes what became of each pack.
func (r *Recovery) tell(in *intent, d done) {
	seen := map[pack.Ref]bool{}
	for _, o := range in.Ops {
		if seen[o.Ref] {
			continue
		}
		seen[o.Ref] = true
		if err := d.failed[o.Ref]; err != nil {
			r.Notes = append(r.Notes, fmt.Sprintf("%s: the interrupted %s could not be finished: %v", o.Ref, o.Action, err))
		} else {
			r.Finished = append(r.Finished, o.Ref)
		}
	}
}

// setAside deals with an intent record that cannot be read: what it staged or
// displaced may be somebody's only copy, so it goes to pen/ instead of away.
func (a *Applier) setAside(path string, recovery *Recovery) error {
	works, err := a.existingWorks()
	if err != nil {
		return err
	}
	for _, work := range works {
		stage := filepath.Join(work, stageDir)
		if there, err := inodeIfThere(stage); err != nil {
			return err
		} else if there == 0 {
			continue
		}
		pen := filepath.Join(work, penDir, a.Now().UTC().Format("20060102T150405Z")+"-damaged-intent")
		if err := a.Disk.MkdirAll(filepath.Dir(pen), private); err != nil {
			return err
		}
		pen, err := free(pen)
		if err != nil {
			return err
		}
		if err := a.Disk.MoveNew(stage, pen); err != nil {
			return err
		}
		recovery.Notes = append(recovery.Notes, "the record of an interrupted apply is damaged; what it had staged or displaced is now at "+pen)
	}
	aside, err := free(path + ".damaged")
	if err != nil {
		return err
	}
	return a.Disk.MoveNew(path, aside)
}

func isSyntax(err error) bool { return err != nil && errors.Unwrap(err) != nil }

// cleanStages removes what interrupted applies staged and never announced.
func (a *Applier) cleanStages() error {
	works, err := a.existingWorks()
	if err != nil {
		return err
	}
	for _, work := range works {
		stage := filepath.Join(work, stageDir)
		if there, err := inodeIfThere(stage); err != nil {
			return fmt.Errorf("clean up after an interrupted apply: %w", err)
		} else if there == 0 {
			continue // a run with nothing to do takes no step at all
		}
		if err := a.Disk.RemoveAll(stage); err != nil {
			return fmt.Errorf("clean up after an interrupted apply: %w", err)
		}
	}
	return nil
}

// existingWorks lists the work folders that are there.
func (a *Applier) existingWorks() ([]string, error) {
	var out []string
	for _, work := range a.works() {
		there, err := inodeIfThere(work)
		if err != nil {
			return nil, fmt.Errorf("look for work folders: %w", err)
		}
		if there != 0 {
			out = append(out, work)
		}
	}
	return out, nil
}

func samePacks(a, b *state.Record) bool {
	return a.Name == b.Name && len(a.Packs) == len(b.Packs) && reflect.DeepEqual(a.Packs, b.Packs) && reflect.DeepEqual(a.Overrides, b.Overrides)
}
