package dir_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/source/dir"
	"github.com/packsync/packsync/internal/source/sourcetest"
	"github.com/packsync/packsync/internal/tree"
)

func TestConformance(t *testing.T) {
	sourcetest.Run(t, func(*testing.T, string) sourcetest.Subject {
		return sourcetest.Subject{
			Opener: dir.New(tree.Limits{}),
			Source: func(path string) pack.Source { return pack.Source{Kind: pack.SourceDir, URL: path} },
			Plain:  true,
		}
	})
}

func TestDirectoryHasNothingToSelect(t *testing.T) {
	r, err := dir.New(tree.Limits{}).Open(pack.Source{Kind: pack.SourceDir, URL: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Refs(t.Context()); !errors.Is(err, source.ErrNoRevisions) {
		t.Errorf("Refs: %v", err)
	}
	if _, err := r.Resolve(t.Context(), "main"); !errors.Is(err, source.ErrNoRevisions) {
		t.Errorf("Resolve: %v", err)
	}
	if _, err := r.Fetch(t.Context(), "0123456789012345678901234567890123456789", ""); !errors.Is(err, source.ErrNoRevisions) {
		t.Errorf("Fetch of a commit: %v", err)
	}
	if _, err := dir.New(tree.Limits{}).Open(pack.Source{Kind: pack.SourceGit, URL: "https://example.com/x"}); err == nil {
		t.Error("a git source was opened as a directory")
	}
}

func TestDeclaredLimits(t *testing.T) {
	path := t.TempDir()
	for _, name := range []string{"pack.yaml", "a", "b"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("12345"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for limits, ok := range map[pack.Limits]bool{
		{}: true, {Files: 3}: true, {Files: 2}: false, {Bytes: 15}: true, {Bytes: 14}: false, {Files: 3, Bytes: 4}: false,
	} {
		src := pack.Source{Kind: pack.SourceDir, URL: path, Limits: limits}
		r, err := dir.New(tree.Limits{}).Open(src)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Fetch(t.Context(), "", ""); (err == nil) != ok {
			t.Errorf("%+v: %v, want success %v", limits, err, ok)
		}
	}
}
