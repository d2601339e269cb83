// Package trace knows what a run is doing at this moment, and where its time
// went: for --timings, for the progress on a terminal and for the closing line of
// apply, which all read the same Snapshot.
//
// A run is a sequence of steps. Within a step packs are worked on side by side,
// and what is done for each is cut into parts. A trace travels in the context, and
// without one every call here is a nil check: nothing is measured or allocated.
//
// It is not for deciding anything: work never depends on what a trace says. It
// is not for logs and knows no clock of its own.
package trace

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/packsync/packsync/internal/pack"
)

// Step is a stage of the pipeline. Steps follow each other; one that begins within
// another takes its place until it ends.
type Step string

// The steps, in the order in which a run takes them.
const (
	Config   Step = "config"   // packs.hcl and what it names is read
	Wait     Step = "wait"     // another run holds the lock
	Recover  Step = "recover"  // what an interrupted apply left is finished
	Resolve  Step = "resolve"  // what the lock lacks is asked for and pinned
	Inspect  Step = "inspect"  // the disk is looked at
	Fetch    Step = "fetch"    // locked commits are brought
	Review   Step = "review"   // contents and configs are judged, the plan is made
	Confirm  Step = "confirm"  // a person reads the plan
	Stage    Step = "stage"    // everything is written beside its target, and made durable
	Unload   Step = "unload"   // StackStorm is told which packs go
	Swap     Step = "swap"     // directories are exchanged and recorded
	Register Step = "register" // StackStorm is told
)

// Part is what is done for one pack within a step, or for all at once.
type Part string

// The parts.
const (
	Asking     Part = "ask"        // a server is asked for its refs
	Receiving  Part = "receive"    // a packfile is asked for and comes
	Decoding   Part = "decode"     // objects are inflated and verified
	CacheWrite Part = "cache"      // a packfile is kept
	Inventory  Part = "inventory"  // what a pack contains is read, or remembered
	Hashing    Part = "hash"       // what is installed is read in full
	Writing    Part = "write"      // files are written, and hashed on the way
	Verifying  Part = "verify"     // what was written is read back
	Syncing    Part = "sync"       // the file system is made durable
	Building   Part = "virtualenv" // a virtualenv is built
	Telling    Part = "tell"       // StackStorm is told of one pack
	Unregister Part = "unregister" // StackStorm is told that a pack goes
	ReadBack   Part = "read back"  // StackStorm is asked what it has registered
)

// Trace records one run. The nil *Trace records nothing. Safe for concurrent use.
type Trace struct {
	now func() time.Time

	mu      sync.Mutex
	began   time.Time
	steps   []*stepTally
	current *stepTally
	parts   []*partTally
	packs   map[pack.Ref]*packTally
	active  map[*Span]bool // of packs
}

// New starts a trace, which asks now for the time.
func New(now func() time.Time) *Trace {
	return &Trace{now: now, began: now(), packs: map[pack.Ref]*packTally{}, active: map[*Span]bool{}}
}

type stepTally struct {
	name         Step
	since        time.Time // meaningful for the current one
	spent        time.Duration
	total, done  int
	bytes, files atomic.Int64
}

type partTally struct {
	name    Part
	running int
	since   time.Time
	wall    time.Duration // at least one was running
	sum     time.Duration // of all, also of those side by side
	count   int
}

type packTally struct {
	spent time.Duration
	parts map[Part]time.Duration
}

type key struct{}

// in is what the context carries.
type in struct {
	trace *Trace
	step  *stepTally
	span  *Span // the innermost
}

// With lets ctx carry t. With nil nothing below ctx is recorded.
func With(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, key{}, in{trace: t})
}

func from(ctx context.Context) in {
	i, _ := ctx.Value(key{}).(in)
	return i
}

// Span is a piece of work that has begun. All its methods may be called on nil.
type Span struct {
	trace  *Trace
	step   *stepTally // of a step, and of what is within
	whole  bool       // the span is the step itself
	outer  *stepTally // of a step: the one whose place it took
	part   *partTally // nil for a step and for a pack
	parent *Span
	root   *Span // the span of the pack that this is a part of; nil for none
	leaf   *Span // of a root: what is done now
	pack   *packTally
	ref    pack.Ref
	began  time.Time // of a pack
	since  time.Time // of a part: when it was last entered: parts within it are not its own time

	bytes, files atomic.Int64
}

// Begin begins a step. Work of the step gets the returned context.
func Begin(ctx context.Context, s Step) (context.Context, *Span) {
	i := from(ctx)
	if i.trace == nil {
		return ctx, nil
	}
	t := i.trace
	t.mu.Lock()
	defer t.mu.Unlock()
	span := &Span{trace: t, step: t.step(s), whole: true, outer: t.current}
	t.turn(span.step)
	tally := span.step
	return context.WithValue(ctx, key{}, in{trace: t, step: tally}), span
}

// turn ends the time of the current step and begins that of another.
func (t *Trace) turn(to *stepTally) {
	now := t.now()
	if t.current != nil {
		t.current.spent += now.Sub(t.current.since)
	}
	if t.current = to; to != nil {
		to.since = now
	}
}

func (t *Trace) step(name Step) *stepTally {
	for _, s := range t.steps {
		if s.name == name {
			return s
		}
	}
	s := &stepTally{name: name}
	t.steps = append(t.steps, s)
	return s
}

// Expect says that the step of ctx works on so many packs more.
func Expect(ctx context.Context, packs int) {
	i := from(ctx)
	if i.step == nil {
		return
	}
	i.trace.mu.Lock()
	defer i.trace.mu.Unlock()
	i.step.total += packs
}

// Pack begins the work on one pack within a step.
func Pack(ctx context.Context, ref pack.Ref) (context.Context, *Span) {
	i := from(ctx)
	if i.trace == nil {
		return ctx, nil
	}
	t := i.trace
	t.mu.Lock()
	defer t.mu.Unlock()
	tally := t.packs[ref]
	if tally == nil {
		tally = &packTally{parts: map[Part]time.Duration{}}
		t.packs[ref] = tally
	}
	now := t.now()
	span := &Span{trace: t, step: i.step, pack: tally, ref: ref, began: now}
	span.root, span.leaf = span, span
	t.active[span] = true
	return context.WithValue(ctx, key{}, in{trace: t, step: i.step, span: span}), span
}

// Do begins a part. One that begins within another, on the same goroutine, is not
// counted as time of that.
func Do(ctx context.Context, name Part) (context.Context, *Span) {
	i := from(ctx)
	if i.trace == nil {
		return ctx, nil
	}
	t := i.trace
	t.mu.Lock()
	defer t.mu.Unlock()
	span := &Span{trace: t, step: i.step, part: t.part(name), parent: i.span}
	if i.span != nil {
		span.root, span.pack = i.span.root, i.span.pack
	}
	if !span.within() {
		span.part.count++
	}
	span.enter()
	return context.WithValue(ctx, key{}, in{trace: t, step: i.step, span: span}), span
}

// within tells whether the span goes on with a part that it lies in: the reading of
// an answer, between the decoding of what came.
func (s *Span) within() bool {
	for at := s.parent; at != nil; at = at.parent {
		if at.part == s.part {
			return true
		}
	}
	return false
}

func (t *Trace) part(name Part) *partTally {
	for _, p := range t.parts {
		if p.name == name {
			return p
		}
	}
	p := &partTally{name: name}
	t.parts = append(t.parts, p)
	return p
}

// enter makes the part the one that runs, in place of the one around it.
func (s *Span) enter() {
	now := s.trace.now()
	s.since = now
	if s.parent != nil && s.parent.part != nil {
		s.parent.stop(now)
	}
	if s.part.running++; s.part.running == 1 {
		s.part.since = now
	}
	if s.root != nil {
		s.root.leaf = s
	}
}

// stop takes the part out of those that run.
func (s *Span) stop(now time.Time) {
	spent := now.Sub(s.since)
	s.part.sum += spent
	if s.pack != nil {
		s.pack.parts[s.part.name] += spent
	}
	if s.part.running--; s.part.running == 0 {
		s.part.wall += now.Sub(s.part.since)
	}
}

// Add counts bytes and files that were worked on, for the span, its pack and its
// step.
func (s *Span) Add(bytes, files int64) {
	if s == nil {
		return
	}
	for at := s; at != nil; at = at.parent {
		at.bytes.Add(bytes)
		at.files.Add(files)
	}
	if s.step != nil {
		s.step.bytes.Add(bytes)
		s.step.files.Add(files)
	}
}

// End ends what was begun.
func (s *Span) End() {
	if s == nil {
		return
	}
	t := s.trace
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	switch {
	case s.whole:
		t.turn(s.outer)
	case s.part == nil:
		s.pack.spent += now.Sub(s.began)
		delete(t.active, s)
		if s.step != nil {
			s.step.done++
		}
	default:
		s.stop(now)
		if s.parent != nil && s.parent.part != nil {
			s.parent.resume(now)
		}
		if s.root != nil {
			s.root.leaf = s.parent
		}
	}
}

// resume makes the part run again after one within it.
func (s *Span) resume(now time.Time) {
	s.since = now
	if s.part.running++; s.part.running == 1 {
		s.part.since = now
	}
}
