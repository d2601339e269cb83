package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/packsync/packsync/internal/pack"
)

// Compute makes the plan. The same input gives the same plan, whatever the order
// of its parts.
func Compute(in Input) *Plan {
	p := &Plan{
		Name: in.Name, Digest: in.Digest, Parts: in.Parts,
		Summary: map[Action]int{}, Changes: []Change{}, Drift: []Drift{},
		LockChanges: slices.Clone(in.LockChanges), Findings: slices.Clone(in.Findings), Unmanaged: []Unmanaged{},
	}
	if p.LockChanges == nil {
		p.LockChanges = []LockChange{}
	}
	if p.Findings == nil {
		p.Findings = []pack.Finding{}
	}
	wanted := map[pack.Ref]Want{}
	all, allAfter := global(in, p)
	in.Global.Seen, in.Global.changes = allAfter, all.Action != NoOp
	var changes []Change
	for _, want := range in.Packs {
		wanted[want.Ref] = want
		if change := decide(in, want, p); change.Action != NoOp {
			changes = append(changes, change)
		} else {
			p.Findings = append(p.Findings, change.Findings...)
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(in.Recorded)) {
		if _, ok := wanted[ref]; !ok && !in.Only {
			changes = append(changes, leave(in, ref))
		}
	}
	before := len(changes)
	changes = narrow(in, changes)
	p.Untargeted += before - len(changes)
	if all.Action != NoOp { // before the packs are registered that it counts for
		all.cost(changes)
		p.Changes = append(p.Changes, all)
	} else {
		p.Findings = append(p.Findings, all.Findings...)
	}
	p.Changes = append(p.Changes, order(in, changes)...)
	p.count(in)
	registers := slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Do.registersContent() })
	if f, found := unusable(in.Global.Seen, "all packs", registers); found {
		p.Findings = append(p.Findings, f)
	}
	p.Findings = append(p.Findings, guard(in, p)...)
	p.Unmanaged = append(p.Unmanaged, unmanaged(in, wanted)...)
	p.Findings = append(p.Findings, shadowed(in, wanted)...)
	p.Findings = append(p.Findings, reportedOnly(in, p)...)
	p.Findings = append(p.Findings, datastoreStays(p)...)
	p.sortForReading()
	p.seal()
	return p
}

// decide finds what happens to a declared pack.
func decide(in Input, want Want, p *Plan) Change {
	recorded, managed := in.Recorded[want.Ref]
	seen, there := in.Observed[pack.Addr{BasePath: want.Side.BasePath, Ref: want.Ref}]
	if !there {
		seen = in.Beside[want.Ref]
	}
	after := want.Side
	c := Change{
		Ref: want.Ref, BasePath: want.Side.BasePath, Action: NoOp, After: &after,
		Reasons: []string{}, Findings: slices.Clone(want.Findings),
	}
	leftAlone := false
	switch {
	case !managed && !there:
		c.becomes(Install, want.why()+" and not installed")
		c.Do.Place = true
	case !managed:
		c.meet(want, seen)
	case recorded.Side.Path != want.Side.Path:
		c.Before = &recorded.Side
		c.move(in, want, recorded, seen, there)
	default:
		c.Before = &recorded.Side
		leftAlone = c.compare(want, recorded, seen, there, p)
	}
	switch {
	case c.Do.Place:
		after.Modes = want.modes()
	case managed && seen.Content == recorded.Side.Content:
		after.Modes = recorded.Side.Modes
	default:
		after.Modes = seen.Modes
	}
	if !leftAlone {
		c.environ(want, recorded, seen, managed, p)
	}
	c.configure(want, recorded, seen, p)
	overrides := c.overridden(in, want, recorded, seen, p)
	if after.Config == "" {
		after.ForeignConfig = seen.Config
	}
	c.register(in, want, recorded, seen, p)
	if f, found := unusable(overrides, string(c.Ref), c.Do.registersContent()); found {
		c.Findings = append(c.Findings, f)
	}
	if !leftAlone {
		c.purge(in, want, recorded)
	}
	if c.Action == NoOp {
		c.Before, c.After, c.Stale = nil, nil, nil
	} else {
		c.reviewed(in)
	}
	if c.Findings == nil {
		c.Findings = []pack.Finding{}
	}
	return c
}

// becomes sets the action if none with precedence is set, and adds a reason.
func (c *Change) becomes(a Action, reason string) {
	if slices.Index(Actions(), a) < slices.Index(Actions(), c.Action) {
		c.Action = a
	}
	if reason != "" {
		c.Reasons = append(c.Reasons, reason)
	}
}

func (c *Change) block(id, format string, args ...any) {
	c.Findings = append(c.Findings, pack.Finding{
		ID: id, Severity: pack.Blocked, Resource: string(c.Ref), Message: fmt.Sprintf(format, args...),
	})
}

func (c *Change) note(id string, severity pack.Severity, format string, args ...any) {
	c.Findings = append(c.Findings, pack.Finding{
		ID: id, Severity: severity, Resource: string(c.Ref), Message: fmt.Sprintf(format, args...),
	})
}

// meet handles a directory that is there and not managed.
func (c *Change) meet(want Want, seen Seen) {
	switch {
	case seen.Link:
		c.becomes(Install, want.why()+" and not installed")
		c.block("PS-LINK", "%s is a symbolic link: StackStorm's own tools fail on it, and packsync does not follow it. Remove the link, then run apply again.", seen.Path)
	case seen.Content == want.Side.Content:
		c.becomes(Adopt, "already on disk, exactly as locked")
	case want.Replace:
		c.becomes(Install, "replaces an unmanaged directory (replace = true), which goes to pen/")
		c.Do.Place = true
		c.Before = &Side{BasePath: want.Side.BasePath, Path: seen.Path, Tree: seen.Tree, Content: seen.Content, Version: seen.Version}
	default:
		c.becomes(Install, want.why()+" and not installed by packsync")
		c.block("PS-IN-THE-WAY", "%s exists, is not managed by packsync, and differs from what the lock wants (%s). Either move it away, or set replace = true in pack %q: the directory then goes to pen/, where nothing is lost.",
			seen.Path, describeVersion(want.Side.Version), want.Ref)
	}
}

// move handles a managed pack that is declared in another base path.
func (c *Change) move(in Input, want Want, recorded Recorded, seen Seen, there bool) {
	c.becomes(Move, fmt.Sprintf("base path %s → %s", recorded.Side.BasePath, want.Side.BasePath))
	c.Do.Place, c.Do.TakeAway = true, recorded.Side.Path
	if there && seen.Content != want.Side.Content {
		c.block("PS-IN-THE-WAY", "%s exists and is not managed by packsync. Move it away, then run apply again.", seen.Path)
	}
	old, oldThere := in.Observed[pack.Addr{BasePath: recorded.Side.BasePath, Ref: want.Ref}]
	switch {
	case !oldThere:
		c.Do.TakeAway = ""
	case old.Path != recorded.Side.Path:
		c.Do.TakeAway = ""
	case old.Content != recorded.Side.Content && want.OnDrift != DriftRepair:
		c.block("PS-DRIFT", "%s was edited since packsync installed it (%s). %s", old.Path, few(old.Edits), wayOut(want.Ref))
	}
	if recorded.Side.Tree != want.Side.Tree {
		c.Reasons = append(c.Reasons, pinMoved(recorded.Side, want.Side))
	}
}

// compare handles a managed pack at its place. It reports whether the pack was
// edited and is left alone.
func (c *Change) compare(want Want, recorded Recorded, seen Seen, there bool, p *Plan) (leftAlone bool) {
	pinned := recorded.Side.Tree == want.Side.Tree
	edited := there && (seen.Link || seen.Content != recorded.Side.Content)
	switch {
	case !there:
		p.Drift = append(p.Drift, Drift{Ref: want.Ref, Kind: "missing", Detail: want.Side.Path + " is gone"})
		c.becomes(Repair, "its directory is gone")
		c.Do.Place = true
	case seen.Link:
		p.Drift = append(p.Drift, Drift{Ref: want.Ref, Kind: "edited", Detail: want.Side.Path + " is a symbolic link now"})
		c.becomes(Repair, "its directory was replaced by a symbolic link")
		c.block("PS-LINK", "%s was replaced by a symbolic link. Remove the link, then run apply again.", seen.Path)
		return false
	case edited && seen.Content == want.Side.Content:
		// Somebody brought it to the new pin by hand: there is nothing to lose.
		c.becomes(Update, "already on disk as locked")
		return false
	case edited:
		drift := Drift{Ref: want.Ref, Kind: "edited", Detail: seen.Path + " was edited", Files: seen.Edits}
		if seen.Reinstalled != "" {
			drift.Kind, drift.Detail = "reinstalled", seen.Path+" was "+seen.Reinstalled
		}
		p.Drift = append(p.Drift, drift)
		if want.OnDrift == DriftLeave {
			how := "edited (" + few(seen.Edits) + ")"
			if seen.Reinstalled != "" {
				how = seen.Reinstalled
			}
			c.note("PS-DRIFT-LEFT", pack.Warning, "%s was %s and is left alone (on_drift = \"leave\")%s", seen.Path, how, untold(want, recorded, seen))
			return true
		}
		c.drifted(want, seen)
	case len(seen.OddMode) > 0 && recorded.Side.placed():
		drift := Drift{Ref: want.Ref, Kind: "modes", Detail: "modes or owners differ", Files: seen.OddMode}
		if seen.Reinstalled != "" {
			drift.Kind, drift.Detail = "reinstalled", seen.Path+" was "+seen.Reinstalled
		}
		p.Drift = append(p.Drift, drift)
		c.becomes(Repair, drift.Detail+": "+few(seen.OddMode))
		c.Do.Place = true
	case recorded.Side.placed() && recorded.Side.Modes != want.modes():
		c.becomes(Repair, fmt.Sprintf("its modes are to be %s instead of %s (mode)", want.modes(), recorded.Side.Modes))
		c.Do.Place = true
	}
	if !pinned {
		c.becomes(Update, pinMoved(recorded.Side, want.Side))
		c.Do.Place = c.Do.Place || seen.Content != want.Side.Content || seen.Tree != want.Side.Tree
	} else if pinOf(recorded.Side) != pinOf(want.Side) {
		// The same content under another name: nothing on disk changes.
		c.becomes(Update, pinMoved(recorded.Side, want.Side))
	}
	switch {
	case recorded.Side.Hold == want.Side.Hold:
	case want.Side.Hold == (Hold{}):
		c.becomes(Update, "the pin moved from what it was rolled back from: the hold is over")
	default:
		c.becomes(Update, "held there until the lock pins something else")
	}
	return false
}

// drifted applies on_drift to an edited tree that is not left alone: it is
// installed again, which only "repair" allows.
func (c *Change) drifted(want Want, seen Seen) {
	c.Do.Place = true
	how, what := "edited by hand ("+few(seen.Edits)+")", "the edited tree"
	if seen.Reinstalled != "" {
		how, what = seen.Reinstalled, "what is there now"
	}
	if want.OnDrift == DriftRepair {
		c.becomes(Repair, how+": "+what+" goes to pen/ (on_drift = \"repair\")")
		return
	}
	if seen.Reinstalled != "" {
		c.becomes(Repair, how)
		c.block("PS-REINSTALLED", "%s was %s since packsync installed it. If that is what you want, let pack %q in the declaration select it and lock that; if not, set on_drift = \"repair\" there: what is there now then goes to pen/, where nothing is lost.", seen.Path, how, want.Ref)
		return
	}
	c.becomes(Repair, "edited by hand ("+few(seen.Edits)+")")
	c.block("PS-DRIFT", "%s was edited since packsync installed it (%s). %s", seen.Path, few(seen.Edits), wayOut(want.Ref))
}

// environ adds what happens to the virtualenv. One that stands where a pack is
// adopted was built for the same requirements, by StackStorm, and is adopted too.
func (c *Change) environ(want Want, recorded Recorded, seen Seen, managed bool, p *Plan) {
	switch {
	case want.Side.Venv == "":
	case seen.Venv != "" && seen.BadVenv != "":
		c.becomes(Repair, "its virtualenv cannot work: "+seen.BadVenv)
		c.Do.Venv = true
	case !managed && seen.Venv != "" && c.Action == Adopt:
	case seen.Venv == "":
		if managed && recorded.Side.Venv != "" && c.Action == NoOp {
			p.Drift = append(p.Drift, Drift{Ref: want.Ref, Kind: "missing", Detail: "its virtualenv is gone"})
		}
		c.Do.Venv = true
		if c.Action != Install {
			c.becomes(Repair, "its virtualenv is not there")
		}
	case recorded.Side.Venv == want.Side.Venv:
	case c.Do.Place:
		c.Reasons = append(c.Reasons, "its virtualenv is built anew: requirements, Python or pip options changed")
		c.Do.Venv = true
	default:
		c.becomes(Repair, "its virtualenv is built anew: requirements, Python or pip options changed")
		c.Do.Venv = true
	}
}

// configure adds what happens to the config file.
func (c *Change) configure(want Want, recorded Recorded, seen Seen, p *Plan) {
	owned := recorded.Side.Config != ""
	declared := want.Side.Config != ""
	drift := owned && seen.Config != recorded.Side.Config
	if drift {
		detail := "the config file was edited by hand"
		if seen.Config == "" {
			detail = "the config file is gone"
		}
		p.Drift = append(p.Drift, Drift{Ref: want.Ref, Kind: "config", Detail: detail, Files: want.ConfigKeys})
	}
	switch {
	case !declared && owned:
		c.becomes(Configure, "config is no longer declared: the file stays as it is and is handed back")
		c.Do.Release = true
	case !declared:
	case want.ConfigMatches && seen.Config == recorded.Side.Config:
	case want.ConfigMatches:
		if c.Action != Install && c.Action != Adopt {
			c.becomes(Configure, "the config file already says what is declared")
		}
	case seen.Config == "" && !owned:
		c.becomes(Configure, "config is declared and not there yet")
		c.Do.Config = true
	case drift && seen.Config != "" && want.OnDrift == DriftLeave:
		c.note("PS-DRIFT-LEFT", pack.Warning, "the config file was edited by hand and is left alone (on_drift = \"leave\")%s", untold(want, recorded, seen))
	case drift && seen.Config != "" && want.OnDrift != DriftRepair:
		c.becomes(Repair, "its config was edited by hand"+keys(want.ConfigKeys))
		c.block("PS-CONFIG-DRIFT", "the config file of %s was edited by hand%s. %s", want.Ref, keys(want.ConfigKeys), wayOut(want.Ref))
	case drift && seen.Config == "":
		c.becomes(Repair, "its config file is gone")
		c.Do.Config = true
	case drift:
		c.becomes(Repair, "its config differs from what packsync wrote"+keys(want.ConfigKeys))
		c.Do.Config = true
	case !owned:
		c.becomes(Configure, "takes over an existing config file, which goes to pen/"+keys(want.ConfigKeys))
		c.Do.Config = true
	default:
		c.becomes(Configure, "config changed"+keys(want.ConfigKeys))
		c.Do.Config = true
	}
	if c.Do.Config {
		c.Do.ConfigKeys = want.ConfigKeys
	}
	if recorded.Side.Path != "" && recorded.PurgeConfig != want.PurgeConfig {
		c.becomes(Configure, purgeConfigWord(want.PurgeConfig))
	}
}

func purgeConfigWord(goes bool) string {
	if goes {
		return "its config file goes when the pack is removed (purge_config), which is recorded"
	}
	return "its config file stays when the pack is removed, which is recorded"
}

func (p *Plan) count(in Input) {
	changed := 0
	for _, a := range Actions() {
		p.Summary[a] = 0
	}
	for _, c := range p.Changes {
		p.Summary[c.Action]++
		if c.Action != Remove && c.Action != Forget && c.Ref != pack.GlobalOverrides {
			changed++
		}
	}
	p.Summary[NoOp] = len(in.Packs) - changed
}

func unmanaged(in Input, wanted map[pack.Ref]Want) []Unmanaged {
	var out []Unmanaged
	for addr, seen := range in.Observed {
		want, declared := wanted[addr.Ref]
		if declared && want.Side.Path == seen.Path {
			continue
		}
		if recorded, ok := in.Recorded[addr.Ref]; ok && recorded.Side.Path == seen.Path {
			continue
		}
		out = append(out, Unmanaged{Ref: addr.Ref, BasePath: addr.BasePath, Version: seen.Version})
	}
	return out
}

// shadowed finds declared packs of which StackStorm sees another directory of
// the same name too: content comes from the first base path, metadata from the
// last (reference.md 5.2).
func shadowed(in Input, wanted map[pack.Ref]Want) []pack.Finding {
	var out []pack.Finding
	for _, ref := range slices.Sorted(maps.Keys(wanted)) {
		want := wanted[ref]
		for _, base := range in.BasePaths {
			seen, there := in.Observed[pack.Addr{BasePath: base.Name, Ref: ref}]
			if !there || seen.Path == want.Side.Path {
				continue
			}
			if recorded, ok := in.Recorded[ref]; ok && recorded.Side.Path == seen.Path {
				continue // it moves
			}
			out = append(out, pack.Finding{
				ID: "PS-SHADOWED", Severity: pack.Blocked, Resource: string(ref),
				Message: fmt.Sprintf("StackStorm would see %s twice: %s is declared, and %s is there too and not managed. It takes the content from the first base path and the metadata from the last. Move one of them away.", ref, want.Side.Path, seen.Path),
			})
		}
	}
	return out
}
