// Command bench measures packsync beside its peers: git, cp, a walk that hashes,
// terraform where it is there. Each row runs the two alternately on the same data,
// one uncounted pair first, and prints the median ratio of their wall times with
// the smallest and largest, that of their processor times, and packsync's peak
// memory. Data lies in /dev/shm: timings of virtual disks mislead.
//
// It is not a test: nothing fails because something is slow.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	binary := flag.String("packsync", "bin/packsync", "the binary to measure")
	pairs := flag.Int("pairs", 7, "pairs of runs for each row")
	sets := flag.String("sets", "25,200,1000", "numbers of synthetic packs")
	remotes := flag.String("remotes", os.Getenv("BENCH_REMOTES"), "folder of real bare repositories (NAME.git, or NAME/repo)")
	out := flag.String("out", "bench/results", "folder for the results")
	flag.Parse()
	if err := run(*binary, *pairs, *sets, *remotes, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(binary string, pairs int, sets, remotes, out string) (err error) {
	binary, err = filepath.Abs(binary)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("/dev/shm", "packsync-bench-")
	if err != nil {
		return fmt.Errorf("make a folder in memory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	report := report{Date: time.Now().UTC().Format("2006-01-02"), Machine: machine(), Pairs: pairs}
	fmt.Println(report.Machine)
	fmt.Printf("%-60s %7s %15s %6s %9s %9s %8s\n", "row", "wall", "(min … max)", "cpu", "packsync", "peer", "peak")
	b := &bench{binary: binary, dir: dir, pairs: pairs, report: &report}
	for size := range strings.SplitSeq(sets, ",") {
		var n int
		if _, err := fmt.Sscan(size, &n); err != nil {
			return fmt.Errorf("read -sets: %w", err)
		}
		if err := b.synthetic(n); err != nil {
			return err
		}
	}
	if remotes != "" {
		if err := b.real(remotes); err != nil {
			return err
		}
	}
	return report.write(out)
}

// report is what is written for later comparison.
type report struct {
	Date    string `json:"date"`
	Machine string `json:"machine"`
	Pairs   int    `json:"pairs"`
	Rows    []row  `json:"rows"`
}

// row is one comparison. Ratios are packsync over peer: below 1 is faster.
type row struct {
	Name     string  `json:"name"`
	Wall     float64 `json:"wall_ratio"`
	WallMin  float64 `json:"wall_ratio_min"`
	WallMax  float64 `json:"wall_ratio_max"`
	CPU      float64 `json:"cpu_ratio"`
	Packsync float64 `json:"packsync_seconds"` // median
	Peer     float64 `json:"peer_seconds"`     // median
	PeakMiB  float64 `json:"packsync_peak_mib"`
}

func (r *report) add(row row) {
	r.Rows = append(r.Rows, row)
	fmt.Printf("%-60s %7.3f (%5.3f … %5.3f) %6.2f %8.3fs %8.3fs %5.0f MiB\n",
		row.Name, row.Wall, row.WallMin, row.WallMax, row.CPU, row.Packsync, row.Peer, row.PeakMiB)
}

func (r *report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	path := filepath.Join(dir, r.Date+".json")
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	fmt.Println("written to", path)
	return nil
}

func machine() string {
	model := "unknown processor"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
			}
		}
	}
	git, err := exec.Command("git", "--version").Output()
	if err != nil {
		git = []byte("no git")
	}
	return fmt.Sprintf("%d × %s, %s, %s", runtime.NumCPU(), model, runtime.Version(), strings.TrimSpace(string(git)))
}
