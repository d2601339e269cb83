package plan

import (
	"fmt"
	"slices"

	"github.com/packsync/packsync/internal/pack"
)

// leave handles a recorded pack that is no longer declared.
func leave(in Input, ref pack.Ref) Change {
	recorded := in.Recorded[ref]
	seen, there := in.Observed[pack.Addr{BasePath: recorded.Side.BasePath, Ref: ref}]
	before := recorded.Side
	c := Change{Ref: ref, BasePath: before.BasePath, Before: &before, Reasons: []string{}, Findings: []pack.Finding{}}
	if !there || seen.Path != before.Path {
		c.Action = Forget
		c.Reasons = append(c.Reasons, "no longer declared, and already gone from disk")
		if in.Registration && recorded.Registered != "" {
			c.note("PS-STILL-REGISTERED", pack.Warning, "StackStorm may still have %s registered: st2 run packs.unload packs=%s", ref, ref)
		}
		c.leaveOverrides(in.Beside[ref].Overrides)
		return c
	}
	c.Action = Remove
	c.reviewed(in)
	c.Do.TakeAway, c.Do.Unregister = before.Path, in.Registration
	if before.Venv != "" {
		c.Do.TakeVenv = seen.Venv
	}
	c.Reasons = append(c.Reasons, "no longer declared")
	if slices.Contains(recorded.Pending, "unload") {
		c.Reasons = append(c.Reasons, "StackStorm could not unload it last time")
	}
	switch {
	case seen.Link:
		c.block("PS-LINK", "%s was replaced by a symbolic link. Remove the link, then run apply again.", seen.Path)
	case seen.Content != before.Content:
		c.note("PS-EDITED", pack.Warning, "%s was edited (%s): it goes to pen/, where nothing is lost", seen.Path, few(seen.Edits))
	}
	c.leaveOverrides(seen.Overrides)
	c.leftovers(recorded, seen)
	return c
}

// leftovers says what of a removed pack stays, and takes its config file along
// where that was asked for while the pack was declared.
func (c *Change) leftovers(recorded Recorded, seen Seen) {
	switch {
	case seen.Config == "":
	case recorded.PurgeConfig && seen.Config == recorded.Side.Config:
		c.Do.TakeConfig = true
		c.Reasons = append(c.Reasons, "its config file goes too, to keep/ (purge_config)")
	case recorded.PurgeConfig:
		c.Do.TakeConfig = true
		c.Reasons = append(c.Reasons, "its config file goes too, to pen/, since it is not as packsync wrote it (purge_config)")
	default:
		c.note("PS-CONFIG-STAYS", pack.Note, "its config file stays on disk; a later install would pick it up again")
	}
}

// datastoreStays reminds once of what packs may have stored in StackStorm, which
// no API tells apart by pack.
func datastoreStays(p *Plan) []pack.Finding {
	var refs []string
	for _, c := range p.Changes {
		if c.Do.Unregister {
			refs = append(refs, string(c.Ref))
		}
	}
	if len(refs) == 0 {
		return nil
	}
	return []pack.Finding{{
		ID: "PS-DATASTORE-STAYS", Severity: pack.Note,
		Message: fmt.Sprintf("what the removed packs (%s) kept in StackStorm's datastore stays there, if there is any: st2 key list --prefix %s", few(refs), refs[0]),
	}}
}
