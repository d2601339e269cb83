package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// side is one of the two that are compared. before runs uncounted ahead of each
// run.
type side struct {
	before func() error
	argv   []string
	env    []string
	dir    string
	exit   int
}

// usage is what one run cost: its process and all that it started.
type usage struct {
	wall, cpu time.Duration
	peakKiB   int64
}

func (s side) run() (usage, error) {
	if s.before != nil {
		if err := s.before(); err != nil {
			return usage{}, err
		}
	}
	cmd := exec.Command(s.argv[0], s.argv[1:]...)
	cmd.Dir, cmd.Env = s.dir, s.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if cmd.ProcessState == nil {
		return usage{}, fmt.Errorf("run %v: %w", s.argv, err)
	}
	if code := cmd.ProcessState.ExitCode(); code != s.exit {
		return usage{}, fmt.Errorf("%v: exit code %d, want %d\n%s", s.argv, code, s.exit, tail(out.String()))
	}
	u := usage{wall: took, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.peakKiB = r.Maxrss
	}
	return u, nil
}

func tail(text string) string { return text[max(0, len(text)-2000):] }

// compare runs the two alternately and adds a row.
func (b *bench) compare(name string, ours, peer side) error {
	var wall, cpu, mine, theirs []float64
	var peak int64
	for i := range b.pairs + 1 {
		a, err := ours.run()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		p, err := peer.run()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if i == 0 {
			continue // the first pair warms caches
		}
		wall = append(wall, a.wall.Seconds()/p.wall.Seconds())
		cpu = append(cpu, a.cpu.Seconds()/max(p.cpu.Seconds(), 0.001))
		mine, theirs = append(mine, a.wall.Seconds()), append(theirs, p.wall.Seconds())
		peak = max(peak, a.peakKiB)
	}
	b.report.add(row{
		Name: name, Wall: median(wall), WallMin: slices.Min(wall), WallMax: slices.Max(wall), CPU: median(cpu),
		Packsync: median(mine), Peer: median(theirs), PeakMiB: float64(peak) / 1024,
	})
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
