// Package st2 is the boundary to a StackStorm installation: it tells StackStorm
// to register or unregister packs, and reads back what it has. There are three implementations, api, command
// and none; the suite that all pass is st2/st2test, next to a test double of the
// server.
//
// It is not for deciding what to register (package plan) nor for files.
package st2

import (
	"context"
	"fmt"
	"time"

	"github.com/packsync/packsync/internal/pack"
)

// Client tells StackStorm about packs on disk. Calls are made one at a time, in
// the order given by the caller: concurrent registrations collide
// (server-behaviour.md 12). Every method returns when ctx is cancelled.
type Client interface {
	// Kind is "api", "command" or "none".
	Kind() string
	// Register makes StackStorm read one pack, or only the types named, from
	// disk. It retries what is known to pass (an outage, a collision). A success
	// means that what was due was counted; a zero where something was due is an
	// error. An execution that would undo the registration is waited for first, or
	// cancelled, or is an error. The none client does nothing and succeeds.
	Register(ctx context.Context, req Request) (Outcome, error)
	// Unregister makes StackStorm forget one pack; the files must still be there.
	// A pack that StackStorm does not know is a success. Where the client cannot
	// unregister (command, none), Outcome.Left says what stays registered.
	Unregister(ctx context.Context, ref pack.Ref) (Outcome, error)
	// Purge makes StackStorm lose these objects of a pack, and no others: those that
	// its present version does not have. Sensors cannot be deleted and are disabled;
	// trigger types that a rule uses stay. What is gone already counts as deleted.
	// The result is what was done so far, also beside an error. Clients that cannot
	// (command, none) refuse.
	Purge(ctx context.Context, ref pack.Ref, objects []pack.Object) (Purged, error)
	// Unload makes StackStorm forget all of a pack that stays, so that it can be
	// registered from nothing. After an error it may have been unloaded or not, and
	// has to be asked again. Clients that cannot (command, none) refuse.
	Unload(ctx context.Context, ref pack.Ref) error
	// RulesOn lists the rules of other packs on trigger types of this one: after an
	// unload their packs have to be registered again. Empty where the client cannot
	// know.
	RulesOn(ctx context.Context, ref pack.Ref) ([]Rule, error)
}

// Request names what to register.
type Request struct {
	Ref   pack.Ref
	Dir   string   // absolute directory of the pack, for the command client
	Types []string // registration types, e.g. "all" or "configs" (reference.md 2.5); never empty
	// Due are the types that the pack has content for, e.g. "actions", "configs":
	// a success that counts none of one of these is a failure. Empty checks nothing.
	Due []string
}

// Outcome is what StackStorm answered.
type Outcome struct {
	Counts map[string]int // by type, as the API counts; nil where the client cannot tell
	// Left are sentences for a person: what stays registered and how to remove it,
	// and what happened besides.
	Left []string
}

// Purged is what became of the objects of a purge.
type Purged struct {
	Deleted  []pack.Object // now, or already gone
	Disabled []pack.Object // sensors
	InUse    []InUse
}

// InUse is a trigger type that stays, and the rules that use it.
type InUse struct {
	Object pack.Object
	Rules  []string
}

// Rule is a rule in StackStorm.
type Rule struct {
	Ref  string
	Pack pack.Ref
	// Parameters tells that its trigger has some: after an unload of the trigger's
	// pack the rule is dead until its own pack is registered.
	Parameters bool
}

// Error is a refusal or failure of StackStorm, with what it said. Text never
// carries a credential.
type Error struct {
	Op     string // "register acme_tools"
	Status int    // HTTP status, or exit code of the command; 0 if there was no answer
	Text   string // faultstring, or the last lines of stderr
	Hint   string // what to do about it; "" if there is nothing to say
	// Unexplained tells that StackStorm hides the reason, which lies in the pack or
	// in its config.
	Unexplained bool
	Attempts    int
	Err         error
}

func (e *Error) Error() string {
	text := e.Text
	if text == "" && e.Err != nil {
		text = e.Err.Error()
	}
	if e.Status != 0 {
		text = fmt.Sprintf("StackStorm answered %d: %s", e.Status, text)
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return e.Op + ": " + text
}

func (e *Error) Unwrap() error { return e.Err }

// Clock is the time as the clients see it: tests replace it.
type Clock interface {
	Now() time.Time
	// Sleep waits for d or until ctx is done, whose error it then returns.
	Sleep(ctx context.Context, d time.Duration) error
}
