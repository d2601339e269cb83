package st2

import (
	"context"

	"github.com/packsync/packsync/internal/pack"
)

// None returns the client for hosts where nobody tells StackStorm: Register does
// nothing and succeeds, Unregister says what a person may have to do.
func None() Client { return none{} }

type none struct{}

func (none) Kind() string { return "none" }

func (none) Register(ctx context.Context, _ Request) (Outcome, error) {
	return Outcome{}, ctx.Err()
}

func (none) Unregister(ctx context.Context, ref pack.Ref) (Outcome, error) {
	if err := refuseSystem(ref); err != nil {
		return Outcome{}, err
	}
	return Outcome{Left: everythingLeft(ref)}, ctx.Err()
}

// everythingLeft is what stays where a client cannot unregister.
func everythingLeft(ref pack.Ref) []string {
	return []string{"pack " + string(ref) + " stays registered in StackStorm, if it was: its actions, rules, sensors, triggers, " +
		"aliases, policies and config (remove them with: " + unloadCommand(ref) + ")"}
}

func unloadCommand(ref pack.Ref) string { return "st2 run packs.unload packs=" + string(ref) }

// refuseSystem keeps the packs that come with StackStorm from being unregistered.
func refuseSystem(ref pack.Ref) error {
	if !ref.IsSystem() {
		return nil
	}
	return &Error{Op: "unregister " + string(ref), Text: "this pack comes with StackStorm and is never unregistered"}
}
