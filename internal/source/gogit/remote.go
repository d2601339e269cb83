package gogit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/packsync/packsync/internal/credential"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/transport"
	"github.com/packsync/packsync/internal/tree"
)

// backend is where the objects of one repository are: behind a server, or in a
// directory.
type backend interface {
	advertised(ctx context.Context) (*advertised, error)
	// commitPack brings the objects of one commit. ref helps with
	// servers that give no bare commits. The error wraps errGone if the
	// repository does not have the commit.
	commitPack(ctx context.Context, commit plumbing.Hash, ref string) (*packed, error)
	// history gives access to all commits that branches and tags reach.
	history(ctx context.Context) (objects, error)
	// isLocal reports that no network is used.
	isLocal() bool
}

// errGone reports a commit that a repository does not have (any more).
var errGone = errors.New("neither its branches and tags nor the server itself lead to the commit")

// remote is one source. It implements source.Remote.
type remote struct {
	opener  *Opener
	src     pack.Source
	limits  Limits
	backend backend
	login   atomic.Pointer[credential.Login] // nil for none; only told apart in hints

	refsTurn chan struct{} // held while refs is asked for or read
	refs     *advertised   // remembered after the first success
}

// Refs implements source.Remote. A tag that points to something other than a
// commit is only recognised in file:// repositories: servers do not tell.
func (r *remote) Refs(ctx context.Context) (*source.Refs, error) {
	adv, err := r.advertised(ctx)
	if err != nil {
		return nil, err
	}
	return adv.public(), nil
}

// advertised asks for the refs, once.
func (r *remote) advertised(ctx context.Context) (*advertised, error) {
	select {
	case r.refsTurn <- struct{}{}:
		defer func() { <-r.refsTurn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if r.refs != nil {
		return r.refs, nil
	}
	if err := r.allowed("its branches and tags are not known"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	r.tell(Event{Phase: Asking})
	ctx, span := trace.Do(ctx, trace.Asking)
	defer span.End()
	err := transport.Retry(ctx, r.opener.opts.Clock, func(ctx context.Context) (err error) {
		r.refs, err = r.backend.advertised(ctx)
		return err
	})
	if err != nil {
		return nil, r.translate(err, "")
	}
	return r.refs, nil
}

// allowed returns an error if the network may not be used and would be needed.
func (r *remote) allowed(what string) error {
	if !r.opener.opts.Offline || r.backend.isLocal() {
		return nil
	}
	return &source.UnreachableError{
		Source: r.src,
		Hint:   "run once without --offline, so that the cache has it",
		Err:    fmt.Errorf("%s: %w", what, source.ErrOffline),
	}
}

func (r *remote) tell(e Event) {
	e.Source = r.src
	r.opener.opts.Progress(e)
}

// Fetch implements source.Remote. A commit in the cache costs no request, and is
// there even when the server is gone.
func (r *remote) Fetch(ctx context.Context, commit pack.Commit, ref string) (*source.Snapshot, error) {
	snapshot, _, err := r.bring(ctx, commit, ref)
	return snapshot, err
}

// FetchPack is Fetch on a git source that also returns the packfile that the
// commit came in, as it was checked.
func (o *Opener) FetchPack(ctx context.Context, src pack.Source, commit pack.Commit, ref string) (*source.Snapshot, []byte, error) {
	opened, err := o.Open(src)
	if err != nil {
		return nil, nil, err
	}
	r, ok := opened.(*remote)
	if !ok {
		return nil, nil, fmt.Errorf("open %s: it is not a git source", src)
	}
	snapshot, p, err := r.bring(ctx, commit, ref)
	if err != nil {
		return nil, nil, err
	}
	var file bytes.Buffer
	if _, err := p.data.WriteTo(&file); err != nil {
		return nil, nil, fmt.Errorf("fetch commit %s of %s: %w", commit, src, err)
	}
	return snapshot, file.Bytes(), nil
}

func (r *remote) bring(ctx context.Context, commit pack.Commit, ref string) (*source.Snapshot, *packed, error) {
	if _, err := pack.ParseCommit(string(commit)); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	end, err := r.opener.flights.begin(ctx, string(commit))
	if err != nil {
		return nil, nil, err
	}
	defer end()

	snapshot, p, cacheErr := r.fromCache(ctx, commit)
	if snapshot != nil || cacheErr != nil && !damaged(cacheErr) {
		return snapshot, p, cacheErr
	}
	if err := r.allowed(notCached(commit, cacheErr)); err != nil {
		return nil, nil, err
	}
	return r.fromBackend(ctx, commit, ref)
}

func notCached(commit pack.Commit, damage error) string {
	if damage != nil {
		return fmt.Sprintf("the copy of commit %s in the cache is damaged (%v)", commit, damage)
	}
	return fmt.Sprintf("commit %s is not in the cache", commit)
}

// damaged reports whether fetching again can mend err: the content of the cache
// is wrong, rather than refused or interrupted.
func damaged(err error) bool {
	var refused *tree.RefusedError
	var noSubdir *tree.NoSubdirError
	return !errors.As(err, &refused) && !errors.As(err, &noSubdir) &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// fromCache returns nil and no error if the commit is not in the cache.
func (r *remote) fromCache(ctx context.Context, commit pack.Commit) (*source.Snapshot, *packed, error) {
	data, err := r.opener.cache.read(commit, r.limits.PackBytes)
	if data == nil || err != nil {
		return nil, nil, err
	}
	ctx, span := trace.Do(ctx, trace.Decoding)
	defer span.End()
	p, err := decode(ctx, bytes.NewReader(data), r.limits)
	if err == nil {
		err = holds(p, commit)
	}
	if err != nil {
		return nil, nil, err
	}
	snapshot, err := r.snapshot(ctx, p, commit)
	if err == nil {
		r.tell(Event{Commit: commit, Phase: Cached, Bytes: int64(len(data))})
	}
	return snapshot, p, err
}

func (r *remote) fromBackend(ctx context.Context, commit pack.Commit, ref string) (*source.Snapshot, *packed, error) {
	r.tell(Event{Commit: commit, Phase: Asking})
	var p *packed
	err := transport.Retry(ctx, r.opener.opts.Clock, func(ctx context.Context) (err error) {
		if p, err = r.backend.commitPack(ctx, commitHash(commit), ref); err != nil {
			return err
		}
		return holds(p, commit)
	})
	switch {
	case errors.Is(err, errGone):
		return nil, nil, &source.CommitGoneError{Source: r.src, Commit: commit, Err: err}
	case err != nil:
		return nil, nil, r.translate(err, commit)
	}
	decoding, span := trace.Do(ctx, trace.Decoding)
	snapshot, err := r.snapshot(decoding, p, commit)
	span.End()
	if err != nil {
		return nil, nil, err
	}
	_, span = trace.Do(ctx, trace.CacheWrite)
	defer span.End()
	// Only what was read whole is kept. A cache that cannot be written is told,
	// not an error: the commit is here.
	done := Event{Commit: commit, Phase: Fetched, Bytes: p.data.size}
	if err := r.opener.cache.write(commit, p.data); err != nil {
		done.Phase, done.Err = Uncached, err
	}
	r.tell(done)
	return snapshot, p, nil
}

// holds makes sure that a packfile has the commit.
func holds(p *packed, commit pack.Commit) error {
	index, err := p.find(commitHash(commit))
	if err != nil {
		return fmt.Errorf("the packfile does not hold the commit: %w", err)
	}
	if kind := p.list[index].kind; kind != plumbing.CommitObject {
		return fmt.Errorf("%s is a %s, not a commit", commit, kind)
	}
	return nil
}

// snapshot reads, checks and filters the tree of a commit.
func (r *remote) snapshot(ctx context.Context, p *packed, commit pack.Commit) (*source.Snapshot, error) {
	info, err := readCommit(p, commitHash(commit))
	if err != nil {
		return nil, fmt.Errorf("read commit %s of %s: %w", commit, r.src, err)
	}
	root, err := subtree(p, info.tree, r.src.Subdir)
	if err != nil {
		return nil, fmt.Errorf("read commit %s of %s: %w", commit, r.src, err)
	}
	files, err := readTree(ctx, p, root, r.limits.Tree)
	if err == nil {
		err = tree.Check(files, r.limits.Tree)
	}
	if err != nil {
		return nil, fmt.Errorf("read commit %s of %s: %w", commit, r.src, err)
	}
	return &source.Snapshot{Commit: commit, Title: info.title, Tree: tree.Filter(files)}, nil
}
