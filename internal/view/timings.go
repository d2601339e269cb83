package view

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/trace"
)

// slowest is how many packs --timings names.
const slowest = 10

// nothing is a time that would be printed as 0.000 s.
const nothing = 500 * time.Microsecond

// Timings prints where the time of a run went, for --timings. Steps follow each
// other and add up; their parts run side by side, and so do packs.
func Timings(w io.Writer, s trace.Snapshot, style Style) error {
	out := &printer{w: w}
	out.printf("%s %s\n", style.Label("Where the time went:"), seconds(s.Total))
	rest := s.Total
	for _, step := range s.Steps {
		if rest -= step.Spent; step.Spent < nothing {
			continue
		}
		out.printf("%s\n", strings.TrimRight(fmt.Sprintf("  %-10s  %8s  %s", step.Step, seconds(step.Spent), amounts(step.Packs, step.Files, step.Bytes)), " "))
	}
	out.printf("  %-10s  %8s\n", "other", seconds(rest))
	if len(s.Parts) > 0 {
		out.printf("%s\n", style.Label("Within these steps, side by side:"))
		out.printf("  %-10s  %8s  %8s  %6s\n", "", "lasted", "summed", "times")
		for _, p := range s.Parts {
			out.printf("  %-10s  %8s  %8s  %6d\n", p.Part, seconds(p.Wall), seconds(p.Sum), p.Count)
		}
	}
	if len(s.Packs) > 0 {
		out.printf("%s\n", style.Label("Slowest packs:"))
		wide := 10
		for _, p := range s.Packs[:min(slowest, len(s.Packs))] {
			wide = max(wide, len(p.Ref))
		}
		for _, p := range s.Packs[:min(slowest, len(s.Packs))] {
			var parts []string
			for _, part := range p.Parts {
				if part.Sum < nothing {
					continue
				}
				parts = append(parts, fmt.Sprintf("%s %s", part.Part, seconds(part.Sum)))
			}
			out.printf("%s\n", strings.TrimRight(fmt.Sprintf("  %-*s  %8s  %s", wide, p.Ref, seconds(p.Spent), strings.Join(parts, ", ")), " "))
		}
		if more := len(s.Packs) - slowest; more > 0 {
			out.printf("  and %d more\n", more)
		}
	}
	return out.err
}

// Took says in a clause how long a run took and which steps had most of it:
// "1.2 s: fetch 0.7 s, stage 0.3 s". Time in which a person thought is left out.
func Took(s trace.Snapshot) string {
	total := s.Total
	for _, step := range s.Steps {
		if step.Step == trace.Confirm {
			total -= step.Spent
		}
	}
	var parts []string
	for _, step := range s.Steps {
		if step.Step != trace.Confirm && step.Spent*20 >= total {
			parts = append(parts, fmt.Sprintf("%s %s", step.Step, seconds(step.Spent)))
		}
	}
	if len(parts) == 0 {
		return seconds(total)
	}
	return seconds(total) + ": " + strings.Join(parts, ", ")
}

// amounts lists what is not zero.
func amounts(packs int, files, bytes int64) string {
	var parts []string
	if packs > 0 {
		parts = append(parts, plural(packs, "pack", "packs"))
	}
	if files > 0 {
		parts = append(parts, thousands(files)+" files")
	}
	if bytes > 0 {
		parts = append(parts, Bytes(bytes))
	}
	return strings.Join(parts, ", ")
}

// seconds writes a duration to two digits that matter.
func seconds(d time.Duration) string {
	switch s := d.Seconds(); {
	case s < 0.0095:
		return fmt.Sprintf("%.3f s", max(s, 0))
	case s < 0.995:
		return fmt.Sprintf("%.2f s", s)
	case s < 9.95:
		return fmt.Sprintf("%.1f s", s)
	case s < 119.5:
		return fmt.Sprintf("%.0f s", s)
	default:
		return fmt.Sprintf("%d min %d s", int(s+0.5)/60, int(s+0.5)%60)
	}
}

// thousands groups the digits of a number: 8,175.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// TimingsJSON is the object "timings" that --timings adds to a document.
type TimingsJSON struct {
	Seconds float64    `json:"seconds"`
	Steps   []StepJSON `json:"steps"` // one after the other, in order
	Parts   []PartJSON `json:"parts"` // within the steps, side by side; the longest first
	// SlowestPacks names at most ten. Packs are worked on side by side.
	SlowestPacks []SlowPackJSON `json:"slowest_packs"`
}

// StepJSON is one step of a run.
type StepJSON struct {
	Step    trace.Step `json:"step"`
	Seconds float64    `json:"seconds"`
	Packs   int        `json:"packs"`
	Files   int64      `json:"files"`
	Bytes   int64      `json:"bytes"`
}

// PartJSON is one kind of work. Lasted is how long at least one of it was going
// on, Summed what all of it took together.
type PartJSON struct {
	Part   trace.Part `json:"part"`
	Count  int        `json:"count"`
	Lasted float64    `json:"lasted_seconds"`
	Summed float64    `json:"summed_seconds"`
}

// SlowPackJSON is one pack.
type SlowPackJSON struct {
	Ref     string                 `json:"ref"`
	Seconds float64                `json:"seconds"`
	Parts   map[trace.Part]float64 `json:"parts"`
}

// NewTimingsJSON turns what a trace knows into JSON.
func NewTimingsJSON(s trace.Snapshot) *TimingsJSON {
	out := &TimingsJSON{Seconds: s.Total.Seconds(), Steps: []StepJSON{}, Parts: []PartJSON{}, SlowestPacks: []SlowPackJSON{}}
	for _, step := range s.Steps {
		out.Steps = append(out.Steps, StepJSON{step.Step, step.Spent.Seconds(), step.Packs, step.Files, step.Bytes})
	}
	for _, p := range s.Parts {
		out.Parts = append(out.Parts, PartJSON{p.Part, p.Count, p.Wall.Seconds(), p.Sum.Seconds()})
	}
	for _, p := range s.Packs[:min(slowest, len(s.Packs))] {
		parts := map[trace.Part]float64{}
		for _, part := range p.Parts {
			parts[part.Part] = part.Sum.Seconds()
		}
		out.SlowestPacks = append(out.SlowestPacks, SlowPackJSON{string(p.Ref), p.Spent.Seconds(), parts})
	}
	return out
}
