package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// Fate is what becomes of a stale object.
type Fate string

// The fates.
const (
	Delete  Fate = "delete"
	Disable Fate = "disable" // a sensor: StackStorm's API cannot delete it
	Clear   Fate = "clear"   // goes when the pack is unloaded and registered again
	Keep    Fate = "keep"    // stays registered; Why says why
	Owned   Fate = "owned"   // belongs to another pack by now
)

// Stale is one object that older versions of the pack registered, that StackStorm
// still has as far as is known, and that the version to be registered lacks.
type Stale struct {
	pack.Object
	Do   Fate   `json:"do"`
	Why  string `json:"why,omitempty"`  // for people
	Left Left   `json:"left,omitempty"` // of Keep
}

// Left says why a stale object stays.
type Left string

// The reasons to stay.
const (
	LeftDisabled Left = "disabled" // a sensor, off already
	LeftInUse    Left = "in use"   // a trigger type with rules on it
	LeftKept     Left = "kept"     // as declared, or since nobody can delete it
)

// Acts reports whether StackStorm is told to do something about it.
func (s Stale) Acts() bool { return s.Do == Delete || s.Do == Disable || s.Do == Clear }

// Purge says what becomes of stale objects. The zero Purge is PurgeOn.
type Purge string

// The policies.
const (
	PurgeOn   Purge = "true"  // delete them one by one
	PurgeOff  Purge = "false" // list them
	PurgeFull Purge = "full"  // unload the pack and register it again
)

// Told is what StackStorm was told of a pack, and what it is to have of it.
type Told struct {
	Objects []pack.Object        // all that it may have, of every version
	Left    map[pack.Object]Left // why some stayed last time
	Have    []pack.Object        // what the wanted version has
	// Unknown says why it is not known what StackStorm was told; "" if it is.
	Unknown string
}

// purging is set for the action "purge" in what is pending.
const purging = "purge"

// purge adds what StackStorm has to lose: what it was told of the pack before and
// the wanted version lacks. What packsync did not register is never touched,
// whatever is on disk or in StackStorm.
func (c *Change) purge(in Input, want Want, recorded Recorded) {
	told, looked := in.Told[want.Ref]
	if !looked {
		return
	}
	pending := slices.Contains(recorded.Pending, purging)
	changes := c.Action != NoOp && c.Before != nil && c.Before.Content != c.After.Content
	if told.Unknown != "" {
		c.purgeBlind(in, want, told, pending, changes)
		return
	}
	have := make(map[pack.Object]bool, len(told.Have))
	for _, o := range told.Have {
		have[o] = true
	}
	for _, o := range told.Objects {
		if !have[o] {
			c.Stale = append(c.Stale, fateOf(in, want, told, o))
		}
	}
	slices.SortFunc(c.Stale, func(a, b Stale) int { return pack.CompareObjects(a.Object, b.Object) })
	c.spare(want)
	acts := 0
	for _, s := range c.Stale {
		if s.Acts() {
			acts++
		}
	}
	switch {
	case acts == 0 && pending:
		c.becomes(Register, "nothing is left to be deleted from StackStorm")
	case acts == 0:
	case pending:
		c.becomes(Register, "what older versions left is still to be deleted from StackStorm")
	case !changes:
		c.becomes(Register, "StackStorm still has what older versions left")
	}
	if slices.ContainsFunc(c.Stale, func(s Stale) bool { return s.Do == Clear }) {
		c.clear(in, want)
	}
}

// purgeBlind handles a pack of which it is not known what it left: nothing of it
// is deleted, unless the pack is unloaded as a whole, and that is said once.
func (c *Change) purgeBlind(in Input, want Want, told Told, pending, changes bool) {
	if !pending && !changes || in.NoPurge != "" || want.Purge == PurgeOff {
		return
	}
	if pending {
		c.becomes(Register, "it is no longer known what is to be deleted from StackStorm")
	}
	if want.Purge == PurgeFull && changes {
		c.clear(in, want)
		return
	}
	c.note("PS-PURGE-UNKNOWN", pack.Warning, "%s, so nothing is deleted from StackStorm: what older versions of %s registered and this one lacks stays there. "+
		"To clear it once, apply a version with purge = \"full\", or delete by hand what st2 action list --pack %s and its like show.", told.Unknown, want.Ref, want.Ref)
}

// fateOf decides about one stale object.
func fateOf(in Input, want Want, told Told, o pack.Object) Stale {
	keep := func(left Left, why string) Stale { return Stale{Object: o, Do: Keep, Left: left, Why: why} }
	users := in.TriggerUsers[o.Ref]
	switch owner := in.Owners[pack.Object{Kind: o.Kind, Ref: o.Name()}]; {
	case owner != "" && owner != want.Ref:
		return Stale{Object: o, Do: Owned, Why: fmt.Sprintf("pack %s has it now", owner)}
	case in.NoPurge != "":
		return keep(LeftKept, in.NoPurge)
	case protects(want.Protect, o.Ref):
		return keep(LeftKept, "protect names it")
	case want.Purge == PurgeOff:
		return keep(LeftKept, "purge = false")
	case want.Purge == PurgeFull:
		return Stale{Object: o, Do: Clear}
	case o.Kind == pack.KindSensor && told.Left[o] == LeftDisabled:
		return keep(LeftDisabled, "it is off; "+sensorWay)
	case o.Kind == pack.KindSensor:
		return Stale{Object: o, Do: Disable, Why: sensorWay}
	case o.Kind == pack.KindTrigger && len(users) > 0:
		return keep(LeftInUse, "used by "+few(users))
	case o.Kind == pack.KindTrigger && !in.KnowsUsers && told.Left[o] == LeftInUse:
		return keep(LeftInUse, "rules used it the last time that StackStorm was asked")
	}
	return Stale{Object: o, Do: Delete}
}

const sensorWay = "StackStorm's API cannot delete sensors, purge = \"full\" can"

// protects reports whether a list of refs, which may end in *, names one.
func protects(list []string, ref string) bool {
	return slices.ContainsFunc(list, func(text string) bool {
		prefix, open := strings.CutSuffix(text, "*")
		return text == ref || open && strings.HasPrefix(ref, prefix)
	})
}

// spare keeps a full purge from what is protected: an unload takes all of a pack,
// so the rest is deleted one by one.
func (c *Change) spare(want Want) {
	at := slices.IndexFunc(c.Stale, func(s Stale) bool { return s.Do == Keep && s.Left == LeftKept })
	if at < 0 || !slices.ContainsFunc(c.Stale, func(s Stale) bool { return s.Do == Clear }) {
		return
	}
	for i := range c.Stale {
		if c.Stale[i].Do == Clear {
			c.Stale[i].Do = Delete
			if c.Stale[i].Kind == pack.KindSensor {
				c.Stale[i].Do, c.Stale[i].Why = Disable, sensorWay
			}
		}
	}
	c.note("PS-PURGE-PROTECTED", pack.Warning, "purge = \"full\" would take %s along, which protect names: so the others are deleted one by one, and sensors are only disabled", c.Stale[at].Object)
}

// clear has the pack unloaded and registered again, and says what that costs.
func (c *Change) clear(in Input, want Want) {
	c.Do.Unload, c.Do.Register = true, []string{"all"}
	var users []string
	for trigger, rules := range in.TriggerUsers {
		if strings.HasPrefix(trigger, string(want.Ref)+".") {
			users = append(users, rules...)
		}
	}
	slices.Sort(users)
	cost := "its objects get new ids, its sensors stop and start, and what was switched on or off or added under its name in StackStorm alone is lost"
	if users = slices.Compact(users); len(users) > 0 {
		cost += ". The packs of the rules on its trigger types are registered again: " + few(users)
	}
	c.note("PS-PURGE-FULL", pack.Warning, "purge = \"full\" unloads the whole pack from StackStorm and registers it again: %s", cost)
}
