package cli

import (
	"errors"
	"fmt"
	"testing"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/state"
)

// TestExitCodes holds the mapping from errors to exit codes, which configuration
// management relies on, wrapped errors included.
func TestExitCodes(t *testing.T) {
	cases := []struct {
		err  error
		want int
	}{
		{nil, ExitOK},
		{errors.New("anything"), ExitError},
		{&reconcile.DeclarationError{}, ExitError},
		{&state.DamagedError{}, ExitError},
		{source.ErrOffline, ExitError},
		{usageError{errors.New("unknown flag")}, ExitError},
		{&reconcile.BlockedError{}, ExitBlocked},
		{&reconcile.StaleError{}, ExitStale},
		{&state.LockedError{}, ExitLocked},
		{&reconcile.PartialError{}, ExitPartial},
		{&apply.UnfinishedError{Err: errors.New("disk full")}, ExitPartial},
	}
	for _, c := range cases {
		if got := exitOf(c.err); got != c.want {
			t.Errorf("%T: exit %d, want %d", c.err, got, c.want)
		}
		if c.err == nil {
			continue
		}
		if got := exitOf(fmt.Errorf("in the middle of it: %w", c.err)); got != c.want {
			t.Errorf("%T wrapped: exit %d, want %d", c.err, got, c.want)
		}
	}
}

// TestEveryExitCodeIsDocumented: help and docs/cli.md are made from exitDocs.
func TestEveryExitCodeIsDocumented(t *testing.T) {
	for code := ExitOK; code <= ExitPartial; code++ {
		found := 0
		for _, d := range exitDocs {
			if d.Code == code && d.Text != "" {
				found++
			}
		}
		if found != 1 {
			t.Errorf("exit code %d is documented %d times", code, found)
		}
	}
}

// TestWantsJSON: a usage error is found before flags are parsed, and stdout is one
// document all the same.
func TestWantsJSON(t *testing.T) {
	cases := map[string]struct {
		args []string
		want bool
	}{
		"flag":        {[]string{"plan", "--nonsense", "--json"}, true},
		"with value":  {[]string{"--json=true", "nonsense"}, true},
		"not there":   {[]string{"plan", "--nonsense"}, false},
		"after a --":  {[]string{"fmt", "--", "--json"}, false},
		"turned off":  {[]string{"plan", "--json=false"}, false},
		"no argument": {nil, false},
	}
	for name, c := range cases {
		if got := wantsJSON(c.args); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
