package view

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/trace"
)

var aRun = trace.Snapshot{
	Total: 2400 * time.Millisecond,
	Steps: []trace.StepTime{
		{Step: trace.Config, Spent: 4 * time.Millisecond},
		{Step: trace.Recover, Spent: 20 * time.Microsecond},
		{Step: trace.Fetch, Spent: 700 * time.Millisecond, Packs: 25, Bytes: 4 << 20},
		{Step: trace.Confirm, Spent: 1200 * time.Millisecond},
		{Step: trace.Stage, Spent: 300 * time.Millisecond, Packs: 25, Files: 8175, Bytes: 33 << 20},
	},
	Parts: []trace.PartTime{
		{Part: trace.Receiving, Count: 25, Wall: 650 * time.Millisecond, Sum: 3800 * time.Millisecond},
		{Part: trace.Decoding, Count: 25, Wall: 300 * time.Millisecond, Sum: 400 * time.Millisecond},
	},
	Packs: []trace.PackTime{
		{Ref: "aws", Spent: 800 * time.Millisecond, Parts: []trace.PartTime{
			{Part: trace.Receiving, Sum: 500 * time.Millisecond}, {Part: trace.Syncing, Sum: 10 * time.Microsecond},
		}},
		{Ref: "jira", Spent: 90 * time.Millisecond},
	},
}

func TestTimings(t *testing.T) {
	var out strings.Builder
	if err := Timings(&out, aRun, Style{}); err != nil {
		t.Fatal(err)
	}
	want := `Where the time went: 2.4 s
  config       0.004 s
  fetch         0.70 s  25 packs, 4.0 MiB
  confirm        1.2 s
  stage         0.30 s  25 packs, 8,175 files, 33.0 MiB
  other         0.20 s
Within these steps, side by side:
                lasted    summed   times
  receive       0.65 s     3.8 s      25
  decode        0.30 s    0.40 s      25
Slowest packs:
  aws           0.80 s  receive 0.50 s
  jira          0.09 s
`
	if out.String() != want {
		t.Errorf("it prints\n%s\nwant\n%s", out.String(), want)
	}
}

// TestTookLeavesThinkingOut: a plan that somebody read for a minute was not slow.
func TestTookLeavesThinkingOut(t *testing.T) {
	if got, want := Took(aRun), "1.2 s: fetch 0.70 s, stage 0.30 s"; got != want {
		t.Errorf("it took %q, want %q", got, want)
	}
	if got, want := Took(trace.Snapshot{Total: 3 * time.Millisecond}), "0.003 s"; got != want {
		t.Errorf("it took %q, want %q", got, want)
	}
}

func TestTimingsJSON(t *testing.T) {
	got, err := json.Marshal(NewTimingsJSON(aRun))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"seconds":2.4,"steps":[{"step":"config","seconds":0.004,"packs":0,"files":0,"bytes":0}`,
		`{"part":"receive","count":25,"lasted_seconds":0.65,"summed_seconds":3.8}`,
		`"slowest_packs":[{"ref":"aws","seconds":0.8,"parts":{"receive":0.5,"sync":0.00001}}`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s\nlacks %s", got, want)
		}
	}
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.000 s", -time.Millisecond: "0.000 s", 9 * time.Millisecond: "0.009 s", 94 * time.Millisecond: "0.09 s",
		994 * time.Millisecond: "0.99 s", 996 * time.Millisecond: "1.0 s", 9940 * time.Millisecond: "9.9 s", 42 * time.Second: "42 s",
		119 * time.Second: "119 s", 3*time.Minute + 20*time.Second: "3 min 20 s",
	} {
		if got := seconds(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
