// Package watch tells when files have settled: it follows files, folders and
// trees through renames, symbolic links and directories that come and go, waits
// until a burst of events is over, and says what their content is then.
//
// Events only say when to look. What changed is decided by content, so an event
// that was lost, doubled or meant nothing cannot lead to a wrong decision, and a
// slow look without any event finds what the kernel does not tell (NFS, a parent
// directory that was moved).
//
// It is not for deciding what to do about a change (package daemon), and it
// changes nothing.
package watch

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Options say how patient a Watcher is. Zero values stand for the defaults.
type Options struct {
	// Quiet is how long nothing may happen before a burst counts as over; default
	// 200 ms. An editor that saves in several steps is done by then.
	Quiet time.Duration
	// Limit is the longest that a burst without an end is waited for; default 2 s.
	Limit time.Duration
	// Poll is how often to look without any event; default 30 s, or 2 s if
	// something could not be watched.
	Poll time.Duration
}

const (
	defaultQuiet = 200 * time.Millisecond
	defaultLimit = 2 * time.Second
	slowPoll     = 30 * time.Second
	fastPoll     = 2 * time.Second
)

// Watcher follows targets. Settled may be received from and Problems called at
// any time; Follow and Look belong to one goroutine.
type Watcher struct {
	notify  *fsnotify.Watcher // nil: inotify is not to be had, so polling has to do
	pokes   chan struct{}
	settled chan struct{}
	done    sync.WaitGroup
	closing chan struct{}
	poll    time.Duration // 0: by what can be watched

	mu       sync.Mutex
	dirs     map[string]names // what the events of a directory may be about
	sums     map[string]known // what events have not made doubtful
	problems []string
	broken   error // why there is no notify

	targets []Target
	ids     map[string]identity
	between func() // of a test: called when directories are listed and not yet watched; else nil
}

// names are the entries of a directory that matter; nil means all.
type names map[string]bool

// New starts a Watcher that follows nothing yet. It never fails: where the
// kernel gives no events, it polls, and Problems says so.
func New(o Options) *Watcher {
	w := &Watcher{
		pokes: make(chan struct{}, 1), settled: make(chan struct{}, 1), closing: make(chan struct{}), poll: o.Poll,
		dirs: map[string]names{}, sums: map[string]known{}, ids: map[string]identity{},
	}
	quiet, limit := o.Quiet, o.Limit
	if quiet == 0 {
		quiet = defaultQuiet
	}
	if limit == 0 {
		limit = defaultLimit
	}
	w.notify, w.broken = fsnotify.NewWatcher()
	w.done.Go(func() { settle(w.closing, w.pokes, w.settled, quiet, limit, w.pollEvery) })
	if w.broken == nil {
		events, failures := w.notify.Events, w.notify.Errors
		w.done.Go(func() { w.read(events, failures) })
	} else {
		w.problems = []string{w.explain("", w.broken)}
	}
	return w
}

// Close stops the Watcher. Settled gives nothing afterwards.
func (w *Watcher) Close() error {
	close(w.closing)
	var err error
	if w.notify != nil {
		err = w.notify.Close()
	}
	w.done.Wait()
	return err
}

// Settled gets a value whenever it is time to Look: a burst of events is over, or
// nobody looked for a while. At most one value waits.
func (w *Watcher) Settled() <-chan struct{} { return w.settled }

// Problems says in sentences what cannot be watched and is polled instead. Empty
// is good.
func (w *Watcher) Problems() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.problems)
}

// Follow sets what to follow from the next Look on.
func (w *Watcher) Follow(targets []Target) { w.targets = slices.Clone(targets) }

func (w *Watcher) pollEvery() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.poll > 0:
		return w.poll
	case len(w.problems) > 0:
		return fastPoll
	}
	return slowPoll
}

// read takes the kernel's events. It only notes that something happened and which
// sums are doubtful now: it must be faster than the kernel's queue fills.
func (w *Watcher) read(events <-chan fsnotify.Event, failures <-chan error) {
	for {
		select {
		case e, open := <-events:
			if !open {
				return
			}
			if w.matters(e.Name) {
				w.poke()
			}
		case _, open := <-failures:
			if !open {
				return
			}
			// An overflow above all: events were lost, so everything is doubtful. It is the
			// same with any other error.
			w.doubtAll()
			w.poke()
		}
	}
}

func (w *Watcher) poke() {
	select {
	case w.pokes <- struct{}{}:
	default: // one that was not taken yet says the same
	}
}

// matters tells whether an event is about something that is followed.
func (w *Watcher) matters(path string) bool {
	if path == "" {
		return false
	}
	path = filepath.Clean(path)
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.sums, path)
	if _, itself := w.dirs[path]; itself {
		return true
	}
	wanted, watched := w.dirs[filepath.Dir(path)]
	return watched && (wanted == nil || wanted[filepath.Base(path)])
}

func (w *Watcher) doubtAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.sums)
}

// renew makes the kernel watch exactly the directories in want. A directory that
// was replaced by another of the same name is watched anew. It reports whether
// there are watches that were not there before.
func (w *Watcher) renew(want map[string]names) (added bool) {
	problems := []string{}
	if w.notify == nil {
		problems = append(problems, w.explain("", w.broken))
	}
	w.mu.Lock()
	w.dirs = want // before the watches: no event of a new one may be dropped
	w.mu.Unlock()
	for dir := range w.ids {
		if _, wanted := want[dir]; !wanted {
			w.forget(dir)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(want)) {
		if w.notify == nil {
			break
		}
		id, err := identify(dir)
		if err != nil { // it went since it was found; its parent's event brings us back
			w.forget(dir)
			continue
		}
		if w.ids[dir] == id && slices.Contains(w.notify.WatchList(), dir) {
			continue
		}
		w.forget(dir)
		if err := w.notify.Add(dir); err != nil {
			problems = append(problems, w.explain(dir, err))
			continue
		}
		w.ids[dir], added = id, true
	}
	w.mu.Lock()
	w.problems = problems
	w.mu.Unlock()
	return added
}

func (w *Watcher) forget(dir string) {
	if w.notify == nil {
		return
	}
	delete(w.ids, dir)
	// That it was not watched any more, since it is gone, is just as well.
	_ = w.notify.Remove(dir)
}

// explain says what an operator can do about a watch that could not be had.
func (w *Watcher) explain(dir string, err error) string {
	what := "files"
	if dir != "" {
		what = dir
	}
	advice := ""
	switch {
	case errors.Is(err, syscall.ENOSPC):
		advice = "; raise the sysctl fs.inotify.max_user_watches"
	case errors.Is(err, syscall.EMFILE):
		advice = "; raise the sysctl fs.inotify.max_user_instances"
	}
	return fmt.Sprintf("cannot watch %s, so it is looked at every %s instead: %v%s", what, fastPoll, err, advice)
}
