package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/state"
)

// History prints who changed what, newest first.
func History(w io.Writer, past *reconcile.Past, style Style) error {
	p := &printer{w: w}
	if len(past.Entries) == 0 {
		p.printf("No change is recorded here.\n")
	}
	for i, e := range past.Entries {
		if i > 0 {
			p.printf("\n")
		}
		by := strings.TrimSpace(e.User + " on " + e.Host)
		head := fmt.Sprintf("%d  %s  %s", e.Serial, e.Time.Format("2006-01-02 15:04:05 UTC"), e.Command)
		p.printf("%s\n", style.paint(bold, Quote(head)))
		p.printf("  by %s\n", Quote(by))
		if e.Lock != "" {
			p.printf("  %s\n", style.paint(faint, "lock "+short(e.Lock)+", desired digest "+short(e.Digest)))
		}
		for _, c := range e.Packs {
			p.printf("  %s\n", Quote(strings.TrimRight(fmt.Sprintf("%s  %s  %s", c.Ref, c.Action, generations(c)), " ")))
		}
	}
	if past.End != "" {
		p.wrapped(style, style.paint(yellow, "note:")+" ", past.End)
	}
	return p.err
}

// short is the beginning of a digest: enough to compare two by eye.
func short(digest string) string {
	const enough = 15
	return digest[:min(len(digest), enough)]
}

func generations(c state.HistoryPack) string {
	switch {
	case c.Before == nil && c.After == nil:
		return ""
	case c.Before == nil:
		return generation(c.After)
	case c.After == nil:
		return generation(c.Before)
	case c.Before.SameTree(*c.After):
		return generation(c.After)
	case c.Before.Path != c.After.Path:
		return generation(c.Before) + " in " + c.Before.BasePath + " → " + generation(c.After) + " in " + c.After.BasePath
	}
	return generation(c.Before) + " → " + generation(c.After)
}

func generation(g *state.Generation) string {
	if g.Commit == "" {
		return strings.TrimSpace(g.Version + " " + g.Tree.Short())
	}
	return strings.TrimSpace(g.Version + " " + g.Commit.Short())
}

// Released prints what release did, and what is left to do.
func Released(w io.Writer, r *reconcile.Released, msg string, style Style) error {
	p := &printer{w: w}
	p.printf("%s\n", style.paint(bold, Quote(msg)))
	switch {
	case r.Edited:
		p.printf("Its block and its entry in the lock are gone too.\n")
	case r.DeclaredAt != "":
		p.wrapped(style, "", fmt.Sprintf("Before the next apply, which would take it over again, take pack %q out of the declaration (%s), then run packsync lock.", r.Ref, r.DeclaredAt))
	}
	return p.err
}

// Imported prints which packs an import took over, and from where.
func Imported(w io.Writer, r *reconcile.Imported, style Style) error {
	p := &printer{w: w}
	if !r.Written {
		if len(r.Packs) == 0 && len(r.Refused) == 0 {
			p.printf("There is nothing to import: every pack is managed or declared.\n")
		}
		return p.err
	}
	p.printf("\n")
	rows := [][]string{{"PACK", "VERSION", "COMMIT", "SELECTED BY", "SOURCE"}}
	for _, id := range r.Packs {
		source := id.Source
		if source == "" {
			source = "(index)"
		}
		rows = append(rows, []string{string(id.Ref), dash(id.Version), id.Commit.Short(), id.Selector.String(), source})
	}
	p.table(rows, style)
	p.printf("\n%s\n", style.paint(bold, Quote("Taken over: "+plural(len(r.Packs), "pack", "packs")+", declared in "+r.File+".")))
	if r.Report != nil && r.Report.Failed() && p.err == nil {
		p.err = Report(w, r.Report, "", style)
	}
	return p.err
}

// Record prints the recorded packs as a table.
func Record(w io.Writer, r *reconcile.Recorded, style Style) error {
	p := &printer{w: w}
	p.printf("%s\n", style.paint(bold, fmt.Sprintf("Serial %d, %s.", r.Record.Serial, plural(len(r.Record.Packs), "pack", "packs"))))
	if len(r.Record.Packs) == 0 {
		return p.err
	}
	rows := [][]string{{"PACK", "VERSION", "COMMIT", "BASE PATH", "PATH", "HELD"}}
	for _, ref := range r.Refs() {
		recorded := r.Record.Packs[ref]
		held := "-"
		if recorded.Hold != nil {
			held = "yes"
		}
		rows = append(rows, []string{string(ref), dash(recorded.Version), dash(recorded.Commit.Short()), recorded.BasePath, recorded.Path, held})
	}
	p.printf("\n")
	p.table(rows, style)
	return p.err
}

// RecordedPack prints all that is recorded about one pack.
func RecordedPack(w io.Writer, ref pack.Ref, r state.Pack, style Style) error {
	p := &printer{w: w}
	p.printf("%s\n", style.paint(bold, string(ref)))
	field := func(name, text string) {
		if text != "" {
			p.printf("  %s %s\n", pad(name, 10), Quote(text))
		}
	}
	field("path", r.Path)
	field("base path", r.BasePath)
	field("source", r.Source)
	field("subdir", r.Subdir)
	field("version", r.Version)
	field("ref", r.Ref)
	field("commit", string(r.Commit))
	field("tree", string(r.Tree))
	field("content", string(r.Content))
	field("modes", r.Modes)
	field("depends on", Refs(r.DependsOn))
	if r.Config != nil && r.Config.Owned {
		field("config", "owned")
	}
	if r.Venv != nil {
		field("virtualenv", r.Venv.Key)
	}
	field("registered", r.Registered.Digest)
	field("pending", strings.Join(r.Registered.Pending, ", "))
	if r.Hold != nil {
		field("held", "rolled back from "+strings.TrimSpace(r.Hold.Commit.Short()+" "+r.Hold.Tree.Short()))
	}
	return p.err
}

// Refs joins the refs of packs.
func Refs(refs []pack.Ref) string {
	var names []string
	for _, ref := range refs {
		names = append(names, string(ref))
	}
	return strings.Join(names, ", ")
}
