package safefs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/safefs"
)

func TestWriteCache(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "file")
	for _, want := range []string{"one", "and another"} {
		if err := safefs.WriteCache(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("read %q, %v", got, err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left beside it: %v, %v", entries, err)
	}
}

func TestWriteCacheThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "taken", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := safefs.WriteCache(filepath.Join(dir, "taken"), []byte("x")); err == nil || !strings.Contains(err.Error(), "taken") {
		t.Errorf("a directory was replaced: %v", err)
	}
	if err := safefs.WriteCache(filepath.Join(dir, "taken", "x", "y", "..", "..", "..", "none\x00"), nil); err == nil {
		t.Error("an impossible name was written")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left beside it: %v, %v", entries, err)
	}
}
