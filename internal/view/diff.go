package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/reconcile"
)

// DiffBody is the JSON of diff, after the envelope.
type DiffBody struct {
	*reconcile.Diffed
	Review Grades `json:"review"`
}

// ReviewOfDiff counts the grades of a diff.
func ReviewOfDiff(d *reconcile.Diffed) (g Grades) {
	for _, p := range d.Packs {
		g.count(p.Findings)
	}
	return g
}

// DiffEmpty reports whether there is no difference that means anything.
func DiffEmpty(d *reconcile.Diffed) bool {
	return len(d.Packs)+len(d.Settings)+len(d.LockChanges) == 0
}

// DiffSummary is the first line of a diff: one sentence that always agrees with
// the JSON and with the exit code.
func DiffSummary(d *reconcile.Diffed) string {
	if DiffEmpty(d) {
		return "No difference to " + d.Base + ": " + plural(d.Unchanged, "pack stays", "packs stay") + " as declared and locked."
	}
	counts := map[plan.Action]int{}
	alarms, blocked := 0, 0
	for _, p := range d.Packs {
		counts[p.Action]++
		alarms += len(p.Alarms)
		for _, f := range p.Findings {
			if f.Severity == pack.Blocked {
				blocked++
			}
		}
	}
	var parts []string
	for _, of := range []struct {
		action    plan.Action
		one, many string
	}{
		{plan.Install, "pack comes", "packs come"}, {plan.Update, "pack moves", "packs move"},
		{plan.Configure, "pack is declared in another way", "packs are declared in another way"}, {plan.Remove, "pack goes", "packs go"},
	} {
		if n := counts[of.action]; n > 0 {
			parts = append(parts, plural(n, of.one, of.many))
		}
	}
	text := "Compared with " + d.Base + ": " + strings.Join(append(parts, plural(d.Unchanged, "stays", "stay")), ", ") + "."
	if alarms > 0 {
		text += " " + plural(alarms, "alarm", "alarms") + "."
	}
	if sentence := ReviewOfDiff(d).sentence(); sentence != "" {
		text += " " + sentence
	}
	if blocked > 0 {
		text += " Blocked: " + plural(blocked, "reason", "reasons") + "."
	}
	return text
}

// byRisk orders packs for reading: alarms first, then what breaks, then what has
// to be looked at; equal ones by ref.
func byRisk(packs []reconcile.DiffedPack) []reconcile.DiffedPack {
	risk := func(p reconcile.DiffedPack) int {
		var g Grades
		g.count(p.Findings)
		switch {
		case len(p.Alarms) > 0:
			return 0
		case g.Breaking > 0:
			return 1
		case g.Caution > 0 || p.Action == plan.Remove:
			return 2
		}
		return 3
	}
	out := slices.Clone(packs)
	slices.SortStableFunc(out, func(a, b reconcile.DiffedPack) int { return risk(a) - risk(b) })
	return out
}

// Diff prints a diff for people, the risky packs first.
func Diff(w io.Writer, d *reconcile.Diffed, style Style) error {
	out := &printer{w: w}
	out.heading(style, DiffSummary(d))
	names, actions := 0, 0
	for _, p := range d.Packs {
		names, actions = max(names, len(p.Ref)), max(actions, len(p.Action))
	}
	if len(d.Packs) > 0 {
		out.printf("\n")
	}
	for _, p := range byRisk(d.Packs) {
		out.printf("  %s %s  %s  %s\n", style.symbol(p.Action), pad(style.paint(bold, string(p.Ref)), names), pad(string(p.Action), actions), Quote(pinnedVersions(p)))
		const indent = "      "
		for _, alarm := range p.Alarms {
			out.wrapped(style, indent+style.paint(red, "ALARM")+"    ", alarm)
		}
		if text := pinnedCommits(p); text != "" {
			out.wrapped(style, indent, text)
		}
		for _, text := range p.Declared {
			out.wrapped(style, indent, "declared: "+text)
		}
		if len(p.Config) > 0 {
			out.wrapped(style, indent, "config: "+strings.Join(p.Config, ", "))
		}
		for _, f := range p.Findings {
			if f.Grade == "" {
				out.finding(f, style, indent)
			}
		}
		out.review(p.Findings, style, indent)
	}
	if len(d.Settings) > 0 {
		out.printf("\n%s\n", style.paint(bold, "Outside of packs:"))
		for _, text := range d.Settings {
			out.printf("  ~ %s\n", Quote(text))
		}
	}
	if len(d.LockChanges) > 0 {
		out.printf("\n%s\n", style.paint(bold, "The lock does not fit yet (run packsync lock and commit it):"))
		if out.err == nil {
			out.err = LockChanges(w, d.LockChanges, style)
		}
	}
	if len(d.Findings) > 0 {
		out.printf("\n")
		for _, f := range d.Findings {
			out.finding(f, style, "  ")
		}
	}
	if text := horizon(d); text != "" {
		out.printf("\n")
		out.wrapped(style, "", text)
	}
	out.printf("\n%s\n", style.paint(faint, "Desired digest: "+d.Digest))
	return out.err
}

// horizon says how far a review without a host can look; "" where nothing was
// reviewed.
func horizon(d *reconcile.Diffed) string {
	graded := func(p reconcile.DiffedPack) bool {
		return slices.ContainsFunc(p.Findings, func(f pack.Finding) bool { return f.Grade == pack.Breaking || f.Grade == pack.Caution })
	}
	if !slices.ContainsFunc(d.Packs, graded) {
		return ""
	}
	n := d.Unchanged
	for _, p := range d.Packs {
		if p.After != nil {
			n++
		}
	}
	return "Who is hit was looked for in the " + plural(n, "pack", "packs") + " declared here. What only a host has (packs that are not declared, rules made through the API), and who calls from outside, is seen by no diff: plan looks at the installed packs too."
}

// pinnedVersions is old → new, or the one that there is.
func pinnedVersions(p reconcile.DiffedPack) string {
	before, after := pinnedVersion(p.Before), pinnedVersion(p.After)
	switch {
	case p.Before == nil || before == after:
		return after
	case p.After == nil:
		return before
	}
	return before + " → " + after
}

func pinnedVersion(p *reconcile.Pinned) string {
	switch {
	case p == nil:
		return ""
	case p.Version != "" && p.Commit == "":
		return p.Version + " (unpinned)"
	case p.Version != "":
		return p.Version
	case p.Commit != "":
		return p.Commit.Short()
	}
	return "(not locked)"
}

// pinnedCommits is where a pack comes from: source, name, commits, title.
func pinnedCommits(p reconcile.DiffedPack) string {
	if p.After == nil {
		return "from " + sourceOf(p.Before)
	}
	text := "from " + sourceOf(p.After)
	if p.After.Commit == "" || p.Before != nil && p.Before.Commit == p.After.Commit {
		return text
	}
	text += ", " + strings.TrimPrefix(revisionName(p.After.Ref)+" = ", " = ") + "commit "
	if p.Before != nil && p.Before.Commit != "" {
		text += p.Before.Commit.Short() + " → "
	}
	text += p.After.Commit.Short()
	if p.After.Title != "" {
		text += ": " + p.After.Title
	}
	return text
}

func sourceOf(p *reconcile.Pinned) string {
	if p.Subdir != "" {
		return fmt.Sprintf("%s//%s", p.Source, p.Subdir)
	}
	return p.Source
}

// revisionName is the short name of a branch or tag.
func revisionName(ref string) string {
	return strings.TrimPrefix(strings.TrimPrefix(ref, "refs/tags/"), "refs/heads/")
}
