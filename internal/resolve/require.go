package resolve

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
)

// requirement is one dependency of one pack.
type requirement struct {
	pack.Dependency
	by   pack.Ref
	root *config.Pack // the declared pack that leads to it, for messages
}

func (q requirement) satisfiedBy(pin Pin) bool {
	return q.SatisfiedBy(pin.Version, pin.Entry.Ref, pin.Entry.Commit)
}

// group is what all packs together require of one that nobody declares.
type group struct {
	ref   pack.Ref // "" while only the address is known
	needs []requirement
}

// source returns the address that the group requires; the zero Source if only the
// name is required, which any source satisfies. Two addresses are a conflict.
func (g group) source() (src pack.Source, ok bool) {
	for _, q := range g.needs {
		if q.Name != "" {
			continue
		}
		if src.URL != "" && src != q.Source {
			return src, false
		}
		src = q.Source
	}
	return src, true
}

// selector joins what the group requires. With two revisions the first is tried:
// they may mean the same.
func (g group) selector() pack.Selector {
	var revisions, ranges []string
	for _, q := range g.needs {
		switch q.Selector.Kind {
		case pack.SelectRevision:
			revisions = append(revisions, q.Selector.Text)
		case pack.SelectVersion:
			ranges = append(ranges, q.Selector.Text)
		}
	}
	slices.Sort(revisions)
	slices.Sort(ranges)
	switch {
	case len(revisions) > 0:
		return pack.Selector{Kind: pack.SelectRevision, Text: revisions[0]}
	case len(ranges) > 0:
		return pack.Selector{Kind: pack.SelectVersion, Text: strings.Join(slices.Compact(ranges), ", ")}
	}
	return pack.Selector{}
}

// unsatisfied returns the first requirement that a pin does not satisfy.
func (g group) unsatisfied(pin Pin) (requirement, bool) {
	for _, q := range g.needs {
		if !q.satisfiedBy(pin) {
			return q, true
		}
	}
	return requirement{}, false
}

// reason says in a clause who requires the pack.
func (g group) reason() string {
	var parts []string
	for _, q := range g.needs {
		if part := fmt.Sprintf("%s (%s)", q.by, printable(q.String())); !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	const most = 3
	if more := len(parts) - most; more > 0 {
		parts = append(parts[:most], fmt.Sprintf("%d more", more))
	}
	return "required by " + strings.Join(parts, ", ")
}

// declaration puts the group in the words of a declaration, so that an indirect
// pack is chosen as a declared one is. How its virtualenv is built, and whether it
// has one, the declared packs say that lead to it: it has no block of its own.
func (g group) declaration() *config.Pack {
	root := g.needs[0].root
	p := &config.Pack{Ref: g.ref, Selector: g.selector(), BasePath: pack.DefaultBasePath, Python: root.Python, Range: root.Range}
	for _, q := range g.needs {
		p.Virtualenv = p.Virtualenv || q.root.Virtualenv
	}
	if src, _ := g.source(); src.URL != "" {
		p.Source, p.SourceText = src, src.URL
	} else {
		p.ShortName = string(g.ref)
	}
	return p
}

// name is what to call the pack while its ref is not known.
func (g group) name() pack.Ref {
	if names := g.needs[0].Names(); g.ref == "" && len(names) > 0 {
		return names[0]
	}
	return g.ref
}

// verdict says whether the locked pin of an indirect pack stays.
func (req Request) judgeIndirect(g group) verdict {
	p := g.declaration()
	v := verdict{want: lockfile.Want{Short: p.ShortName != "", Source: p.Source.URL, Selector: p.Selector}, reason: g.reason()}
	entry, locked := req.lock().Packs[g.ref]
	if !locked {
		return v
	}
	v.before = &entry
	unsatisfied, conflict := g.unsatisfied(Pin{Entry: entry, Version: entry.Version})
	switch {
	case entry.IsDir() || p.ShortName != "" && entry.Index == "":
		v.reason += fmt.Sprintf("; its source was %s", entry.Source)
	case p.Source.URL != "" && (entry.Source != p.Source.URL || entry.Subdir != ""):
		v.reason += fmt.Sprintf("; its source was %s", entry.Source)
	case conflict:
		v.reason = fmt.Sprintf("%s requires %s, the pin is %s", unsatisfied.by, printable(unsatisfied.String()), entry.Version)
	case req.Mode == Update && (req.Update == nil || req.Update[g.ref]):
		v.reason = "updated"
	default:
		v.keep, v.textOnly = true, true
	}
	return v
}

// walk follows what the pins require, from the declared packs on, each pack once.
type walk struct {
	r        *resolver
	declared map[pack.Ref]outcome
	indirect map[pack.Ref]outcome // as far as they are chosen
	visited  map[pack.Ref]bool
	groups   map[string]*group
	links    map[pack.Ref][]pack.Ref // which pack requires which
	errs     []error
}

func (r *resolver) walk(declared, indirect map[pack.Ref]outcome) *walk {
	w := &walk{
		r: r, declared: declared, indirect: indirect, visited: map[pack.Ref]bool{}, groups: map[string]*group{}, links: map[pack.Ref][]pack.Ref{},
	}
	for _, ref := range sortedRefs(declared) {
		w.visit(ref, declared[ref], r.byRef[ref])
	}
	return w
}

// sorted returns what is required of packs that nobody declares.
func (w *walk) sorted() []group {
	var groups []group
	for _, key := range slices.Sorted(maps.Keys(w.groups)) {
		groups = append(groups, *w.groups[key])
	}
	return groups
}

func (w *walk) visit(ref pack.Ref, out outcome, root *config.Pack) {
	if w.visited[ref] {
		return
	}
	w.visited[ref] = true
	for _, text := range out.requires {
		d, err := pack.ParseDependency(text)
		if err == nil {
			err = localOnly(d, out.pin.Source)
		}
		switch {
		case err != nil:
			w.errs = append(w.errs, &dependencyError{ref, root, err})
		case d.Name.IsSystem(): // it comes with StackStorm
		default:
			w.require(requirement{Dependency: d, by: ref, root: root})
		}
	}
}

func (w *walk) require(need requirement) {
	target := w.r.target(need.Dependency, w.declared)
	if target == need.by {
		return
	}
	if target != "" && !slices.Contains(w.links[need.by], target) {
		w.links[need.by] = append(w.links[need.by], target)
	}
	if pinned, is := w.declared[target]; is {
		if !pinned.open && !need.satisfiedBy(pinned.pin) {
			w.errs = append(w.errs, &conflictError{ref: target, pin: pinned.pin, declared: w.r.byRef[target], needs: []requirement{need}})
		}
		return
	}
	key := string(target)
	if target == "" {
		key = need.Source.String()
	}
	if w.groups[key] == nil {
		w.groups[key] = &group{ref: target}
	}
	w.groups[key].needs = append(w.groups[key].needs, need)
	if next, chosen := w.indirect[target]; chosen {
		w.visit(target, next, need.root)
	}
}

// target finds which pack a dependency means: by its name, by the address that a
// known pack has, or by the name that StackStorm takes from the address. "" if only
// fetching can tell.
func (r *resolver) target(d pack.Dependency, declared map[pack.Ref]outcome) pack.Ref {
	if d.Name != "" {
		return d.Name
	}
	for _, ref := range slices.Sorted(maps.Keys(declared)) {
		if src := declared[ref].pin.Source; src == d.Source {
			return ref
		}
	}
	for _, name := range d.Names() {
		if _, is := declared[name]; is {
			return name
		}
	}
	if ref, known := r.learned[d.Source]; known {
		return ref
	}
	for _, ref := range slices.Sorted(maps.Keys(r.req.lock().Packs)) {
		if e := r.req.lock().Packs[ref]; e.Source == d.Source.URL && e.Subdir == "" {
			return ref
		}
	}
	return ""
}

// localOnly refuses a pack from elsewhere that names a repository on this machine.
func localOnly(d pack.Dependency, requirer pack.Source) error {
	local := strings.HasPrefix(d.Source.URL, "file://")
	if local && requirer.Kind != pack.SourceDir && !strings.HasPrefix(requirer.URL, "file://") {
		return fmt.Errorf("the dependency %q names a repository on this machine, which a pack from elsewhere must not", d)
	}
	return nil
}
