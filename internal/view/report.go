package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
)

// Report prints what an apply did, for people: what failed first, then what has
// to be known, then the counts and how long it took ("" leaves that out).
func Report(w io.Writer, r *apply.Report, took string, style Style) error {
	out := &printer{w: w}
	counts, pending := map[plan.Action]int{}, 0
	for _, p := range r.Packs {
		switch {
		case p.Err != nil && len(p.Pending) == 0:
			out.lines(style, style.paint(red, "failed:")+" ", fmt.Sprintf("%s (%s): %v", p.Ref, p.Action, p.Err))
		case len(p.Pending) > 0:
			pending++
			if p.Changed {
				counts[p.Action]++
			}
			out.lines(style, style.paint(yellow, "pending:")+" ", fmt.Sprintf("%s: %s: %v", p.Ref, pendingText(p.Pending), p.Err))
		default:
			counts[p.Action]++
		}
	}
	for _, p := range r.Packs {
		if text := lost(p.Deleted, p.Disabled, "deleted %s from StackStorm.", "Disabled %s."); text != "" {
			out.wrapped(style, string(p.Ref)+": ", text)
		}
	}
	for _, note := range r.Notes {
		out.wrapped(style, style.paint(yellow, "note:")+" ", note)
	}
	done := map[plan.Action]string{
		plan.Install: "installed", plan.Adopt: "adopted", plan.Move: "moved", plan.Update: "updated", plan.Repair: "repaired",
		plan.Configure: "configured", plan.Register: "registered", plan.Remove: "removed", plan.Forget: "forgotten",
	}
	var parts []string
	for _, a := range plan.Actions() {
		if counts[a] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[a], done[a]))
		}
	}
	if pending > 0 {
		parts = append(parts, fmt.Sprintf("%d pending", pending))
	}
	text := "Applied: " + strings.Join(parts, ", ") + "."
	if len(parts) == 0 {
		text = "Applied: nothing."
	}
	out.printf("%s", style.paint(bold, text))
	if took != "" {
		out.printf(" It took %s.", took)
	}
	out.printf("\n")
	return out.err
}

// pendingText says what StackStorm was not told, and what that means on disk.
func pendingText(types []string) string {
	if slices.Contains(types, "unload") {
		return "StackStorm could not unload it, so its files stay"
	}
	if slices.Equal(types, []string{"purge"}) {
		return "StackStorm could not be made to lose all that older versions left"
	}
	return "StackStorm was not told (" + strings.Join(types, ", ") + ")"
}

// PlanBody is the JSON of plan, after the envelope.
type PlanBody struct {
	*plan.Plan
	Unfinished []string `json:"unfinished"`
	Review     Grades   `json:"review"`
}

// ApplyBody is the JSON of apply, after the envelope: what configuration
// management reads.
type ApplyBody struct {
	Changed      bool               `json:"changed"`
	Packs        []PackJSON         `json:"packs"`
	Diff         []DiffJSON         `json:"diff"`
	Registration []RegistrationJSON `json:"registration"`
	Notes        []string           `json:"notes"`
	Digest       string             `json:"digest"`
	PlanDigest   string             `json:"plan_digest"`
	LockChanges  []plan.LockChange  `json:"lock_changes"`
	Findings     []pack.Finding     `json:"findings"` // of all packs and of the plan
}

// PackJSON is one pack in the JSON of apply.
type PackJSON struct {
	Ref     string     `json:"ref"`
	Action  string     `json:"action"`
	Changed bool       `json:"changed"`
	Before  *plan.Side `json:"before"`
	After   *plan.Side `json:"after"`
	Error   string     `json:"error,omitempty"`
}

// DiffJSON is one difference in the form that Ansible shows with --diff.
type DiffJSON struct {
	Before       string `json:"before"`
	After        string `json:"after"`
	BeforeHeader string `json:"before_header"`
	AfterHeader  string `json:"after_header"`
}

// RegistrationJSON is what StackStorm was told about one pack.
type RegistrationJSON struct {
	Ref     string   `json:"ref"`
	Types   []string `json:"types"`
	Pending []string `json:"pending"`
	// What StackStorm lost of older versions.
	Deleted  []pack.Object `json:"deleted"`
	Disabled []pack.Object `json:"disabled"`
}

// NewApplyBody turns a plan and the report on it into JSON. With a nil report
// (nothing to do, blocked, or not confirmed) nothing was changed.
func NewApplyBody(p *plan.Plan, r *apply.Report, changed bool) ApplyBody {
	body := ApplyBody{
		Changed: changed, Packs: []PackJSON{}, Diff: []DiffJSON{}, Registration: []RegistrationJSON{}, Notes: []string{},
		Digest: p.Digest, PlanDigest: p.PlanDigest, LockChanges: p.LockChanges,
		Findings: append([]pack.Finding{}, p.Findings...),
	}
	for _, c := range p.Changes {
		body.Diff = append(body.Diff, diffOf(c))
		body.Findings = append(body.Findings, c.Findings...)
	}
	if r == nil {
		for _, c := range p.Changes {
			body.Packs = append(body.Packs, PackJSON{Ref: string(c.Ref), Action: string(c.Action), Before: c.Before, After: c.After})
		}
		return body
	}
	body.Notes = append(body.Notes, r.Notes...)
	for _, result := range r.Packs {
		entry := PackJSON{Ref: string(result.Ref), Action: string(result.Action), Changed: result.Changed, Before: result.Before, After: result.After}
		if result.Err != nil {
			entry.Error = result.Err.Error()
		}
		body.Packs = append(body.Packs, entry)
		if len(result.Registered)+len(result.Pending)+len(result.Deleted)+len(result.Disabled) > 0 {
			body.Registration = append(body.Registration, RegistrationJSON{
				Ref: string(result.Ref), Types: append([]string{}, result.Registered...), Pending: append([]string{}, result.Pending...),
				Deleted: append([]pack.Object{}, result.Deleted...), Disabled: append([]pack.Object{}, result.Disabled...),
			})
		}
	}
	return body
}

// diffOf describes a change as two short texts without secrets.
func diffOf(c plan.Change) DiffJSON {
	side := func(s *plan.Side) string {
		if s == nil || c.Ref == pack.GlobalOverrides {
			return ""
		}
		return fmt.Sprintf("version: %s\nsource: %s\ncommit: %s\ntree: %s\npath: %s\n", s.Version, s.Source, s.Commit, s.Tree, s.Path)
	}
	before, after := side(c.Before), side(c.After)
	for _, key := range c.Do.ConfigKeys {
		after += "config: " + key + "\n"
	}
	for _, change := range c.Do.OverrideDiff {
		after += "overrides: " + change + "\n"
	}
	return DiffJSON{Before: before, After: after, BeforeHeader: string(c.Ref) + " (before)", AfterHeader: fmt.Sprintf("%s (%s)", c.Ref, c.Action)}
}
