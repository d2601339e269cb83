package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/review"
)

// Marker begins every comment, so that the one that is there is found and written
// again instead of a second one beside it.
const Marker = "<!-- packsync diff -->"

// commentBytes is what fits a comment: GitHub takes 65,536 characters, GitLab
// more. No character has less than one byte.
const commentBytes = 65000

// DiffMarkdown prints a diff as a comment on a pull request. Whatever packs and
// repositories say is escaped: it can neither format, nor mention anybody, nor
// link.
func DiffMarkdown(w io.Writer, d *reconcile.Diffed) error {
	m := &markdown{room: commentBytes}
	foot := ""
	if text := horizon(d); text != "" {
		foot = "\n" + escape(text) + "\n"
	}
	foot += fmt.Sprintf("\nDesired digest: `%s`\n\nThis is applied, and nothing else, by `packsync apply --expect-digest %s`.\n", d.Digest, d.Digest)
	const aboutCuts = 200
	m.room -= len(foot) + aboutCuts
	m.must("%s\n### Packs\n\n%s\n\n", Marker, escape(DiffSummary(d)))
	if alarmed := alarms(d); len(alarmed) > 0 {
		m.must("> [!CAUTION]\n")
		for _, line := range alarmed {
			m.line("> - %s\n", line)
		}
		m.must("\n")
	}
	packs := byRisk(d.Packs)
	if len(packs) > 0 {
		m.must("| pack | | version | commit | in the pack |\n|---|---|---|---|---|\n")
		for _, p := range packs {
			m.line("| %s | %s | %s | %s | %s |\n", code(string(p.Ref)), p.Action, escape(pinnedVersions(p)), commitCell(p), gradesCell(p))
		}
		m.must("\n")
	}
	for _, p := range packs {
		m.pack(p)
	}
	if len(d.Settings) > 0 {
		m.line("**Outside of packs** these differ: %s\n\n", escape(strings.Join(d.Settings, ", ")))
	}
	if len(d.LockChanges) > 0 {
		m.line("**The lock does not fit yet.** Run `packsync lock` and commit it:\n\n")
		for _, c := range d.LockChanges {
			m.line("- %s: %s (%s)\n", code(string(c.Ref)), escape(strings.Trim(c.Before+" → "+c.After, " →")), escape(c.Reason))
		}
		m.must("\n")
	}
	m.others(d.Findings)
	if m.cut > 0 {
		m.text.WriteString(fmt.Sprintf("\n**%s did not fit into this comment.** All of them: `packsync diff --verbose BASE`.\n", plural(m.cut, "line", "lines")))
	}
	m.text.WriteString(foot)
	_, err := io.WriteString(w, m.text.String())
	return err
}

// alarms are told before everything else.
func alarms(d *reconcile.Diffed) (lines []string) {
	for _, p := range d.Packs {
		for _, alarm := range p.Alarms {
			lines = append(lines, fmt.Sprintf("**%s** %s", escape(string(p.Ref)), escape(alarm)))
		}
	}
	return lines
}

// markdown collects text up to a length.
type markdown struct {
	text strings.Builder
	room int
	cut  int // lines that did not fit
}

// must writes what gives the text its form; room for it is always left.
func (m *markdown) must(format string, args ...any) {
	n, _ := fmt.Fprintf(&m.text, format, args...) // a strings.Builder never fails
	m.room -= n
}

// line writes a line, if it fits, and counts it otherwise.
func (m *markdown) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	const reserve = 2000 // for what must be written
	if m.cut > 0 || len(text) > m.room-reserve {
		m.cut++
		return
	}
	m.text.WriteString(text)
	m.room -= len(text)
}

// pack tells about one pack: what has to be looked at in sight, the rest folded.
func (m *markdown) pack(p reconcile.DiffedPack) {
	p.Findings = slices.DeleteFunc(slices.Clone(p.Findings), isArrival) // the table says so
	if len(p.Findings)+len(p.Declared)+len(p.Config) == 0 {
		return
	}
	if m.cut > 0 {
		m.cut += len(p.Findings) + len(p.Declared) + len(p.Config)
		return
	}
	m.line("#### %s %s\n\n", code(string(p.Ref)), escape(pinnedVersions(p)))
	for _, text := range p.Declared {
		m.line("- declared: %s\n", escape(text))
	}
	if len(p.Config) > 0 {
		m.line("- config keys (values are never shown): %s\n", codes(p.Config))
	}
	var open, folded []pack.Finding
	for _, k := range kindsOf(p.Findings) {
		for i, f := range k.findings {
			if k.grade == pack.Safe || i >= 2*fewOfAKind && len(f.Hits) == 0 || f.Accepted != "" {
				folded = append(folded, f)
			} else {
				open = append(open, f)
			}
		}
	}
	for _, f := range p.Findings {
		if f.Grade == "" {
			m.line("- %s: %s (%s)\n", f.Severity, escape(f.Message), f.ID)
		}
	}
	for _, f := range open {
		m.change(f)
	}
	if len(folded) > 0 {
		m.must("\n<details><summary>%s more: %s</summary>\n\n", plural(len(folded), "change", "changes"), folds(folded))
		m.folded(folded)
		m.must("\n</details>\n")
	}
	m.must("\n")
}

// folded lists what is folded. Safe changes that say the same share a line.
func (m *markdown) folded(findings []pack.Finding) {
	const several, most = 3, 60
	same := func(f pack.Finding) string {
		kind, _, _ := strings.Cut(f.Resource, " ")
		return f.ID + "\n" + kind + "\n" + f.Message
	}
	groups := map[string][]string{}
	for _, f := range findings {
		if f.Grade == pack.Safe {
			groups[same(f)] = append(groups[same(f)], f.Resource)
		}
	}
	for _, f := range findings {
		resources := groups[same(f)]
		switch {
		case f.Grade != pack.Safe || len(resources) > 0 && len(resources) < several:
			m.change(f)
		case len(resources) > 0:
			more := ""
			if n := len(resources) - most; n > 0 {
				resources, more = resources[:most], fmt.Sprintf(" and %d more", n)
			}
			m.line("- %s, %d times: %s (%s): %s%s\n", f.Grade, len(groups[same(f)]), escape(f.Message), f.ID, codes(resources), more)
			delete(groups, same(f))
		}
	}
}

// folds counts what is folded by grade.
func folds(findings []pack.Finding) string {
	var g Grades
	g.count(findings)
	var parts []string
	for _, of := range []struct {
		n    int
		word string
	}{{g.Breaking, "breaking"}, {g.Caution, "caution"}, {g.Accepted, "accepted"}, {g.Safe, "safe"}} {
		if of.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", of.n, of.word))
		}
	}
	return strings.Join(parts, ", ")
}

func (m *markdown) change(f pack.Finding) {
	text := string(f.Grade)
	if f.Grade == pack.Breaking {
		text = "**breaking**"
	}
	if f.Resource != "" {
		text += " " + code(f.Resource) + ":"
	}
	text += " " + escape(f.Message) + " (" + f.ID + ")"
	switch {
	case f.Accepted != "":
		text += " — accepted: " + escape(f.Accepted)
	case f.Severity == pack.Blocked:
		text += " — **blocks**"
	}
	m.line("- %s\n", text)
	for _, hit := range f.Hits {
		m.line("  - hits %s\n", code(hit))
	}
}

// others tells of findings that are about no pack that differs.
func (m *markdown) others(findings []pack.Finding) {
	for _, f := range findings {
		if len(f.At) == 0 {
			m.line("- %s: %s (%s)\n", f.Severity, escape(strings.TrimSpace(f.Resource+" "+f.Message)), f.ID)
			continue
		}
		m.must("<details><summary>%s (%s)</summary>\n\n", escape(f.Message), f.ID)
		for _, at := range f.At {
			m.line("- %s\n", code(at))
		}
		m.must("\n</details>\n")
	}
}

func commitCell(p reconcile.DiffedPack) string {
	if p.After == nil || p.After.Commit == "" {
		return ""
	}
	text := code(p.After.Commit.Short())
	switch {
	case p.Before != nil && p.Before.Commit == p.After.Commit:
		return text
	case p.Before != nil && p.Before.Commit != "":
		text = code(p.Before.Commit.Short()) + " → " + text
	}
	if p.After.Ref != "" {
		text += " " + strings.ReplaceAll(code(revisionName(p.After.Ref)), "|", `\|`) // a table ends its cell even in code
	}
	if link := compareLink(p); link != "" {
		text += " [difference](" + link + ")"
	}
	if p.After.Title != "" {
		text += " " + escape(p.After.Title)
	}
	return text
}

// onForge is a repository whose forge shows the difference between two commits.
var onForge = lazyregexp.New(`^https://(github\.com|gitlab\.com)/([\w.-]+/[\w.-]+?)(?:\.git)?/?$`)

// compareLink is where the whole difference can be read, "" where that is not
// known.
func compareLink(p reconcile.DiffedPack) string {
	if p.Before == nil || p.After == nil || p.Before.Source != p.After.Source || p.Before.Commit == "" || p.Before.Commit == p.After.Commit {
		return ""
	}
	m := onForge().FindStringSubmatch(p.After.Source)
	if m == nil {
		return ""
	}
	middle := map[string]string{"github.com": "/compare/", "gitlab.com": "/-/compare/"}[m[1]]
	return fmt.Sprintf("https://%s/%s%s%s...%s", m[1], m[2], middle, p.Before.Commit, p.After.Commit)
}

// isArrival tells the finding that only says what a new pack contains.
func isArrival(f pack.Finding) bool { return f.ID == review.PackAdded }

func gradesCell(p reconcile.DiffedPack) string {
	var g Grades
	g.count(p.Findings)
	var parts []string
	if i := slices.IndexFunc(p.Findings, isArrival); i >= 0 {
		g.Safe--
		parts = append(parts, escape(strings.TrimPrefix(p.Findings[i].Message, "the pack comes, ")))
	}
	if len(p.Alarms) > 0 {
		parts = append(parts, "**"+plural(len(p.Alarms), "alarm", "alarms")+"**")
	}
	if g.Breaking > 0 {
		parts = append(parts, fmt.Sprintf("**%d breaking**", g.Breaking)+g.users())
	}
	for _, of := range []struct {
		n    int
		word string
	}{{g.Caution, "caution"}, {g.Accepted, "accepted"}, {g.Safe, "safe"}} {
		if of.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", of.n, of.word))
		}
	}
	if len(parts) == 0 && p.Action == plan.Update {
		if slices.ContainsFunc(p.Findings, func(f pack.Finding) bool { return f.ID == review.Code }) {
			return "only code"
		}
		return "nothing that StackStorm uses"
	}
	return strings.Join(parts, ", ")
}

// special are the characters that mean something in Markdown or HTML.
var special = lazyregexp.New("[\\\\`*_{}\\[\\]()<>#+.!|~&-]")

// autolink are beginnings that a forge makes links or mentions of by itself; a
// character without width behind them stops it.
var autolink = lazyregexp.New(`(?i)(@|#|!|\$|%|&|://|www\.|GH-)`)

// escape makes foreign text mean nothing but itself. Line breaks become blanks.
func escape(text string) string {
	text = strings.Join(strings.Fields(Quote(text)), " ")
	const width0 = "\u200b"
	var b strings.Builder
	for {
		at := autolink().FindStringIndex(text)
		if at == nil {
			break
		}
		b.WriteString(escapeSpecial(text[:at[1]]) + width0)
		text = text[at[1]:]
	}
	b.WriteString(escapeSpecial(text))
	return b.String()
}

func escapeSpecial(text string) string {
	return special().ReplaceAllStringFunc(text, func(c string) string {
		switch c {
		case "<":
			return "&lt;"
		case ">":
			return "&gt;"
		case "&":
			return "&amp;"
		case ".", "-", "+", "(", ")": // harmless inside of a line
			return c
		}
		return "\\" + c
	})
}

// code is text in the form of code; forges link nothing in it.
func code(text string) string {
	text = strings.Join(strings.Fields(Quote(text)), " ")
	longest, run := 0, 0
	for _, r := range text {
		if r == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	if longest == 0 {
		return "`" + text + "`"
	}
	fence := strings.Repeat("`", longest+1)
	return fence + " " + text + " " + fence
}

func codes(texts []string) string {
	var parts []string
	for _, text := range texts {
		parts = append(parts, code(text))
	}
	return strings.Join(parts, ", ")
}
