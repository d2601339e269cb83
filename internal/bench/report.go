package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// report is what is written for later comparison.
type report struct {
	Date    string      `json:"date"`
	Commit  string      `json:"commit"` // of packsync; "+" after it: with changes
	Machine machineInfo `json:"machine"`
	Pairs   int         `json:"pairs"`
	Real    string      `json:"real,omitempty"` // which real packs there were
	Took    float64     `json:"took_seconds"`
	Rows    []row       `json:"rows"`
	Growth  []growth    `json:"growth,omitempty"`
}

// row is one comparison. Ratios are packsync over peer: below 1 is less.
type row struct {
	Name  string `json:"name"`
	Set   string `json:"set"`
	Ours  string `json:"ours,omitempty"`
	Peer  string `json:"peer,omitempty"`
	Error string `json:"error,omitempty"` // why it was not measured
	*Figures
	Limits []limit `json:"limits,omitempty"`
}

// Figures are medians, of pairs, and of the runs of either side.
type Figures struct {
	Wall     spread  `json:"wall_ratio"`
	CPU      *spread `json:"cpu_ratio,omitempty"` // nil against a constant
	OurWall  float64 `json:"our_seconds"`
	OurCPU   float64 `json:"our_cpu_seconds"`
	OurPeak  float64 `json:"our_peak_mib"` // the largest
	PeerWall float64 `json:"peer_seconds"`
	PeerCPU  float64 `json:"peer_cpu_seconds,omitempty"`
	PeerPeak float64 `json:"peer_peak_mib,omitempty"`
}

type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// limit is a target, and what was measured against it.
type limit struct {
	What string  `json:"what"`
	Max  float64 `json:"max"`
	Got  float64 `json:"got"`
	Met  bool    `json:"met"`
}

// growth is the cost of a plan with nothing to change, for a number of packs.
type growth struct {
	Packs   int     `json:"packs"`
	Files   int     `json:"files"`
	Wall    spread  `json:"wall_seconds"`
	CPU     float64 `json:"cpu_seconds"`
	PeakMiB float64 `json:"peak_mib"`
}

func newReport(o options) *report {
	r := &report{Date: time.Now().UTC().Format("2006-01-02"), Machine: thisMachine(), Pairs: o.pairs, Commit: firstLine("git", "rev-parse", "--short=12", "HEAD")}
	if firstLine("git", "status", "--porcelain", "--untracked-files=no") != "" {
		r.Commit += "+"
	}
	if r.Machine.LoadBefore > float64(r.Machine.Cores)/2 {
		fmt.Fprintf(os.Stderr, "the machine is busy (load %.1f on %d cores): read these figures as a test of the bench, not of packsync\n", r.Machine.LoadBefore, r.Machine.Cores)
	}
	return r
}

const header = "row             set      wall (min … max)           cpu     packsync      peer      peak  targets"

func (r *report) add(row row) {
	r.Rows = append(r.Rows, row)
	fmt.Println(row.line())
}

func (r row) line() string {
	if r.Error != "" {
		first, _, _ := strings.Cut(r.Error, "\n")
		return fmt.Sprintf("%-15s %-8s not measured: %s", r.Name, r.Set, first)
	}
	cpu := "     -"
	if r.CPU != nil {
		cpu = fmt.Sprintf("%6.3f", r.CPU.Median)
	}
	var limits []string
	for _, l := range r.Limits {
		limits = append(limits, l.String())
	}
	return strings.TrimRight(fmt.Sprintf("%-15s %-8s %6.3f (%5.3f … %5.3f)  %s  %8.3fs  %8.3fs  %4.0f MiB  %s",
		r.Name, r.Set, r.Wall.Median, r.Wall.Min, r.Wall.Max, cpu, r.OurWall, r.PeerWall, r.OurPeak, strings.Join(limits, "; ")), " ")
}

func (l limit) String() string {
	verdict := "met"
	if !l.Met {
		verdict = "MISSED"
	}
	return fmt.Sprintf("%s ≤ %g: %s (%.3g)", l.What, l.Max, verdict, l.Got)
}

// summary counts.
func (r *report) summary() string {
	met, missed, failed := 0, 0, 0
	for _, row := range r.Rows {
		if row.Error != "" {
			failed++
		}
		for _, l := range row.Limits {
			if l.Met {
				met++
			} else {
				missed++
			}
		}
	}
	return fmt.Sprintf("%d targets met, %d missed, %d rows not measured, in %.0f s", met, missed, failed, r.Took)
}

// partial ends the names of results that are not of a whole run.
const partial = "-partial.json"

func (r *report) write(dir string, whole bool) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("write the results: %w", err)
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write the results: %w", err)
	}
	path := filepath.Join(dir, r.Date+".json")
	if !whole {
		path = filepath.Join(dir, r.Date+partial)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("write the results: %w", err)
	}
	return path, nil
}

// newest reads the newest results of a whole run; nil if there are none.
func newest(dir string) (*report, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, partial) })
	if err != nil || len(names) == 0 {
		return nil, err
	}
	data, err := os.ReadFile(names[len(names)-1]) // sorted, and named by date
	if err != nil {
		return nil, fmt.Errorf("read the results: %w", err)
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read the results %s: %w", names[len(names)-1], err)
	}
	return &r, nil
}
