package view

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/ptytest"
	"github.com/packsync/packsync/internal/trace"
)

// scene is a run in its course, on a terminal, in a time that only the test moves.
type scene struct {
	t        *testing.T
	at       time.Time
	ctx      context.Context
	columns  int
	screen   *ptytest.Screen
	writes   int
	progress *Progress
}

func newScene(t *testing.T, columns, rows int) *scene {
	s := &scene{t: t, at: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), columns: columns, screen: ptytest.NewScreen(columns, rows)}
	tr := trace.New(func() time.Time { return s.at })
	s.ctx = trace.With(t.Context(), tr)
	s.progress = NewProgress(ProgressOptions{W: s, Terminal: true, Trace: tr, Size: func() (int, int) { return s.columns, rows }})
	t.Cleanup(s.progress.Close)
	return s
}

func (s *scene) Write(p []byte) (int, error) {
	s.writes++
	return s.screen.Write(p)
}

// after lets time pass and draws.
func (s *scene) after(d time.Duration) {
	s.at = s.at.Add(d)
	s.progress.Draw()
}

func (s *scene) shows(want string) {
	s.t.Helper()
	got, err := s.screen.Text()
	if err != nil {
		s.t.Error(err)
	}
	if want = strings.Trim(want, "\n"); got != want {
		s.t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
	}
	if n := s.screen.Wrapped(); n > 0 {
		s.t.Errorf("%d lines went on in the next row", n)
	}
}

// fetch begins to fetch a pack.
func fetch(ctx context.Context, ref pack.Ref, bytes int64) func() {
	ctx, one := trace.Pack(ctx, ref)
	_, part := trace.Do(ctx, trace.Receiving)
	part.Add(bytes, 0)
	return func() { part.End(); one.End() }
}

func TestProgressFitsEveryWidth(t *testing.T) {
	for columns, want := range map[int]string{
		200: `
fetch  [########----------------]  1 of 3 packs  5.9 MiB  0.6 s
  kubernetes                              receiving   0.6 s   1.0 MiB
  a_pack_with_a_name_that_is_rather_long  receiving   0.6 s   2.9 MiB`,
		80: `
fetch  [########----------------]  1 of 3 packs  5.9 MiB  0.6 s
  kubernetes                              receiving   0.6 s   1.0 MiB
  a_pack_with_a_name_that_is_rather_long  receiving   0.6 s   2.9 MiB`,
		40: `
fetch  1 of 3 packs  5.9 MiB  0.6 s
  kubernetes         receiving   0.6 s
  a_pack_with_a_n..  receiving   0.6 s`,
		20: `
fetch  1 of 3 packs
  kube..  receiving
  a_pa..  receiving`,
	} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			s := newScene(t, columns, 24)
			ctx, _ := trace.Begin(s.ctx, trace.Fetch)
			trace.Expect(ctx, 3)
			fetch(ctx, "jira", 2<<20)()
			fetch(ctx, "kubernetes", 1<<20)
			s.at = s.at.Add(time.Millisecond)
			fetch(ctx, "a_pack_with_a_name_that_is_rather_long", 3000000)
			s.after(600 * time.Millisecond)
			s.shows(want)
		})
	}
}

func TestProgressOfQuickRunsIsNotShown(t *testing.T) {
	s := newScene(t, 80, 24)
	_, step := trace.Begin(s.ctx, trace.Inspect)
	s.after(499 * time.Millisecond)
	step.End()
	s.after(0)
	s.progress.Close()
	if s.writes != 0 {
		t.Errorf("%d writes, want none", s.writes)
	}
}

// TestProgressLeavesNothing runs through two steps with text in between: the block
// is redrawn in its place, and at the end there is only the text.
func TestProgressLeavesNothing(t *testing.T) {
	s := newScene(t, 80, 24)
	_, _ = io.WriteString(s, "$ packsync apply\r\n")
	ctx, step := trace.Begin(s.ctx, trace.Fetch)
	done := []func(){fetch(ctx, "a", 0), fetch(ctx, "b", 0), fetch(ctx, "c", 0)}
	s.after(time.Second)
	s.shows(`
$ packsync apply
fetch  0 packs done  1.0 s
  a  receiving   1.0 s
  b  receiving   1.0 s
  c  receiving   1.0 s`)
	done[0]()
	done[2]()
	before := s.writes
	s.after(time.Second)
	s.shows(`
$ packsync apply
fetch  2 packs done  2.0 s
  b  receiving   2.0 s`)
	if s.writes != before+1 {
		t.Errorf("one drawing took %d writes: it flickers", s.writes-before)
	}
	s.after(0)
	if s.writes != before+1 {
		t.Error("nothing changed, and it was drawn all the same")
	}
	s.progress.Aside(func() { _, _ = io.WriteString(s, "Waiting for another run.\r\n") })
	s.after(time.Second)
	s.shows(`
$ packsync apply
Waiting for another run.
fetch  2 packs done  3.0 s
  b  receiving   3.0 s`)
	done[1]()
	step.End()
	_, confirm := trace.Begin(s.ctx, trace.Confirm)
	s.after(time.Second)
	s.shows("$ packsync apply\nWaiting for another run.")
	confirm.End()
	_, step = trace.Begin(s.ctx, trace.Stage)
	s.after(time.Second)
	s.progress.Close()
	step.End()
	s.after(time.Second)
	_, _ = io.WriteString(s, "Applied: 3 installed.\r\n")
	s.shows("$ packsync apply\nWaiting for another run.\nApplied: 3 installed.")
}

// TestProgressOfManyPacks has more packs at work than the window has rows.
func TestProgressOfManyPacks(t *testing.T) {
	s := newScene(t, 60, 6)
	_, _ = io.WriteString(s, strings.Repeat("earlier\r\n", 10))
	ctx, _ := trace.Begin(s.ctx, trace.Fetch)
	for i := range 32 {
		fetch(ctx, pack.Ref(fmt.Sprintf("pack_%02d", i)), 0)
	}
	for range 3 { // drawing again and again moves nothing
		s.after(time.Second)
	}
	s.shows(strings.Repeat("earlier\n", 10) + `
fetch  0 packs done  3.0 s
  pack_00  receiving   3.0 s
  pack_01  receiving   3.0 s
  pack_02  receiving   3.0 s
  and 29 more`[1:])
}

// TestProgressInAResizedWindow makes the window narrower and wider.
func TestProgressInAResizedWindow(t *testing.T) {
	s := newScene(t, 80, 24)
	_, _ = io.WriteString(s, "earlier\r\n")
	ctx, _ := trace.Begin(s.ctx, trace.Stage)
	fetch(ctx, "a_pack_with_a_long_name", 5<<20)
	for _, columns := range []int{80, 40, 12, 200} {
		s.columns = columns
		s.screen.Resize(columns, 24)
		s.after(time.Second)
	}
	s.shows(`
earlier
stage  0 packs done  5.0 MiB  4.0 s
  a_pack_with_a_long_name  receiving   4.0 s   5.0 MiB`)
}

func TestProgressWithoutATerminal(t *testing.T) {
	var out strings.Builder
	p := NewProgress(ProgressOptions{W: &out})
	p.Ended("fetch", "aws", true)
	p.Ended("fetch", "jira", false)
	p.Aside(func() { out.WriteString("a note\n") })
	p.Close()
	p.Close()
	if want := "fetch aws: done\nfetch jira: failed\na note\n"; out.String() != want {
		t.Errorf("it prints %q, want %q", out.String(), want)
	}
}

// TestProgressIsDrawnWhenItTicks is the only test with the goroutine that draws.
func TestProgressIsDrawnWhenItTicks(t *testing.T) {
	ticks, drawn := make(chan time.Time), make(chan string)
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	tr := trace.New(func() time.Time { at = at.Add(time.Second); return at })
	trace.Begin(trace.With(t.Context(), tr), trace.Fetch)
	p := NewProgress(ProgressOptions{W: channel(drawn), Terminal: true, Trace: tr, Size: func() (int, int) { return 80, 24 }, Ticks: ticks})
	ticks <- time.Time{}
	if text := <-drawn; !strings.HasPrefix(text, "fetch") {
		t.Errorf("it draws %q", text)
	}
	go func() { <-drawn }() // what takes the block away
	p.Close()
}

type channel chan string

func (c channel) Write(p []byte) (int, error) {
	c <- string(p)
	return len(p), nil
}
