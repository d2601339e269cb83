package view

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
)

var update = flag.Bool("update", false, "write the golden files")

// everyKind is a plan with every kind of change, finding and list in it.
func everyKind() *plan.Plan {
	side := func(version, commit, ref string) *plan.Side {
		return &plan.Side{
			BasePath: "default", Source: "https://git.example.com/st2/pack.git", Version: version,
			Commit: pack.Commit(strings.Repeat(commit, 40)), Ref: "refs/tags/" + ref, Title: "Say what changed, at some length, so that it has to be broken",
		}
	}
	p := &plan.Plan{
		Digest:  "d1:0123",
		Summary: map[plan.Action]int{plan.NoOp: 22},
		Changes: []plan.Change{
			{Ref: "jira", Action: plan.Install, BasePath: "default", After: side("3.3.0", "a", "v3.3.0"), Reasons: []string{"declared and not installed"}, Do: plan.Work{Place: true, Register: []string{"all"}}},
			{Ref: "lab", Action: plan.Install, BasePath: "team", After: &plan.Side{Source: "/srv/packs/lab", Version: "0.1.0", Unpinned: true}, Reasons: []string{"declared and not installed"}},
			{Ref: "slack", Action: plan.Adopt, BasePath: "default", After: side("1.0.0", "b", "v1.0.0"), Reasons: []string{"already on disk, exactly as locked"}},
			{Ref: "salt", Action: plan.Move, BasePath: "team", Before: side("1.0.0", "c", "v1.0.0"), After: side("1.0.0", "c", "v1.0.0"), Reasons: []string{"base path default → team"}},
			{Ref: "aws", Action: plan.Update, BasePath: "default", Before: side("2.0.1", "d", "v2.0.1"), After: side("2.0.2", "e", "v2.0.2"), Reasons: []string{"version 2.0.1 → 2.0.2", "config changed: region changed"}, Findings: []pack.Finding{{ID: "PS-X", Severity: pack.Warning, Message: "a warning that is long enough to be broken over more than one line of a narrow terminal", At: []string{"rules/a.yaml:3"}}}},
			{Ref: "vault", Action: plan.Repair, BasePath: "default", Before: side("2.1.0", "f", "v2.1.0"), After: side("2.1.0", "f", "v2.1.0"), Reasons: []string{"edited by hand (changed actions/a.py)"}, Findings: []pack.Finding{{ID: "PS-DRIFT", Severity: pack.Blocked, Message: "/opt/stackstorm/packs/vault was edited since packsync installed it"}}},
			{Ref: "consul", Action: plan.Configure, BasePath: "default", Before: side("1.0.0", "1", "v1.0.0"), After: side("1.0.0", "1", "v1.0.0"), Reasons: []string{"config changed: token changed"}, Do: plan.Work{Config: true, Register: []string{"configs"}}},
			{Ref: "email", Action: plan.Register, BasePath: "default", Before: side("1.0.0", "2", "v1.0.0"), After: side("1.0.0", "2", "v1.0.0"), Reasons: []string{"registration is pending: all"}},
			{Ref: "zabbix", Action: plan.Remove, BasePath: "default", Before: side("1.2.4", "3", "v1.2.4"), Reasons: []string{"no longer declared"}, Do: plan.Work{Unregister: true}},
			{Ref: "gone", Action: plan.Forget, BasePath: "default", Before: side("1.0.0", "4", "v1.0.0"), Reasons: []string{"no longer declared, and already gone from disk"}},
		},
		LockChanges: []plan.LockChange{
			{Ref: "aws", Kind: "moved", Before: "2.0.1 (dddddddddd)", After: "2.0.2 (eeeeeeeeee)", Reason: "updated"},
			{Ref: "jira", Kind: "added", After: "3.3.0 (aaaaaaaaaa)", Reason: "not locked yet"},
			{Ref: "salt", Kind: "source", Before: "1.0.0 (cccccccccc)", After: "1.0.0 (cccccccccc)", Reason: "the source changed"},
			{Ref: "zabbix", Kind: "removed", Before: "1.2.4 (3333333333)", Reason: "no longer declared"},
		},
		Drift:      []plan.Drift{{Ref: "vault", Kind: "edited", Detail: "/opt/stackstorm/packs/vault was edited", Files: []string{"changed actions/a.py", "added \x1b[31mevil"}}},
		Findings:   []pack.Finding{{ID: "PS-UNFINISHED", Severity: pack.Warning, Message: "1 interrupted applies are not finished"}},
		Unmanaged:  []plan.Unmanaged{{Ref: "core", BasePath: "default"}, {Ref: "byhand", BasePath: "default", Version: "1.0.0"}},
		Untargeted: 2,
	}
	for _, c := range p.Changes {
		p.Summary[c.Action]++
	}
	return p
}

// TestPlanGolden holds the text of a plan to golden files: wide, narrow, in
// colour, and with nothing to do.
func TestPlanGolden(t *testing.T) {
	nothing := &plan.Plan{Digest: "d1:0", Summary: map[plan.Action]int{plan.NoOp: 25}}
	onlyLock := &plan.Plan{Digest: "d1:0", Summary: map[plan.Action]int{plan.NoOp: 1}, LockChanges: []plan.LockChange{{Ref: "a", Kind: "text", Before: "1.0.0", After: "1.0.0", Reason: "other words"}}}
	cases := map[string]struct {
		plan  *plan.Plan
		style Style
	}{
		"wide":      {everyKind(), Style{Width: 200}},
		"narrow":    {everyKind(), Style{Width: 60}},
		"color":     {everyKind(), Style{Width: 100, Color: true}},
		"nothing":   {nothing, Style{}},
		"only-lock": {onlyLock, Style{}},
	}
	for name, c := range cases {
		var out bytes.Buffer
		if err := Plan(&out, c.plan, c.style); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".golden", out.Bytes())
		if c.style.Width > 0 {
			for _, line := range strings.Split(out.String(), "\n") {
				if !strings.Contains(line, " ") && visible(line) > c.style.Width {
					t.Errorf("%s: line of %d columns: %q", name, visible(line), line)
				}
			}
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s differs (run with -update if that is meant):\n%s", name, cmp.Diff(string(want), string(got)))
	}
}

// TestForeignTextCannotMoveTheCursor protects the reader of a plan from pack
// names, paths and commit titles that hold control or bidirectional characters.
func TestForeignTextCannotMoveTheCursor(t *testing.T) {
	var out bytes.Buffer
	p := everyKind()
	p.Changes[0].After.Title = "a\x1b]52;c;evil\a\u202etxt"
	if err := Plan(&out, p, Style{}); err != nil {
		t.Fatal(err)
	}
	for _, r := range out.String() {
		if unsafeRune(r) {
			t.Fatalf("the plan holds %U", r)
		}
	}
}

// TestSummaryAgreesWithJSON holds the sentence and the counts in the JSON
// together.
func TestSummaryAgreesWithJSON(t *testing.T) {
	p := everyKind()
	data, err := json.Marshal(PlanBody{Plan: p, Unfinished: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Summary map[string]int `json:"summary"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		t.Fatal(err)
	}
	sentence := Summary(p)
	for action, n := range body.Summary {
		if n != p.Summary[plan.Action(action)] {
			t.Errorf("%s: %d in JSON, %d in the plan", action, n, p.Summary[plan.Action(action)])
		}
	}
	for _, want := range []string{"2 to install", "1 to update", "1 to remove", "22 packs unchanged", "2 changes are left out", "Blocked: 1 reason"} {
		if !strings.Contains(sentence, want) {
			t.Errorf("the sentence %q lacks %q", sentence, want)
		}
	}
}
