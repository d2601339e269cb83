package tree_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/tree"
)

// layOut writes files by ordinary means; a name that ends in / is an empty
// directory.
func layOut(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = os.WriteFile(path, []byte(name), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReadDir(t *testing.T) {
	dir := layOut(t, "pack.yaml", "a-b", "a/b", "a/c.pyc", "a/__pycache__/c.pyc", ".git/config", "sub/.git", "empty/", "run")
	if err := os.Chmod(filepath.Join(dir, "run"), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a/b", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	got, err := tree.ReadDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	want := tree.Build(
		tree.Entry{Path: "pack.yaml", Content: "pack.yaml"}, tree.Entry{Path: "a-b", Content: "a-b"}, tree.Entry{Path: "a/b", Content: "a/b"},
		tree.Entry{Path: "run", Kind: tree.Executable, Content: "run"}, tree.Entry{Path: "link", Kind: tree.Link, Content: "a/b"})
	if diff := cmp.Diff(manifest(t, want), manifest(t, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	dropped := tree.Dropped{Bytecode: []string{"a/__pycache__", "a/c.pyc"}, Git: []string{".git", "sub/.git"}}
	if diff := cmp.Diff(dropped, tree.DroppedFrom(got)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
}

func TestReadDirFollowsOnlyItsOwnName(t *testing.T) {
	outside := layOut(t, "secret")
	dir := layOut(t, "real/pack.yaml")
	if err := os.Symlink(outside, filepath.Join(dir, "real/out")); err != nil {
		t.Fatal(err)
	}
	named := filepath.Join(dir, "named")
	if err := os.Symlink("real", named); err != nil {
		t.Fatal(err)
	}
	got, err := tree.ReadDir(t.Context(), named)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"out", "pack.yaml"}, paths(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadDirRefusesWhatIsNoFile(t *testing.T) {
	dir := layOut(t, "pack.yaml")
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := tree.ReadDir(t.Context(), dir)
	var refused *tree.RefusedError
	if !errors.As(err, &refused) || refused.Path != "pipe" || refused.Rule != tree.RuleMode {
		t.Errorf("got %v", err)
	}
}

func TestReadDirNeverTakesUnreadableForEmpty(t *testing.T) {
	dir := layOut(t, "pack.yaml", "actions/a.yaml")
	if _, err := tree.ReadDir(t.Context(), dir+"x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	if _, err := tree.ReadDir(t.Context(), dir+"/pack.yaml"); err == nil {
		t.Error("a file was listed as a directory")
	}
	dir = publicDir(t)
	if err := os.MkdirAll(dir+"/actions", 0); err != nil {
		t.Fatal(err)
	}
	asNobody(t)
	if _, err := tree.ReadDir(t.Context(), dir); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), dir+"/actions") {
		t.Errorf("unreadable directory: %v", err)
	}
}

func TestContentThatChangedSinceTheListing(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"longer":   func(path string) error { return os.WriteFile(path, []byte("longer than before"), 0o644) },
		"shorter":  func(path string) error { return os.Truncate(path, 1) },
		"removed":  os.Remove,
		"a link":   func(path string) error { return errors.Join(os.Remove(path), os.Symlink("b", path)) },
		"a pipe":   func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o644)) },
		"a folder": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) },
	} {
		dir := layOut(t, "d/a", "d/b")
		got, err := tree.ReadDir(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "d/a")
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		if _, err := got.Content(0); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want an error with the path", name, err)
		}
	}
}

func TestContentThroughADirectoryThatBecameALink(t *testing.T) {
	outside := layOut(t, "a")
	dir := layOut(t, "d/a")
	got, err := tree.ReadDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(dir+"/d"), os.Symlink(outside, dir+"/d")); err != nil {
		t.Fatal(err)
	}
	if content, err := got.Content(0); err == nil {
		t.Errorf("read %q through a link", content)
	}
}
