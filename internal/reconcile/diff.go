package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/review"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/tree"
)

// Diffed is what differs between two versions of a declaration and its lock.
type Diffed struct {
	Declaration `json:"-"`
	Base        string            `json:"base"`   // what was compared with, for people
	Digest      string            `json:"digest"` // the desired digest of what is in the working tree
	Packs       []DiffedPack      `json:"packs"`  // those that differ, sorted by ref
	Unchanged   int               `json:"unchanged"`
	Settings    []string          `json:"settings"` // what differs outside of packs: "stackstorm: keep"
	LockChanges []plan.LockChange `json:"lock_changes"`
	Findings    []finding         `json:"findings"` // about no pack that differs
}

// DiffedPack is one pack that differs.
type DiffedPack struct {
	Ref      ref         `json:"ref"`
	Action   plan.Action `json:"action"` // install, update, configure or remove
	Before   *Pinned     `json:"before"` // nil: not there before
	After    *Pinned     `json:"after"`  // nil: not there any more
	Alarms   []string    `json:"alarms"` // what must not be overlooked: another source, a tag that was moved
	Declared []string    `json:"declared"`
	Config   []string    `json:"config_keys"` // that change, without values
	Findings []finding   `json:"findings"`
}

// Pinned is what a lock says of a pack.
type Pinned struct {
	Source  string        `json:"source"`
	Subdir  string        `json:"subdir,omitempty"`
	Ref     string        `json:"ref,omitempty"` // full name of the tag or branch
	Commit  pack.Commit   `json:"commit,omitempty"`
	Tree    pack.TreeHash `json:"tree,omitempty"`
	Version string        `json:"version,omitempty"`
	Title   string        `json:"title,omitempty"`
	Direct  bool          `json:"direct"` // declared, not only required by another pack
}

// Diff compares the declaration and lock in the working tree with those at base: a
// revision of the repository around the declaration, or an absolute directory. It asks
// nothing of a host and needs no secret; commits that are not cached are fetched.
// With opts.FailOn the result comes with a *BlockedError.
func Diff(ctx context.Context, opts Options, cb Callbacks, base string) (*Diffed, error) {
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	w, err := open(opts, cb, decl)
	if err != nil {
		return nil, err
	}
	before, err := w.baseSide(ctx, base)
	if err != nil {
		return nil, err
	}
	p := &Planned{Declaration: decl, Record: &state.Record{}, world: w, key: state.NewKey(), trees: &treeCache{trees: map[ref]treeOf{}}}
	if err := w.resolve(ctx, p, resolve.Missing); err != nil {
		return nil, err
	}
	if err := w.desire(p); err != nil {
		return nil, err
	}
	d := &differ{planned: p, base: before, out: &Diffed{Base: before.name, Digest: p.desiredDigest(), Packs: []DiffedPack{}, Settings: before.settings(p.Config), LockChanges: lockChanges(p.Resolved), Findings: []finding{}}}
	d.comparePins()
	if err := d.review(ctx); err != nil {
		return nil, err
	}
	d.out.Declaration = p.Declaration
	return d.out, d.judge()
}

// differ compares pack by pack.
type differ struct {
	planned *Planned
	base    *baseSide
	out     *Diffed
	changed []diffedTree
}

func (d *differ) comparePins() {
	after := map[ref]*desired{}
	refs := map[ref]bool{}
	for i := range d.planned.desired {
		one := &d.planned.desired[i]
		after[one.pack.Ref], refs[one.pack.Ref] = one, true
	}
	for ref := range d.base.packs {
		refs[ref] = true
	}
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		was, there := d.base.packs[ref]
		is := after[ref]
		row := DiffedPack{Ref: ref, Alarms: []string{}, Declared: []string{}, Config: []string{}, Findings: []finding{}}
		trees := diffedTree{ref: ref}
		if there {
			row.Before = was.pinned
			trees.before = was.pinned.Tree
			trees.bring[0] = func(ctx context.Context) (tree.Tree, error) { return d.base.tree(ctx, ref) }
		}
		if is != nil {
			row.After = pinnedSide(is.side, is.pin.Entry.Direct)
			trees.after, trees.declared = is.side.Tree, &is.pack
			trees.bring[1] = func(ctx context.Context) (tree.Tree, error) { return d.treeAfter(ctx, is) }
		}
		d.changed = append(d.changed, trees)
		row.compare(d.planned.key, was, is)
		if row.Action == plan.NoOp {
			d.out.Unchanged++
			continue
		}
		d.out.Packs = append(d.out.Packs, row)
	}
}

// treeAfter brings the tree of a pin and makes sure that it is the one the lock
// names: the lock may have been edited by hand.
func (d *differ) treeAfter(ctx context.Context, is *desired) (tree.Tree, error) {
	t, err := d.planned.treeOf(ctx, is)
	if err != nil {
		return nil, err
	}
	return t, matches(t, is.side.Tree)
}

// errIntegrity is a tree that the lock does not name.
var errIntegrity = errors.New("integrity")

func matches(t tree.Tree, want pack.TreeHash) error {
	manifest, err := tree.HashOf(t)
	if err == nil && manifest.Tree() != want {
		err = fmt.Errorf("%w: the tree of the commit is %s, but the lock pins %s: the lock was edited, or the source is not what it was", errIntegrity, manifest.Tree(), want)
	}
	return err
}

func pinnedSide(s plan.Side, direct bool) *Pinned {
	return &Pinned{Source: s.Source, Subdir: s.Subdir, Ref: s.Ref, Commit: s.Commit, Tree: s.Tree, Version: s.Version, Title: s.Title, Direct: direct}
}

func pinnedEntry(e lockfile.Entry) *Pinned {
	return &Pinned{Source: e.Source, Subdir: e.Subdir, Ref: e.Ref, Commit: e.Commit, Tree: e.Tree, Version: e.Version, Title: e.Title, Direct: e.Direct}
}

// compare says what happens to a pack.
func (row *DiffedPack) compare(key state.Key, was basePack, is *desired) {
	before, after := row.Before, row.After
	switch {
	case after == nil:
		row.Action = plan.Remove
		return
	case before == nil:
		row.Action = plan.Install
		return
	case before.Source != after.Source || before.Subdir != after.Subdir:
		row.Alarms = append(row.Alarms, "the source changes from "+sourceText(before)+" to "+sourceText(after))
	case before.Commit == after.Commit && before.Commit != "" && before.Tree != after.Tree:
		row.Alarms = append(row.Alarms, "the commit stays "+string(after.Commit.Short())+", but the lock pins another tree of it: the lock was edited, or made by another program")
	case before.Ref == after.Ref && strings.HasPrefix(after.Ref, "refs/tags/") && before.Commit != after.Commit:
		row.Alarms = append(row.Alarms, "the tag "+strings.TrimPrefix(after.Ref, "refs/tags/")+" was moved from commit "+before.Commit.Short()+" to "+after.Commit.Short())
	}
	if was.declared != nil && !is.pack.Range.Empty() {
		row.Declared = declaredChanges(*was.declared, is.pack)
	}
	row.Config = configChanges(key, was, is)
	sameTree := before.Tree == after.Tree && before.Commit == after.Commit && before.Ref == after.Ref
	switch {
	case !sameTree || len(row.Alarms) > 0:
		row.Action = plan.Update
	case len(row.Declared)+len(row.Config) > 0:
		row.Action = plan.Configure
	default:
		row.Action = plan.NoOp
	}
}

func sourceText(p *Pinned) string {
	if p.Subdir != "" {
		return p.Source + "//" + p.Subdir
	}
	return p.Source
}

// review reads what all packs contain, and compares it.
func (d *differ) review(ctx context.Context) error {
	if !slices.ContainsFunc(d.changed, func(t diffedTree) bool { return t.before != t.after }) {
		return nil
	}
	p := d.planned
	world, unread, err := p.readTrees(ctx, d.changed)
	if err != nil {
		return err
	}
	result := review.Review(world)
	counting, expired := countingAccepts(p.Config, time.Now())
	p.Warnings = append(p.Warnings, expired...)
	found := result.Findings(counting)
	for i := range d.out.Packs {
		row := &d.out.Packs[i]
		row.Findings = append(row.Findings, found[row.Ref]...)
		if f, failed := unread[row.Ref]; failed {
			row.Findings = append(row.Findings, f)
		}
	}
	for _, t := range d.changed {
		if f, failed := unread[t.ref]; failed && t.before == t.after {
			f.Grade, f.Resource = "", string(t.ref)
			d.out.Findings = append(d.out.Findings, f)
		}
	}
	d.out.Findings = append(d.out.Findings, apart(result)...)
	return nil
}

// judge blocks on what opts.FailOn names and nobody accepted.
func (d *differ) judge() error {
	var blocked []finding
	for i := range d.out.Packs {
		for j := range d.out.Packs[i].Findings {
			f := &d.out.Packs[i].Findings[j]
			if f.Accepted == "" && f.Grade.AtLeast(d.planned.world.opts.FailOn) {
				f.Severity = pack.Blocked
				blocked = append(blocked, *f)
			}
		}
	}
	if len(blocked) > 0 {
		return &BlockedError{Findings: blocked}
	}
	return nil
}
