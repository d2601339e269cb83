package st2test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/packsync/packsync/internal/testenv"
)

// Start serves a double on the loopback address for the length of a test and
// returns it with its URL. Where the shared folder is present, a request that
// breaks StackStorm's API description fails the test.
func Start(t testing.TB, opts Options) (*Server, string) {
	t.Helper()
	if opts.Validator == nil {
		opts.Validator = sharedValidator(t)
	}
	s := New(opts)
	url, stop, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		for _, violation := range s.Violations() {
			t.Errorf("StackStorm's API description is broken by: %s", violation)
		}
	})
	return s, url
}

// validators keeps what was read for the tests of one process, by path: reading
// takes 50 ms, and half a second under the race detector.
var validators sync.Map

// sharedValidator reads the description from the shared folder; nil if that is
// absent, which skips this one check and not the test.
func sharedValidator(t testing.TB) *Validator {
	t.Helper()
	shared := os.Getenv("PACKSYNC_SHARED")
	if shared == "" {
		shared = filepath.Join(testenv.Root(t), "..", "shared")
	}
	path := filepath.Join(shared, "stackstorm", "openapi.yaml")
	if validator, known := validators.Load(path); known {
		return validator.(*Validator)
	}
	description, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Log("requests are not judged: the shared folder with StackStorm's API description is absent")
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	validator, err := NewValidator(description)
	if err != nil {
		t.Fatal(err)
	}
	validators.Store(path, validator)
	return validator
}
