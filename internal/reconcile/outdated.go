package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/trace"
)

// Outdated compares what is installed and locked with what the sources offer.
type Outdated struct {
	Declaration
	Packs []OutdatedPack
}

// OutdatedPack is one pack in four versions. Nil parts are not there, or not
// known.
type OutdatedPack struct {
	Ref          pack.Ref `json:"ref"`
	State        string   `json:"state"` // current, update, constraint, not-locked, moved-tag, unpinned or failed
	Installed    *Release `json:"installed"`
	Locked       *Release `json:"locked"`
	InConstraint *Release `json:"in_constraint"` // what update would pin
	Newest       *Release `json:"newest"`        // the newest release, whatever is declared
	Selector     string   `json:"selector"`

	RequiredBy []pack.Ref `json:"required_by,omitempty"` // of a pack that is not declared
	Error      string     `json:"error,omitempty"`
}

// Release is a pack at one commit.
type Release struct {
	Version string      `json:"version,omitempty"`
	Ref     string      `json:"ref,omitempty"` // full name of the tag or branch
	Commit  pack.Commit `json:"commit,omitempty"`
}

// FindOutdated asks the sources what they offer. It writes nothing; of the host
// it reads only the record, if there is one. The result comes with an error if
// some packs could not be asked about.
func FindOutdated(ctx context.Context, opts Options, cb Callbacks) (*Outdated, error) {
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	w, err := open(opts, cb, decl)
	if err != nil {
		return nil, err
	}
	defer w.close()
	lock, diags := lockfile.Read(opts.LockFile)
	if diags.HasErrors() {
		return nil, &DeclarationError{Diagnostics: diags, Files: decl.Files}
	}
	record, err := w.recordIfReadable(&decl)
	if err != nil {
		return nil, err
	}
	packs := slices.Concat(w.cfg.Packs, resolve.Indirect(lock))
	slices.SortStableFunc(packs, func(a, b config.Pack) int { return compareRefs(a.Ref, b.Ref) })
	// One that is declared now and was required before is asked about once.
	packs = slices.CompactFunc(packs, func(a, b config.Pack) bool { return a.Ref == b.Ref })
	asking, span := trace.Begin(ctx, trace.Resolve)
	trace.Expect(asking, len(packs))
	found, warnings := resolve.FindNewest(asking, resolve.Request{
		Packs: packs, Lock: lock, LockDir: w.lockDir(), Parallel: opts.Parallel, Event: cb.Resolving,
	}, w.sources, w.lookup())
	span.End()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("ask the sources: %w", err)
	}
	decl.Warnings = append(decl.Warnings, warnings...)
	newest := map[pack.Ref]resolve.Newest{}
	for _, n := range found {
		newest[n.Ref] = n
	}
	out := &Outdated{Declaration: decl, Packs: []OutdatedPack{}}
	var failed []string
	requiredBy := lock.RequiredBy()
	for _, declared := range packs {
		row := outdatedPack(declared, lock, record, newest)
		if !lock.Packs[declared.Ref].Direct {
			row.RequiredBy = requiredBy[declared.Ref]
		}
		if row.Error != "" {
			failed = append(failed, string(row.Ref)+": "+row.Error)
		}
		out.Packs = append(out.Packs, row)
	}
	if len(failed) > 0 {
		return out, errors.New("not all packs could be asked about:\n  " + strings.Join(failed, "\n  "))
	}
	return out, nil
}

// recordIfReadable reads the record for a command that is about the sources and
// runs on any machine, by any user: one that may not look is told so and sees the
// rest.
func (w *world) recordIfReadable(decl *Declaration) (*state.Record, error) {
	if w.cfg.Host.Root == "" {
		return &state.Record{}, nil
	}
	record, err := w.store.Read()
	if errors.Is(err, fs.ErrPermission) {
		decl.Warnings = append(decl.Warnings, diag.Warning(diag.Range{}, "Installed versions are not known", fmt.Sprintf("The record cannot be read: %v.", err)))
		return &state.Record{}, nil
	}
	return record, err
}

func outdatedPack(declared config.Pack, lock *lockfile.File, record *state.Record, newest map[pack.Ref]resolve.Newest) OutdatedPack {
	row := OutdatedPack{Ref: declared.Ref, Selector: declared.Selector.String()}
	if r, managed := record.Packs[declared.Ref]; managed {
		row.Installed = &Release{Version: r.Version, Commit: r.Commit}
	}
	entry, locked := lock.Packs[declared.Ref]
	if locked && !entry.IsDir() {
		row.Locked = &Release{Version: entry.Version, Ref: entry.Ref, Commit: entry.Commit}
	}
	if row.Installed != nil && row.Locked != nil && row.Installed.Commit == row.Locked.Commit {
		row.Installed.Ref = row.Locked.Ref
	}
	if declared.Source.Kind == pack.SourceDir {
		row.State = "unpinned"
		return row
	}
	n := newest[declared.Ref]
	if n.Problem != nil {
		row.State, row.Error = "failed", n.Problem.Detail
		return row
	}
	row.InConstraint, row.Newest = release(n.InConstraint, entry), release(n.Overall, entry)
	sameSource, _, _ := entry.Satisfies(lockfile.Want{
		Short: declared.ShortName != "", Source: declared.Source.URL, Subdir: declared.Source.Subdir, Selector: declared.Selector,
	})
	switch {
	case row.Locked == nil:
		row.State = "not-locked"
	case n.MovedTo != "":
		row.State = "moved-tag"
	case !sameSource || n.InConstraint.Commit != entry.Commit:
		row.State = "update"
	case n.Overall.Commit != n.InConstraint.Commit && newer(n.Overall.Version, cmp.Or(n.InConstraint.Version, entry.Version)):
		row.State = "constraint"
	default:
		row.State = "current"
	}
	return row
}

// release describes a candidate. A branch says no version, but of the commit that
// is locked it is known.
func release(c resolve.Candidate, locked lockfile.Entry) *Release {
	r := &Release{Version: c.Version, Ref: c.Ref, Commit: c.Commit}
	if c.Commit == locked.Commit {
		r.Version = cmp.Or(r.Version, locked.Version)
	}
	return r
}

// newer reports whether a version is higher than another; one that is no version
// is neither.
func newer(a, b string) bool {
	x, ok := pack.ParseTagVersion(a)
	y, alsoOK := pack.ParseTagVersion(b)
	return ok && alsoOK && x.GreaterThan(y)
}
