package plan

import (
	"slices"
	"strings"
)

// register adds what StackStorm has to be told.
func (c *Change) register(in Input, want Want, recorded Recorded, seen Seen, p *Plan) {
	if !in.Registration {
		return
	}
	types := slices.DeleteFunc(slices.Clone(recorded.Pending), func(t string) bool { return t == "unload" || t == purging })
	due := RegistrationDigest(want.Side.Tree, want.Side.Config)
	filesSame := (c.Do.Place || c.Do.Venv) && c.Action == Repair && seen.Content == want.Side.Content
	switch {
	case filesSame && !c.Do.Config && recorded.Registered == due && len(types) == 0:
	case c.Do.Place, c.Action == Adopt, c.Action == Install:
		types = []string{"all"}
	case recorded.Registered == "" && len(types) == 0:
		c.becomes(Register, "StackStorm was never told about it")
		types = []string{"all"}
	case len(types) > 0:
		c.becomes(Register, "registration is pending: "+strings.Join(types, ", "))
		if c.Do.Config {
			types = append(types, "configs")
		}
	case c.Do.Config:
		types = []string{"configs"}
	case recorded.Registered != due && recorded.Side.Tree == want.Side.Tree && c.Action == Configure:
		types = []string{"configs"}
	case recorded.Registered != due && c.Action != NoOp && c.Action != Repair:
		types = []string{"all"}
	case c.Action == NoOp && seen.asRecorded(recorded) && !recorded.told(due):
		// Somebody registered an edit, which is undone by now.
		c.stale(p, DriftContent, "registered content is stale: what StackStorm was told last is not what is on disk")
		types = []string{"all"}
	}
	if managed := c.Before != nil && recorded.Registered != ""; managed {
		types = append(types, c.besides(in, recorded, seen, p)...)
		if in.Reported != nil && !slices.Contains(types, "all") && !c.Do.Place && seen.asRecorded(recorded) {
			types = append(types, c.refresh(in, recorded, p)...)
		}
	}
	slices.Sort(types)
	types = slices.Compact(types)
	if slices.Contains(types, "all") {
		types = []string{"all"}
	}
	c.Do.Register = types
}

// besides finds what others wrote and StackStorm has not read yet. A config file
// that is gone says nothing to it: it keeps the values until the pack goes.
func (c *Change) besides(in Input, recorded Recorded, seen Seen, p *Plan) (types []string) {
	handedBack := c.Do.Release && seen.Config == recorded.Side.Config
	if c.After.ForeignConfig != "" && c.After.ForeignConfig != recorded.Side.ForeignConfig && !handedBack {
		c.stale(p, DriftConfig, "registered config is stale: its config file, which packsync does not own, is not the one that StackStorm was told about")
		types = append(types, "configs")
	}
	if kinds := touched(recorded.Side.Overrides, c.After.Overrides); len(kinds) > 0 {
		switch {
		case c.Do.Overrides || c.Do.TakeOverrides:
		case in.Global.changes:
			c.becomes(Register, "the overrides of all packs change")
		default:
			c.stale(p, DriftOverrides, "registered overrides are stale: they are not those that StackStorm was told about")
		}
		types = append(types, kinds...)
	}
	return types
}
