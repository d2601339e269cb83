package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// OverrideFile is what StackStorm reads from an override file, of one pack or of
// all. The zero OverrideFile is no file.
type OverrideFile struct {
	Digest   string            // of its bytes
	Kinds    map[string]string // digest of what it says about each kind of content, without what has no effect
	Unusable string            // why StackStorm cannot use it, with its path: then it registers nothing that the file counts for
}

// Overriding is what is wanted of an override file.
type Overriding struct {
	File     OverrideFile // zero: there should be none
	Declared bool         // by an overrides block; else File is only for what is held back
	Diff     []string     // what changes against the file on disk: "rule x: enabled → disabled"
	// HoldsBack names what is new in the wanted version and File disables until
	// somebody enables it: "rule x".
	HoldsBack []string
	AsIs      bool     // the file stays as it is, whatever is declared: in a rollback
	Kinds     []string // kinds of content that the wanted version has; nil for all kinds
}

// Global is the override file of all packs.
type Global struct {
	Want     Overriding
	Recorded string // digest of the file that packsync owns; "" if it owns none
	Seen     OverrideFile
	OnDrift  OnDrift

	changes bool // set by Compute: Seen is what will lie there
}

// overrideKinds are the kinds of content that can be overridden (package override).
var overrideKinds = []string{"actions", "aliases", "rules", "sensors"}

// global decides about the override file of all packs, and returns what it will be.
// A run that looks only at some packs leaves it alone.
func global(in Input, p *Plan) (Change, OverrideFile) {
	g := in.Global
	c := Change{Ref: pack.GlobalOverrides, Action: NoOp, Reasons: []string{}, Findings: []pack.Finding{}}
	if in.Only {
		return c, g.Seen
	}
	after, owned := c.override(g.Want, g.Recorded, g.Seen, g.OnDrift, p)
	if len(in.Target) > 0 && c.Action != NoOp {
		p.Untargeted++
		return Change{Ref: c.Ref, Action: NoOp}, g.Seen
	}
	if g.Recorded != "" {
		c.Before = &Side{OverrideFile: g.Recorded}
	}
	if owned != "" {
		c.After = &Side{OverrideFile: owned}
	}
	return c, after
}

// override adds what happens to an override file. It returns what will lie there,
// and the digest of what packsync then owns.
func (c *Change) override(want Overriding, recorded string, seen OverrideFile, policy OnDrift, p *Plan) (after OverrideFile, owned string) {
	if want.AsIs {
		return seen, recorded
	}
	drift := recorded != "" && seen.Digest != recorded
	if drift {
		detail := "the override file was edited by hand"
		if seen.Digest == "" {
			detail = "the override file is gone"
		}
		p.Drift = append(p.Drift, Drift{Ref: c.Ref, Kind: "overrides", Detail: detail, Files: want.Diff})
	}
	same := seen.Digest != "" && seen.Unusable == "" && maps.Equal(seen.Kinds, want.File.Kinds)
	switch {
	case want.File.Digest == "" && recorded == "":
		return seen, ""
	case want.File.Digest == "":
		return c.dropOverrides(want, seen, drift), ""
	case same:
		if seen.Digest != recorded && c.Action != Install && c.Action != Adopt {
			c.becomes(Configure, "the override file already says what is wanted")
		}
		return seen, seen.Digest
	case drift && seen.Digest == "":
		c.becomes(Repair, "its override file is gone")
	case drift && policy == DriftLeave && len(want.HoldsBack) == 0:
		c.note("PS-DRIFT-LEFT", pack.Warning, "the override file was edited by hand and is left alone (on_drift = \"leave\")")
		return seen, recorded
	case drift && policy != DriftRepair:
		c.becomes(Repair, "its override file was edited by hand"+keys(want.Diff))
		c.block("PS-OVERRIDES-DRIFT", "the override file of %s was edited by hand%s. Either undo the edit, or bring it into the overrides block of the declaration, or set on_drift = \"repair\" there: the edited file then goes to pen/, where nothing is lost.%s",
			c.whose(), keys(want.Diff), cannotHold(want))
	case drift:
		c.becomes(Repair, "its override file differs from what packsync wrote"+keys(want.Diff))
	case seen.Digest == "":
		c.becomes(Configure, "overrides of "+c.whose()+keys(want.Diff))
	case recorded == "" && !want.Declared:
		c.block("PS-OVERRIDES-IN-THE-WAY", "new content is to be held back (%s), which needs an override file, and there is one that packsync does not own. Bring what it says into the overrides block of pack %q: packsync then owns the file, and the old one goes to pen/. Or set new_content = \"enabled\" there.",
			few(want.HoldsBack), c.Ref)
	case recorded == "":
		c.becomes(Configure, "takes over an existing override file, which goes to pen/"+keys(want.Diff))
	default:
		c.becomes(Configure, "overrides of "+c.whose()+keys(want.Diff))
	}
	c.Do.Overrides, c.Do.OverrideDiff = true, want.Diff
	return want.File, want.File.Digest
}

// dropOverrides handles an owned file that is not wanted any more. Other than a
// config, it goes: what it disabled would else stay disabled for ever, and nobody
// would know why (docs/decisions/0013). What a person made of it stays.
func (c *Change) dropOverrides(want Overriding, seen OverrideFile, drift bool) OverrideFile {
	switch {
	case seen.Digest == "":
		c.becomes(Configure, "overrides are not declared any more, and their file is gone")
		return seen
	case drift:
		c.becomes(Configure, "overrides are not declared any more: the file, which was edited by hand, stays as it is and is handed back")
		return seen
	}
	c.becomes(Configure, "overrides are not declared any more, and their file goes"+keys(want.Diff))
	c.Do.TakeOverrides, c.Do.OverrideDiff = true, want.Diff
	return OverrideFile{}
}

// leaveOverrides handles the override file of a pack that goes.
func (c *Change) leaveOverrides(seen OverrideFile) {
	switch seen.Digest {
	case "":
	case c.Before.OverrideFile:
		c.Do.TakeOverrides = true
		c.Reasons = append(c.Reasons, "its override file goes too")
	default:
		c.note("PS-OVERRIDES-STAY", pack.Note, "its override file, which packsync does not own, stays on disk; a later install would be subject to it")
	}
}

func (c *Change) whose() string {
	if c.Ref == pack.GlobalOverrides {
		return "all packs"
	}
	return "pack " + string(c.Ref)
}

func cannotHold(want Overriding) string {
	if len(want.HoldsBack) == 0 {
		return ""
	}
	return fmt.Sprintf(" As it is, it cannot hold back what is new: %s.", few(want.HoldsBack))
}

// overridden decides about the pack's own override file and notes what both files
// say then. What StackStorm cannot use it cannot be told: then what it was told
// stands, and a finding says why.
func (c *Change) overridden(in Input, want Want, recorded Recorded, seen Seen, p *Plan) OverrideFile {
	all := in.Global.Seen
	own, owned := c.override(want.Overrides, recorded.Side.OverrideFile, seen.Overrides, want.OnDrift, p)
	c.After.OverrideFile = owned
	if c.After.Overrides = overridesDigest(all, own, want.Overrides.Kinds); all.Unusable != "" || own.Unusable != "" {
		c.After.Overrides = recorded.Side.Overrides
	}
	return own
}

// overridesDigest names what the override files say about the kinds of content that
// a pack has: "rules=d1:… sensors=d1:…", "" for nothing. Kinds are kept apart, so
// that StackStorm is told only about those that change.
func overridesDigest(all, own OverrideFile, kinds []string) string {
	if kinds == nil {
		kinds = overrideKinds
	}
	var out []string
	for _, kind := range overrideKinds {
		if slices.Contains(kinds, kind) && all.Kinds[kind]+own.Kinds[kind] != "" {
			out = append(out, kind+"="+digest("override", all.Kinds[kind], own.Kinds[kind]))
		}
	}
	return strings.Join(out, " ")
}

// OverridesTold names what StackStorm knows of the override files after it was told
// about some kinds of a pack's content: of these what the files say, of the others
// what it was told before.
func OverridesTold(before string, all, own OverrideFile, kinds []string, told func(kind string) bool) string {
	was, is := byKind(before), byKind(overridesDigest(all, own, kinds))
	var out []string
	for _, kind := range overrideKinds {
		says := was[kind]
		if told(kind) {
			says = is[kind]
		}
		if says != "" {
			out = append(out, kind+"="+says)
		}
	}
	return strings.Join(out, " ")
}

// touched lists the kinds of content of which two such digests differ.
func touched(before, after string) (kinds []string) {
	was, is := byKind(before), byKind(after)
	for _, kind := range overrideKinds {
		if was[kind] != is[kind] {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func byKind(text string) map[string]string {
	out := map[string]string{}
	for _, part := range strings.Fields(text) {
		kind, says, _ := strings.Cut(part, "=")
		out[kind] = says
	}
	return out
}

// cost tells, with the change of the override file of all packs, how many of them
// are registered again for it.
func (c *Change) cost(changes []Change) {
	packs, kinds := 0, map[string]bool{}
	for _, other := range changes {
		if other.Before == nil || other.After == nil || len(other.Do.Register) == 0 {
			continue
		}
		touched := touched(other.Before.Overrides, other.After.Overrides)
		if len(touched) == 0 {
			continue
		}
		packs++
		for _, kind := range touched {
			kinds[kind] = true
		}
	}
	switch {
	case packs == 1:
		c.Reasons = append(c.Reasons, "1 pack is registered again: "+strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	case packs > 1:
		c.Reasons = append(c.Reasons, fmt.Sprintf("%d packs are registered again, one after the other: %s", packs, strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")))
	}
}

// unusable finds a file that makes StackStorm refuse every registration of content:
// it blocks what would fail after the packs were exchanged.
func unusable(file OverrideFile, whose string, registers bool) (pack.Finding, bool) {
	f := pack.Finding{
		ID: "PS-OVERRIDES-UNUSABLE", Severity: pack.Warning, Resource: whose,
		Message: fmt.Sprintf("StackStorm registers no content of %s while it cannot use this override file: %s. Mend or remove the file, or declare it in an overrides block: packsync then replaces it, and the old one goes to pen/.", whose, file.Unusable),
	}
	if registers {
		f.Severity = pack.Blocked
	}
	return f, file.Unusable != ""
}

// registersContent reports whether StackStorm is to read more than the config.
func (w Work) registersContent() bool {
	return slices.ContainsFunc(w.Register, func(t string) bool { return t != "configs" })
}
