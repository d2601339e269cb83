package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/reconcile"
)

// StatusSummary is the first line of status.
func StatusSummary(s *reconcile.Status) string {
	counts := map[string]int{}
	for _, p := range s.Packs {
		counts[p.State]++
	}
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
	}
	if len(parts) == 0 {
		return "No packs."
	}
	return "Packs: " + strings.Join(parts, ", ") + "."
}

// Status prints the four states of every pack as a table.
func Status(w io.Writer, s *reconcile.Status, style Style) error {
	p := &printer{w: w}
	p.printf("%s\n", style.paint(bold, StatusSummary(s)))
	if len(s.Unfinished) > 0 {
		p.wrapped(style, style.paint(yellow, "warning:")+" ", "an apply was interrupted; the next apply finishes it first")
	}
	if len(s.Packs) == 0 {
		return p.err
	}
	rows := [][]string{{"PACK", "STATE", "DECLARED", "LOCKED", "INSTALLED", "REGISTERED", "CONFIG"}}
	var unmanaged []string
	for _, pk := range s.Packs {
		if pk.State == "unmanaged" && !style.Verbose {
			if !pk.Ref.IsSystem() {
				unmanaged = append(unmanaged, string(pk.Ref))
			}
			continue
		}
		rows = append(rows, []string{
			name(pk), pk.State, declaredCell(pk), lockedCell(pk.Locked), installedCell(pk.Installed), registeredCell(pk.Registered), dash(pk.Config),
		})
	}
	p.printf("\n")
	p.table(rows, style)
	for _, pk := range s.Packs {
		if pk.Registered == nil {
			continue
		}
		for _, text := range pk.Registered.Differs {
			p.wrapped(style, style.paint(yellow, "stale:")+" ", string(pk.Ref)+": "+text)
		}
	}
	if len(unmanaged) > 0 {
		p.printf("\n")
		p.wrapped(style, "", plural(len(unmanaged), "pack is", "packs are")+" not managed by packsync and never touched: "+strings.Join(unmanaged, ", "))
	}
	return p.err
}

func name(p reconcile.PackStatus) string {
	if p.BasePath == pack.DefaultBasePath {
		return string(p.Ref)
	}
	return string(p.Ref) + " in " + p.BasePath
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func declaredCell(p reconcile.PackStatus) string {
	switch {
	case p.Declared != nil:
		return p.Declared.Selector
	case len(p.RequiredBy) > 0:
		return "required by " + refList(p.RequiredBy)
	case p.Locked != nil && !p.Locked.Direct:
		return "required"
	}
	return "-"
}

func refList(refs []pack.Ref) string {
	var names []string
	for _, ref := range refs {
		names = append(names, string(ref))
	}
	return strings.Join(names, ", ")
}

func lockedCell(l *reconcile.LockedPack) string {
	switch {
	case l == nil:
		return "-"
	case l.Commit == "":
		return "unpinned"
	}
	return strings.TrimSpace(l.Version + " " + l.Commit.Short())
}

func installedCell(i *reconcile.InstalledPack) string {
	if i == nil {
		return "-"
	}
	text := strings.TrimSpace(i.Version + " " + i.Commit.Short())
	if i.Edited {
		text += " (edited)"
	}
	return dash(text)
}

func registeredCell(r *reconcile.RegisteredPack) string {
	switch {
	case r == nil:
		return "-"
	case len(r.Pending) > 0:
		return "pending " + strings.Join(r.Pending, ",")
	case len(r.Differs) > 0:
		return "stale"
	case r.Told:
		return "yes"
	}
	return "no"
}

// table prints rows in columns; the first row is the head.
func (p *printer) table(rows [][]string, style Style) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], visible(Quote(cell)))
		}
	}
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(pad(Quote(cell), widths[i]) + "  ")
		}
		text := strings.TrimRight(line.String(), " ")
		if n == 0 {
			text = style.paint(faint, text)
		}
		p.printf("%s\n", text)
	}
}

// List prints packs as a table of ref, version, commit and state.
func List(w io.Writer, packs []reconcile.PackStatus, style Style) error {
	p := &printer{w: w}
	if len(packs) == 0 {
		p.printf("packsync manages no packs here.\n")
		return p.err
	}
	rows := [][]string{{"PACK", "VERSION", "COMMIT", "BASE PATH", "STATE"}}
	for _, pk := range packs {
		version, commit := "", pack.Commit("")
		if pk.Installed != nil {
			version, commit = pk.Installed.Version, pk.Installed.Commit
		}
		rows = append(rows, []string{string(pk.Ref), dash(version), dash(commit.Short()), pk.BasePath, pk.State})
	}
	p.table(rows, style)
	return p.err
}

// Show prints one pack in full.
func Show(w io.Writer, s *reconcile.PackStatus, style Style) error {
	p := &printer{w: w}
	p.printf("%s  %s\n", style.paint(bold, string(s.Ref)), s.State)
	field := func(name, text string) {
		if text != "" {
			p.printf("  %s %s\n", pad(name, 11), Quote(text))
		}
	}
	field("base path", s.BasePath)
	if d := s.Declared; d != nil {
		field("declared", strings.TrimSpace(d.Selector+"  "+d.Source))
	} else {
		field("declared", "no")
	}
	field("required by", refList(s.RequiredBy))
	if l := s.Locked; l != nil {
		field("locked", strings.TrimSpace(l.Version+"  "+l.Ref+"  "+string(l.Commit)))
		field("", l.Source)
		field("", l.Title)
		field("tree", string(l.Tree))
	} else {
		field("locked", "no")
	}
	if i := s.Installed; i != nil {
		field("installed", strings.TrimSpace(i.Version+"  "+string(i.Commit)))
		field("path", i.Path)
		if i.Held {
			field("held", "a rollback keeps it here, although the lock pins something else")
		}
		for _, edit := range i.Edits {
			field("", edit)
		}
	} else {
		field("installed", "no")
	}
	field("registered", registeredCell(s.Registered))
	field("config", s.Config)
	field("overrides", s.Overrides)
	field("held back", strings.Join(s.HeldBack, ", "))
	return p.err
}

// Findings prints what a person should know about packs, by pack.
func Findings(w io.Writer, findings map[pack.Ref][]pack.Finding, style Style) error {
	p := &printer{w: w}
	for _, ref := range slices.Sorted(maps.Keys(findings)) {
		for _, f := range findings[ref] {
			f.Message = string(ref) + ": " + f.Message
			p.finding(f, style, "  ")
		}
	}
	return p.err
}
