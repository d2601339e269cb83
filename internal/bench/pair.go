package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
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
	exit   int // that it must end with
}

// usage is what one run cost: its process and all that it started. It is what the
// helper prints.
type usage struct {
	Wall    float64 `json:"wall"` // seconds
	CPU     float64 `json:"cpu"`
	PeakKiB int64   `json:"peak_kib"` // of the largest process
	Exit    int     `json:"exit"`
}

func (u usage) peakMiB() float64 { return float64(u.PeakKiB) / 1024 }

// run runs a side once. Another exit code than the one that is due is an error.
func (b *bencher) run(ctx context.Context, s side) (usage, error) {
	if s.before != nil {
		if err := s.before(); err != nil {
			return usage{}, err
		}
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return usage{}, err
	}
	defer reader.Close()
	cmd := exec.CommandContext(ctx, b.peer, append([]string{"run"}, s.argv...)...)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = s.dir, s.env, []*os.File{writer}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// All that it starts ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return usage{}, errors.Join(err, writer.Close())
	}
	if err := writer.Close(); err != nil {
		return usage{}, err
	}
	var u usage
	decodeErr := json.NewDecoder(reader).Decode(&u)
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return usage{}, ctx.Err()
	case err != nil:
		return usage{}, fmt.Errorf("run %s: %w: %s", s.argv[0], err, tail(out.String()))
	case decodeErr != nil:
		return usage{}, fmt.Errorf("run %s: %w", s.argv[0], decodeErr)
	case u.Exit != s.exit:
		return usage{}, fmt.Errorf("%v: exit code %d, want %d: %s", s.argv, u.Exit, s.exit, tail(out.String()))
	}
	return u, nil
}

func tail(text string) string { return text[max(0, len(text)-2000):] }

// comparison is a row to be measured.
type comparison struct {
	name, set string
	ours      string // what packsync does, in words
	peer      string
	// prepare makes what both need, uncounted, and returns the two sides. With a
	// constant there is no second.
	prepare  func(ctx context.Context) (ours, peer side, err error)
	constant float64 // seconds that stand for the peer; 0 for none
	limits   []target
}

// target is what a row should reach.
type target struct {
	what string
	max  float64
	got  func(ours, peer []usage) float64
}

func wallAtMost(limit float64) target {
	return target{"wall", limit, func(ours, peer []usage) float64 { return ratios(ours, peer, wall).Median }}
}

func cpuAtMost(limit float64) target {
	return target{"cpu", limit, func(ours, peer []usage) float64 { return ratios(ours, peer, cpu).Median }}
}

func peakAtMost(mib float64) target {
	return target{"peak MiB", mib, func(ours, _ []usage) float64 { return slices.Max(each(ours, usage.peakMiB)) }}
}

// beyondAtMost is the ratio that remains when so many seconds are given away.
func beyondAtMost(limit, free float64) target {
	return target{fmt.Sprintf("wall beyond %g ms", free*1000), limit, func(ours, peer []usage) float64 {
		return ratios(ours, peer, func(u usage) float64 { return u.Wall }, free).Median
	}}
}

func wall(u usage) float64 { return u.Wall }
func cpu(u usage) float64  { return u.CPU }

// compare runs the two alternately and adds a row. Whatever goes wrong is in the
// row.
func (b *bencher) compare(ctx context.Context, c comparison) {
	if ctx.Err() != nil || !b.rows.MatchString(c.name) {
		return
	}
	out := row{Name: c.name, Set: c.set, Ours: c.ours, Peer: c.peer}
	if spent := time.Since(b.began); spent > b.budget {
		out.Error = fmt.Sprintf("%s are over, the rows before took them", b.budget)
		b.report.add(out)
		return
	}
	b.say("%s, %s packs: %s against %s", c.name, c.set, c.ours, c.peer)
	ours, peer, err := b.pairsOf(ctx, c)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		out.Error = err.Error()
		b.report.add(out)
		return
	}
	out.Figures = &Figures{
		Wall: ratios(ours, peer, wall), OurWall: median(each(ours, wall)), OurCPU: median(each(ours, cpu)), OurPeak: slices.Max(each(ours, usage.peakMiB)),
		PeerWall: median(each(peer, wall)),
	}
	if c.constant == 0 {
		ratio := ratios(ours, peer, cpu)
		out.CPU, out.PeerCPU, out.PeerPeak = &ratio, median(each(peer, cpu)), slices.Max(each(peer, usage.peakMiB))
	}
	for _, t := range c.limits {
		got := t.got(ours, peer)
		out.Limits = append(out.Limits, limit{What: t.what, Max: t.max, Got: got, Met: got <= t.max})
	}
	b.report.add(out)
}

func (b *bencher) pairsOf(ctx context.Context, c comparison) (ours, peer []usage, err error) {
	a, p, err := c.prepare(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i := range b.pairs + 1 {
		mine, err := b.run(ctx, a)
		if err != nil {
			return nil, nil, err
		}
		theirs := usage{Wall: c.constant}
		if c.constant == 0 {
			if theirs, err = b.run(ctx, p); err != nil {
				return nil, nil, err
			}
		}
		if i > 0 { // the first pair warms caches
			ours, peer = append(ours, mine), append(peer, theirs)
		}
	}
	return ours, peer, nil
}

func each(runs []usage, of func(usage) float64) []float64 {
	var out []float64
	for _, u := range runs {
		out = append(out, of(u))
	}
	return out
}

// ratios divides pair by pair. free is taken off ours first.
func ratios(ours, peer []usage, of func(usage) float64, free ...float64) spread {
	var all []float64
	for i := range ours {
		mine := of(ours[i])
		for _, f := range free {
			mine = max(0, mine-f)
		}
		all = append(all, mine/max(of(peer[i]), 0.0001)) // the clock of processes has ticks
	}
	return spreadOf(all)
}

func spreadOf(values []float64) spread {
	return spread{Median: median(values), Min: slices.Min(values), Max: slices.Max(values)}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
