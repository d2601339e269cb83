package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/packsync/packsync/internal/installed"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/tree"
)

// edits tells file by file what differs in an installed pack from what packsync
// installed. The tree that was installed comes from the cache, or from the
// directory source if that is still the same; without it the answer is nil, and
// the drift is only known as such.
func (p *Planned) edits(ctx context.Context, ref pack.Ref, recorded state.Pack, seen installed.Pack) []string {
	before, ok := p.installedTree(ctx, ref, recorded)
	if !ok {
		return nil
	}
	return editsOf(before, seen)
}

// editsOf compares an installed pack with a tree, file by file.
func editsOf(before tree.Manifest, seen installed.Pack) []string {
	var after tree.Manifest
	for _, f := range seen.Files() {
		kind := tree.Regular
		switch {
		case f.Mode.Type() != 0:
			kind = tree.Link
		case f.Mode&0o100 != 0:
			kind = tree.Executable
		}
		after.Files = append(after.Files, tree.FileSum{File: tree.File{Path: f.Path, Kind: kind, Size: f.Size}, Sum: f.Sum})
	}
	var out []string
	for _, d := range tree.Compare(before, after) {
		switch {
		case d.Before == nil:
			out = append(out, "added "+d.Path)
		case d.After == nil:
			out = append(out, "deleted "+d.Path)
		case d.Before.Sum != d.After.Sum:
			out = append(out, "changed "+d.Path)
		}
	}
	return out
}

func (p *Planned) installedTree(ctx context.Context, ref pack.Ref, recorded state.Pack) (tree.Manifest, bool) {
	for i := range p.desired {
		d := &p.desired[i]
		if d.pack.Ref == ref && d.pin.Tree != nil && d.side.Tree == recorded.Tree {
			m, err := tree.HashOf(d.pin.Tree)
			return m, err == nil
		}
	}
	t, err := p.cachedTree(ctx, ref, recorded)
	if err != nil {
		return tree.Manifest{}, false
	}
	m, err := tree.HashOf(t)
	return m, err == nil
}

// cachedTree brings the recorded tree of a pack out of the cache, without the
// network.
func (p *Planned) cachedTree(ctx context.Context, ref pack.Ref, recorded state.Pack) (tree.Tree, error) {
	if recorded.Commit == "" {
		return nil, errors.New("it came from a plain directory, and was not kept")
	}
	src, err := pack.ParseSource(recorded.Source)
	if err != nil {
		return nil, err
	}
	src.Subdir, src.Limits = recorded.Subdir, p.world.limitsOf(ref)
	remote, err := p.world.cached.Open(src)
	if err != nil {
		return nil, err
	}
	snapshot, err := remote.Fetch(ctx, recorded.Commit, "")
	if err != nil {
		return nil, err
	}
	t := tree.Filter(snapshot.Tree)
	if m, err := tree.HashOf(t); err != nil || m.Tree() != recorded.Tree {
		return nil, errors.Join(err, errors.New("the cache has other content"))
	}
	return t, nil
}

// withHint adds what to do to an error about a source, where that is known.
func withHint(err error) error {
	var unreachable *source.UnreachableError
	if errors.As(err, &unreachable) && unreachable.Hint != "" {
		return fmt.Errorf("%w\n  %s", err, unreachable.Hint)
	}
	return err
}
