package daemon

import (
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

// StatusVersion is the version of the document that /status answers with.
const StatusVersion = 1

// Status is what /status says. It holds no values of configs or variables.
type Status struct {
	FormatVersion int          `json:"format_version"`
	Version       string       `json:"version"` // of packsync
	PID           int          `json:"pid"`
	Started       time.Time    `json:"started"`
	Ready         bool         `json:"ready"` // a pass made a plan since the start
	Name          string       `json:"name,omitempty"`
	Root          string       `json:"root,omitempty"`
	Declaration   string       `json:"declaration"`      // file
	Commit        pack.Commit  `json:"commit,omitempty"` // of the declaration, if it comes from a repository
	Passing       bool         `json:"passing"`          // a pass is under way
	LastPass      *PassStatus  `json:"last_pass"`        // null before the first one ended
	LastSuccess   *time.Time   `json:"last_success"`     // when the host was last seen, or made, as declared
	Packs         []PackState  `json:"packs"`            // that differ from what is declared and locked
	Drift         []plan.Drift `json:"drift"`
	Pending       []pack.Ref   `json:"pending"`  // of which StackStorm has to be told something
	Newer         []NewerPack  `json:"newer"`    // what the sources offer beyond the lock
	Followed      int          `json:"followed"` // files
	Problems      []string     `json:"problems"` // what cannot be watched, and is polled
}

// PassStatus is how one pass ended.
type PassStatus struct {
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	Cause   string    `json:"cause"`
	Outcome Outcome   `json:"outcome"`
	Summary string    `json:"summary,omitempty"`
	Digest  string    `json:"digest,omitempty"`
	Reason  string    `json:"reason,omitempty"` // why changes wait
	Error   string    `json:"error,omitempty"`
}

// PackState is one pack that is not as it should be.
type PackState struct {
	Ref     pack.Ref    `json:"ref"`
	Action  plan.Action `json:"action"`
	Reasons []string    `json:"reasons"`
	Error   string      `json:"error,omitempty"`
}

// NewerPack is what a source offers for one pack.
type NewerPack struct {
	Ref    pack.Ref `json:"ref"`
	State  string   `json:"state"` // update, constraint or moved-tag, as in outdated
	Locked string   `json:"locked"`
	Newer  string   `json:"newer"`
}

// board is what others may look at while the daemon works.
type board struct {
	mu       sync.Mutex
	status   Status
	told     bool      // READY was sent
	beaten   time.Time // when the idle loop was last seen
	deadline time.Time // of the pass that is under way; zero if none is
	metrics  *metrics
}

func newBoard(opts Options) *board {
	now := time.Now()
	b := &board{beaten: now, metrics: newMetrics(opts.Run.Version)}
	b.status = Status{
		FormatVersion: StatusVersion, Version: opts.Run.Version, PID: os.Getpid(), Started: now, Declaration: opts.Run.Config.File,
		Packs: []PackState{}, Drift: []plan.Drift{}, Pending: []pack.Ref{}, Newer: []NewerPack{}, Problems: []string{},
	}
	return b
}

// read returns a copy that nobody changes.
func (b *board) read() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.status
	s.Passing = !b.deadline.IsZero()
	return s
}

func (b *board) beat() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.beaten = time.Now()
}

// missedBeats is how long an idle loop may stay silent.
const missedBeats = 12 * heartbeat

// alive reports whether the loop turns: idle it beats, and a pass has a deadline,
// after which it gets a minute to finish its step.
func (b *board) alive(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.deadline.IsZero() {
		return now.Before(b.deadline.Add(time.Minute))
	}
	return now.Sub(b.beaten) < missedBeats
}

func (b *board) begin(_, deadline time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deadline = deadline
}

func (b *board) idle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deadline, b.beaten = time.Time{}, time.Now()
}

// becameReady reports once that there is a plan for the first time.
func (b *board) becameReady() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := b.status.Ready && !b.told
	b.told = b.told || first
	return first
}

func (b *board) checkedOut(c reconcile.Checkout, file string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Commit, b.status.Declaration = c.Commit, file
}

func (b *board) commit() pack.Commit {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status.Commit
}

func (b *board) watching(files int, problems []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Followed, b.status.Problems = files, append([]string{}, problems...)
	b.metrics.followed.Set(float64(files))
}

func (b *board) offered(newer []NewerPack) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Newer = append([]NewerPack{}, newer...)
	b.metrics.newer.Set(float64(len(newer)))
}

// end notes how a pass ended. What a pass that failed could not see stays as it
// was last seen.
func (b *board) end(r result, why cause, began time.Time, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deadline, b.beaten = time.Time{}, time.Now()
	s := &b.status
	s.LastPass = &PassStatus{Began: began, Seconds: took.Seconds(), Cause: why.why, Outcome: r.outcome, Reason: r.reason}
	if r.err != nil {
		s.LastPass.Error = view.Quote(r.err.Error())
	}
	if p := r.planned; p != nil && p.Plan != nil {
		s.Ready = true
		s.Name, s.Root = p.Plan.Name, p.Config.Host.Root
		s.LastPass.Summary, s.LastPass.Digest = view.Summary(p.Plan), p.Plan.Digest
		s.Drift = slices.Clone(p.Plan.Drift)
		s.Packs, s.Pending = different(r), append([]pack.Ref{}, pendingOf(p.Record)...)
		if r.report != nil {
			s.Drift = []plan.Drift{}
			if r.report.Recorded != nil {
				s.Pending = append([]pack.Ref{}, pendingOf(r.report.Recorded)...)
			}
		}
		slices.Sort(s.Pending)
	}
	if r.outcome == InSync || r.outcome == Applied {
		now := time.Now()
		s.LastSuccess = &now
	}
	b.metrics.pass(r, *s, took)
}

// different lists the packs that are not as declared after a pass.
func different(r result) []PackState {
	out := []PackState{}
	if r.report == nil {
		for _, c := range r.planned.Plan.Changes {
			out = append(out, PackState{Ref: c.Ref, Action: c.Action, Reasons: append([]string{}, c.Reasons...)})
		}
		return out
	}
	for _, p := range r.report.Packs {
		if p.Err != nil || len(p.Pending) > 0 {
			state := PackState{Ref: p.Ref, Action: p.Action, Reasons: []string{}}
			if len(p.Pending) > 0 {
				state.Reasons = append(state.Reasons, "StackStorm was not told: "+strings.Join(p.Pending, ", "))
			}
			if p.Err != nil {
				state.Error = view.Quote(p.Err.Error())
			}
			out = append(out, state)
		}
	}
	return out
}
