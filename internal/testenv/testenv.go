// Package testenv tells tests what the machine offers. A test that needs a part
// which is absent skips with the reason; under PACKSYNC_TEST_ALL=1, as in CI, it
// fails instead, so that a skip cannot hide there.
//
// It is for tests only.
package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Need skips the test if one of the tools is neither on PATH nor an existing
// absolute path.
func Need(t testing.TB, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			Skip(t, "needs "+tool+", which is not installed")
		}
	}
}

// NeedRoot skips the test unless it runs as root.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		Skip(t, "needs root")
	}
}

// Skip skips the test with a reason, or fails it under PACKSYNC_TEST_ALL=1.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("PACKSYNC_TEST_ALL") == "1" {
		t.Fatalf("PACKSYNC_TEST_ALL=1 and this test would skip: %s", reason)
	}
	t.Skip(reason)
}

// Root returns the module's root directory: the nearest one upwards of the test
// with a go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("find the module root: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("find the module root: no go.mod upwards of the test")
		}
		dir = parent
	}
}

// Shared returns the folder of recordings, vectors and real packs, or skips the
// test: a clone without it must pass too, so this is the one skip that is never
// a failure.
func Shared(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("PACKSYNC_SHARED")
	if dir == "" {
		dir = filepath.Join(Root(t), "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "stackstorm")); err != nil {
		t.Skipf("needs the shared folder (%s)", dir)
	}
	return dir
}
