// Package dir gives access to plain directories as sources: copied as they are,
// with no revision to choose.
//
// It is not for git repositories, also not for those on this machine: a
// directory that happens to be a work tree is taken with its uncommitted files
// and without its history.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/tree"
)

// Opener opens plain directories. It implements source.Opener.
type Opener struct{ limits tree.Limits }

// New makes an Opener. The zero limits mean tree.DefaultLimits.
func New(limits tree.Limits) *Opener {
	if limits == (tree.Limits{}) {
		limits = tree.DefaultLimits()
	}
	return &Opener{limits: limits}
}

// Open implements source.Opener.
func (o *Opener) Open(src pack.Source) (source.Remote, error) {
	if src.Kind != pack.SourceDir {
		return nil, fmt.Errorf("open %s: it is not a directory source", src)
	}
	return &remote{src: src, limits: o.limits.For(src.Limits)}, nil
}

type remote struct {
	src    pack.Source
	limits tree.Limits
}

// Refs implements source.Remote; the error wraps source.ErrNoRevisions.
func (r *remote) Refs(context.Context) (*source.Refs, error) {
	return nil, fmt.Errorf("%s: %w", r.src.URL, source.ErrNoRevisions)
}

// Resolve implements source.Remote; the error wraps source.ErrNoRevisions.
func (r *remote) Resolve(context.Context, string) (source.Resolved, error) {
	return source.Resolved{}, fmt.Errorf("%s: %w", r.src.URL, source.ErrNoRevisions)
}

// Reachable implements source.Remote; the error wraps source.ErrNoRevisions.
func (r *remote) Reachable(context.Context, pack.Commit, string) (bool, error) {
	return false, fmt.Errorf("%s: %w", r.src.URL, source.ErrNoRevisions)
}

// Fetch implements source.Remote: it lists the directory as it is now. The
// commit must be empty. The content is read when it is asked for.
func (r *remote) Fetch(ctx context.Context, commit pack.Commit, _ string) (*source.Snapshot, error) {
	if commit != "" {
		return nil, fmt.Errorf("fetch commit %s of %s: %w", commit, r.src.URL, source.ErrNoRevisions)
	}
	all, err := tree.ReadDir(ctx, r.src.URL)
	var refused *tree.RefusedError
	switch {
	case err == nil:
	case errors.As(err, &refused), ctx.Err() != nil:
		return nil, fmt.Errorf("read %s: %w", r.src, err)
	default:
		hint := "check that it is a directory, and its permissions"
		if errors.Is(err, fs.ErrNotExist) {
			hint = "check the path"
		}
		return nil, &source.UnreachableError{Source: r.src, Hint: hint, Err: err}
	}
	files, err := tree.Sub(all, r.src.Subdir)
	if err == nil {
		err = tree.Check(files, r.limits)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", r.src, err)
	}
	return &source.Snapshot{Tree: files}, nil
}
