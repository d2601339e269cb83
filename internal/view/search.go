package view

import (
	"io"
	"strings"

	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/reconcile"
)

// FoundSummary is the first line of search.
func FoundSummary(f *reconcile.Found, query string) string {
	if len(f.Packs) == 0 {
		return "No pack of the indexes matches " + Quote(query) + "."
	}
	return plural(len(f.Packs), "pack", "packs") + " of the indexes " + map[bool]string{true: "matches ", false: "match "}[len(f.Packs) == 1] + Quote(query) + ", the best first."
}

// Found prints what a search found as a table.
func Found(w io.Writer, f *reconcile.Found, query string, style Style) error {
	p := &printer{w: w}
	p.printf("%s\n", style.paint(bold, FoundSummary(f, query)))
	if len(f.Packs) == 0 {
		return p.err
	}
	rows := [][]string{{"PACK", "VERSION", "HERE", "DESCRIPTION"}}
	for _, pk := range f.Packs {
		rows = append(rows, []string{pk.Ref, dash(pk.Version), dash(here(pk)), firstLine(pk.Description)})
	}
	p.printf("\n")
	p.table(rows, style)
	return p.err
}

// here says in a word what this declaration makes of a pack.
func here(p reconcile.FoundPack) string {
	switch {
	case p.Installed != "":
		return "installed " + p.Installed
	case p.Locked != "":
		return "locked " + p.Locked
	case p.Declared:
		return "declared"
	}
	return ""
}

// firstLine is what fits into a table of a text that somebody else wrote.
func firstLine(text string) string {
	const longest = 90
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(line); len(runes) > longest {
		line = strings.TrimSpace(string(runes[:longest-1])) + "…"
	}
	return line
}

// Detail prints everything that is known about one pack.
func Detail(w io.Writer, ref string, d *reconcile.PackDetail, style Style) error {
	p := &printer{w: w}
	if d.PackStatus != nil {
		if p.err = Show(w, d.PackStatus, style); p.err != nil {
			return p.err
		}
		if line := index.ContentLine(d.Content); line != "" {
			p.printf("  %s %s\n", pad("content", 11), line)
		}
	} else {
		p.printf("%s  not declared, locked or installed here\n", style.paint(bold, ref))
	}
	if d.Index == nil {
		return p.err
	}
	p.printf("\n%s\n", style.paint(bold, "In the index "+Quote(d.Index.IndexURL)+":"))
	for _, field := range []struct{ name, text string }{
		{"version", d.Index.Version}, {"versions", few(d.Index.Versions, style)}, {"description", strings.TrimSpace(d.Index.Description)},
		{"author", d.Index.Author}, {"keywords", strings.Join(d.Index.Keywords, ", ")}, {"source", d.Index.RepoURL},
		{"content", index.ContentLine(d.Index.Content)}, {"requires", strings.Join(d.Index.Dependencies, ", ")},
		{"stackstorm", d.Index.StackStormVersion}, {"python", strings.Join(d.Index.PythonVersions, ", ")},
	} {
		if field.text != "" {
			p.wrapped(style, "  "+pad(field.name, 11)+" ", field.text)
		}
	}
	return p.err
}

// few joins the first texts of a list; with --verbose all.
func few(list []string, style Style) string {
	const most = 10
	if more := len(list) - most; more > 0 && !style.Verbose {
		return strings.Join(list[:most], ", ") + " and " + plural(more, "more", "more")
	}
	return strings.Join(list, ", ")
}

// HealthSummary is the first line of index health.
func HealthSummary(h *index.Health) string {
	all := plural(h.Indexes.Count, "index", "indexes")
	if h.Indexes.Invalid == 0 {
		return all + " with " + plural(h.Packs.Count, "pack", "packs") + ", all valid."
	}
	return all + " with " + plural(h.Packs.Count, "pack", "packs") + ", " + plural(h.Indexes.Invalid, "is", "are") + " not valid."
}

// Health prints the state of each index.
func Health(w io.Writer, h *index.Health, style Style) error {
	p := &printer{w: w}
	p.printf("%s\n", style.paint(bold, HealthSummary(h)))
	for _, s := range h.Indexes.Status {
		if s.Error == nil {
			p.wrapped(style, "  "+style.paint(green, "valid")+"  ", s.URL+"  "+plural(s.Packs, "pack", "packs"))
			continue
		}
		p.wrapped(style, "  "+style.paint(red, string(*s.Error))+"  ", s.URL+": "+s.Message)
	}
	return p.err
}
