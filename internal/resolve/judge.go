package resolve

import (
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
)

// verdict says whether the pin of one pack stays.
type verdict struct {
	want     lockfile.Want
	before   *lockfile.Entry // nil if it is not locked
	keep     bool
	textOnly bool   // kept, but the declaration says it in other words
	reason   string // why the entry changes, if it does
}

// judge compares declaration and lock, and asks nobody.
func (req Request) judge(p *config.Pack) (verdict, error) {
	want, err := req.want(p)
	if err != nil {
		return verdict{}, err
	}
	entry, locked := req.lock().Packs[p.Ref]
	if !locked {
		return verdict{want: want, reason: "not locked yet"}, nil
	}
	v := verdict{want: want, before: &entry}
	v.keep, v.textOnly, v.reason = entry.Satisfies(want)
	switch mayMove := req.Mode == Update && (req.Update == nil || req.Update[p.Ref]); {
	case !v.keep:
	case mayMove && !entry.IsDir():
		v.keep, v.reason = false, "updated"
	default:
		v.reason = "the declaration changed, and the pin satisfies it"
	}
	return v, nil
}

// kept is the entry of a kept pin in the words of the declaration, or of what
// requires it.
func (v verdict) kept(p *config.Pack) lockfile.Entry {
	after := *v.before
	after.Direct = true
	if v.textOnly {
		after.Constraint = p.Selector
		if p.ShortName == "" {
			after.Index = ""
		}
	}
	return after
}

func (req Request) lock() *lockfile.File {
	if req.Lock == nil {
		return &lockfile.File{}
	}
	return req.Lock
}

// want puts a declaration in the words of the lock.
func (req Request) want(p *config.Pack) (lockfile.Want, error) {
	want := lockfile.Want{Short: p.ShortName != "", Source: p.Source.URL, Subdir: p.Source.Subdir, Selector: p.Selector}
	if p.Source.Kind != pack.SourceDir {
		return want, nil
	}
	var err error
	want.Source, err = lockfile.DirSource(req.LockDir, p.Source.URL, p.SourceText)
	return want, err
}

// stale is the change of a pack for which something would have to be chosen.
func (v verdict) stale(ref pack.Ref) *Change {
	change := &Change{Ref: ref, Kind: Moved, Before: v.before, Reason: v.reason}
	if v.before == nil {
		change.Kind = Added
	}
	return change
}

// dropped lists the entries of packs that nobody declares or requires. While
// something is undecided nobody knows what will be required.
func (req Request) dropped(needed map[pack.Ref]outcome, undecided bool) []Change {
	var changes []Change
	for ref, entry := range req.lock().Packs {
		_, is := needed[ref]
		switch {
		case is:
		case entry.Direct:
			changes = append(changes, *changeOf(ref, &entry, nil, "no longer declared"))
		case !undecided:
			changes = append(changes, *changeOf(ref, &entry, nil, "no longer required"))
		}
	}
	return changes
}

func sorted(changes []Change) []Change {
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(string(a.Ref), string(b.Ref)) })
	return changes
}

// changeOf compares two entries of one pack; nil if they say the same.
func changeOf(ref pack.Ref, before, after *lockfile.Entry, reason string) *Change {
	change := &Change{Ref: ref, Before: before, After: after, Reason: reason}
	switch {
	case before == nil:
		change.Kind = Added
	case after == nil:
		change.Kind = Removed
	case before.Equal(*after):
		return nil
	case before.Source != after.Source || before.Subdir != after.Subdir:
		change.Kind = Sourced
	case before.Ref != after.Ref || before.Commit != after.Commit || before.Tree != after.Tree:
		change.Kind = Moved
	default:
		change.Kind = Text
	}
	return change
}
