// Package resolve chooses one commit for each declared pack and says how the
// lock will stand. A pin that satisfies the declaration is kept without asking
// anyone; only what the lock lacks, what satisfies no more and what is to be
// updated makes it ask an index or a source (design.md 2, promise 2).
//
// It is not for writing the lock (package lockfile) and not for what is
// installed (package plan).
package resolve

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/tree"
)

// Mode says which pins may move.
type Mode int

// The modes. Missing and Update pin what is missing and drop what nobody needs.
const (
	Missing Mode = iota // keep every pin that satisfies the declaration
	Update              // choose anew for the packs of Request.Update
	// Locked asks no source and no index: that a lock does not fit is known before
	// the network is. Where something would have to be chosen the change has no
	// After, and the pack no pin.
	Locked
)

// defaultParallel is how many packs are resolved at once. Waiting for servers is
// what costs the time.
const defaultParallel = 8

// Lookup finds what a short name means. *index.Lazy is one. It is safe for
// concurrent use.
type Lookup interface {
	// Find returns the entry of a name; see index.Set.Find for the errors.
	Find(ctx context.Context, name string) (index.Found, error)
	// Problems returns what went wrong with indexes that were asked. It is called
	// once, after the last Find.
	Problems() []index.Problem
}

// Request says what is declared and what is locked.
type Request struct {
	Packs   []config.Pack
	Lock    *lockfile.File // nil for none; never changed
	LockDir string         // absolute directory of the lock: directory sources are recorded relative to it

	Mode   Mode
	Update map[pack.Ref]bool // with Update: the packs whose pins may move; nil means all
	// AcceptMovedTags names packs whose tag may name another commit than it did
	// when it was locked.
	AcceptMovedTags map[pack.Ref]bool
	// AllowUnreachable names packs that may be pinned to a commit to which nothing
	// in the repository leads.
	AllowUnreachable map[pack.Ref]bool
	// Precise names revisions to be pinned instead of the newest, for packs that
	// may move and within what is declared.
	Precise map[pack.Ref]string
	// Chosen names what is to be pinned instead of the newest, as FindCandidates
	// found it, for packs that may move.
	Chosen map[pack.Ref]Candidate

	StackStorm string // version that packs are judged for; "" judges none

	Parallel int         // packs resolved at once; 0 means 8
	Event    func(Event) // told what happens, one call at a time; may be nil
}

// Step is how far the resolving of one pack is.
type Step string

// The steps. A pack whose pin is kept has none.
const (
	Choosing Step = "choosing" // an index or a source is asked what the declaration means
	Fetching Step = "fetching" // the chosen commit is fetched
	Done     Step = "done"
	Failed   Step = "failed"
)

// Event tells that a step of one pack begins, or that the last one ended.
type Event struct {
	Ref    pack.Ref
	Step   Step
	Source string      // from Fetching on
	Commit pack.Commit // from Fetching on
}

// Pin is what one declared pack comes down to.
type Pin struct {
	Entry  lockfile.Entry
	Source pack.Source
	// Tree is the pack as it was fetched now, checked and filtered; nil for a pin
	// that was kept, and where so much was fetched that it is better fetched again,
	// which the cache of the source makes cheap. For a plain directory it is always
	// there.
	Tree tree.Tree
	// Judged tells that the pack was read now: what its pack.yaml says about it is
	// among the findings.
	Judged bool
	// Hash is the tree hash: Entry.Tree, or for a plain directory that of Tree.
	Hash    pack.TreeHash
	Version string // from pack.yaml, fit to be shown
}

// ChangeKind is what happens to the entry of one pack.
type ChangeKind string

// The kinds of change, the first that applies.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Sourced ChangeKind = "source" // another repository, directory or sub-directory
	Moved   ChangeKind = "moved"  // another ref, commit or tree of the same source
	Text    ChangeKind = "text"   // the same pin in other words
)

// Change is one difference between the lock as it is and as it will stand.
type Change struct {
	Ref    pack.Ref
	Kind   ChangeKind
	Before *lockfile.Entry // nil if added
	After  *lockfile.Entry // nil if removed, and under Locked if it is yet to be chosen
	Reason string          // why, as a clause: "not locked yet"
}

// Result is what Resolve decided.
type Result struct {
	Lock    *lockfile.File // as it will stand
	Changes []Change       // sorted by ref; none if the lock stays as it is
	Packs   map[pack.Ref]Pin
	// Indirect are the packs that others require and nobody declares, sorted by
	// ref, as a declaration would name them: in the default base path, without
	// config.
	Indirect []config.Pack
	// Requires says which packs each pack requires, of those in Packs. It has no
	// cycle: of packs that require each other, one comes first.
	Requires map[pack.Ref][]pack.Ref
	Warnings diag.List
	Findings map[pack.Ref][]pack.Finding
}

// Resolve finds a pin for every declared pack, or says for every pack that has
// none what is wrong, all at once. The outcome does not depend on the order of
// the packs or of the answers. With errors there is no result.
func Resolve(ctx context.Context, req Request, open source.Opener, lookup Lookup) (*Result, diag.List) {
	if diags := checkUpdate(req); diags.HasErrors() {
		return nil, diags
	}
	r := newResolver(req, open, lookup)
	outcomes := make([]outcome, len(req.Packs))
	var group errgroup.Group
	group.SetLimit(parallel(req.Parallel))
	for i := range req.Packs {
		group.Go(func() error {
			outcomes[i] = r.pack(ctx, &req.Packs[i])
			return nil
		})
	}
	_ = group.Wait() // the functions return no error: each outcome keeps its own
	if ctx.Err() != nil {
		return nil, diag.List{interrupted(ctx)}
	}
	return r.collect(ctx, outcomes)
}

func parallel(n int) int {
	if n <= 0 {
		return defaultParallel
	}
	return n
}

// checkUpdate refuses refs that are not declared: nothing would be updated, and
// silence would pass for "is up to date".
func checkUpdate(req Request) diag.List {
	declared := map[pack.Ref]bool{}
	var names []string
	for _, p := range req.Packs {
		declared[p.Ref] = true
		names = append(names, string(p.Ref))
	}
	for ref, entry := range req.lock().Packs {
		if !entry.Direct { // required by another pack
			declared[ref] = true
			names = append(names, string(ref))
		}
	}
	var diags diag.List
	for _, ref := range slices.Sorted(maps.Keys(req.Update)) {
		if !declared[ref] {
			diags = append(diags, unknownPack(ref, names))
		}
	}
	return diags
}

// resolver is one run of Resolve.
type resolver struct {
	req     Request
	sources *sources
	lookup  Lookup
	eventMu sync.Mutex

	keptBytes atomic.Int64 // of the trees in pins

	byRef   map[pack.Ref]*config.Pack // the declared packs
	learned map[pack.Source]pack.Ref  // which pack an address that is required holds
}

func newResolver(req Request, open source.Opener, lookup Lookup) *resolver {
	r := &resolver{
		req: req, sources: &sources{opener: open, remotes: map[pack.Source]source.Remote{}}, lookup: lookup,
		byRef: map[pack.Ref]*config.Pack{}, learned: map[pack.Source]pack.Ref{},
	}
	for i := range req.Packs {
		r.byRef[req.Packs[i].Ref] = &req.Packs[i]
	}
	return r
}

// sources opens each repository once, so that packs of one repository share what
// it was asked.
type sources struct {
	opener  source.Opener
	mu      sync.Mutex
	remotes map[pack.Source]source.Remote
}

func (s *sources) open(src pack.Source) (source.Remote, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if remote := s.remotes[src]; remote != nil {
		return remote, nil
	}
	remote, err := s.opener.Open(src)
	if err == nil {
		s.remotes[src] = remote
	}
	return remote, err
}

// outcome is what became of one pack.
type outcome struct {
	pin      Pin
	change   *Change
	findings []pack.Finding
	problem  *diag.Diagnostic
	err      error // that problem describes
	open     bool  // under Locked: there is no pin, only the change

	ref         pack.Ref    // from pack.yaml, or of the kept pin
	requires    []string    // dependencies in pack.yaml, as written there
	declaration config.Pack // of an indirect pack
	tentative   bool        // an indirect pin of the lock that nobody has judged yet
}

// pack keeps the pin of one pack or chooses anew.
func (r *resolver) pack(ctx context.Context, p *config.Pack) outcome {
	v, err := r.req.judge(p)
	if err != nil {
		return outcome{problem: problem(p, err)}
	}
	if v.keep {
		return r.keep(ctx, p, v)
	}
	if r.req.Mode == Locked {
		return outcome{open: true, change: v.stale(p.Ref)}
	}
	ctx, span := trace.Pack(ctx, p.Ref)
	defer span.End()
	r.event(Event{Ref: p.Ref, Step: Choosing})
	out := r.anew(ctx, p, v.want, v.before)
	if out.problem != nil {
		r.event(Event{Ref: p.Ref, Step: Failed})
		return out
	}
	out.change = changeOf(p.Ref, v.before, &out.pin.Entry, v.reason)
	r.event(Event{Ref: p.Ref, Step: Done, Source: out.pin.Entry.Source, Commit: out.pin.Entry.Commit})
	return out
}

func (r *resolver) event(e Event) {
	if r.req.Event == nil {
		return
	}
	r.eventMu.Lock()
	defer r.eventMu.Unlock()
	r.req.Event(e)
}

// keep takes the pin as it is. Only a plain directory is looked at: nothing but
// its files says what it holds.
func (r *resolver) keep(ctx context.Context, p *config.Pack, v verdict) outcome {
	after := v.kept(p)
	out := outcome{
		pin: Pin{Entry: after, Source: p.Source, Hash: after.Tree, Version: after.Version}, ref: p.Ref, requires: after.Requires,
	}
	if p.ShortName != "" {
		src, err := pack.ParseSource(after.Source)
		if err != nil {
			return outcome{problem: problem(p, err)}
		}
		src.Subdir, src.Limits = after.Subdir, p.Source.Limits
		out.pin.Source = src
	}
	if after.IsDir() {
		if err := r.readDir(ctx, p, &out); err != nil {
			return outcome{problem: problem(p, err)}
		}
	}
	out.change = changeOf(p.Ref, v.before, &after, v.reason)
	return out
}

// collect makes one result of what became of the declared packs, and of those
// that they require.
func (r *resolver) collect(ctx context.Context, outcomes []outcome) (*Result, diag.List) {
	result := &Result{Packs: map[pack.Ref]Pin{}, Findings: map[pack.Ref][]pack.Finding{}}
	var diags diag.List
	byRef := map[pack.Ref]outcome{}
	undecided := false
	for i, out := range outcomes {
		if out.problem != nil {
			diags = append(diags, out.problem)
		}
		byRef[r.req.Packs[i].Ref] = out
		undecided = undecided || out.open
	}
	if !diags.HasErrors() {
		indirect, links, problems := r.required(ctx, byRef)
		if ctx.Err() != nil {
			return nil, diag.List{interrupted(ctx)}
		}
		diags = append(diags, problems...)
		result.Requires = acyclic(links)
		for _, ref := range sortedRefs(indirect) {
			byRef[ref] = indirect[ref]
			undecided = undecided || indirect[ref].open
			if !indirect[ref].open {
				result.Indirect = append(result.Indirect, indirect[ref].declaration)
			}
		}
	}
	if r.lookup != nil {
		for _, p := range r.lookup.Problems() {
			result.Warnings = append(result.Warnings, indexWarning(p))
		}
	}
	if diags.HasErrors() {
		sortByPlace(diags)
		return nil, append(diags, result.Warnings...)
	}
	entries := map[pack.Ref]lockfile.Entry{}
	for _, ref := range sortedRefs(byRef) {
		out := byRef[ref]
		if !out.open {
			result.Packs[ref], entries[ref] = out.pin, out.pin.Entry
		}
		if len(out.findings) > 0 {
			result.Findings[ref] = out.findings
		}
		if out.change != nil {
			result.Changes = append(result.Changes, *out.change)
		}
	}
	result.Changes = sorted(append(result.Changes, r.req.dropped(byRef, undecided)...))
	result.Lock = r.req.lock().With(entries)
	return result, nil
}

func sortedRefs[V any](m map[pack.Ref]V) []pack.Ref { return slices.Sorted(maps.Keys(m)) }
