package reconcile

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/review"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/tree"
)

// Safety says which breaking changes keep an update of the lock from a version.
type Safety string

// The safeties.
const (
	Unsafe   Safety = ""     // none: the newest version is taken
	SafeAll  Safety = "all"  // each that nobody accepted: whoever calls from outside may be hit
	SafeUsed Safety = "used" // only those that hit the declaration or an installed pack, as far as references tell
)

// SafeChoice is what update --safe chose for one pack that could move.
type SafeChoice struct {
	Ref     ref       `json:"ref"`
	Before  *Release  `json:"before"`
	Chosen  *Release  `json:"chosen"` // Before, if the pin stays
	Stopped []Stopped `json:"stopped"`
	Held    bool      `json:"held,omitempty"` // rolled back on this host; nothing was tried
}

// Stopped is a version that was not taken, the newest first.
type Stopped struct {
	Release  *Release  `json:"release"`
	Findings []finding `json:"findings"`          // that stop it
	Problem  string    `json:"problem,omitempty"` // or why it cannot be pinned at all
	// Unused: nothing that stops it hits anybody in the packs that were looked at,
	// so that --safe=used would take it.
	Unused bool `json:"unused,omitempty"`
}

// safeUpdate looks for the newest pins that break nothing. All packs begin at
// their newest candidate; one that breaks something, or cannot be pinned together
// with the others, steps back to its next older candidate, until nothing breaks.
// Versions are not ordered by what they break, so that each is looked at in turn.
type safeUpdate struct {
	w          *world
	planned    *Planned
	lock       *lockfile.File
	candidates map[ref][]resolve.Candidate
	step       map[ref]int // index into candidates; beyond the last one the pin stays
	choices    map[ref]*SafeChoice
	lookup     resolve.Lookup
	opener     source.Opener
	others     []review.Pack // installed, and not in the lock
	accepts    []review.Accept
}

// updateSafely moves the pins of p as far as nothing breaks. It also returns how
// many installed packs it looked at besides.
func (w *world) updateSafely(ctx context.Context, p *Planned) ([]SafeChoice, int, error) {
	lock, diags := lockfile.Read(w.opts.LockFile)
	if diags.HasErrors() {
		return nil, 0, &DeclarationError{Diagnostics: diags, Files: p.Files}
	}
	p.Lock = lock
	u := safeUpdate{
		w: w, planned: p, lock: lock, candidates: map[ref][]resolve.Candidate{}, step: map[ref]int{}, choices: map[ref]*SafeChoice{},
		lookup: w.lookup(), opener: &onceOpened{opener: w.sources, remotes: map[pack.Source]source.Remote{}}, accepts: p.accepts(time.Now()),
	}
	if err := w.observeIfThere(ctx, p); err != nil {
		return nil, 0, err
	}
	if err := u.find(ctx); err != nil {
		return nil, 0, err
	}
	if err := u.readOthers(ctx); err != nil {
		return nil, 0, err
	}
	for {
		result, stepped, err := u.resolve(ctx)
		if err != nil {
			return nil, 0, err
		}
		if stepped {
			continue
		}
		if stepped, err = u.judge(ctx, result); err != nil {
			return nil, 0, err
		}
		if !stepped {
			return u.settle(result), len(u.others), nil
		}
	}
}

// find asks what the pins could move to. A pack that was rolled back on this host
// stays where it is unless it is named.
func (u *safeUpdate) find(ctx context.Context) error {
	found, diags := resolve.FindCandidates(ctx, u.request(), u.opener, u.lookup)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("ask the sources: %w", err)
	}
	if diags.HasErrors() {
		return &DeclarationError{Diagnostics: diags, Files: u.planned.Files}
	}
	for _, c := range found {
		entry := u.lock.Packs[c.Ref]
		choice := &SafeChoice{Ref: c.Ref, Before: &Release{Version: entry.Version, Ref: entry.Ref, Commit: entry.Commit}, Stopped: []Stopped{}}
		u.choices[c.Ref] = choice
		if hold := u.planned.Record.Packs[c.Ref].Hold; hold != nil && hold.Commit == entry.Commit && u.w.opts.Packs == nil {
			choice.Held = true
			continue
		}
		u.candidates[c.Ref] = c.Choices
	}
	return nil
}

func (u *safeUpdate) request() resolve.Request {
	opts := u.w.opts
	return resolve.Request{
		Packs: u.w.declared(), Lock: u.lock, Mode: resolve.Update, Update: opts.Packs,
		AcceptMovedTags: opts.AcceptMovedTags, AllowUnreachable: opts.AllowUnreachable,
		StackStorm: u.w.stackstormVersion(), LockDir: u.w.lockDir(), Parallel: opts.Parallel, Event: u.w.cb.Resolving,
	}
}

// resolve pins the candidates that stand. Where they cannot be pinned together, or
// one of them not at all, one steps back.
func (u *safeUpdate) resolve(ctx context.Context) (*resolve.Result, bool, error) {
	request := u.request()
	request.Update, request.Chosen = map[ref]bool{}, map[ref]resolve.Candidate{}
	for ref, step := range u.candidates {
		if at := u.step[ref]; at < len(step) {
			request.Update[ref], request.Chosen[ref] = true, step[at]
		}
	}
	result, diags := resolve.Resolve(ctx, request, u.opener, u.lookup)
	if err := ctx.Err(); err != nil {
		return nil, false, fmt.Errorf("resolve: %w", err)
	}
	if !diags.HasErrors() {
		u.planned.Resolved = result
		u.planned.Warnings = append(u.planned.Warnings, diags...)
		return result, false, nil
	}
	for _, d := range diags {
		for _, ref := range resolve.Misfits(d) {
			if d.Severity == diag.Error(diag.Range{}, "", "").Severity && u.moves(ref) {
				u.stepBack(ref, Stopped{Findings: []finding{}, Problem: d.Summary + ": " + d.Detail})
				return nil, true, nil
			}
		}
	}
	return nil, false, &DeclarationError{Diagnostics: diags, Files: u.planned.Files}
}

func (u *safeUpdate) moves(ref ref) bool { return u.step[ref] < len(u.candidates[ref]) }

func (u *safeUpdate) stepBack(ref ref, why Stopped) {
	c := u.candidates[ref][u.step[ref]]
	why.Release = &Release{Version: c.Version, Ref: c.Ref, Commit: c.Commit}
	u.choices[ref].Stopped = append(u.choices[ref].Stopped, why)
	u.step[ref]++
}

// judge reviews what the new pins change. Whoever breaks something steps back; if
// it is a pack that only comes or goes with others, these do.
func (u *safeUpdate) judge(ctx context.Context, result *resolve.Result) (stepped bool, err error) {
	stops, err := u.review(ctx, result)
	if err != nil {
		return false, err
	}
	blamed := map[ref][]stop{}
	requiredBefore := u.lock.RequiredBy()
	for ref, found := range stops {
		if u.moves(ref) {
			blamed[ref] = append(blamed[ref], found...)
			continue
		}
		for _, requirer := range slices.Concat(requiredBefore[ref], requirersOf(result, ref)) {
			if u.moves(requirer) {
				blamed[requirer] = append(blamed[requirer], found...)
				break
			}
		}
	}
	for ref, found := range blamed {
		why := Stopped{Findings: []finding{}, Unused: true}
		for _, s := range found {
			why.Findings = append(why.Findings, s.finding)
			why.Unused = why.Unused && !s.used
		}
		u.stepBack(ref, why)
	}
	return len(blamed) > 0, nil
}

func requirersOf(result *resolve.Result, required ref) (out []ref) {
	for by, refs := range result.Requires {
		if slices.Contains(refs, required) {
			out = append(out, by)
		}
	}
	slices.Sort(out)
	return out
}

// stop is one reason against a version.
type stop struct {
	finding finding
	used    bool // somebody is hit, or it is not known that nobody is
}

// review compares the pins that stand with those of the lock.
func (u *safeUpdate) review(ctx context.Context, result *resolve.Result) (map[ref][]stop, error) {
	trees := u.trees(result)
	world, unread, err := u.planned.readTrees(ctx, trees)
	if err != nil {
		return nil, err
	}
	world.Packs = append(world.Packs, u.others...)
	reviewed := review.Review(world)
	findings := reviewed.Findings(u.accepts)
	stops := map[ref][]stop{}
	for ref, changes := range reviewed.Changes {
		for i, f := range findings[ref] {
			used := len(f.Hits) > 0 || !changes[i].UsersKnown()
			if f.Grade == pack.Breaking && f.Accepted == "" && (used || u.w.opts.Safe == SafeAll) {
				stops[ref] = append(stops[ref], stop{f, used})
			}
		}
	}
	for i, t := range trees {
		if f, failed := unread[t.ref]; failed && t.before == t.after {
			u.warnUnread(t.ref, f)
		} else if failed {
			stops[t.ref] = append(stops[t.ref], stop{f, true})
		}
		for _, f := range configStops(t, world.Packs[i], reviewed.Changes[t.ref]) {
			stops[t.ref] = append(stops[t.ref], stop{f, true})
		}
	}
	return stops, nil
}

// configStops is what the schema refuses of the declared config from now on, as
// far as the review does not say so already.
func configStops(t diffedTree, p review.Pack, changes []review.Change) (out []finding) {
	if t.declared == nil || p.Before == p.After {
		return nil
	}
	told := func(key string) bool {
		return slices.ContainsFunc(changes, func(c review.Change) bool { return c.Kind == "config" && c.Name == key })
	}
	before := configProblems(*t.declared, p.Before)
	for _, problem := range configProblems(*t.declared, p.After) {
		same := func(old packconfig.Problem) bool { return old.Path == problem.Path && old.Kind == problem.Kind }
		if slices.ContainsFunc(before, same) || len(problem.Keys) > 0 && told(problem.Keys[0]) {
			continue
		}
		at := placeOfRange(t.declared.Config.KeyRange(problem.Keys...))
		out = append(out, finding{
			ID: configFindingID(problem.Kind), Severity: pack.Warning, Grade: pack.Breaking, Resource: string(t.ref),
			Message: "config: " + problem.String(), At: []string{at.String()},
		})
	}
	return out
}

// trees lists all packs of the lock as it is and as it would stand.
func (u *safeUpdate) trees(result *resolve.Result) (trees []diffedTree) {
	limits := func(ref ref) (l pack.Limits) {
		for i := range u.w.cfg.Packs {
			if u.w.cfg.Packs[i].Ref == ref {
				l = u.w.cfg.Packs[i].Source.Limits
			}
		}
		return l
	}
	for ref, entry := range u.lock.Packs {
		t := diffedTree{ref: ref, before: entry.Tree}
		t.bring[0] = func(ctx context.Context) (tree.Tree, error) {
			return u.w.pinnedTree(ctx, pinnedEntry(entry), limits(ref))
		}
		if pin, stays := result.Packs[ref]; stays && entry.IsDir() { // what lies there now did so before
			t.before = pin.Hash
			t.bring[0] = func(ctx context.Context) (tree.Tree, error) { return u.w.tree(ctx, pin) }
		}
		trees = append(trees, t)
	}
	for ref, pin := range result.Packs {
		i := slices.IndexFunc(trees, func(t diffedTree) bool { return t.ref == ref })
		if i < 0 {
			trees, i = append(trees, diffedTree{ref: ref}), len(trees)
		}
		trees[i].after = pin.Hash
		trees[i].bring[1] = func(ctx context.Context) (tree.Tree, error) { return u.w.tree(ctx, pin) }
		for j := range u.w.cfg.Packs {
			if u.w.cfg.Packs[j].Ref == ref {
				trees[i].declared = &u.w.cfg.Packs[j]
			}
		}
	}
	slices.SortFunc(trees, func(a, b diffedTree) int { return compareRefs(a.ref, b.ref) })
	return trees
}

// readOthers reads the packs that are installed here and that the lock does not
// name: they can be hit too.
func (u *safeUpdate) readOthers(ctx context.Context) error {
	p := u.planned
	if p.Observed == nil {
		return nil
	}
	r := reviewing{planned: p, cache: u.w.inventories(p.note), unread: map[ref]finding{}}
	for addr, seen := range p.Observed.Packs {
		_, locked := u.lock.Packs[addr.Ref]
		if locked || seen.Link || slices.ContainsFunc(u.others, func(o review.Pack) bool { return o.Ref == addr.Ref }) {
			continue
		}
		var inv *content.Inventory
		if inv = r.onDisk(ctx, seen); inv == nil {
			u.warnUnread(addr.Ref, r.unread[addr.Ref])
		}
		u.others = append(u.others, review.Pack{Ref: addr.Ref, Before: inv, After: inv, Unread: inv == nil})
	}
	return ctx.Err()
}

// warnUnread says once that a pack which stays was not looked at.
func (u *safeUpdate) warnUnread(ref ref, f finding) {
	d := diag.Warning(diag.Range{}, "A pack is not known", fmt.Sprintf("Pack %s: %s. Whether an update hits it was not looked at.", ref, f.Message))
	if !slices.ContainsFunc(u.planned.Warnings, func(old *diag.Diagnostic) bool { return old.Detail == d.Detail }) {
		u.planned.Warnings = append(u.planned.Warnings, d)
	}
}

// settle says what was chosen.
func (u *safeUpdate) settle(result *resolve.Result) []SafeChoice {
	out := []SafeChoice{}
	for _, c := range u.choices {
		c.Chosen = c.Before
		if u.moves(c.Ref) {
			entry := result.Packs[c.Ref].Entry
			c.Chosen = &Release{Version: entry.Version, Ref: entry.Ref, Commit: entry.Commit}
		}
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b SafeChoice) int { return compareRefs(a.Ref, b.Ref) })
	return out
}

// onceOpened opens each source once, so that what it was asked is remembered from
// one try to the next.
type onceOpened struct {
	opener  source.Opener
	mu      sync.Mutex
	remotes map[pack.Source]source.Remote
}

// Open returns the remote that was opened before, if there is one.
func (o *onceOpened) Open(src pack.Source) (source.Remote, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if remote := o.remotes[src]; remote != nil {
		return remote, nil
	}
	remote, err := o.opener.Open(src)
	if err == nil && src.Kind != pack.SourceDir {
		o.remotes[src] = remote
	}
	return remote, err
}
