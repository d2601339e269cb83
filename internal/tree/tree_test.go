package tree_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/packsync/packsync/internal/tree"
)

func TestVector(t *testing.T) {
	tr := tree.Build(
		tree.Entry{Path: "pack.yaml", Content: "ref: p\n"},
		tree.Entry{Path: "link", Kind: tree.Link, Content: "pack.yaml"},
		tree.Entry{Path: "actions/run.sh", Kind: tree.Executable, Content: "#!/bin/sh\n"})
	m, err := tree.HashOf(tr)
	if err != nil {
		t.Fatal(err)
	}
	if m.Tree() != "t1:a6bb25dc7a05f2528017f6c4c6181a4467f41fcfa8807974111a823d0a525242" {
		t.Fatal(m.Tree())
	}
	if err := fstest.TestFS(tree.FS(tr), "pack.yaml", "link", "actions/run.sh"); err != nil {
		t.Fatal(err)
	}
	if err := tree.Check(tr, tree.DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w, err := tree.Write(context.Background(), dir, tr, tree.Profile{DirMode: 0o755, FileMode: 0o644, ExecMode: 0o755, UID: -1, GID: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Verify(context.Background(), dir, w); err != nil {
		t.Fatal(err)
	}
	back, err := tree.ReadDir(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	m2, err := tree.HashOf(back)
	if err != nil {
		t.Fatal(err)
	}
	if m2.Tree() != m.Tree() {
		t.Fatal("differ")
	}
}
