package virtualenv

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/testenv"
)

// An interpreter that only root reaches builds nothing, since pip runs as another
// user.
func TestUsableAsksAsTheBuildUser(t *testing.T) {
	testenv.NeedRoot(t) // only root runs pip as somebody else
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(dir, "python3.11")
	if err := os.WriteFile(python, []byte("#!/bin/sh\necho\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(python).CombinedOutput(); err != nil {
		t.Fatalf("the interpreter does not run as root: %v %s", err, out)
	}
	b := New(Options{Python: python})
	_, err := b.Usable(context.Background())
	if err == nil || !strings.Contains(err.Error(), "as the user "+DefaultBuildUser) {
		t.Errorf("the build user cannot reach the interpreter, and doctor says %v", err)
	}
}
