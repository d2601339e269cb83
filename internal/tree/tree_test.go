package tree_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/tree"
)

// designTree is the tree of the vector in design.md 4.
func designTree() tree.Tree {
	return tree.Build(
		tree.Entry{Path: "pack.yaml", Content: "ref: p\n"},
		tree.Entry{Path: "link", Kind: tree.Link, Content: "pack.yaml"},
		tree.Entry{Path: "actions/run.sh", Kind: tree.Executable, Content: "#!/bin/sh\n"},
	)
}

func manifest(t *testing.T, tr tree.Tree) tree.Manifest {
	t.Helper()
	m, err := tree.HashOf(tr)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func paths(tr tree.Tree) []string {
	var out []string
	for _, f := range tr.Files() {
		out = append(out, f.Path)
	}
	return out
}

func TestTreeHashVector(t *testing.T) {
	const want pack.TreeHash = "t1:a6bb25dc7a05f2528017f6c4c6181a4467f41fcfa8807974111a823d0a525242"
	m := manifest(t, designTree())
	if got := m.Tree(); got != want {
		t.Errorf("tree hash %s, the design says %s", got, want)
	}
	m.Files[0], m.Files[2] = m.Files[2], m.Files[0]
	if got := m.Tree(); got != want {
		t.Errorf("tree hash depends on the order of the files: %s", got)
	}
}

func TestContentFoldsExecBits(t *testing.T) {
	plain := tree.Build(tree.Entry{Path: "a", Content: "x"})
	exec := tree.Build(tree.Entry{Path: "a", Kind: tree.Executable, Content: "x"})
	link := tree.Build(tree.Entry{Path: "a", Kind: tree.Link, Content: "x"})
	if manifest(t, plain).Tree() == manifest(t, exec).Tree() {
		t.Error("the tree hash does not see the exec bit")
	}
	if manifest(t, plain).Tree() != manifest(t, exec).Content() {
		t.Error("content is not the tree hash with x written as f")
	}
	if manifest(t, plain).Content() == manifest(t, link).Content() {
		t.Error("content takes a link for a file")
	}
	if manifest(t, exec).Content() == manifest(t, exec).Tree() {
		t.Error("asking for the content changed the manifest, or the fold is missing")
	}
}

func TestHashOfRefusesWhatT1CannotSay(t *testing.T) {
	for name, tr := range map[string]tree.Tree{
		"NUL in a path":       tree.Memory(map[string]string{"a\x00b": ""}),
		"unknown kind":        tree.Build(tree.Entry{Path: "a", Kind: 'd'}),
		"size not as content": &rawTree{files: []tree.File{{Path: "a", Kind: tree.Regular, Size: 3}}, content: []string{"four"}},
	} {
		if _, err := tree.HashOf(tr); err == nil {
			t.Errorf("%s: hashed", name)
		}
	}
}

func TestFilter(t *testing.T) {
	all := tree.Memory(map[string]string{
		"pack.yaml": "", ".git/config": "", "lib/.git": "", "lib/a.py": "", "lib/a.pyc": "", ".gitignore": "",
		"lib/__pycache__/a.cpython-311.pyc": "", "lib/__pycache__/sub/x": "", "__pycache__": "", "x.pyc/file": "", "a.pyco": "",
	})
	got := tree.Filter(all)
	if diff := cmp.Diff([]string{".gitignore", "__pycache__", "a.pyco", "lib/a.py", "pack.yaml", "x.pyc/file"}, paths(got)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	want := tree.Dropped{Bytecode: []string{"lib/__pycache__", "lib/a.pyc"}, Git: []string{".git", "lib/.git"}}
	if diff := cmp.Diff(want, tree.DroppedFrom(got)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	sub, err := tree.Sub(got, "lib")
	if err != nil {
		t.Fatal(err)
	}
	want = tree.Dropped{Bytecode: []string{"__pycache__", "a.pyc"}, Git: []string{".git"}}
	if diff := cmp.Diff(want, tree.DroppedFrom(sub)); diff != "" {
		t.Errorf("dropped from lib (-want +got):\n%s", diff)
	}
	if again := tree.Filter(got); again != got {
		t.Error("a tree without anything to drop was copied")
	}
	for _, f := range all.Files() {
		if kept := strings.Contains(strings.Join(paths(got), "\n"), f.Path); kept == tree.Ignored(f.Path) {
			t.Errorf("Ignored(%q) = %v, but Filter says otherwise", f.Path, tree.Ignored(f.Path))
		}
	}
}

func TestSub(t *testing.T) {
	tr := tree.Memory(map[string]string{"one/pack.yaml": "1", "one/actions/a.yaml": "a", "two/pack.yaml": "2", "docs/x": "", "one.txt": ""})
	sub, err := tree.Sub(tr, "one")
	if err != nil {
		t.Fatal(err)
	}
	want := manifest(t, tree.Memory(map[string]string{"pack.yaml": "1", "actions/a.yaml": "a"}))
	if got := manifest(t, sub); got.Tree() != want.Tree() {
		t.Errorf("one holds %v", got.Files)
	}
	if same, err := tree.Sub(tr, ""); err != nil || same != tr {
		t.Errorf("the root of the tree: %v", err)
	}
	_, err = tree.Sub(tr, "tow")
	var missing *tree.NoSubdirError
	if !errors.As(err, &missing) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff([]string{"one", "two"}, missing.Packs); diff != "" {
		t.Errorf("packs to offer (-want +got):\n%s", diff)
	}
	if want := `the source has no directory "tow"; these hold a pack.yaml: "one", "two"`; err.Error() != want {
		t.Errorf("message %q\nwant    %q", err, want)
	}
	if _, err := tree.Sub(tr, "one/pack.yaml"); !errors.As(err, &missing) {
		t.Errorf("a file as sub-directory: %v", err)
	}
}

func TestFS(t *testing.T) {
	tr := tree.Build(
		tree.Entry{Path: "pack.yaml", Content: "ref: p\n"},
		tree.Entry{Path: "a-b", Content: "sorts between a and a/"},
		tree.Entry{Path: "a/b/c.txt", Content: "deep"},
		tree.Entry{Path: "a/run", Kind: tree.Executable, Content: "#!/bin/sh\n"},
		tree.Entry{Path: "link", Kind: tree.Link, Content: "a/b/c.txt"},
		tree.Entry{Path: "dirlink", Kind: tree.Link, Content: "a/b"},
		tree.Entry{Path: "x/up", Kind: tree.Link, Content: "../dirlink/c.txt"},
	)
	fsys := tree.FS(tr)
	if err := fstest.TestFS(fsys, "pack.yaml", "a-b", "a/b/c.txt", "a/run", "link", "dirlink", "x/up"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"link": "deep", "dirlink/c.txt": "deep", "x/up": "deep", "a/run": "#!/bin/sh\n"} {
		if got, err := fs.ReadFile(fsys, path); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", path, got, err)
		}
	}
	if target, err := fs.ReadLink(fsys, "dirlink"); err != nil || target != "a/b" {
		t.Errorf("dirlink leads to %q, %v", target, err)
	}
	if entries, err := fs.ReadDir(fsys, "dirlink"); err != nil || len(entries) != 1 || entries[0].Name() != "c.txt" {
		t.Errorf("dirlink lists %v, %v", entries, err)
	}
	if i, err := fs.Stat(fsys, "a/run"); err != nil || i.Mode() != 0o755 || i.Size() != 10 {
		t.Errorf("a/run: %v, %v", i, err)
	}
}

func TestFSRefusesPathsThatLeadNowhere(t *testing.T) {
	fsys := tree.FS(tree.Build(
		tree.Entry{Path: "f", Content: ""},
		tree.Entry{Path: "etc/passwd", Content: "of the pack"},
		tree.Entry{Path: "out", Kind: tree.Link, Content: "../etc"},
		tree.Entry{Path: "abs", Kind: tree.Link, Content: "/etc/passwd"},
		tree.Entry{Path: "loop", Kind: tree.Link, Content: "loop"},
		tree.Entry{Path: "dangling", Kind: tree.Link, Content: "nothing"},
	))
	for _, path := range []string{"missing", "f/x", "out", "abs", "loop", "dangling", "out/passwd"} {
		if _, err := fs.ReadFile(fsys, path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want fs.ErrNotExist", path, err)
		}
	}
	for _, path := range []string{"../f", "/f", "", "./f"} {
		if _, err := fsys.Open(path); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v, want fs.ErrInvalid", path, err)
		}
	}
}
