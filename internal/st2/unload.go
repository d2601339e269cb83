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

// unloadAction is the only supported way to make StackStorm forget a pack as a
// whole (reference.md 4.4).
const unloadAction = "packs.unload"

// cancelTimeout is how long a cancelled execution may take to end.
const cancelTimeout = 30 * time.Second

// execution is what is read of a StackStorm execution.
type execution struct {
	ID         string `json:"id"`
	Status     string `json:"status"`
	Parameters struct {
		Packs names `json:"packs"`
	} `json:"parameters"`
}

func (e execution) final() bool {
	return slices.Contains([]string{"succeeded", "failed", "timeout", "canceled", "abandoned"}, e.Status)
}

// Unregister runs the action packs.unload and waits for it. Where the engine
// does not do it, the pack's objects are deleted one by one, and Outcome.Left
// names what the API cannot delete.
func (a *api) Unregister(ctx context.Context, ref pack.Ref) (Outcome, error) {
	op := "unregister " + string(ref)
	whyNot, err := a.unload(ctx, op, ref)
	if err != nil || whyNot == "" {
		return Outcome{}, err
	}
	return a.unregisterByObject(ctx, op, ref)
}

// Unload does not fall back on deleting objects: it is for clearing a pack that
// stays, and that would only be half of it.
func (a *api) Unload(ctx context.Context, ref pack.Ref) error {
	op := "unload " + string(ref)
	whyNot, err := a.unload(ctx, op, ref)
	if err == nil && whyNot != "" {
		err = &Error{Op: op, Text: whyNot, Hint: "nothing was unloaded: mend that and apply again, or let purge = true delete one by one what can be deleted so"}
	}
	return err
}

// unload runs packs.unload and waits for it. whyNot says why StackStorm did not
// carry it out, "" if it did; it never will then.
func (a *api) unload(ctx context.Context, op string, ref pack.Ref) (whyNot string, err error) {
	if err := refuseSystem(ref); err != nil {
		return "", err
	}
	if known, err := a.knows(ctx, op, ref); err != nil || !known {
		return "", err
	}
	run, err := a.startUnload(ctx, op, ref)
	if err != nil {
		var e *Error
		if errors.As(err, &e) && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound) {
			return "the action " + unloadAction + " cannot be run: " + e.Text, nil // there is no such action, or it is disabled
		}
		return "", err
	}
	run, err = a.await(ctx, op, run, a.UnloadTimeout)
	if err != nil {
		return "", err
	}
	if !run.final() {
		if run, err = a.cancel(ctx, op, run); err != nil {
			return "", err
		}
	}
	switch run.Status {
	case "succeeded":
	case "canceled":
		return fmt.Sprintf("nobody carried out the action %s within %v, so it was cancelled (execution %s): does StackStorm's workflow engine run?", unloadAction, a.UnloadTimeout, run.ID), nil
	default:
		return fmt.Sprintf("the action %s ended as %s (st2 execution get %s)", unloadAction, run.Status, run.ID), nil
	}
	known, err := a.knows(ctx, op, ref)
	if err == nil && known {
		err = &Error{Op: op, Text: unloadAction + " succeeded (execution " + run.ID + "), but StackStorm still knows the pack",
			Hint: "something registered it again at the same time (st2ctl reload, another packsync): find and stop that, then apply again"}
	}
	return "", err
}

// startUnload finds a waiting packs.unload of this pack or asks for a new one. A
// waiting one is left by a run that was interrupted, or by a request whose
// answer was lost; StackStorm would carry it out whenever its engine comes back,
// so it must not be forgotten (server-behaviour.md, Purge 23).
func (a *api) startUnload(ctx context.Context, op string, ref pack.Ref) (run execution, err error) {
	body := map[string]any{"action": unloadAction, "parameters": map[string]any{"packs": []string{string(ref)}}}
	err = retry(ctx, a.Clock, func() (bool, error) {
		var recent []execution // newest first
		if err := a.get(ctx, op, "/executions?limit=20&action="+unloadAction, &recent); err != nil {
			return false, err
		}
		for _, e := range recent {
			if !e.final() && slices.Equal(e.Parameters.Packs, []string{string(ref)}) {
				run = e
				return false, nil
			}
		}
		ans, mayPass, err := a.send(ctx, call{op, http.MethodPost, "/executions", body})
		if err != nil {
			return mayPass, err
		}
		run, err = a.readExecution(op, ans)
		return false, err
	})
	return run, err
}

func (a *api) readExecution(op string, ans answer) (run execution, err error) {
	if err := json.Unmarshal(ans.body, &run); err != nil || run.ID == "" {
		return execution{}, &Error{Op: op, Status: ans.status, Text: "the answer is no execution: " + a.firstWords(ans.body), Hint: urlHint, Err: err}
	}
	return run, nil
}

// await polls an execution until it is final or the time is up, and returns how
// it stands then.
func (a *api) await(ctx context.Context, op string, run execution, timeout time.Duration) (execution, error) {
	deadline := a.Clock.Now().Add(timeout)
	pause := 250 * time.Millisecond
	for !run.final() && a.Clock.Now().Before(deadline) {
		if err := a.Clock.Sleep(ctx, pause); err != nil {
			return run, fmt.Errorf("%s: execution %s goes on without us: %w", op, run.ID, err)
		}
		pause = min(2*pause, 5*time.Second)
		if err := a.get(ctx, op, "/executions/"+run.ID, &run); err != nil {
			return run, err
		}
	}
	return run, nil
}

// cancel takes back a packs.unload that nobody carries out: left alone, it would
// unload the pack at any later time. The answer to a cancel that came too late is
// 200 with a faultstring, so the execution is read again.
func (a *api) cancel(ctx context.Context, op string, run execution) (execution, error) {
	err := retry(ctx, a.Clock, func() (bool, error) {
		_, mayPass, err := a.send(ctx, call{op: op, method: http.MethodDelete, path: "/executions/" + run.ID})
		return mayPass, err
	})
	if err == nil {
		if err = a.get(ctx, op, "/executions/"+run.ID, &run); err == nil {
			run, err = a.await(ctx, op, run, cancelTimeout)
		}
	}
	if err == nil && !run.final() {
		err = &Error{Op: op, Text: fmt.Sprintf("execution %s of %s neither ends nor can be cancelled (status %s)", run.ID, unloadAction, run.Status)}
	}
	var e *Error
	if errors.As(err, &e) {
		e.Hint = fmt.Sprintf("cancel it by hand (st2 execution cancel %s), or StackStorm will unload the pack when its engine comes back; then apply again", run.ID)
	}
	return run, err
}
