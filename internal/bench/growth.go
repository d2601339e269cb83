package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source/gogit"
	"github.com/packsync/packsync/internal/tree"
)

// growthSizes are the numbers of packs of the growth table.
var growthSizes = []int{10, 100, 1000, 10000}

// growthRows measures a plan with nothing to change for more and more packs: the
// cost should grow as they do. There is no peer but packsync itself.
func (s *set) growthRows(ctx context.Context) {
	if !s.rows.MatchString("growth") {
		return
	}
	for _, n := range growthSizes {
		if ctx.Err() != nil {
			return
		}
		s.say("growth: %d packs", n)
		g, err := s.grow(ctx, n)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.report.add(row{Name: "growth", Set: fmt.Sprint(n), Error: err.Error()})
			return
		}
		s.report.Growth = append(s.report.Growth, g)
		fmt.Printf("%-15s %-8d %6.3fs (%5.3f … %5.3f), cpu %.3f s, peak %.0f MiB\n", "growth", n, g.Wall.Median, g.Wall.Min, g.Wall.Max, g.CPU, g.PeakMiB)
	}
	s.report.add(growthRow(s.report.Growth))
}

// growthRow compares the two largest sizes.
func growthRow(table []growth) row {
	small, large := table[len(table)-2], table[len(table)-1]
	ratio := large.Wall.Median / small.Wall.Median
	return row{
		Name: "growth", Set: fmt.Sprint(large.Packs), Ours: fmt.Sprintf("packsync plan, %d packs", large.Packs), Peer: fmt.Sprintf("the same, %d packs", small.Packs),
		Figures: &Figures{
			Wall: spread{ratio, ratio, ratio}, CPU: &spread{large.CPU / small.CPU, large.CPU / small.CPU, large.CPU / small.CPU},
			OurWall: large.Wall.Median, OurCPU: large.CPU, OurPeak: large.PeakMiB, PeerWall: small.Wall.Median, PeerCPU: small.CPU, PeerPeak: small.PeakMiB,
		},
		Limits: []limit{
			{What: "wall", Max: 12, Got: ratio, Met: ratio <= 12},
			{What: "peak MiB", Max: 512, Got: large.PeakMiB, Met: large.PeakMiB <= 512},
		},
	}
}

func (s *set) grow(ctx context.Context, n int) (g growth, err error) {
	defer func() {
		err = errors.Join(err, os.RemoveAll(s.root()), os.RemoveAll(s.cache()), os.RemoveAll(s.site()))
	}()
	if err := s.fill(ctx, n); err != nil {
		return g, err
	}
	if err := os.MkdirAll(s.root(), 0o755); err != nil {
		return g, err
	}
	if _, err := s.run(ctx, s.packsync("apply", "--auto-approve", "--frozen")); err != nil {
		return g, err
	}
	if err := os.RemoveAll(s.cache()); err != nil {
		return g, err
	}
	var runs []usage
	for i := range s.pairs + 1 {
		u, err := s.run(ctx, s.packsync("plan", "--detailed-exitcode"))
		if err != nil {
			return g, err
		}
		if i > 0 {
			runs = append(runs, u)
		}
	}
	return growth{
		Packs: n, Files: n * filesForGrowth, Wall: spreadOf(each(runs, wall)), CPU: median(each(runs, cpu)), PeakMiB: slices.Max(each(runs, usage.peakMiB)),
	}, nil
}

// fill writes the declaration, the lock and the cache of n packs as if they had
// been fetched: 10,000 remotes would take longer than all that is measured.
func (s *set) fill(ctx context.Context, n int) error {
	s.packs = make([]packURL, n)
	entries := map[pack.Ref]lockfile.Entry{}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for i := range n {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			ref := fmt.Sprintf("pack_%05d", i)
			url := "https://packs.example/" + ref + ".git"
			entry, err := s.fillOne(ref, url)
			mu.Lock()
			defer mu.Unlock()
			s.packs[i], entries[pack.Ref(ref)] = packURL{ref, url, "v1.0.0"}, entry
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := s.declare(); err != nil {
		return err
	}
	lock := (&lockfile.File{}).With(entries)
	return os.WriteFile(filepath.Join(s.site(), "packs.lock.json"), lock.Bytes(), 0o644)
}

func (s *set) fillOne(ref, url string) (lockfile.Entry, error) {
	files := syntheticPack(ref, filesForGrowth)
	objects, id := objectsOf(files, "Release 1.0.0")
	manifest, err := tree.HashOf(tree.Memory(files))
	if err != nil {
		return lockfile.Entry{}, err
	}
	commit := pack.Commit(id.String())
	path := filepath.Join(s.cache(), filepath.FromSlash(gogit.PackName(commit)))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return lockfile.Entry{}, err
	}
	return lockfile.Entry{
		Source: url, Constraint: pack.Selector{Kind: pack.SelectTag, Text: "v1.0.0"}, Ref: "refs/tags/v1.0.0", Commit: commit,
		Tree: manifest.Tree(), Version: "1.0.0", Title: "Release 1.0.0", Direct: true,
	}, os.WriteFile(path, objects.Pack(), 0o600)
}
