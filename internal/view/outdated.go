package view

import (
	"io"
	"strings"

	"github.com/packsync/packsync/internal/reconcile"
)

// OutdatedSummary is the first line of outdated.
func OutdatedSummary(o *reconcile.Outdated) string {
	counts := map[string]int{}
	for _, p := range o.Packs {
		counts[p.State]++
	}
	var parts []string
	for _, word := range []struct{ state, one, many string }{
		{"moved-tag", "pack has a moved tag", "packs have a moved tag"},
		{"update", "pack can be updated", "packs can be updated"},
		{"constraint", "pack has a newer release outside of its constraint", "packs have a newer release outside of their constraint"},
		{"not-locked", "pack is not locked", "packs are not locked"},
		{"failed", "pack could not be asked about", "packs could not be asked about"},
	} {
		if n := counts[word.state]; n > 0 {
			parts = append(parts, plural(n, word.one, word.many))
		}
	}
	if len(parts) == 0 {
		return "All packs are locked to the newest release."
	}
	text := strings.Join(parts, ", ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// Outdated prints what the sources offer as a table.
func Outdated(w io.Writer, o *reconcile.Outdated, style Style) error {
	p := &printer{w: w}
	p.printf("%s\n", style.paint(bold, OutdatedSummary(o)))
	if len(o.Packs) == 0 {
		return p.err
	}
	rows := [][]string{{"PACK", "STATE", "INSTALLED", "LOCKED", "IN CONSTRAINT", "NEWEST", "DECLARED"}}
	for _, pk := range o.Packs {
		rows = append(rows, []string{
			string(pk.Ref), pk.State, releaseCell(pk.Installed), releaseCell(pk.Locked), releaseCell(pk.InConstraint), releaseCell(pk.Newest), selectorCell(pk),
		})
	}
	p.printf("\n")
	p.table(rows, style)
	return p.err
}

func selectorCell(p reconcile.OutdatedPack) string {
	if len(p.RequiredBy) == 0 {
		return p.Selector
	}
	return "required by " + refList(p.RequiredBy) + ": " + p.Selector
}

// releaseCell names a release as shortly as tells it apart: by version, or where a
// branch or bare commit has none by commit.
func releaseCell(r *reconcile.Release) string {
	switch {
	case r == nil:
		return "-"
	case r.Version == "":
		return dash(r.Commit.Short())
	case strings.HasPrefix(r.Ref, "refs/tags/") || r.Commit == "":
		return r.Version
	}
	return r.Version + " " + r.Commit.Short()
}
