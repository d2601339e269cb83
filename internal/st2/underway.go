package st2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/packsync/packsync/internal/pack"
)

// uninstallAction takes a pack away altogether: its rows, then its files.
const uninstallAction = "packs.uninstall"

// pickUpTime is how long a working engine may take to begin an execution.
const pickUpTime = 15 * time.Second

// names are the packs that an execution is for. What else a parameter may hold,
// an expression for one, names none.
type names []string

// UnmarshalJSON takes what is no list of texts for an empty one.
func (n *names) UnmarshalJSON(data []byte) error {
	var list []string
	if json.Unmarshal(data, &list) == nil {
		*n = list
	}
	return nil
}

// settled is what became of the executions that would take away a registration.
type settled struct {
	unloaded bool     // one of them took effect just now
	notes    []string // sentences for a person
}

// settle looks for executions that are about to make StackStorm forget the pack.
// One that waits for an engine is carried out whenever that comes back, also
// after a registration (server-behaviour.md, Purge 23): the pack would be gone
// again, and nobody would be told. So one that is under way is waited for. One
// that no engine takes up is cancelled if it is for this pack alone, since the
// pack is to be there; any other is for a person to decide.
func (a *api) settle(ctx context.Context, op string, ref pack.Ref) (settled, error) {
	var s settled
	for _, action := range []string{unloadAction, uninstallAction} {
		var recent []execution // newest first
		err := a.get(ctx, op, "/executions?limit=100&action="+action, &recent)
		var e *Error
		if errors.As(err, &e) && e.Status == http.StatusForbidden {
			// A key that may only register packs is worth having.
			s.notes = append(s.notes, "nobody looked for a waiting "+unloadAction+", which would undo what is registered: the credential in registration \"api\" may not list executions")
			return s, nil
		}
		if err != nil {
			return s, err
		}
		for _, run := range recent {
			if run.final() || !slices.Contains(run.Parameters.Packs, string(ref)) {
				continue
			}
			if err := a.settleOne(ctx, op, ref, action, run, &s); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

func (a *api) settleOne(ctx context.Context, op string, ref pack.Ref, action string, run execution, s *settled) error {
	run, err := a.await(ctx, op, run, pickUpTime)
	if err != nil {
		return err
	}
	if !run.final() && run.Status == "running" {
		if run, err = a.await(ctx, op, run, a.UnloadTimeout); err != nil {
			return err
		}
	}
	switch {
	case run.Status == "succeeded":
		s.unloaded = true
		s.notes = append(s.notes, fmt.Sprintf("%s of %s (execution %s) was under way and took effect: everything in the pack is registered again", action, ref, run.ID))
		return nil
	case run.final():
		return nil
	case action == unloadAction && slices.Equal(run.Parameters.Packs, []string{string(ref)}):
		if run, err = a.cancel(ctx, op, run); err != nil {
			return err
		}
		if run.Status == "succeeded" {
			s.unloaded = true
			return nil
		}
		s.notes = append(s.notes, fmt.Sprintf("a waiting %s of %s (execution %s) was cancelled: no engine had taken it up, and it would have undone this registration when one comes back", action, ref, run.ID))
		return nil
	}
	return &Error{
		Op:   op,
		Text: fmt.Sprintf("%s is waiting for it (execution %s, status %s): StackStorm would forget the pack again as soon as its engine takes that up", action, run.ID, run.Status),
		Hint: fmt.Sprintf("if the pack is to stay, cancel that (st2 execution cancel %s) and try again; if it is to go, take it out of packs.hcl", run.ID),
	}
}
