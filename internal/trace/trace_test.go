package trace_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/trace"
)

// clock is a time that only the test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time       { return c.at }
func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

func start(t *testing.T) (context.Context, *trace.Trace, *clock) {
	c := &clock{at: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}
	tr := trace.New(c.now)
	return trace.With(t.Context(), tr), tr, c
}

const ms = time.Millisecond

func TestStepsFollowEachOther(t *testing.T) {
	ctx, tr, c := start(t)
	c.pass(3 * ms) // belongs to no step
	_, config := trace.Begin(ctx, trace.Config)
	c.pass(10 * ms)
	config.End()
	swapCtx, swap := trace.Begin(ctx, trace.Swap)
	c.pass(20 * ms)
	_, register := trace.Begin(swapCtx, trace.Register) // takes the place of swap
	c.pass(100 * ms)
	register.End()
	c.pass(5 * ms)
	swap.End()
	got := tr.Snapshot()
	want := []trace.StepTime{
		{Step: trace.Config, Spent: 10 * ms}, {Step: trace.Swap, Spent: 25 * ms}, {Step: trace.Register, Spent: 100 * ms},
	}
	if diff := cmp.Diff(want, got.Steps); diff != "" {
		t.Error(diff)
	}
	if got.Total != 138*ms {
		t.Errorf("total %v, want 138ms", got.Total)
	}
	if got.Now != nil {
		t.Errorf("%s runs, and should not", got.Now.Step)
	}
}

// TestPartsSideBySide works on two packs at once: what lasted and what it comes to
// are told apart.
func TestPartsSideBySide(t *testing.T) {
	ctx, tr, c := start(t)
	ctx, fetch := trace.Begin(ctx, trace.Fetch)
	trace.Expect(ctx, 2)
	awsCtx, aws := trace.Pack(ctx, "aws")
	jiraCtx, jira := trace.Pack(ctx, "jira")
	_, one := trace.Do(awsCtx, trace.Receiving)
	c.pass(40 * ms)
	_, two := trace.Do(jiraCtx, trace.Receiving)
	two.Add(1000, 0)
	c.pass(60 * ms)

	running := tr.Snapshot().Now
	want := &trace.Running{Step: trace.Fetch, Spent: 100 * ms, Total: 2, Bytes: 1000, Packs: []trace.RunningPack{
		{Ref: "aws", Part: trace.Receiving, Spent: 100 * ms}, {Ref: "jira", Part: trace.Receiving, Spent: 100 * ms, Bytes: 1000},
	}}
	if diff := cmp.Diff(want, running); diff != "" {
		t.Errorf("in its course: %s", diff)
	}

	one.End()
	aws.End()
	c.pass(10 * ms)
	two.End()
	jira.End()
	fetch.End()
	got := tr.Snapshot()
	if diff := cmp.Diff([]trace.PartTime{{Part: trace.Receiving, Count: 2, Wall: 110 * ms, Sum: 170 * ms}}, got.Parts); diff != "" {
		t.Errorf("parts: %s", diff)
	}
	packs := []trace.PackTime{
		{Ref: "jira", Spent: 110 * ms, Parts: []trace.PartTime{{Part: trace.Receiving, Count: 1, Wall: 70 * ms, Sum: 70 * ms}}},
		{Ref: "aws", Spent: 100 * ms, Parts: []trace.PartTime{{Part: trace.Receiving, Count: 1, Wall: 100 * ms, Sum: 100 * ms}}},
	}
	if diff := cmp.Diff(packs, got.Packs); diff != "" {
		t.Errorf("packs: %s", diff)
	}
	if got.Steps[0].Packs != 2 || got.Steps[0].Bytes != 1000 {
		t.Errorf("the step: %+v", got.Steps[0])
	}
}

// TestPartWithin decodes what it receives, and receives again: no time is counted
// twice.
func TestPartWithin(t *testing.T) {
	ctx, tr, c := start(t)
	ctx, receive := trace.Do(ctx, trace.Receiving)
	c.pass(50 * ms)
	ctx, decode := trace.Do(ctx, trace.Decoding)
	c.pass(7 * ms)
	_, more := trace.Do(ctx, trace.Receiving)
	c.pass(30 * ms)
	more.End()
	c.pass(1 * ms)
	decode.End()
	receive.End()
	want := []trace.PartTime{
		{Part: trace.Receiving, Count: 1, Wall: 80 * ms, Sum: 80 * ms}, {Part: trace.Decoding, Count: 1, Wall: 8 * ms, Sum: 8 * ms},
	}
	if diff := cmp.Diff(want, tr.Snapshot().Parts); diff != "" {
		t.Error(diff)
	}
}

func TestNobodyWatches(t *testing.T) {
	for name, ctx := range map[string]context.Context{"no trace": t.Context(), "none any more": trace.With(t.Context(), nil)} {
		allocated := testing.AllocsPerRun(100, func() {
			step, span := trace.Begin(ctx, trace.Fetch)
			trace.Expect(step, 1)
			one, pack := trace.Pack(step, "aws")
			_, part := trace.Do(one, trace.Receiving)
			part.Add(1, 1)
			part.End()
			pack.End()
			span.End()
		})
		if allocated != 0 {
			t.Errorf("%s: %v allocations, want none", name, allocated)
		}
	}
	var none *trace.Trace
	if s := none.Snapshot(); s.Total != 0 || s.Now != nil {
		t.Errorf("the nil trace knows %+v", s)
	}
}
