package dir_test

import (
	"errors"
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
