package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/nearest"
	"github.com/packsync/packsync/internal/override"
	"github.com/packsync/packsync/internal/pack"
)

// heldKinds are the kinds of content that act by themselves, and that new_content
// holds back.
var heldKinds = []string{"rules", "sensors"}

// holding finds out what is held back of one pack: sensors and rules that came new
// with a version and that nobody has enabled by name since. They stay held back
// while a version lacks them: nobody has approved them either, should they come
// back, in a rollback for instance.
type holding struct {
	*Planned
	desired  *desired
	held     map[string][]string // by kind, sorted
	arriving []string            // of these, what the wanted version brings: "rule x"

	inventory *content.Inventory // of the wanted version; nil if it need not be read
}

// find fills in what is held back. It reads content only where content changes or
// names have to be judged.
func (h *holding) find(ctx context.Context, seen overrideFile) error {
	d := h.desired
	policy := cmp.Or(d.pack.NewContent, h.Config.Host.NewContent)
	recorded, managed := h.Record.Packs[d.pack.Ref]
	changes := h.changesContent(d)
	hold := policy == config.NewContentDisabled
	if hold {
		h.held = maps.Clone(recorded.HeldBack)
	}
	unrecorded := hold && !managed && !changes && len(seen.says) > 0
	if len(h.held) == 0 && !(hold && changes) && !unrecorded && !namesAny(d.pack.Overrides) {
		return nil
	}
	var err error
	if h.inventory, err = h.contentOf(ctx, d); err != nil {
		return err
	}
	switch {
	case unrecorded:
		h.recover(seen)
	case hold && changes:
		if err := h.arrive(ctx); err != nil {
			return err
		}
	}
	h.approve()
	return nil
}

func namesAny(o *config.Overrides) bool {
	return slices.ContainsFunc(override.Kinds(), func(kind string) bool { return len(named(o, kind)) > 0 })
}

// arrive adds what the wanted version has and the present one lacks.
func (h *holding) arrive(ctx context.Context) error {
	before := h.before(ctx)
	for _, kind := range heldKinds {
		had := namesOf(before, kind)
		for _, name := range namesOf(h.inventory, kind) {
			if slices.Contains(had, name) {
				continue
			}
			h.hold(kind, name)
			if !isNamed(h.desired.pack.Overrides, kind, name) {
				h.arriving = append(h.arriving, override.Singular(kind)+" "+name)
			}
		}
	}
	return nil
}

// before reads what the pack that is there contains: of a managed one what packsync
// installed, whatever was edited since. Nil, so that everything is new, for a pack
// that is not there and that nothing is known of.
func (h *holding) before(ctx context.Context) *content.Inventory {
	ref := h.desired.pack.Ref
	recorded, managed := h.Record.Packs[ref]
	cache := h.inventories
	seen, there := h.seenOf(ref, h.desired.side.BasePath)
	if managed && (!there || seen.Tree != recorded.Tree) {
		if inv := cache.known(recorded.Tree); inv != nil {
			return inv
		}
	}
	if !there {
		return nil
	}
	r := reviewing{planned: h.Planned, cache: cache, unread: map[pack.Ref]finding{}}
	return r.onDisk(ctx, seen) // nil for one that cannot be read: then all is new
}

// recover finds what was held back of a pack whose record is lost: what its override
// file disables, if that and what is declared is all that the file says.
func (h *holding) recover(seen overrideFile) {
	says := declaredOverrides(h.desired.pack.Overrides)
	found := map[string][]string{}
	for _, kind := range heldKinds {
		for name, enabled := range seen.says[kind].Exceptions {
			if _, named := says[kind].Exceptions[name]; !named && !enabled && slices.Contains(namesOf(h.inventory, kind), name) {
				found[kind] = append(found[kind], name)
				says.Set(kind, name, false)
			}
		}
	}
	if len(found) == 0 || len(override.Diff(seen.says, says)) > 0 {
		return
	}
	for kind, names := range found {
		for _, name := range names {
			h.hold(kind, name)
		}
	}
}

func (h *holding) hold(kind, name string) {
	names := h.held[kind]
	if slices.Contains(names, name) {
		return
	}
	if h.held == nil {
		h.held = map[string][]string{}
	}
	names = append(slices.Clone(names), name)
	slices.Sort(names)
	h.held[kind] = names
}

// approve lets go of what is enabled by name. What is disabled by name was not
// approved.
func (h *holding) approve() {
	for kind, names := range h.held {
		names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			o := h.desired.pack.Overrides
			return o != nil && slices.ContainsFunc(o.Kinds[kind].Enable, func(n config.OverrideName) bool { return n.Name == name })
		})
		if h.held[kind] = names; len(names) == 0 {
			delete(h.held, kind)
		}
	}
	if len(h.held) == 0 {
		h.held = nil
	}
}

// judge says what is held back of the wanted version, and which declared names it
// does not have.
func (h *holding) judge() []finding {
	d := h.desired
	if h.inventory == nil {
		return nil
	}
	out := judgeNames(d, h.inventory)
	waiting := heldNames(h.held, func(kind, name string) bool {
		return slices.Contains(namesOf(h.inventory, kind), name) && !isNamed(d.pack.Overrides, kind, name)
	})
	var blocks []string
	for _, kind := range heldKinds {
		var names []string
		for _, name := range waiting {
			if bare, is := strings.CutPrefix(name, override.Singular(kind)+" "); is {
				names = append(names, strconv.Quote(bare))
			}
		}
		if len(names) > 0 {
			blocks = append(blocks, fmt.Sprintf("%s { enable = [%s] }", kind, strings.Join(names, ", ")))
		}
	}
	if len(waiting) == 0 {
		return out
	}
	f := finding{
		ID: "PS-HELD-BACK", Severity: pack.Note, Resource: string(d.pack.Ref),
		Message: fmt.Sprintf("held back, that is disabled until you enable it by name: %s. To approve all of it, put into the overrides block of pack %q: %s",
			fewNames(waiting), d.pack.Ref, strings.Join(blocks, " and ")),
	}
	if d.pack.Range.Filename != "" {
		f.At = []string{fmt.Sprintf("%s:%d", d.pack.Range.Filename, d.pack.Range.Start.Line)}
	}
	return append(out, f)
}

// heldNames lists what is held back, "rule x", and chosen.
func heldNames(held map[string][]string, choose func(kind, name string) bool) (out []string) {
	for _, kind := range heldKinds {
		for _, name := range held[kind] {
			if choose(kind, name) {
				out = append(out, override.Singular(kind)+" "+name)
			}
		}
	}
	return out
}

// fewNames joins the first names of a list and counts the rest.
func fewNames(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func nearNames(name string, known []string) (near []string) {
	for _, candidate := range nearest.Names(name, known) {
		near = append(near, strconv.Quote(candidate))
	}
	return near
}
