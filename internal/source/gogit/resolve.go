package gogit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/transport"
)

var (
	hexPattern = lazyregexp.New(`\A[0-9a-f]{4,40}\z`)
	// versionPattern is PACK_VERSION_REGEX (reference.md 1.3).
	versionPattern = lazyregexp.New(`\A(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)(?:-[0-9a-z-]+(?:\.[0-9a-z-]+)*)?(?:\+[0-9a-z-]+(?:\.[0-9a-z-]+)*)?\z`)
	stepPattern    = lazyregexp.New(`\A(?:\^\{(?:commit)?\}|([~^])([0-9]*))`)
)

// Resolve implements source.Remote: the order of st2's clone_repo (reference.md
// 3.4) without its crashes. The differences stand in TestResolveAsStackStorm.
//
// Only an abbreviated hash and a revision with a suffix (HEAD~1) need the
// history; everything else is one list of refs, or for a full hash the commit
// itself.
func (r *remote) Resolve(ctx context.Context, revision string) (source.Resolved, error) {
	adv, err := r.advertised(ctx)
	if err != nil {
		return source.Resolved{}, err
	}
	q := &question{remote: r, adv: adv}
	res, err := q.answer(ctx, revision)
	// st2 cuts its spec at each "=" and drops the third part and what follows.
	if short, _, found := strings.Cut(revision, "="); errors.Is(err, errUnknown) && found {
		res, err = q.answer(ctx, short)
	}
	if errors.Is(err, errUnknown) {
		return source.Resolved{}, &source.UnknownRevisionError{Source: r.src, Revision: revision, Known: adv.suggestions(revision)}
	}
	return res, err
}

// errUnknown reports a revision that means nothing.
var errUnknown = errors.New("unknown revision")

// question is one revision that is being resolved.
type question struct {
	remote *remote
	adv    *advertised
	past   objects // fetched once, when needed
}

func (q *question) answer(ctx context.Context, revision string) (source.Resolved, error) {
	if i := strings.IndexAny(revision, "~^"); i >= 0 {
		return q.withSteps(ctx, revision[:i], revision[i:])
	}
	// 1. Nothing, or the default branch.
	if revision == "" || branchPrefix+revision == q.adv.head {
		if q.adv.headID.IsZero() {
			return source.Resolved{}, errUnknown
		}
		return resolved(q.adv.head, q.adv.headID), nil
	}
	// 2. A branch, before a tag of the same name.
	if id, ok := q.adv.commit(branchPrefix + revision); ok {
		return resolved(branchPrefix+revision, id), nil
	}
	// 3. A hash, then the names that git tries.
	if hexPattern().MatchString(revision) {
		id, err := q.hash(ctx, revision)
		if err == nil {
			return resolved("", id), nil
		}
		if !errors.Is(err, errUnknown) {
			return source.Resolved{}, err
		}
	}
	for _, name := range []string{revision, "refs/" + revision, tagPrefix + revision, branchPrefix + revision,
		"refs/remotes/" + revision, "refs/remotes/" + revision + "/HEAD"} {
		if full, id, ok := q.adv.lookup(name); ok {
			return resolved(full, id), nil
		}
	}
	// 4. A version: the tag with a v before it.
	if versionPattern().MatchString(revision) {
		if id, ok := q.adv.commit(tagPrefix + "v" + revision); ok {
			return resolved(tagPrefix+"v"+revision, id), nil
		}
	}
	return source.Resolved{}, errUnknown
}

func resolved(ref string, id plumbing.Hash) source.Resolved {
	return source.Resolved{Ref: ref, Commit: pack.Commit(id.String())}
}

// lookup finds a name as it would exist in a clone of the repository, and
// returns the name that it has in the repository itself.
func (a *advertised) lookup(name string) (string, plumbing.Hash, bool) {
	if name == "HEAD" || name == "refs/remotes/origin/HEAD" {
		return a.head, a.headID, !a.headID.IsZero()
	}
	if branch, ok := strings.CutPrefix(name, "refs/remotes/origin/"); ok {
		name = branchPrefix + branch
	}
	id, ok := a.commit(name)
	return name, id, ok
}

// hash finds a commit by its full or abbreviated id.
func (q *question) hash(ctx context.Context, digits string) (plumbing.Hash, error) {
	if len(digits) == 40 {
		return q.fullHash(ctx, digits)
	}
	past, err := q.history(ctx)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	ids, err := past.withPrefix(digits)
	if err != nil {
		return plumbing.ZeroHash, q.remote.translate(err, "")
	}
	var commits []plumbing.Hash
	for _, id := range ids {
		// Trees and files do not count, as in git where a commit is wanted.
		if kind, _, err := past.size(id); err != nil {
			return plumbing.ZeroHash, q.remote.translate(err, "")
		} else if kind != plumbing.CommitObject && kind != plumbing.TagObject {
			continue
		}
		commit, kind, err := peel(past, id)
		if err != nil {
			return plumbing.ZeroHash, q.remote.translate(err, "")
		}
		if kind == plumbing.CommitObject && !slices.Contains(commits, commit) {
			commits = append(commits, commit)
		}
	}
	switch len(commits) {
	case 0:
		return plumbing.ZeroHash, errUnknown
	case 1:
		return commits[0], nil
	}
	return plumbing.ZeroHash, fmt.Errorf("%s: revision %q is the beginning of %d commits: write more of it", q.remote.src.URL, digits, len(commits))
}

// fullHash makes sure that the repository has the commit, by fetching it into
// the cache: it will be wanted there in a moment anyway.
func (q *question) fullHash(ctx context.Context, digits string) (plumbing.Hash, error) {
	id := plumbing.NewHash(digits)
	for name, own := range q.adv.own {
		if own == id {
			commit, _ := q.adv.commit(name)
			return commit, nil
		}
	}
	_, err := q.remote.Fetch(ctx, pack.Commit(digits), "")
	var gone *source.CommitGoneError
	if errors.As(err, &gone) {
		return id, errUnknown
	}
	return id, err
}

func (q *question) history(ctx context.Context) (objects, error) {
	if q.past != nil {
		return q.past, nil
	}
	if err := q.remote.allowed("its history is not known"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	q.remote.tell(Event{Phase: Asking})
	err := transport.Retry(ctx, q.remote.opener.opts.Clock, func(ctx context.Context) (err error) {
		q.past, err = q.remote.backend.history(ctx)
		return err
	})
	if errors.Is(err, errNoCommits) {
		return nil, errUnknown
	}
	if err != nil {
		q.past = nil
		return nil, q.remote.translate(err, "")
	}
	return q.past, nil
}

// withSteps resolves a name followed by steps: ~N, ^N, ^{commit}, ^{}.
func (q *question) withSteps(ctx context.Context, name, steps string) (source.Resolved, error) {
	if name == "" {
		return source.Resolved{}, errUnknown
	}
	start, err := q.answer(ctx, name)
	if err != nil {
		return source.Resolved{}, err
	}
	past, err := q.history(ctx)
	if err != nil {
		return source.Resolved{}, err
	}
	at := plumbing.NewHash(string(start.Commit))
	for steps != "" {
		m := stepPattern().FindStringSubmatch(steps)
		if m == nil {
			return source.Resolved{}, errUnknown
		}
		steps = steps[len(m[0]):]
		if m[1] == "" {
			continue // ^{} and ^{commit}: it is one already
		}
		count := 1
		if m[2] != "" {
			if count, err = strconv.Atoi(m[2]); err != nil {
				return source.Resolved{}, errUnknown
			}
		}
		if at, err = walk(ctx, past, at, m[1], count); err != nil {
			if errors.Is(err, errUnknown) {
				return source.Resolved{}, err
			}
			return source.Resolved{}, q.remote.translate(err, "")
		}
	}
	return resolved("", at), nil
}

// walk goes n first parents back (~), or to the nth parent (^).
func walk(ctx context.Context, past objects, at plumbing.Hash, step string, n int) (plumbing.Hash, error) {
	nth, times := 1, n
	if step == "^" {
		nth, times = n, min(n, 1) // ^0 is the commit itself
	}
	for range times {
		info, err := readCommit(past, at)
		if err != nil {
			return at, err
		}
		if nth > len(info.parents) {
			return at, errUnknown
		}
		at = info.parents[nth-1]
		if err := ctx.Err(); err != nil {
			return at, err
		}
	}
	return at, nil
}

// suggestions lists what could have been meant: names that differ by a "v", by
// case or by an end, then versions from the newest, then the other tags and the
// branches; not more than anybody reads.
func (a *advertised) suggestions(revision string) []string {
	const most = 50
	bare := func(name string) string { return strings.TrimPrefix(strings.ToLower(name), "v") }
	var similar, versions, tags, branches []string
	for full := range a.own {
		name, branch := strings.CutPrefix(full, branchPrefix)
		name = strings.TrimPrefix(name, tagPrefix)
		_, version := pack.ParseTagVersion(name)
		switch {
		case strings.HasPrefix(bare(name), bare(revision)) || strings.HasPrefix(bare(revision), bare(name)):
			similar = append(similar, name)
		case branch:
			branches = append(branches, name)
		case version:
			versions = append(versions, name)
		default:
			tags = append(tags, name)
		}
	}
	slices.Sort(similar)
	slices.Sort(tags)
	slices.Sort(branches)
	slices.SortFunc(versions, func(x, y string) int {
		versionX, _ := pack.ParseTagVersion(x)
		versionY, _ := pack.ParseTagVersion(y)
		return cmp.Or(versionY.Compare(versionX), cmp.Compare(x, y))
	})
	names := slices.Compact(slices.Concat(similar, versions, tags, branches))
	return names[:min(len(names), most)]
}
