package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/reconcile"
)

func graded(grade pack.Grade, id, resource, message string, hits ...string) pack.Finding {
	f := pack.Finding{ID: id, Severity: pack.Warning, Grade: grade, Resource: resource, Message: message, At: []string{"actions/x.yaml:3"}, Hits: hits}
	if grade == pack.Safe {
		f.Severity = pack.Note
	}
	return f
}

// everyGrade is a review with every kind of line in it.
func everyGrade() []pack.Finding {
	var hits []string
	for i := range 7 {
		hits = append(hits, fmt.Sprintf("ops/rules/nightly_%d.yaml:1 (rule nightly_%d)", i, i))
	}
	findings := []pack.Finding{
		graded(pack.Breaking, "PS-ACTION-REMOVED", "action build", "it is gone", hits...),
		graded(pack.Breaking, "PS-PARAM-REQUIRED", "action clone, parameter datacenter", "it is new, has no default, and callers must give it"),
		graded(pack.Caution, "PS-RULE-ENABLED", "rule on_boot", "it is new and enabled: it runs tools.build on core.st2.CronTimer"),
		graded(pack.Safe, "PS-ACTION-ADDED", "action ship", "it is new"),
		graded(pack.Safe, "PS-PACK-ADDED", "", "the pack comes, with 1 action"),
	}
	findings[1].Accepted = "our workflows give it"
	findings[2].Severity = pack.Blocked
	for i := range 9 {
		findings = append(findings, graded(pack.Breaking, "PS-ACTION-RENAMED", fmt.Sprintf("action list-%d", i), fmt.Sprintf("it is called nova.list.%d now", i)))
	}
	findings[len(findings)-1].Hits = []string{"ops/aliases/list.yaml:2 (alias list)"}
	return findings
}

// TestReviewGolden holds what a plan says about content to golden files.
func TestReviewGolden(t *testing.T) {
	p := &plan.Plan{Digest: "d1:0123", Summary: map[plan.Action]int{plan.Update: 1, plan.NoOp: 3}, Changes: []plan.Change{{
		Ref: "tools", Action: plan.Update, BasePath: "default", Before: &plan.Side{Version: "1.0.0"}, After: &plan.Side{Version: "1.0.1", Source: "https://git.example.com/tools.git"},
		Reasons: []string{"version 1.0.0 → 1.0.1"}, Findings: everyGrade(),
	}}}
	for name, style := range map[string]Style{
		"review-wide": {Width: 200}, "review-narrow": {Width: 60}, "review-verbose": {Verbose: true}, "review-color": {Width: 100, Color: true},
	} {
		var out bytes.Buffer
		if err := Plan(&out, p, style); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".golden", out.Bytes())
	}
}

// everyDifference is a diff with everything in it.
func everyDifference() *reconcile.Diffed {
	pin := func(version, commit, ref string) *reconcile.Pinned {
		return &reconcile.Pinned{
			Source: "https://git.example.com/st2/pack.git", Version: version, Commit: pack.Commit(strings.Repeat(commit, 40)),
			Ref: ref, Title: "Fix <script>alert(1)</script> | see #12, thanks @everyone `and` *more*",
		}
	}
	return &reconcile.Diffed{
		Base: "where HEAD left origin/main (commit 0123456789)", Digest: "d1:0123", Unchanged: 42,
		Packs: []reconcile.DiffedPack{
			{Ref: "aws", Action: plan.Update, Before: pin("2.0.1", "a", "refs/tags/v2.0.1"), After: pin("2.0.2", "b", "refs/tags/v2.0.2")},
			{Ref: "jira", Action: plan.Install, After: pin("3.3.0", "c", "refs/tags/v3.3.0"), Findings: []pack.Finding{graded(pack.Safe, "PS-PACK-ADDED", "", "the pack comes, with 12 actions")}},
			{Ref: "lab", Action: plan.Update, Before: &reconcile.Pinned{Source: "./lab", Version: "0.1.0"}, After: &reconcile.Pinned{Source: "./lab", Version: "0.2.0"}, Findings: []pack.Finding{graded(pack.Safe, "PS-ACTION-ADDED", "action two", "it is new")}},
			{Ref: "moved", Action: plan.Update, Before: pin("1.0.0", "d", "refs/tags/v1.0.0"), After: pin("1.0.0", "e", "refs/tags/v1.0.0"), Alarms: []string{"the tag v1.0.0 was moved from commit dddddddddd to eeeeeeeeee"}},
			{Ref: "salt", Action: plan.Configure, Before: pin("1.0.0", "f", ""), After: pin("1.0.0", "f", ""), Declared: []string{"base_path: default → team"}, Config: []string{"url changed", "hosts.0.`name` added"}},
			{Ref: "tools", Action: plan.Update, Before: pin("1.0.0", "1", "refs/tags/v1.0.0"), After: pin("1.0.1", "2", "refs/tags/v1.0.1"), Findings: everyGrade()},
			{Ref: "zabbix", Action: plan.Remove, Before: pin("1.2.4", "3", "refs/tags/v1.2.4"), Findings: []pack.Finding{graded(pack.Caution, "PS-PACK-REMOVED", "", "the pack goes, with 3 actions")}},
		},
		Settings:    []string{"stackstorm: keep", "registration"},
		LockChanges: []plan.LockChange{{Ref: "new", Kind: "added", After: "1.0.0 (aaaaaaaaaa)", Reason: "not locked yet"}},
		Findings:    []pack.Finding{{ID: "PS-REFERENCE-DANGLING", Severity: pack.Note, Message: "1 reference leads nowhere, before these changes and after them", At: []string{"ops/rules/lost.yaml:1 (rule lost): action tools.never"}}},
	}
}

func TestDiffGolden(t *testing.T) {
	none := &reconcile.Diffed{Base: "main (commit 0123456789)", Digest: "d1:0", Unchanged: 1}
	for name, d := range map[string]*reconcile.Diffed{"diff": everyDifference(), "diff-none": none} {
		for suffix, style := range map[string]Style{"": {Width: 160}, "-narrow": {Width: 60}} {
			var out bytes.Buffer
			if err := Diff(&out, d, style); err != nil {
				t.Fatal(err)
			}
			golden(t, name+suffix+".golden", out.Bytes())
		}
		var out bytes.Buffer
		if err := DiffMarkdown(&out, d); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".md", out.Bytes())
	}
}

// TestDiffJSONAgrees holds the sentence against the JSON.
func TestDiffJSONAgrees(t *testing.T) {
	d := everyDifference()
	data, err := json.Marshal(DiffBody{Diffed: d, Review: ReviewOfDiff(d)})
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Packs  []struct{ Action string }
		Review Grades
		Digest string
	}
	if err := json.Unmarshal(data, &body); err != nil {
		t.Fatal(err)
	}
	if want := (Grades{Breaking: 10, Caution: 2, Safe: 4, Accepted: 1, Used: 2}); body.Review != want {
		t.Errorf("the JSON counts %+v, want %+v", body.Review, want)
	}
	sentence := DiffSummary(d)
	for _, part := range []string{"1 pack comes", "4 packs move", "1 pack is declared in another way", "1 pack goes", "42 stay", "1 alarm.", "10 breaking changes", "2 changes to be looked at", "1 accepted", "Blocked: 1 reason."} {
		if !strings.Contains(sentence, part) {
			t.Errorf("the sentence lacks %q: %s", part, sentence)
		}
	}
	if body.Digest != d.Digest || len(body.Packs) != len(d.Packs) {
		t.Errorf("the JSON has the digest %s and %d packs", body.Digest, len(body.Packs))
	}
}

// TestMarkdownFits wants a comment of any size to fit, to begin with its marker, to
// end with the digest, to close what it opens, and to count what it left out.
func TestMarkdownFits(t *testing.T) {
	for _, packs := range []int{1, 40, 3000} {
		for _, changes := range []int{0, 30, 3000} {
			d := &reconcile.Diffed{Base: "main", Digest: "d1:0123"}
			for i := range packs {
				p := reconcile.DiffedPack{Ref: pack.Ref(fmt.Sprintf("pack_%d", i)), Action: plan.Update, Before: &reconcile.Pinned{}, After: &reconcile.Pinned{}}
				for j := range changes / (1 + i) {
					grade := []pack.Grade{pack.Breaking, pack.Caution, pack.Safe}[j%3]
					p.Findings = append(p.Findings, graded(grade, "PS-X", fmt.Sprintf("action number_%d", j), "ein Satz über größere Änderungen", "ops/rules/a.yaml:1 (rule a)"))
				}
				d.Packs = append(d.Packs, p)
			}
			var out bytes.Buffer
			if err := DiffMarkdown(&out, d); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			name := fmt.Sprintf("%d packs with %d changes", packs, changes)
			if n := len(text); n > 65000 {
				t.Errorf("%s: %d bytes", name, n)
			}
			if !utf8.ValidString(text) || !strings.HasPrefix(text, Marker+"\n") || !strings.Contains(text, "--expect-digest d1:0123") {
				t.Errorf("%s: begins with %.40q and ends with %q", name, text, text[len(text)-80:])
			}
			if opened, closed := strings.Count(text, "<details>"), strings.Count(text, "</details>"); opened != closed {
				t.Errorf("%s: %d times opened, %d times closed", name, opened, closed)
			}
			long := packs == 3000 || changes == 3000
			if told := strings.Contains(text, "did not fit into this comment"); told != long {
				t.Errorf("%s: tells of a cut: %t, want %t", name, told, long)
			}
		}
	}
}

// TestMarkdownMeansNothing feeds the comment what packs and repositories may say.
func TestMarkdownMeansNothing(t *testing.T) {
	for _, text := range []string{
		"<script>", "</details>", "| a | b |", "@everyone", "#12", "org/repo#12", "https://evil.example", "www.evil.example", "![x](y)", "[x](y)",
		"`code`", "```\nfence", "<!-- packsync diff -->", "a\n\n# heading", "\u202egnp.exe", "* x", "&lt;", "\\", "GH-1", "!12", "$x$", "~~x~~",
	} {
		got := escape(text)
		for _, bad := range []string{"<", ">", "\n", "@e", "#1", "//e", "w.e", "x](", "H-1", "!1", "\u202e"} {
			if strings.Contains(got, bad) {
				t.Errorf("escape(%q) = %q, which holds %q", text, got, bad)
			}
		}
		inside := code(text)
		fence := inside[:len(inside)-len(strings.TrimLeft(inside, "`"))]
		if body := strings.TrimSuffix(strings.TrimPrefix(inside, fence), fence); strings.Contains(body, fence) || strings.Contains(inside, "\n") {
			t.Errorf("code(%q) = %q ends before its end", text, inside)
		}
	}
}
