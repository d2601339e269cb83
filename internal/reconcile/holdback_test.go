package reconcile

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const ruleYAML = "name: NAME\nenabled: true\ntrigger: {type: core.st2.webhook, parameters: {url: NAME}}\naction: {ref: a.run}\n"

func (h *host) rule(dir, name string) {
	h.t.Helper()
	h.write(dir+"/rules/"+name+".yaml", strings.ReplaceAll(ruleYAML, "NAME", name))
}

func installed1(t *testing.T, more ...string) *host {
	h := newHost(t)
	h.addStackStorm()
	h.source("a", "1.0.0")
	h.rule("sources/a", "old")
	h.declare(block("a", more...))
	h.mustApply()
	return h
}

func (h *host) wantDisabled(want ...string) {
	h.t.Helper()
	if got := h.st2.double().Disabled(); !slices.Equal(got, want) {
		h.t.Errorf("StackStorm has disabled %q, want %q", got, want)
	}
}

// TestAnEditApprovesNothing: a rule that somebody put into the pack by hand, before
// the version came that brings it, is held back all the same.
func TestAnEditApprovesNothing(t *testing.T) {
	h := installed1(t)
	h.rule("root/packs/a", "new")
	h.source("a", "2.0.0")
	h.rule("sources/a", "new")
	h.declare(block("a", `new_content = "disabled"`, `on_drift = "repair"`))
	h.mustApply()
	h.wantDisabled("rules a.new")
}

// TestWithoutItsDirectoryAPackIsNotNew: what packsync installed is remembered.
func TestWithoutItsDirectoryAPackIsNotNew(t *testing.T) {
	h := installed1(t)
	must(t, os.RemoveAll(h.path("root/packs/a")))
	h.source("a", "2.0.0")
	h.rule("sources/a", "new")
	h.declare(block("a", `new_content = "disabled"`))
	h.mustApply()
	h.wantDisabled("rules a.new")
}

// TestWhatWasThereKeepsItsState: switching the policy on holds nothing back, nor does
// a repair, and neither does an adoption.
func TestWhatWasThereKeepsItsState(t *testing.T) {
	h := installed1(t)
	h.declare(block("a", `new_content = "disabled"`, `on_drift = "repair"`))
	h.mustApply()
	h.write("root/packs/a/actions/run.sh", somebodysWork)
	h.mustApply()
	must(t, os.RemoveAll(h.path("root/.packsync")))
	h.mustApply()
	h.wantDisabled()
	if h.picture("root/overrides") != "" {
		t.Error("there is an override file, and nothing to say in it")
	}
}

// TestDisabledByNameIsNoApproval: what is named in disable and no longer, before it
// was enabled by name, is held back again.
func TestDisabledByNameIsNoApproval(t *testing.T) {
	h := installed1(t)
	h.source("a", "2.0.0")
	h.rule("sources/a", "new")
	policy := `new_content = "disabled"`
	for _, step := range []struct {
		declared []string
		findings bool
		want     []string
	}{
		{[]string{policy}, true, []string{"rules a.new"}},
		{[]string{policy, "overrides {\n rules {\n disable = [\"new\"]\n }\n }"}, false, []string{"rules a.new"}},
		{[]string{policy}, true, []string{"rules a.new"}},
		{[]string{policy, "overrides {\n rules {\n enable = [\"new\"]\n }\n }"}, false, nil},
		{[]string{policy}, false, nil},
	} {
		h.declare(block("a", step.declared...))
		applied := h.mustApply()
		findings := slices.Clone(applied.Plan.Findings)
		for _, c := range applied.Plan.Changes {
			findings = append(findings, c.Findings...)
		}
		shown := slices.ContainsFunc(findings, func(f finding) bool { return f.ID == "PS-HELD-BACK" })
		if shown != step.findings {
			t.Errorf("%q: shown as held back: %t", step.declared, shown)
		}
		h.wantDisabled(step.want...)
	}
}
