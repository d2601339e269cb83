package cli

import (
	"errors"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/state"
)

// The exit codes. They are a contract: configuration management reads them.
const (
	ExitOK      = 0 // done; with --detailed-exitcode: nothing to do
	ExitError   = 1 // error, nothing changed
	ExitChanges = 2 // with --detailed-exitcode: changes pending (plan) or made (apply); check, verify: something differs
	ExitBlocked = 3 // blocked before any change: drift, conflict, removal guard, digest
	ExitStale   = 4 // a saved plan, the lock or the root does not fit
	ExitLocked  = 5 // another run holds the lock
	ExitPartial = 6 // some packs failed, or registration is pending
)

// exitDocs is how help and documentation describe the exit codes.
var exitDocs = []struct {
	Code int
	Text string
}{
	{ExitOK, "done; with --detailed-exitcode: nothing to do"},
	{ExitError, "error, nothing changed: usage, declaration, fetch, integrity, damaged state"},
	{ExitChanges, "with --detailed-exitcode: changes are pending (plan) or were made (apply); check and verify: something differs"},
	{ExitBlocked, "blocked before any change: drift, a directory in the way, the removal guard, an unexpected digest"},
	{ExitStale, "stale: a saved plan or the lock does not fit (apply FILE, --locked, --frozen, lock --check), or another declaration's root"},
	{ExitLocked, "another run holds the lock"},
	{ExitPartial, "some packs failed, registration is pending, or recovery is needed"},
}

// exitOf maps an error to the exit code, in this one place.
func exitOf(err error) int {
	var (
		blocked *reconcile.BlockedError
		stale   *reconcile.StaleError
		locked  *state.LockedError
		partial *reconcile.PartialError
		halfway *apply.UnfinishedError
		refused *reconcile.RefusedError
		untold  *reconcile.NotRegisteredError
		exit    *exitError
	)
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &partial), errors.As(err, &halfway), errors.As(err, &untold), errors.As(err, &refused) && refused.Imported > 0:
		return ExitPartial
	case errors.As(err, &blocked):
		return ExitBlocked
	case errors.As(err, &stale):
		return ExitStale
	case errors.As(err, &locked):
		return ExitLocked
	}
	return ExitError
}

// exitError is an outcome that has an exit code but is no failure to report.
type exitError struct{ code int }

func (e *exitError) Error() string { return "" }
