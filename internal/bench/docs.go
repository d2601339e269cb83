package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"
)

// The table of the page stands between these lines.
const (
	tableBegin = "<!-- bench: what stands up to the end is written by make bench -->"
	tableEnd   = "<!-- bench: end -->"
)

// writeDocs writes the table of the newest results into the page.
func writeDocs(page, results string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	r, err := newest(results)
	if err != nil {
		return err
	}
	changed, err := withTable(string(text), r)
	if err != nil {
		return fmt.Errorf("write the table into %s: %w", page, err)
	}
	for _, name := range unexplained(changed, r) {
		fmt.Fprintf(os.Stderr, "%s has to say why this target is missed: %s\n", page, name)
	}
	return os.WriteFile(page, []byte(changed), 0o644)
}

// withTable returns the page with another table.
func withTable(page string, r *report) (string, error) {
	before, rest, found := strings.Cut(page, tableBegin+"\n")
	_, after, closed := strings.Cut(rest, tableEnd)
	if !found || !closed {
		return "", fmt.Errorf("there is no place for it between %q and %q", tableBegin, tableEnd)
	}
	return before + tableBegin + "\n\n" + r.markdown() + "\n" + tableEnd + after, nil
}

// markdown is the table of a report. Without one it says so.
func (r *report) markdown() string {
	if r == nil {
		return "No whole run is recorded yet: `make bench` records one in `bench/results/`.\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s at commit `%s`, %d pairs a row, in %d min %d s.\n%s.\n", r.Date, r.Commit, r.Pairs, int(r.Took)/60, int(r.Took)%60, r.Machine)
	fmt.Fprintf(&b, "Real packs: %s.\n", cmp.Or(r.Real, "none were given (`BENCH_REMOTES`)"))
	b.WriteString("\n| row | packs | packsync | peer | wall ratio (min … max) | CPU ratio | packsync | peer | peak | targets |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, row := range r.Rows {
		b.WriteString(row.markdown())
	}
	if len(r.Growth) > 0 {
		b.WriteString("\n| packs | files | plan with nothing to change (min … max) | CPU | peak |\n| --- | --- | --- | --- | --- |\n")
		for _, g := range r.Growth {
			fmt.Fprintf(&b, "| %d | %d | %.3f s (%.3f … %.3f) | %.3f s | %.0f MiB |\n", g.Packs, g.Files, g.Wall.Median, g.Wall.Min, g.Wall.Max, g.CPU, g.PeakMiB)
		}
	}
	fmt.Fprintf(&b, "\n%s.\n", r.summary())
	return b.String()
}

func (r row) markdown() string {
	if r.Error != "" {
		first, _, _ := strings.Cut(r.Error, "\n")
		return fmt.Sprintf("| %s | %s | %s | %s | not measured: %s | | | | | |\n", r.Name, r.Set, r.Ours, r.Peer, strings.ReplaceAll(first, "|", "\\|"))
	}
	cpu := "–"
	if r.CPU != nil {
		cpu = fmt.Sprintf("%.2f", r.CPU.Median)
	}
	var limits []string
	for _, l := range r.Limits {
		verdict := "met"
		if !l.Met {
			verdict = "**missed**"
		}
		limits = append(limits, fmt.Sprintf("%s ≤ %g: %s (%.3g)", l.What, l.Max, verdict, l.Got))
	}
	return fmt.Sprintf("| %s | %s | %s | %s | **%.3f** (%.3f … %.3f) | %s | %.3f s | %.3f s | %.0f MiB | %s |\n",
		r.Name, r.Set, r.Ours, r.Peer, r.Wall.Median, r.Wall.Min, r.Wall.Max, cpu, r.OurWall, r.PeerWall, r.OurPeak, strings.Join(limits, "; "))
}

// unexplained lists the missed targets for which the page gives no reason.
func unexplained(page string, r *report) []string {
	_, reasons, _ := strings.Cut(page, "\n## Missed targets\n")
	var out []string
	for _, name := range r.missed() {
		if !strings.Contains(reasons, name) {
			out = append(out, name)
		}
	}
	return out
}

// missed names the rows that miss a target, as the page must explain them.
func (r *report) missed() []string {
	var out []string
	if r == nil {
		return nil
	}
	for _, row := range r.Rows {
		for _, l := range row.Limits {
			if !l.Met {
				out = append(out, fmt.Sprintf("`%s` of %s, %s", row.Name, row.Set, l.What))
			}
		}
	}
	return out
}
