package gogit

import (
	"context"
	"errors"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/packsync/packsync/internal/pack"
)

// Reachable implements source.Remote. A commit that a branch or tag names costs
// the list of refs; any other the history.
func (r *remote) Reachable(ctx context.Context, commit pack.Commit, ref string) (bool, error) {
	if _, err := pack.ParseCommit(string(commit)); err != nil {
		return false, err
	}
	adv, err := r.advertised(ctx)
	if err != nil {
		return false, err
	}
	want := commitHash(commit)
	var tips []plumbing.Hash
	for name := range adv.own {
		if id, _ := adv.commit(name); ref == "" || name == ref {
			tips = append(tips, id)
		}
	}
	if ref == "" && !adv.headID.IsZero() {
		tips = append(tips, adv.headID) // a detached HEAD is a way to a commit too
	}
	q := &question{remote: r, adv: adv}
	for _, tip := range tips {
		if tip == want {
			return true, nil
		}
	}
	if len(tips) == 0 {
		return false, nil
	}
	past, err := q.history(ctx)
	if errors.Is(err, errUnknown) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	found, err := leadsTo(ctx, past, tips, want)
	if err != nil {
		return false, r.translate(err, commit)
	}
	return found, nil
}

// leadsTo walks the history from tips. Where a repository is itself shallow, its
// history ends there.
func leadsTo(ctx context.Context, past objects, tips []plumbing.Hash, want plumbing.Hash) (bool, error) {
	seen := map[plumbing.Hash]bool{}
	for len(tips) > 0 {
		at := tips[len(tips)-1]
		tips = tips[:len(tips)-1]
		if at == want {
			return true, nil
		}
		if seen[at] {
			continue
		}
		seen[at] = true
		info, err := readCommit(past, at)
		if errors.Is(err, errNoObject) {
			continue
		}
		if err != nil {
			return false, err
		}
		tips = append(tips, info.parents...)
		if err := ctx.Err(); err != nil {
			return false, context.Cause(ctx)
		}
	}
	return false, nil
}
