package review

import (
	"cmp"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
)

// Pack is what one pack contains before and after. Nil is a pack that is not
// there; the same inventory twice one that does not change.
type Pack struct {
	Ref           pack.Ref
	Before, After *content.Inventory
	Config        *Config // nil: none is declared
	// Unread: what it contains is not known, and neither inventory is looked at.
	Unread bool
}

// World is all packs that are looked at, each once.
type World struct {
	Packs []Pack
	// Complete: there are no other packs, so that what refers to one leads nowhere.
	// Otherwise only references between Packs are judged.
	Complete bool
}

// Result is what a review found.
type Result struct {
	Changes  map[pack.Ref][]Change // of the packs that change, the most harmful first; with who is hit
	Dangling []Reference           // led nowhere before, and still do
	Builtin  []Reference           // to what StackStorm's own packs do not have, as far as is known
}

// Review compares the packs that change, and looks in all packs for who is hit.
func Review(w World) Result {
	r := reviewer{
		complete: w.Complete,
		before:   sideOf(w.Packs, func(p Pack) *content.Inventory { return p.Before }),
		after:    sideOf(w.Packs, func(p Pack) *content.Inventory { return p.After }),
		users:    map[target][]Reference{},
		unread:   map[pack.Ref]bool{},
	}
	packs := slices.SortedFunc(slices.Values(w.Packs), func(a, b Pack) int { return cmp.Compare(a.Ref, b.Ref) })
	references := map[pack.Ref][]Reference{}
	for _, p := range packs {
		if r.unread[p.Ref] = p.Unread; p.Unread || p.After == nil {
			continue
		}
		references[p.Ref] = References(p.Ref, p.After)
		for _, ref := range references[p.Ref] {
			r.users[target{ref.Kind, ref.To}] = append(r.users[target{ref.Kind, ref.To}], ref)
		}
	}
	result := Result{Changes: map[pack.Ref][]Change{}}
	for _, p := range packs {
		if p.Unread {
			continue
		}
		var c comparison
		if p.Before != p.After {
			c.changes = Compare(p.Before, p.After)
			for i := range c.changes {
				r.hit(p.Ref, &c.changes[i])
				p.Config.fits(p.Ref, &c.changes[i])
			}
		}
		broken, dangling := r.astray(p, references[p.Ref])
		c.changes = append(c.changes, broken...)
		result.Dangling = append(result.Dangling, dangling...)
		for _, ref := range references[p.Ref] {
			if r.builtin(ref) && foreign(ref) != "" {
				result.Builtin = append(result.Builtin, ref)
			}
		}
		if len(c.changes) > 0 {
			c.sort()
			result.Changes[p.Ref] = c.changes
		}
	}
	return result
}

// target is an action or a trigger type.
type target struct{ kind, name string }

// side is all packs together at one time.
type side struct {
	packs   map[pack.Ref]bool // false: in the world, but not there at this time
	targets map[target]bool
}

func sideOf(packs []Pack, at func(Pack) *content.Inventory) side {
	s := side{map[pack.Ref]bool{}, map[target]bool{}}
	for _, p := range packs {
		if p.Unread {
			continue
		}
		inv := at(p)
		s.packs[p.Ref] = inv != nil
		if inv == nil {
			continue
		}
		for _, a := range inv.Actions {
			s.targets[target{"action", string(p.Ref) + "." + a.Name}] = true
		}
		for _, t := range inv.Triggers {
			s.targets[target{"trigger", string(p.Ref) + "." + t.Name}] = true
		}
	}
	return s
}

func (s side) has(r Reference) bool { return s.targets[target{r.Kind, r.To}] }

func packOf(name string) pack.Ref {
	ref, _, _ := strings.Cut(name, ".")
	return pack.Ref(ref)
}

type reviewer struct {
	complete      bool
	before, after side
	users         map[target][]Reference // after the change
	unread        map[pack.Ref]bool
}

// hit finds who is hit by a change of a pack.
func (r *reviewer) hit(ref pack.Ref, c *Change) {
	full := string(ref) + "." + c.Name
	switch c.ID {
	case ActionRemoved, ActionRenamed, ActionDisabled:
		c.Hits = slices.Clone(r.users[target{"action", full}])
	case TriggerRemoved, TriggerParameters, TriggerPayload, TriggerPayloadRemoved:
		c.Hits = slices.Clone(r.users[target{"trigger", full}])
	case paramPrefix + required:
		c.Hits = r.callers(full, func(given bool) bool { return !given }, c.Parameter)
	case paramPrefix + removed, paramPrefix + immutable, paramPrefix + typed, paramPrefix + enum, paramPrefix + schema:
		c.Hits = r.callers(full, func(given bool) bool { return given }, c.Parameter)
	case PackRemoved:
		for to, users := range r.users {
			if packOf(to.name) == ref && r.before.targets[to] {
				c.Hits = append(c.Hits, users...)
			}
		}
		if len(c.Hits) > 0 {
			c.Grade = pack.Breaking
		}
	}
	sortReferences(c.Hits)
}

// callers are those that call an action and give a parameter, or do not.
func (r *reviewer) callers(action string, want func(given bool) bool, parameter string) (out []Reference) {
	for _, user := range r.users[target{"action", action}] {
		if user.calls && want(slices.Contains(user.parameters, parameter)) {
			out = append(out, user)
		}
	}
	return out
}

// astray sorts out the references of a pack that lead nowhere after the change:
// those that did so before, and new ones. Those whose target goes are hit by that
// change and not listed again.
func (r *reviewer) astray(p Pack, references []Reference) (broken []Change, dangling []Reference) {
	type key struct{ kind, to, by, file string }
	keyOf := func(ref Reference) key { return key{ref.Kind, ref.To, ref.By, ref.File} }
	old := map[key]bool{}
	if p.Before == p.After {
		for _, ref := range references {
			old[keyOf(ref)] = true
		}
	} else if p.Before != nil {
		for _, ref := range References(p.Ref, p.Before) {
			old[keyOf(ref)] = true
		}
	}
	for _, ref := range references {
		switch {
		case !ref.certain, !r.judged(ref), r.after.has(ref), r.before.has(ref):
		case old[keyOf(ref)]:
			dangling = append(dangling, ref)
		case ref.Kind == "trigger" && packOf(ref.To) == p.Ref: // content.FindingTrigger says so already
		default:
			kind, name, _ := strings.Cut(ref.By, " ")
			grade := pack.Breaking
			if p.Before == nil { // it never worked for anyone
				grade = pack.Caution
			}
			broken = append(broken, Change{
				ID: ReferenceBroken, Grade: grade, Kind: kind, Name: name, At: ref.Place,
				Message: "it refers to the " + ref.Kind + " " + ref.To + ", which is not there",
			})
		}
	}
	return broken, dangling
}

// judged tells whether it is known what the pack that a reference leads to
// contains. StackStorm's own packs are so only where they are among the packs, and
// its own trigger types stand in no file.
func (r *reviewer) judged(ref Reference) bool {
	to := packOf(ref.To)
	if r.unread[to] || ref.Kind == "trigger" && strings.HasPrefix(ref.To, "core.st2.") {
		return false
	}
	_, inWorld := r.after.packs[to]
	return inWorld || r.complete && !to.IsSystem()
}

// builtin tells whether a reference leads to a pack that comes with StackStorm
// and that was not looked at.
func (r *reviewer) builtin(ref Reference) bool {
	to := packOf(ref.To)
	if ref.Kind == "trigger" && strings.HasPrefix(ref.To, "core.st2.") {
		return ref.certain
	}
	_, inWorld := r.after.packs[to]
	return ref.certain && to.IsSystem() && !inWorld && !r.unread[to]
}

func sortReferences(references []Reference) {
	slices.SortFunc(references, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.By, b.By), cmp.Compare(a.To, b.To))
	})
}

// DanglingFinding tells of all references that led nowhere before the change
// already: once, apart from what the change does. Nil for none.
func DanglingFinding(references []Reference) *pack.Finding {
	if len(references) == 0 {
		return nil
	}
	f := &pack.Finding{
		ID: Dangling, Severity: pack.Note,
		Message: count(len(references), "reference leads", "references lead") + " nowhere, before these changes and after them",
	}
	for _, r := range references {
		f.At = append(f.At, r.String()+": "+r.Kind+" "+r.To)
	}
	return f
}
