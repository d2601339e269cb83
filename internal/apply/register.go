package apply

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/trace"
)

// purging stands in what is pending for what StackStorm still has to lose.
const purging = "purge"

// everything is the registration type that stands for all.
const everything = "all"

// talk is what StackStorm is told in one run: one pack after the other, each
// registered and then purged; trigger types last, when the rules of all packs are
// what they will be.
type talk struct {
	*Applier
	content Content
	record  *state.Record // as it will be
	report  *Report
	// globalFailed: the override file of all packs is not what it was to be.
	globalFailed bool
	later        []pack.Ref // packs that are registered as a whole after the present turn
}

// turn is what StackStorm is told about one pack.
type turn struct {
	plan.Change
	result *PackResult
	entry  state.Pack
	told   *state.Told // nil: nothing is known, and nothing written down
	err    error
	// registered: what Do.Register names is done. purged: some of what is stale was
	// deleted. rules are those of other packs that an unload concerns.
	registered, purged bool
	rules              []st2.Rule
}

// registerAll tells StackStorm what changed, and records what it took.
func (a *Applier) registerAll(ctx context.Context, s *Staged, base *state.Record, results map[pack.Ref]*PackResult, report *Report) (*state.Record, error) {
	ctx, span := trace.Begin(ctx, trace.Register)
	defer span.End()
	t := talk{Applier: a, content: s.content, record: next(base, s.plan.Name), report: report}
	if all := results[pack.GlobalOverrides]; all != nil {
		t.globalFailed = all.Err != nil
	}
	var turns []*turn
	for _, c := range s.plan.Changes {
		result := results[c.Ref]
		var pending *PendingError
		if errors.As(result.Err, &pending) {
			result.Pending = pending.Types
		}
		if result.Err == nil && c.After != nil && (len(c.Do.Register) > 0 || len(c.Stale) > 0) {
			turns = append(turns, &turn{Change: c, result: result, entry: t.record.Packs[c.Ref]})
			if slices.Contains(c.Do.Register, everything) {
				t.later = append(t.later, c.Ref)
			}
		}
	}
	for _, turn := range turns {
		t.later = slices.DeleteFunc(t.later, func(ref pack.Ref) bool { return ref == turn.Ref })
		t.take(ctx, turn)
	}
	for _, turn := range turns {
		t.purge(ctx, turn, func(kind string) bool { return kind == pack.KindTrigger })
		t.end(ctx, turn)
	}
	return a.write(base, t.record, state.HistoryEntry{})
}

// take registers a pack and purges all but its trigger types.
func (t *talk) take(ctx context.Context, x *turn) {
	ctx, span := trace.Pack(ctx, x.Ref)
	defer span.End()
	ctx, part := trace.Do(ctx, trace.Telling)
	defer part.End()
	if x.err = t.begin(x); x.err != nil {
		return
	}
	var notUnloaded error
	if x.Do.Unload {
		notUnloaded = t.unload(ctx, x)
	}
	if len(x.Do.Register) > 0 {
		if x.err = t.register(ctx, x); x.err != nil {
			return
		}
	}
	x.registered = true
	if x.err = notUnloaded; x.err != nil {
		return
	}
	if x.Do.Unload {
		x.err = t.registerUsers(ctx, x)
		return
	}
	t.purge(ctx, x, func(kind string) bool { return kind != pack.KindTrigger })
}

// begin writes down, before StackStorm is told, all that it may have afterwards:
// what is lost track of here is never deleted.
func (t *talk) begin(x *turn) (err error) {
	if t.St2.Kind() == "none" {
		return nil
	}
	all := slices.Contains(x.Do.Register, everything)
	if x.told, err = t.Store.ReadTold(x.Ref); err != nil {
		var damaged *state.DamagedToldError
		if x.told = nil; !errors.As(err, &damaged) {
			return err
		}
	}
	if !all && len(x.Stale) == 0 {
		return nil
	}
	if all || x.told == nil {
		x.told = &state.Told{Ref: x.Ref, Serial: t.record.Serial, Tree: x.After.Tree, Objects: t.content.Objects[x.Ref]}
	}
	x.told.Stale = nil
	for _, s := range x.Stale {
		if s.Do != plan.Owned {
			x.told.Stale = append(x.told.Stale, state.StaleObject{Object: s.Object, Left: string(s.Left)})
		}
	}
	return t.Store.WriteTold(x.told)
}

// unload has StackStorm forget the pack. Rules of other packs whose trigger has
// parameters are dead from then on until their packs are registered, so there
// must be something to register them from.
func (t *talk) unload(ctx context.Context, x *turn) (err error) {
	if x.rules, err = t.St2.RulesOn(ctx, x.Ref); err != nil {
		return interrupted(ctx, err)
	}
	for _, rule := range x.rules {
		if dir, err := t.dirOf(rule.Pack); err != nil {
			return err
		} else if dir == "" && rule.Parameters {
			return fmt.Errorf("unload %s: rule %s, whose pack is not on disk, has a trigger of it with parameters and would be dead afterwards: delete that rule or put it into a pack, or set purge = true", x.Ref, rule.Ref)
		}
	}
	t.tell(Event{Phase: PhaseUnload, Ref: x.Ref})
	err = t.St2.Unload(ctx, x.Ref)
	t.tell(Event{Phase: PhaseUnload, Ref: x.Ref, Done: true, Err: err})
	return interrupted(ctx, err)
}

// register tells StackStorm to read the pack.
func (t *talk) register(ctx context.Context, x *turn) error {
	outcome, err := t.tellStackStorm(ctx, st2.Request{Ref: x.Ref, Dir: x.entry.Path, Types: x.Do.Register, Due: due(t.content.Due[x.Ref], x.Change)})
	if err != nil {
		return interrupted(ctx, err)
	}
	t.report.note(outcome.Left)
	x.result.Registered = x.Do.Register
	if x.told != nil {
		x.told.Types = union(x.told.Types, x.Do.Register)
		x.told.Config, x.told.Overrides = x.After.Config, x.After.Overrides
		if x.told.Config == "" {
			x.told.Config = x.After.ForeignConfig
		}
	}
	return nil
}

// registerUsers brings the rules of other packs back to life, and with that ends
// what an unload began: until then its objects count as not yet cleared.
func (t *talk) registerUsers(ctx context.Context, x *turn) error {
	var done []pack.Ref
	for _, rule := range x.rules {
		if slices.Contains(done, rule.Pack) || slices.Contains(t.later, rule.Pack) {
			continue
		}
		done = append(done, rule.Pack)
		dir, err := t.dirOf(rule.Pack)
		if err != nil {
			return err
		}
		if dir == "" {
			continue // a trigger without parameters comes back by itself
		}
		if _, err = t.tellStackStorm(ctx, st2.Request{Ref: rule.Pack, Dir: dir, Types: []string{"rules"}}); err != nil {
			return fmt.Errorf("after %s was unloaded, rules of %s wait to be registered again: %w", x.Ref, rule.Pack, interrupted(ctx, err))
		}
	}
	x.told.Stale = slices.DeleteFunc(x.told.Stale, func(s state.StaleObject) bool {
		if s.Left == "" {
			x.result.Deleted = append(x.result.Deleted, s.Object)
		}
		return s.Left == ""
	})
	return nil
}

// dirOf finds a pack on disk, "" if it is not there: one that packsync manages, or
// any other.
func (t *talk) dirOf(ref pack.Ref) (string, error) {
	dirs := []string{t.record.Packs[ref].Path}
	for _, base := range t.Layout.Dirs {
		dirs = append(dirs, filepath.Join(base, string(ref)))
	}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		if there, err := inodeIfThere(filepath.Join(dir, "pack.yaml")); err != nil {
			return "", fmt.Errorf("look for pack %s: %w", ref, err)
		} else if there != 0 {
			return dir, nil
		}
	}
	return "", nil
}

// purge has StackStorm lose the stale objects of some kinds.
func (t *talk) purge(ctx context.Context, x *turn, chosen func(kind string) bool) {
	var objects []pack.Object
	for _, s := range x.Stale {
		if (s.Do == plan.Delete || s.Do == plan.Disable) && chosen(s.Kind) {
			objects = append(objects, s.Object)
		}
	}
	if len(objects) == 0 || x.err != nil || x.told == nil {
		return
	}
	if !x.purged {
		t.tell(Event{Phase: PhasePurge, Ref: x.Ref})
	}
	done, err := t.St2.Purge(ctx, x.Ref, objects)
	if !x.purged || err != nil {
		t.tell(Event{Phase: PhasePurge, Ref: x.Ref, Done: true, Err: err})
	}
	x.purged = true
	x.err = interrupted(ctx, err)
	x.result.Deleted = append(x.result.Deleted, done.Deleted...)
	x.result.Disabled = append(x.result.Disabled, done.Disabled...)
	x.told.Stale = slices.DeleteFunc(x.told.Stale, func(s state.StaleObject) bool { return slices.Contains(done.Deleted, s.Object) })
	for i := range x.told.Stale {
		if slices.Contains(done.Disabled, x.told.Stale[i].Object) {
			x.told.Stale[i].Left = state.LeftDisabled
		}
	}
	for _, used := range done.InUse {
		t.report.Notes = append(t.report.Notes, fmt.Sprintf("%s stays registered, because rules use it: %s", used.Object, strings.Join(used.Rules, ", ")))
		at := slices.IndexFunc(x.told.Stale, func(s state.StaleObject) bool { return s.Object == used.Object })
		x.told.Stale[at].Left = state.LeftInUse
	}
	for _, o := range done.Disabled {
		t.report.Notes = append(t.report.Notes, fmt.Sprintf("%s is disabled and stays registered: StackStorm's API cannot delete sensors (purge = \"full\" clears it)", o))
	}
}

// end records how far StackStorm was told.
func (t *talk) end(ctx context.Context, x *turn) {
	if x.err == nil && x.told != nil {
		x.err = t.Store.WriteTold(x.told)
		x.registered = x.err == nil // else what is written down is what was to be done
	}
	if before := x.entry.Registered.Overrides; x.registered && len(x.Do.Register) > 0 {
		x.entry.Registered = state.Registered{
			Digest: plan.RegistrationDigest(x.After.Tree, x.After.Config), Config: x.After.ForeignConfig, Overrides: x.After.Overrides,
			Stale: x.entry.Registered.Stale,
		}
		if t.globalFailed {
			x.entry.Registered.Overrides = before // StackStorm read the file that is still there
		}
	}
	switch {
	case x.err == nil:
		x.entry.Registered.Pending = slices.DeleteFunc(slices.Clone(x.entry.Registered.Pending), func(p string) bool { return p == purging })
	case x.registered:
		x.entry.Registered.Pending = []string{purging}
	default:
		x.entry.Registered.Pending = slices.Clone(x.Do.Register)
		if len(x.Purges()) > 0 || len(x.Do.Register) == 0 {
			x.entry.Registered.Pending = union(x.entry.Registered.Pending, []string{purging})
		}
	}
	if x.told != nil {
		x.entry.Registered.Stale = len(x.told.Stale) > 0
	}
	if x.err != nil {
		x.result.Err, x.result.Pending = x.err, x.entry.Registered.Pending
		if x.Action == plan.Register && !x.registered && len(x.result.Deleted)+len(x.result.Disabled) == 0 {
			x.result.Changed = false // to tell StackStorm was all there was to do
		}
	}
	t.stays(x)
	t.record.Packs[x.Ref] = x.entry
}

// stays says, where StackStorm cannot be told, what a person may delete there.
func (t *talk) stays(x *turn) {
	if t.St2.Kind() == "api" || x.err != nil {
		return
	}
	words := map[string]string{pack.KindAction: "action", pack.KindRule: "rule", pack.KindAlias: "action-alias", pack.KindPolicy: "policy", pack.KindTrigger: "trigger"}
	var commands []string
	for _, s := range x.Stale {
		if s.Do != plan.Keep || s.Left != plan.LeftKept {
			continue
		}
		command := "st2 sensor disable " + s.Ref
		if word, can := words[s.Kind]; can {
			command = "st2 " + word + " delete " + s.Ref
		}
		commands = append(commands, command)
	}
	if len(commands) > 0 {
		t.report.Notes = append(t.report.Notes, fmt.Sprintf("what older versions of %s left stays registered in StackStorm, if it was. To remove it: %s", x.Ref, strings.Join(commands, "; ")))
	}
}

// writeBaselines writes down what StackStorm was told of packs of which nothing was
// written down: once the pack has changed on disk nobody could tell any more.
func (a *Applier) writeBaselines(s *Staged) error {
	for _, c := range s.plan.Changes {
		if told := s.content.Told[c.Ref]; told != nil {
			if err := a.Store.WriteTold(told); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetTold removes what was written down about packs that are not managed any
// more.
func (a *Applier) forgetTold(in *intent, record *state.Record) error {
	if record == nil {
		return nil
	}
	var errs []error
	for _, ref := range in.Gone {
		if _, managed := record.Packs[ref]; !managed {
			errs = append(errs, a.Store.RemoveTold(ref))
		}
	}
	return errors.Join(errs...)
}

// interrupted says what became of a call to StackStorm that was cut short.
func interrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("stopped before StackStorm had answered (%w)", context.Cause(ctx))
}

// due is what a registration must count: all content of the pack, or only its
// config.
func due(types []string, c plan.Change) []string {
	switch {
	case !slices.Contains(c.Do.Register, everything):
		return c.Do.Register
	case c.After.Config != "" || c.After.ForeignConfig != "":
		return append(slices.Clone(types), "configs")
	}
	return types
}
