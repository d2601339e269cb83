package st2

import (
	"context"
	"strconv"

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

func (none) Purge(_ context.Context, ref pack.Ref, _ []pack.Object) (Purged, error) {
	return Purged{}, cannot("purge", ref, "none")
}

func (none) Unload(_ context.Context, ref pack.Ref) error { return cannot("unload", ref, "none") }

func (none) RulesOn(ctx context.Context, _ pack.Ref) ([]Rule, error) { return nil, ctx.Err() }

// cannot refuses what only the API can do; the planner asks nobody else for it.
func cannot(verb string, ref pack.Ref, kind string) error {
	return &Error{Op: verb + " " + string(ref), Text: "registration " + strconv.Quote(kind) + " deletes nothing from StackStorm"}
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
