package reconcile

import "github.com/packsync/packsync/internal/plan"

// LockStaleError is the *StaleError of a lock that does not fit the declaration
// under Locked. It says what would change.
type LockStaleError struct {
	Changes []plan.LockChange
	stale   *StaleError
}

func (e *LockStaleError) Error() string { return e.stale.Error() }

func (e *LockStaleError) Unwrap() error { return e.stale }
