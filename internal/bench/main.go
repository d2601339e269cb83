// Command bench measures packsync beside its peers: git, cp, terraform, the hash of
// the Go module proxy, StackStorm's own steps, and a bare walk as the floor. Each
// row runs the two alternately on the same data, one uncounted pair first, and
// gives the median ratio of their wall times and processor times with the smallest
// and the largest, and the peak memory of the largest process. docs/performance.md
// explains the rows.
//
// Data lies in memory (/dev/shm): timings of virtual disks mislead. It is not a
// test: nothing fails because something is slow. A row that cannot be measured says
// why, and the others go on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	binary  string
	pairs   int
	sets    []string
	rows    *regexp.Regexp
	remotes string
	out     string
	docs    string
	shm     string
	budget  time.Duration
	whole   bool // all that can be measured here
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context) error {
	o, onlyDocs, err := flags()
	if err != nil {
		return err
	}
	if onlyDocs {
		return writeDocs(o.docs, o.out)
	}
	return o.run(ctx)
}

// allSets are the sets in the order in which they are measured: what has a target
// first, since the time is limited.
var allSets = []string{"25", "real", "200", "1000", "growth"}

func flags() (o options, onlyDocs bool, err error) {
	flag.StringVar(&o.binary, "packsync", "bin/packsync", "the binary to measure")
	flag.IntVar(&o.pairs, "pairs", 7, "counted pairs of runs of each row")
	sets := flag.String("sets", strings.Join(allSets, ","), "sets to measure: numbers of synthetic packs, real, growth")
	rows := flag.String("rows", "", "measure only the rows whose name matches this regular expression")
	flag.StringVar(&o.remotes, "remotes", "", "folder of real bare repositories (NAME.git, or NAME/repo), for the set real")
	flag.StringVar(&o.out, "out", "bench/results", "folder for the results")
	flag.StringVar(&o.docs, "docs", "docs/performance.md", "page whose table is made of the newest results; \"\" for none")
	flag.StringVar(&o.shm, "shm", "/dev/shm", "file system in memory")
	flag.DurationVar(&o.budget, "budget", 14*time.Minute, "begin no row after this time")
	flag.BoolVar(&onlyDocs, "only-docs", false, "measure nothing: write the table of the page anew")
	flag.Parse()
	if o.rows, err = regexp.Compile(*rows); err != nil {
		return o, false, fmt.Errorf("read -rows: %w", err)
	}
	if o.pairs < 1 {
		return o, false, errors.New("-pairs must be at least 1")
	}
	o.whole = *rows == ""
	for _, name := range allSets {
		o.whole = o.whole && slices.Contains(strings.Split(*sets, ","), name)
	}
	for name := range strings.SplitSeq(*sets, ",") {
		if !slices.Contains(allSets, name) {
			return o, false, fmt.Errorf("-sets has %q: want some of %s", name, strings.Join(allSets, ","))
		}
		if name != "real" || o.remotes != "" {
			o.sets = append(o.sets, name)
		}
	}
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return o, false, err
	}
	return o, onlyDocs, nil
}

// bencher holds one run of all rows.
type bencher struct {
	options
	dir    string // in memory; removed at the end
	peer   string // the helper, built
	began  time.Time
	report *report
}

func (o options) run(ctx context.Context) (err error) {
	if err := o.checkSpace(); err != nil {
		return err
	}
	b := &bencher{options: o, began: time.Now(), report: newReport(o)}
	if b.dir, err = os.MkdirTemp(o.shm, "packsync-bench-"); err != nil {
		return fmt.Errorf("make a folder in memory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	b.peer = filepath.Join(b.dir, "peer")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.peer, "./internal/bench/peer").CombinedOutput(); err != nil {
		return fmt.Errorf("build the helper: %w\n%s", err, out)
	}
	fmt.Printf("%s\n\n%s\n", b.report.Machine, header)
	b.versionRow(ctx)
	for _, name := range b.sets {
		b.set(ctx, name)
	}
	if ctx.Err() != nil {
		return errors.New("interrupted: nothing is written")
	}
	b.report.Took = time.Since(b.began).Round(time.Second).Seconds()
	path, err := b.report.write(o.out, o.whole)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s; written to %s\n", b.report.summary(), path)
	if o.docs == "" || !o.whole {
		return nil // the page shows whole runs only
	}
	return writeDocs(o.docs, o.out)
}

// set prepares one set, measures its rows and removes it.
func (b *bencher) set(ctx context.Context, name string) {
	s, err := b.newSet(name)
	if err != nil {
		b.report.add(row{Name: "set", Set: name, Error: err.Error()})
		return
	}
	defer func() {
		if err := s.close(); err != nil {
			b.report.add(row{Name: "set", Set: name, Error: err.Error()})
		}
	}()
	s.measure(ctx)
}

// say tells on stderr what goes on.
func (b *bencher) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "[%s] %s\n", time.Since(b.began).Round(time.Second), fmt.Sprintf(format, args...))
}

// checkSpace refuses what would not fit: files in memory are memory.
func (o options) checkSpace() error {
	var need int64
	for _, name := range o.sets {
		need = max(need, spaceFor(name))
	}
	need += 64 << 20
	var fs syscall.Statfs_t
	if err := syscall.Statfs(o.shm, &fs); err != nil {
		return fmt.Errorf("look at %s: %w", o.shm, err)
	}
	free := min(int64(fs.Bavail)*fs.Bsize, memoryAvailable())
	fmt.Fprintf(os.Stderr, "needs up to %d MiB in %s; %d MiB are free, memory included\n", need>>20, o.shm, free>>20)
	if need > free {
		return fmt.Errorf("%s has not enough room: choose fewer sets with -sets (BENCH_SETS), or another file system with -shm", o.shm)
	}
	return nil
}
