// Package daemon decides when to reconcile and tells whom it concerns: it follows
// what the declaration is made of, runs one pass at a time through the same
// pipeline as apply, goes on after every mistake, and says over HTTP, in its log
// and to systemd how things are.
//
// It is not for noticing edits (package watch) and holds no truth of its own:
// every pass reads the declaration, the lock, the record and the disk again, so
// that a daemon that was killed has forgotten nothing.
package daemon

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/watch"
)

// Options are what a daemon is asked to do.
type Options struct {
	Run reconcile.Options
	// Approve carries out every plan; without it only an auto_approve block of the
	// declaration lets anything happen. Where there is such a block, it is the limit
	// in any case.
	Approve bool
	// Interval is how often the sources are asked for newer revisions, and StackStorm
	// through its API what it has registered; 0 never asks.
	Interval time.Duration
	// UpdateLock lets what is found move the pins of packs that follow a branch.
	UpdateLock bool
	// Git is the repository to take the declaration from; nil: it is on disk.
	Git *reconcile.GitDeclaration
	// GitInterval is how often that repository is asked.
	GitInterval time.Duration

	Log      *slog.Logger
	Pokes    <-chan struct{}    // each asks for a pass; nil for none
	Listener net.Listener       // nil: nobody is told over HTTP
	Notify   func(state string) // tells the service manager; nil for none
	Watchdog time.Duration      // how often the service manager wants to hear of us; 0 never

	Timing Timing
}

// Timing says how patient a daemon is. Zero values stand for the defaults.
type Timing struct {
	Watch watch.Options
	Sweep time.Duration // between passes without any reason; default 5 min
	Retry time.Duration // after the first failure, doubled with each; default 5 s
	Most  time.Duration // between two tries; default 5 min
	Pass  time.Duration // the longest that a pass may take; default 2 h
}

func (t *Timing) fill() {
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&t.Sweep, 5 * time.Minute}, {&t.Retry, 5 * time.Second}, {&t.Most, 5 * time.Minute}, {&t.Pass, 2 * time.Hour}} {
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
}

// daemon is one run of Run. Only its own goroutine uses it; board is shared.
type daemon struct {
	opts    Options
	board   *board
	watcher *watch.Watcher
	print   watch.Print    // what the targets held when the last pass began
	targets []watch.Target // of the last declaration that could be read
	canAsk  bool           // the last declaration that could be read registers through the API
	said    string         // plan digest of the last plan that was told change by change
	newer   map[string]string
	warned  string // problems of the watcher that were told
	away    string // why the declaration's repository could not be asked, as told

	retries int
	retry   *time.Timer
	sweep   *time.Timer
}

// Run follows the declaration until ctx ends, and returns when the step that is
// under way is finished. No mistake of a user, a source or StackStorm ends it; an
// error means that it could not listen any more.
func Run(ctx context.Context, opts Options) error {
	opts.Timing.fill()
	d := &daemon{opts: opts, board: newBoard(opts), watcher: watch.New(opts.Timing.Watch), newer: map[string]string{}}
	server, failed := serve(opts.Listener, d.board)
	stopDogs := d.keepDogs()
	defer stopDogs()
	d.retry, d.sweep = time.NewTimer(time.Hour), time.NewTimer(time.Hour)
	d.retry.Stop()
	err := d.loop(ctx, failed)
	d.notify("STOPPING=1")
	d.retry.Stop()
	d.sweep.Stop()
	if e := d.watcher.Close(); e != nil {
		d.opts.Log.Warn("the watcher did not close", "error", e)
	}
	return errors.Join(err, stop(server))
}

// loop runs passes one after the other: what happens meanwhile is noticed by the
// content that the next look finds.
func (d *daemon) loop(ctx context.Context, failed <-chan error) error {
	interval, ask := d.ticker(d.opts.Interval)
	defer interval.Stop()
	gitInterval, fetch := d.ticker(d.opts.GitInterval)
	defer gitInterval.Stop()
	heart := time.NewTicker(heartbeat)
	defer heart.Stop()
	d.pass(ctx, cause{why: "start", fetch: true})
	if ask != nil {
		d.askSources(ctx)
	}
	for {
		d.board.beat()
		select {
		case <-ctx.Done():
			d.opts.Log.Info("stopping", "reason", context.Cause(ctx).Error())
			return nil
		case err := <-failed:
			return err
		case <-d.watcher.Settled():
			d.settled(ctx)
		case <-d.opts.Pokes:
			d.pass(ctx, cause{why: "poke", fetch: true})
		case <-d.retry.C:
			d.pass(ctx, cause{why: "retry", fetch: true})
		case <-d.sweep.C:
			d.pass(ctx, cause{why: "sweep"})
		case <-fetch:
			gitInterval.Reset(jitter(d.opts.GitInterval))
			d.follow(ctx)
		case <-ask:
			interval.Reset(jitter(d.opts.Interval))
			d.askSources(ctx)
			if d.canAsk {
				d.pass(ctx, cause{why: "interval", refresh: true})
			}
		case <-heart.C:
		}
	}
}

// heartbeat is how often an idle loop shows that it lives.
const heartbeat = 5 * time.Second

// ticker is a timer for something that happens every now and then; nil is a
// channel that never sends.
func (d *daemon) ticker(every time.Duration) (*time.Timer, <-chan time.Time) {
	if every == 0 {
		t := time.NewTimer(time.Hour)
		t.Stop()
		return t, nil
	}
	t := time.NewTimer(jitter(every))
	return t, t.C
}

// jitter keeps many hosts from asking at the same time: ±10 %.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(max(d/5, 1))
}

// settled looks whether what happened changed anything.
func (d *daemon) settled(ctx context.Context) {
	now, err := d.watcher.Look(ctx)
	if err != nil {
		return // ctx ended: loop sees it
	}
	d.tellProblems()
	changed := watch.Changed(d.print, now)
	if len(changed) == 0 {
		d.opts.Log.Debug("nothing changed")
		return
	}
	d.pass(ctx, cause{why: "edit", paths: changed})
}

// tellProblems logs what cannot be watched, once.
func (d *daemon) tellProblems() {
	problems := d.watcher.Problems()
	d.board.watching(len(d.print), problems)
	text := ""
	for _, p := range problems {
		text += p + "\n"
	}
	if text == d.warned {
		return
	}
	d.warned = text
	for _, p := range problems {
		d.opts.Log.Warn(p)
	}
}

func (d *daemon) notify(state string) {
	if d.opts.Notify != nil {
		d.opts.Notify(state)
	}
}

// keepDogs tells the service manager that we live, as long as we do: a loop that
// hangs stops it.
func (d *daemon) keepDogs() (stop func()) {
	if d.opts.Watchdog == 0 || d.opts.Notify == nil {
		return func() {}
	}
	ticker, done, gone := time.NewTicker(d.opts.Watchdog/2), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				if d.board.alive(time.Now()) {
					d.notify("WATCHDOG=1")
				}
			}
		}
	}()
	return func() { ticker.Stop(); close(done); <-gone }
}
