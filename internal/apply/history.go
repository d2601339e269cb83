package apply

import (
	"path/filepath"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/state"
)

// Origin says who asked for an apply and why, for the history.
type Origin struct {
	User    string
	Host    string
	Command string // "packsync apply"
	Kind    string // one of state's kinds of history entry; "" is state.KindApply
	Lock    string // digest of the lock as it stands after the run
}

// origin begins the history entry of a plan. It is decided before the intent is
// written, so that an apply that recovery finishes is told as it was begun.
func (a *Applier) origin(p *plan.Plan) state.HistoryEntry {
	kind := a.Origin.Kind
	if kind == "" {
		kind = state.KindApply
	}
	return state.HistoryEntry{
		Time: a.Now().UTC(), User: a.Origin.User, Host: a.Origin.Host, Command: a.Origin.Command,
		Kind: kind, Name: p.Name, Digest: p.Digest, Lock: a.Origin.Lock,
	}
}

// entry finishes the history entry: what the packs that worked were before and
// are afterwards.
func (in *intent) entry(base, record *state.Record, failed map[pack.Ref]error) state.HistoryEntry {
	entry := in.Origin
	entry.Packs = nil
	for ref, action := range in.Actions {
		before, after := generation(base, ref), generation(record, ref)
		if failed[ref] != nil && same(before, after) {
			continue
		}
		entry.Packs = append(entry.Packs, state.HistoryPack{Ref: ref, Action: string(action), Before: before, After: after})
	}
	return entry
}

func generation(record *state.Record, ref pack.Ref) *state.Generation {
	p, managed := record.Packs[ref]
	if !managed {
		return nil
	}
	g := p.Generation()
	return &g
}

func same(a, b *state.Generation) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// KeepDirs lists the folders that may hold displaced trees, configs and
// virtualenvs of a pack, in files and folders called SERIAL-KIND. What is there
// was put there by packsync, but is to be verified before it is used.
func (l Layout) KeepDirs(ref pack.Ref) []string {
	out := []string{filepath.Join(l.Work, keepDir, string(ref))}
	for _, dir := range append(l.files(), l.Dirs...) {
		out = append(out, filepath.Join(dir, ".packsync", keepDir, string(ref)))
	}
	return out
}
