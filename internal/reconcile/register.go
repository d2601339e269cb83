package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/installed"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/state"
)

// RegisterRequest says which packs StackStorm is to be told about. With neither
// packs nor All those whose registration is pending or stale.
type RegisterRequest struct {
	Packs []pack.Ref // also unmanaged ones that are on disk
	All   bool       // every managed pack
	Types []string   // registration types; empty means all
}

// Registered is what StackStorm was told on request.
type Registered struct {
	Declaration
	Packs   []RegisteredNow
	LeftOut []LeftOut
	Report  *apply.Report // nil if there was nothing to tell
	Notes   []string
}

// RegisteredNow is one pack that StackStorm was told about, or was to be.
type RegisteredNow struct {
	Ref     pack.Ref `json:"ref"`
	Path    string   `json:"path"`
	Managed bool     `json:"managed"`
	Types   []string `json:"types"`
	Reasons []string `json:"reasons"`
	// Edited tells that what StackStorm was told is not what packsync installed;
	// Edits says how, where that is known.
	Edited bool     `json:"edited"`
	Edits  []string `json:"edits"`

	due []string
}

// LeftOut is a pack that StackStorm was not told about, and why.
type LeftOut struct {
	Ref    pack.Ref `json:"ref"`
	Reason string   `json:"reason"`
}

// Failed reports whether something that was asked for was not done.
func (r *Registered) Failed() bool {
	return len(r.LeftOut) > 0 || r.Report != nil && r.Report.Failed()
}

// NotRegisteredError says that StackStorm was not told everything that was asked
// for: exit 6.
type NotRegisteredError struct{ Registered *Registered }

func (e *NotRegisteredError) Error() string {
	failed := len(e.Registered.LeftOut)
	if e.Registered.Report != nil {
		for _, p := range e.Registered.Report.Packs {
			if p.Err != nil {
				failed++
			}
		}
	}
	return packsWord(failed) + " could not be registered, or was left out: mend the cause and run register again"
}

// Register tells StackStorm now about packs as they lie on disk, under the run
// lock, and records what it took. It changes nothing on disk, and needs neither the
// lock file nor a source.
func Register(ctx context.Context, opts Options, request RegisterRequest, cb Callbacks) (*Registered, error) {
	registered, err := register(ctx, opts, request, cb)
	return registered, stopped(ctx, err)
}

func register(ctx context.Context, opts Options, request RegisterRequest, cb Callbacks) (*Registered, error) {
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	if decl.Config.Host.Registration.Kind == config.RegisterNone {
		return nil, errors.New("there is nobody to tell: this host has registration \"none\". Put registration \"api\" or \"command\" into the stackstorm block")
	}
	w, err := open(opts, cb, decl)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := checkRoot(w.cfg); err != nil {
		return nil, err
	}
	unlock, err := w.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	p, err := w.asRecorded(ctx, decl)
	if err != nil {
		return nil, err
	}
	out := &Registered{Declaration: decl, Packs: []RegisteredNow{}, LeftOut: []LeftOut{}, Notes: p.Notes}
	choice := registering{Planned: p, request: request, out: out}
	if choice.global, err = p.globalOverrides(); err != nil {
		return nil, err
	}
	if err := choice.choose(ctx); err != nil {
		return nil, err
	}
	if len(out.Packs) == 0 {
		return out, failedOr(out, nil)
	}
	applier, err := w.applier()
	if err != nil {
		return nil, err
	}
	list, err := choice.registrations()
	if err != nil {
		return nil, err
	}
	out.Report, err = applier.Register(ctx, p.Record, list)
	return out, failedOr(out, err)
}

func failedOr(r *Registered, err error) error {
	if err == nil && r.Failed() {
		return &NotRegisteredError{r}
	}
	return err
}

// asRecorded reads the record and the disk: what is desired is what is recorded.
func (w *world) asRecorded(ctx context.Context, decl Declaration) (*Planned, error) {
	record, err := w.store.Read()
	if err != nil {
		return nil, err
	}
	if err := checkName(w.opts, w.cfg, record); err != nil {
		return nil, err
	}
	unfinished, err := apply.Unfinished(w.work)
	if err != nil {
		return nil, err
	}
	if len(unfinished) > 0 {
		return nil, errors.New("an apply was interrupted, so that packs may be half old and half new: run packsync apply, which finishes it and tells StackStorm")
	}
	p := &Planned{Declaration: decl, Record: record, Notes: record.Notes, world: w, Resolved: &resolve.Result{}}
	if p.key, err = w.digestKey(); err != nil {
		return nil, err
	}
	return p, w.observe(ctx, p)
}

// registering chooses what StackStorm is told.
type registering struct {
	*Planned
	request RegisterRequest
	out     *Registered
	global  plan.Global
	dirs    map[pack.Ref]installed.Pack // managed packs at their place, else the first base path that has one
}

func (r *registering) choose(ctx context.Context) error {
	r.look()
	due, err := r.pendingOrStale(ctx)
	if err != nil {
		return err
	}
	var chosen []pack.Ref
	switch {
	case len(r.request.Packs) > 0:
		chosen = r.request.Packs
	case r.request.All:
		chosen = slices.Collect(maps.Keys(r.Record.Packs))
	default:
		chosen = slices.Collect(maps.Keys(due))
	}
	if err := r.refuseUnknown(chosen); err != nil {
		return err
	}
	depends := map[pack.Ref][]pack.Ref{}
	for ref, recorded := range r.Record.Packs {
		depends[ref] = recorded.DependsOn
	}
	for _, ref := range slices.Compact(plan.InOrder(chosen, depends)) {
		if err := r.add(ctx, ref, due[ref]); err != nil {
			return err
		}
	}
	return nil
}

// look finds the directory of each pack on disk.
func (r *registering) look() {
	r.dirs = map[pack.Ref]installed.Pack{}
	for _, base := range r.Config.BasePaths {
		for addr, seen := range r.Observed.Packs {
			if _, taken := r.dirs[addr.Ref]; !taken && addr.BasePath == base.Name {
				r.dirs[addr.Ref] = seen
			}
		}
	}
	for ref, recorded := range r.Record.Packs {
		delete(r.dirs, ref)
		for _, seen := range r.Observed.Packs {
			if seen.Addr.Ref == ref && seen.Dir == recorded.Path {
				r.dirs[ref] = seen
			}
		}
	}
}

// pendingOrStale finds what StackStorm has to be told.
func (r *registering) pendingOrStale(ctx context.Context) (map[pack.Ref]plan.Change, error) {
	compared, err := r.againstRecord(ctx, r.global, nil)
	if err != nil {
		return nil, err
	}
	due := map[pack.Ref]plan.Change{}
	for _, c := range compared.Changes {
		if len(c.Do.Register) > 0 {
			due[c.Ref] = c
		}
	}
	return due, nil
}

// refuseUnknown names what nothing is known of: a typo must not look like success.
func (r *registering) refuseUnknown(chosen []pack.Ref) error {
	var unknown []string
	var known []string
	for ref := range r.dirs {
		known = append(known, string(ref))
	}
	for _, ref := range chosen {
		_, there := r.dirs[ref]
		_, managed := r.Record.Packs[ref]
		switch {
		case there || managed:
		case slices.ContainsFunc(r.Config.Packs, func(c config.Pack) bool { return c.Ref == ref }):
			unknown = append(unknown, fmt.Sprintf("%s is declared and not installed yet: packsync apply installs it, and registers it then.", ref))
		default:
			unknown = append(unknown, fmt.Sprintf("%s is in none of the base paths.%s", ref, config.DidYouMean(string(ref), known)))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return errors.New("there is nothing to register under these names:\n  " + strings.Join(unknown, "\n  "))
}

// add takes a pack in, or says why it is left out. What differs from the record is
// registered only if the pack is named.
func (r *registering) add(ctx context.Context, ref pack.Ref, due plan.Change) error {
	seen, there := r.dirs[ref]
	recorded, managed := r.Record.Packs[ref]
	named := len(r.request.Packs) > 0
	leave := func(format string, args ...any) {
		r.out.LeftOut = append(r.out.LeftOut, LeftOut{ref, fmt.Sprintf(format, args...)})
	}
	now := RegisteredNow{Ref: ref, Path: seen.Dir, Managed: managed, Types: r.request.Types, Reasons: []string{}, Edits: []string{}}
	switch {
	case !there:
		leave("its directory %s is gone: packsync apply brings it back", recorded.Path)
		return nil
	case seen.Link:
		leave("%s is a symbolic link, which StackStorm's own tools fail on: remove the link, then run packsync apply", seen.Dir)
		return nil
	case slices.Contains(recorded.Registered.Pending, "unload") && !named:
		leave("StackStorm is to unload it, since it is no longer declared: packsync apply does that")
		return nil
	case !managed:
		now.Reasons = append(now.Reasons, "not managed by packsync, and named: it is registered as it lies on disk, and nothing is recorded")
	}
	if managed && seen.Content != recorded.Content {
		now.Edited = true
		now.Edits = append(now.Edits, r.edits(ctx, ref, recorded, seen)...)
	}
	if word := configWord(r.Planned, ref); word == "edited" {
		now.Edited = true
		now.Edits = append(now.Edits, "changed "+r.configFile(ref))
	}
	if now.Edited && !named {
		leave("its files are not what packsync installed (%s): name the pack to register them as they are, or undo that with packsync apply", fewWords(now.Edits))
		return nil
	}
	if now.Edited {
		now.Reasons = append(now.Reasons, "its files are not what packsync installed ("+fewWords(now.Edits)+"): StackStorm has the edit once this is registered")
	}
	now.Reasons = append(now.Reasons, registerReasons(due)...)
	if len(now.Types) == 0 && !named && !r.request.All {
		now.Types = due.Do.Register
	}
	if len(now.Types) == 0 {
		now.Types = []string{"all"}
	}
	var err error
	if now.due, err = dueOnDisk(seen.Dir); err != nil {
		return fmt.Errorf("look at the content of %s: %w", ref, err)
	}
	if _, err := os.Stat(r.configFile(ref)); err == nil {
		now.due = append(now.due, "configs")
	}
	r.out.Packs = append(r.out.Packs, now)
	return nil
}

func (r *registering) configFile(ref pack.Ref) string {
	return filepath.Join(r.Config.Host.ConfigsDir, string(ref)+".yaml")
}

// registerReasons are those of a change that is more than a registration: only
// what is about StackStorm.
func registerReasons(c plan.Change) []string {
	if c.Action == plan.Register {
		return c.Reasons
	}
	return nil
}

func fewWords(edits []string) string {
	const most = 3
	switch {
	case len(edits) == 0:
		return "content differs"
	case len(edits) <= most:
		return strings.Join(edits, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(edits[:most], ", "), len(edits)-most)
}

// registrations says what is recorded of each pack if StackStorm takes it.
func (r *registering) registrations() ([]apply.Registration, error) {
	var list []apply.Registration
	for _, now := range r.out.Packs {
		reg := apply.Registration{Ref: now.Ref, Dir: now.Path, Types: now.Types, Due: now.due, Managed: now.Managed}
		if now.Managed {
			told, err := r.told(now)
			if err != nil {
				return nil, err
			}
			reg.Told = told
		}
		list = append(list, reg)
	}
	return list, nil
}

// told is what StackStorm knows of a managed pack after a registration. After one
// of a few types it knows all only if nothing else is pending.
func (r *registering) told(now RegisteredNow) (state.Registered, error) {
	recorded, seen := r.Record.Packs[now.Ref], r.dirs[now.Ref]
	told := recorded.Registered
	whole := slices.Contains(now.Types, "all")
	covers := func(t string) bool {
		return whole && t != "unload" && t != "purge" || slices.Contains(now.Types, t)
	}
	told.Pending = slices.DeleteFunc(slices.Clone(told.Pending), covers)
	onDisk, hasConfig := r.Observed.Configs[now.Ref]
	owned := recorded.Config != nil && recorded.Config.Owned
	switch {
	case owned && whole:
		told.Config = ""
	case hasConfig && !owned && covers("configs"):
		told.Config = r.key.HMAC(onDisk.Bytes)
	}
	overrides, err := r.overridesSeen(now.Ref)
	if err != nil {
		return told, err
	}
	told.Overrides = plan.OverridesTold(told.Overrides, r.global.Seen, overrides.OverrideFile, r.overridableOnDisk(now.Ref), covers)
	complete := whole || len(told.Pending) == 0 && len(recorded.Registered.Pending) > 0
	if !complete {
		return told, nil
	}
	tree, config := recorded.Tree, ""
	if seen.Content != recorded.Content {
		tree = seen.Tree
	}
	if owned {
		config = recorded.Config.HMAC
		if hasConfig {
			config = r.key.HMAC(onDisk.Bytes)
		}
	}
	told.Digest = plan.RegistrationDigest(tree, config)
	return told, nil
}
