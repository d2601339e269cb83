package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/trace"
)

const (
	// maxIndirect bounds what packs can draw in. Of the Exchange's packs none
	// requires another; more than this is a mistake or an attack.
	maxIndirect = 200
	// maxRounds bounds how often choices may change what is required. A chain of
	// packs takes a round each.
	maxRounds = 50
)

// dependencyError: a pack.yaml has a dependency that cannot be followed.
type dependencyError struct {
	ref  pack.Ref
	root *config.Pack
	err  error
}

func (e *dependencyError) Error() string { return fmt.Sprintf("pack %s: %v", e.ref, e.err) }
func (e *dependencyError) Unwrap() error { return e.err }

// conflictError: packs require what one pin cannot be.
type conflictError struct {
	ref      pack.Ref
	pin      Pin
	declared *config.Pack // nil for an indirect pack
	needs    []requirement
	sources  bool // they require it from different places
	none     bool // nothing was found that satisfies all
}

func (e *conflictError) Error() string {
	var parts []string
	if e.declared != nil {
		parts = append(parts, fmt.Sprintf("the declaration pins %s to %s (%s)", e.ref, e.pin.Version, e.declared.Selector))
	}
	for _, q := range e.needs {
		parts = append(parts, fmt.Sprintf("%s requires %s", q.by, printable(q.String())))
	}
	return strings.Join(parts, ", and ")
}

// required chooses the packs that others require and nobody declares, until all
// that is required is there. It begins with what is locked, so that a lock which
// fits is seen to fit at once. What a choice requires in turn counts from the next
// round on; what nothing requires any more is dropped. A problem counts once all
// others have settled: it may come from a pin that is about to go.
func (r *resolver) required(ctx context.Context, declared map[pack.Ref]outcome) (map[pack.Ref]outcome, map[pack.Ref][]pack.Ref, diag.List) {
	indirect := r.lockedIndirect(declared)
	var diags diag.List
	for range maxRounds {
		if ctx.Err() != nil {
			break // the caller says so
		}
		walk := r.walk(declared, indirect)
		groups := walk.sorted()
		if len(groups) > maxIndirect {
			return nil, nil, diag.List{dependencyProblem(groups[0].needs[0].root, "Too many dependencies",
				fmt.Sprintf("The packs require %d others that are not declared; up to %d are followed. Declare what is really needed.", len(groups), maxIndirect))}
		}
		var next map[pack.Ref]outcome
		knew := len(r.learned)
		next, diags = r.round(ctx, groups, indirect)
		if len(r.learned) == knew && settled(next, indirect) {
			for _, err := range walk.errs {
				diags = append(diags, r.conflict(ctx, err))
			}
			return next, walk.links, diags
		}
		indirect = next
	}
	return nil, nil, append(diags, dependencyProblem(nil, "Dependencies do not settle",
		"The packs require each other at versions whose own dependencies contradict that, and no choice stands. Declare the packs involved with exact versions."))
}

// lockedIndirect is what the lock holds beside the declared packs: to be judged.
func (r *resolver) lockedIndirect(declared map[pack.Ref]outcome) map[pack.Ref]outcome {
	out := map[pack.Ref]outcome{}
	for ref, entry := range r.req.lock().Packs {
		if _, is := declared[ref]; !is && !entry.IsDir() {
			out[ref] = outcome{ref: ref, requires: entry.Requires, pin: Pin{Entry: entry, Version: entry.Version}, tentative: true}
		}
	}
	return out
}

// round chooses for each group, at once. Groups with a problem have no outcome.
func (r *resolver) round(ctx context.Context, groups []group, before map[pack.Ref]outcome) (map[pack.Ref]outcome, diag.List) {
	outcomes := make([]outcome, len(groups))
	var workers errgroup.Group
	workers.SetLimit(parallel(r.req.Parallel))
	for i, g := range groups {
		if now, has := before[g.ref]; has && stays(g, now) {
			now.declaration = *g.declaration() // who requires it may have changed
			outcomes[i] = now
			continue
		}
		workers.Go(func() error {
			outcomes[i] = r.indirect(ctx, g)
			return nil
		})
	}
	_ = workers.Wait() // the functions return no error: each outcome keeps its own
	next := map[pack.Ref]outcome{}
	var diags diag.List
	for i, out := range outcomes {
		if out.problem != nil {
			diags = append(diags, out.problem)
			continue
		}
		if groups[i].ref == "" && !out.open {
			r.learned[groups[i].needs[0].Source] = out.ref
		}
		next[out.ref] = out
	}
	return next, diags
}

// settled reports whether a round left everything as it was.
func settled(next, before map[pack.Ref]outcome) bool {
	if len(next) != len(before) {
		return false
	}
	for ref, out := range next {
		was, has := before[ref]
		if !has || was.tentative || was.open != out.open || !out.pin.Entry.Equal(was.pin.Entry) {
			return false
		}
	}
	return true
}

// stays reports whether a choice of an earlier round is still what is asked for.
// Also another constraint that it satisfies asks for a choice of its own: the
// result must not depend on the order in which requirements came up.
func stays(g group, now outcome) bool {
	if now.open || now.tentative {
		return false
	}
	if _, ok := g.source(); !ok {
		return false
	}
	want, have := g.declaration(), now.declaration
	_, conflict := g.unsatisfied(now.pin)
	return !conflict && have.Source == want.Source && have.ShortName == want.ShortName && have.Selector == want.Selector
}

// indirect keeps the pin of a required pack or chooses anew.
func (r *resolver) indirect(ctx context.Context, g group) outcome {
	if _, ok := g.source(); !ok {
		return outcome{problem: r.conflict(ctx, &conflictError{ref: g.ref, needs: g.needs, sources: true})}
	}
	p := g.declaration()
	v := r.req.judgeIndirect(g)
	name := g.name()
	var out outcome
	switch {
	case v.keep:
		out = r.keep(ctx, p, v)
	case r.req.Mode == Locked:
		return outcome{ref: name, open: true, change: v.stale(name)}
	default:
		r.event(Event{Ref: name, Step: Choosing})
		choosing, span := trace.Pack(ctx, name)
		out = r.anew(choosing, p, v.want, v.before)
		span.End()
		if out.problem != nil {
			r.event(Event{Ref: name, Step: Failed})
			return r.explain(ctx, g, out)
		}
		r.event(Event{Ref: name, Step: Done, Source: out.pin.Entry.Source, Commit: out.pin.Entry.Commit})
	}
	if out.problem != nil {
		return out
	}
	out.pin.Entry.Direct = false
	if _, conflict := g.unsatisfied(out.pin); conflict {
		return outcome{problem: r.conflict(ctx, &conflictError{ref: out.ref, pin: out.pin, needs: g.needs})}
	}
	out.declaration, out.change = *p, nil
	out.declaration.Ref = out.ref
	before, reason := v.before, v.reason
	if entry, locked := r.req.lock().Packs[out.ref]; locked {
		before = &entry
	}
	if v.keep {
		reason = g.reason()
	}
	out.change = changeOf(out.ref, before, &out.pin.Entry, reason)
	return out
}

// explain turns a failure to choose into a conflict, if it is one.
func (r *resolver) explain(ctx context.Context, g group, out outcome) outcome {
	var none *noVersionError
	if errors.As(out.err, &none) && len(g.needs) > 1 {
		return outcome{problem: r.conflict(ctx, &conflictError{ref: g.ref, pin: Pin{Source: none.source}, needs: g.needs, none: true})}
	}
	shown := *g.declaration()
	shown.Ref = g.name()
	out.problem = problem(&shown, out.err)
	out.problem.Detail += " The pack is " + g.reason() + "."
	return out
}

// conflict describes why requirements cannot be met, and what could meet them.
func (r *resolver) conflict(ctx context.Context, err error) *diag.Diagnostic {
	var c *conflictError
	if !errors.As(err, &c) {
		var d *dependencyError
		errors.As(err, &d)
		out := dependencyProblem(d.root, "Dependency cannot be followed",
			fmt.Sprintf("%s. Mend its pack.yaml at its source, or choose another version of the pack.", upper(err.Error())))
		out.Extra = misfit{[]pack.Ref{d.ref}}
		return out
	}
	out := r.contradiction(ctx, c)
	var refs []pack.Ref
	for _, need := range c.needs {
		refs = append(refs, need.by)
	}
	out.Extra = misfit{append(refs, c.ref)}
	return out
}

func (r *resolver) contradiction(ctx context.Context, c *conflictError) *diag.Diagnostic {
	text := fmt.Sprintf("Pack %s: %v. ", c.ref, c)
	if c.sources {
		return dependencyProblem(c.needs[0].root, "Dependencies contradict each other", text+
			fmt.Sprintf("They name different repositories, and only one pack %s can be installed. Declare it with the source that is right: pack %q { source = … }.", c.ref, c.ref))
	}
	text += r.wayOut(ctx, c)
	return dependencyProblem(c.needs[0].root, "Dependencies contradict each other", text)
}

// wayOut says which versions would satisfy everybody, if the repository can still
// be asked.
func (r *resolver) wayOut(ctx context.Context, c *conflictError) string {
	var fitting []string
	src := pack.Source{Kind: c.pin.Source.Kind, URL: c.pin.Source.URL}
	if remote, err := r.sources.open(src); err == nil && src.Kind == pack.SourceGit && r.req.Mode != Locked {
		if refs, err := remote.Refs(ctx); err == nil { // advice only: the conflict is reported either way
			for _, tv := range versionsOf(refs.Tags) {
				pin := Pin{Version: tv.version.String()}
				pin.Entry.Ref, pin.Entry.Commit = "refs/tags/"+tv.tag, refs.Tags[tv.tag]
				if _, conflict := (group{needs: c.needs}).unsatisfied(pin); !conflict {
					fitting = append(fitting, tv.tag)
				}
			}
		}
	}
	switch {
	case len(fitting) > 0 && c.declared != nil:
		return fmt.Sprintf("%s would satisfy it: change what pack %q declares, or choose another version of %s.", few(fitting), c.ref, c.needs[0].by)
	case len(fitting) > 0:
		return fmt.Sprintf("%s would satisfy all: declare pack %q with such a version.", few(fitting), c.ref)
	case c.declared != nil:
		return fmt.Sprintf("Change what pack %q declares, or choose another version of %s.", c.ref, c.needs[0].by)
	}
	return "No version satisfies all: choose other versions of the packs that require it."
}

func dependencyProblem(root *config.Pack, summary, detail string) *diag.Diagnostic {
	at := diag.Range{}
	if root != nil {
		at = root.Range
	}
	return diag.Error(at, summary, detail)
}

func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// acyclic leaves out of links those that lead back: packs may require each other,
// but one has to come first.
func acyclic(links map[pack.Ref][]pack.Ref) map[pack.Ref][]pack.Ref {
	out := map[pack.Ref][]pack.Ref{}
	done, open := map[pack.Ref]bool{}, map[pack.Ref]bool{}
	var visit func(ref pack.Ref)
	visit = func(ref pack.Ref) {
		open[ref] = true
		targets := slices.Clone(links[ref])
		slices.Sort(targets)
		for _, target := range targets {
			if open[target] {
				continue
			}
			if !done[target] {
				visit(target)
			}
			out[ref] = append(out[ref], target)
		}
		delete(open, ref)
		done[ref] = true
	}
	for _, ref := range sortedRefs(links) {
		if !done[ref] {
			visit(ref)
		}
	}
	return out
}
