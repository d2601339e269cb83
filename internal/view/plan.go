package view

import (
	"io"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
)

// Plan prints a plan for people: the summary first, then what blocks it, then the
// changes in the order of execution, the risky things before the quiet ones.
func Plan(w io.Writer, p *plan.Plan, style Style) error {
	out := &printer{w: w}
	out.heading(style, Summary(p))
	out.changes(p, style)
	out.findings(p, style)
	out.lockChanges(p, style)
	out.drift(p, style)
	out.unmanaged(p, style)
	if !p.Empty() {
		out.printf("\n%s\n", style.paint(faint, "Desired digest: "+p.Digest))
	}
	return out.err
}

// Summary is the first line of a plan: one sentence that always agrees with the
// JSON and with the exit code.
func Summary(p *plan.Plan) string {
	verbs := map[plan.Action]string{
		plan.Install: "to install", plan.Adopt: "to adopt", plan.Move: "to move", plan.Update: "to update",
		plan.Repair: "to repair", plan.Configure: "to configure", plan.Register: "to register",
		plan.Remove: "to remove", plan.Forget: "to forget",
	}
	var parts []string
	for _, a := range plan.Actions() {
		if n := p.Summary[a]; n > 0 && a != plan.NoOp {
			parts = append(parts, plural(n, verbs[a], verbs[a]))
		}
	}
	unchanged := plural(p.Summary[plan.NoOp], "pack unchanged", "packs unchanged")
	text := "Plan: " + strings.Join(append(parts, unchanged), ", ") + "."
	if len(parts) == 0 {
		text = "Nothing to do: " + plural(p.Summary[plan.NoOp], "pack is", "packs are") + " as declared and locked."
		if len(p.LockChanges) > 0 {
			text = "Plan: only the lock changes, " + unchanged + "."
		}
	}
	if p.Untargeted > 0 {
		text += " " + plural(p.Untargeted, "change is", "changes are") + " left out by --target or --exclude."
	}
	if sentence := purgeSentence(p); sentence != "" {
		text += " " + sentence
	}
	if sentence := ReviewOf(p).sentence(); sentence != "" {
		text += " " + sentence
	}
	if n := len(p.Blocked()); n > 0 {
		text += " Blocked: " + plural(n, "reason", "reasons") + "."
	}
	return text
}

func (p *printer) changes(pl *plan.Plan, style Style) {
	if len(pl.Changes) == 0 {
		return
	}
	names, actions := 0, 0
	for _, c := range pl.Changes {
		names = max(names, len(c.Ref)+len(place(c)))
		actions = max(actions, len(c.Action))
	}
	p.printf("\n")
	for _, c := range pl.Changes {
		name := style.paint(bold, string(c.Ref)) + style.paint(faint, place(c))
		p.printf("  %s %s  %s  %s\n", style.symbol(c.Action), pad(name, names), pad(string(c.Action), actions), Quote(versions(c)))
		for _, reason := range c.Reasons {
			p.wrapped(style, "      ", reason)
		}
		if c.Action == plan.Install || c.Action == plan.Update || c.Action == plan.Move {
			p.wrapped(style, "      ", provenance(c.After))
		}
		if c.Do.Venv {
			p.wrapped(style, "      ", "builds its virtualenv")
		}
		switch {
		case c.Do.Unload:
			p.wrapped(style, "      ", "unloads it from StackStorm, then registers: "+strings.Join(c.Do.Register, ", "))
		case len(c.Do.Register) > 0:
			p.wrapped(style, "      ", "registers: "+strings.Join(c.Do.Register, ", "))
		}
		p.stale(c, style, "      ")
		if c.Do.Unregister {
			p.wrapped(style, "      ", "unregisters it from StackStorm first")
		}
		for _, f := range c.Findings {
			if f.Grade == "" {
				p.finding(f, style, "      ")
			}
		}
		p.review(c.Findings, style, "      ")
	}
}

// place names the base path where it is not the default one.
func place(c plan.Change) string {
	if c.BasePath == pack.DefaultBasePath || c.Ref == pack.GlobalOverrides {
		return ""
	}
	return " in " + c.BasePath
}

func versions(c plan.Change) string {
	switch {
	case c.Before == nil || c.Before.Version == "":
		return sideVersion(c.After)
	case c.After == nil:
		return c.Before.Version
	case c.Before.Version == c.After.Version:
		return c.After.Version
	default:
		return c.Before.Version + " → " + sideVersion(c.After)
	}
}

func sideVersion(s *plan.Side) string {
	switch {
	case s == nil:
		return ""
	case s.Unpinned:
		return strings.TrimSpace(s.Version + " (unpinned)")
	case s.Version == "":
		return s.Commit.Short()
	}
	return s.Version
}

// provenance tells where a side comes from: source, name, commit, title.
func provenance(s *plan.Side) string {
	text := "from " + s.Source
	if s.Subdir != "" {
		text += "//" + s.Subdir
	}
	if s.Commit == "" {
		return text
	}
	name := s.Ref
	for _, prefix := range []string{"refs/tags/", "refs/heads/"} {
		name = strings.TrimPrefix(name, prefix)
	}
	text += ", " + strings.TrimPrefix(name+" = ", " = ") + "commit " + s.Commit.Short()
	if s.Title != "" {
		text += ": " + s.Title
	}
	return text
}

func (p *printer) finding(f pack.Finding, style Style, indent string) {
	label, code := "note", faint
	switch f.Severity {
	case pack.Warning:
		label, code = "warning", yellow
	case pack.Blocked:
		label, code = "blocked", red
	}
	p.wrapped(style, indent+style.paint(code, label+":")+" ", f.Message+" ["+f.ID+"]")
	for _, at := range f.At {
		p.printf("%s  at %s\n", indent, Quote(at))
	}
}

func (p *printer) findings(pl *plan.Plan, style Style) {
	if len(pl.Findings) == 0 {
		return
	}
	p.printf("\n")
	for _, f := range pl.Findings {
		p.finding(f, style, "  ")
	}
}

func (p *printer) lockChanges(pl *plan.Plan, style Style) {
	if len(pl.LockChanges) == 0 {
		return
	}
	p.printf("\n%s\n", style.paint(bold, "Lock changes:"))
	if p.err == nil {
		p.err = LockChanges(p.w, pl.LockChanges, style)
	}
}

// LockChanges prints the differences between two locks, a line each.
func LockChanges(w io.Writer, changes []plan.LockChange, style Style) error {
	p := &printer{w: w}
	names := 0
	for _, c := range changes {
		names = max(names, len(c.Ref))
	}
	for _, c := range changes {
		symbol := map[string]string{"added": "+", "removed": "-"}[c.Kind]
		if symbol == "" {
			symbol = "~"
		}
		what := c.After
		switch {
		case c.Before != "" && c.After != "" && c.Before != c.After:
			what = c.Before + " → " + c.After
		case c.After == "":
			what = c.Before
		}
		line := "  " + symbol + " " + pad(string(c.Ref), names) + "  " + Quote(what)
		if c.Kind == "source" {
			line += "  " + style.paint(red, "SOURCE CHANGED")
		}
		p.printf("%s\n", line)
		if c.Reason != "" {
			p.wrapped(style, "      ", c.Reason)
		}
	}
	return p.err
}

func (p *printer) drift(pl *plan.Plan, style Style) {
	p.driftOf(pl, style, false, "Drift (the disk differs from what packsync installed):")
	p.driftOf(pl, style, true, "Drift (StackStorm has something else registered than what is on disk):")
}

func (p *printer) driftOf(pl *plan.Plan, style Style, ofRegistration bool, title string) {
	const most = 10
	for _, d := range pl.Drift {
		if d.OfRegistration() != ofRegistration {
			continue
		}
		if title != "" {
			p.printf("\n%s\n", style.paint(bold, title))
			title = ""
		}
		p.wrapped(style, "  "+string(d.Ref)+": ", d.Detail)
		for i, file := range d.Files {
			if i == most && !style.Verbose {
				p.printf("      and %d more (--verbose shows all)\n", len(d.Files)-most)
				break
			}
			p.printf("      %s\n", Quote(file))
		}
	}
}

func (p *printer) unmanaged(pl *plan.Plan, style Style) {
	var names []string
	for _, u := range pl.Unmanaged {
		if !u.Ref.IsSystem() {
			names = append(names, string(u.Ref))
		}
	}
	if len(names) == 0 {
		return
	}
	p.printf("\n")
	p.wrapped(style, "", plural(len(names), "pack is", "packs are")+" not managed by packsync and never touched: "+strings.Join(names, ", "))
}
