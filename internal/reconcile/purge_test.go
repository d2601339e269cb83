package reconcile

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/st2/st2test"
)

// A pack whose rules are on another's trigger types is registered after it,
// whatever their names are: StackStorm refuses such a rule otherwise.
func TestPacksWithTriggersAreRegisteredFirst(t *testing.T) {
	h := newHost(t)
	h.addStackStorm()
	h.source("acme", "1.0.0")
	h.write("sources/acme/rules/r.yaml", "name: r\ntrigger: {type: zoo.tick}\naction: {ref: acme.run}\n")
	h.source("zoo", "1.0.0")
	h.write("sources/zoo/triggers/tick.yaml", "name: tick\n")
	h.declare(block("acme"), block("zoo"))
	h.st2.double().Inject(st2test.Fault{Path: "/v1/packs/register", Status: http.StatusBadRequest, Body: `{"faultstring": "no"}`})
	if _, err := h.apply(nil); err == nil {
		t.Fatal("it says success, and StackStorm takes nothing")
	}
	h.st2.heal()
	h.mustApply() // nothing changes on disk, and the order is the same
	if rules := h.st2.double().Refs("rules"); !slices.Equal(rules, []string{"acme.r"}) {
		t.Errorf("rules %q", rules)
	}
}

// fullPurge is a host whose pack a loses a sensor and an action under purge =
// "full", while a rule of pack user is on a trigger type of it with parameters.
func fullPurge(t *testing.T) *host {
	h := newHost(t)
	h.addStackStorm()
	h.source("a", "1.0.0")
	h.write("sources/a/actions/old.yaml", "name: old\nrunner_type: noop\n")
	h.write("sources/a/sensors/poll.yaml", "class_name: Poll\nentry_point: poll.py\n")
	h.write("sources/a/sensors/poll.py", "")
	h.write("sources/a/triggers/seen.yaml", "name: seen\nparameters_schema: {type: object, properties: {where: {type: string}}}\n")
	h.source("user", "1.0.0")
	h.write("sources/user/rules/on_seen.yaml", "name: on_seen\ntrigger: {type: a.seen, parameters: {where: here}}\naction: {ref: user.run}\n")
	h.declare(block("a", `purge = "full"`), block("user"))
	h.mustApply()
	h.source("a", "2.0.0")
	must(t, os.RemoveAll(h.path("sources/a/sensors")))
	must(t, os.Remove(h.path("sources/a/actions/old.yaml")))
	return h
}

// ruleIsWhole reports whether StackStorm's view of all rules works.
func (h *host) ruleIsWhole() bool {
	answer := httptest.NewRecorder()
	h.st2.double().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/v1/rules/views?limit=-1", nil))
	return answer.Code == http.StatusOK
}

// Without an engine the new version is registered all the same, nothing is
// unloaded, and the request does not strike when the engine comes back.
func TestFullPurgeWithoutEngine(t *testing.T) {
	h := fullPurge(t)
	h.st2.double().SetEngine(false)
	applied, err := h.apply(nil)
	var partial *PartialError
	if !errors.As(err, &partial) {
		t.Fatalf("%v, want a *PartialError", err)
	}
	for _, p := range applied.Report.Packs {
		if p.Ref == "a" && (!slices.Equal(p.Pending, []string{"purge"}) || !slices.Equal(p.Registered, []string{"all"}) || !strings.Contains(p.Err.Error(), "cancelled")) {
			t.Errorf("pending %q, registered %q: %v", p.Pending, p.Registered, p.Err)
		}
	}
	h.st2.double().SetEngine(true)
	if version := h.st2.double().Version("a"); version != "2.0.0" {
		t.Errorf("StackStorm has version %q", version)
	}
	if _, there := h.st2.double().Enabled("a.Poll"); !there {
		t.Error("the sensor is gone: the unload was carried out after all")
	}
	h.mustApply()
	if _, there := h.st2.double().Enabled("a.Poll"); there || slices.Contains(h.st2.double().Refs("actions"), "a.old") {
		t.Error("StackStorm still has what went")
	}
	if !h.ruleIsWhole() {
		t.Error("the rule of the other pack is dead")
	}
	if applied := h.mustApply(); applied.Changed() {
		t.Error("there is still something to do")
	}
}

// The rules of other packs come back to life also if their registration fails
// first: until then the unload does not count as done.
func TestFullPurgeBringsRulesOfOthersBack(t *testing.T) {
	h := fullPurge(t)
	h.st2.double().Inject(st2test.Fault{Path: "/v1/packs/register", Skip: 1, Times: 1, Status: http.StatusBadRequest, Body: `{"faultstring": "no"}`})
	if _, err := h.apply(nil); err == nil {
		t.Fatal("it says success, and the rule is dead")
	}
	if h.ruleIsWhole() {
		t.Fatal("the test does not reach the point where the rule is dead")
	}
	h.mustApply()
	if !h.ruleIsWhole() {
		t.Error("the rule of the other pack is dead")
	}
	if applied := h.mustApply(); applied.Changed() {
		t.Error("there is still something to do")
	}
}

// A rule that was made by hand, on a trigger type with parameters, cannot be
// brought back: then nothing is unloaded.
func TestFullPurgeSparesRulesOfNoPack(t *testing.T) {
	h := fullPurge(t)
	must(t, os.RemoveAll(h.path("root/packs/user")))
	h.declare(block("a", `purge = "full"`)) // user is forgotten: its rule stays in StackStorm
	_, err := h.apply(nil)
	var partial *PartialError
	if !errors.As(err, &partial) {
		t.Fatalf("%v, want a *PartialError", err)
	}
	if _, there := h.st2.double().Enabled("a.Poll"); !there || !h.ruleIsWhole() {
		t.Error("it was unloaded, and the rule is dead")
	}
	found := false
	for _, p := range partial.Report.Packs {
		found = found || p.Err != nil && strings.Contains(p.Err.Error(), "user.on_seen")
	}
	if !found {
		t.Error("nobody is told which rule it is")
	}
}

// StackStorm took a version, its answer was lost, and the next version comes: what
// only the one between had has to go as well.
func TestPurgeKnowsWhatWasToldWithoutAnAnswer(t *testing.T) {
	h := newHost(t)
	h.addStackStorm()
	h.source("a", "1.0.0")
	h.declare(block("a"))
	h.mustApply()
	h.source("a", "2.0.0")
	h.write("sources/a/actions/brief.yaml", "name: brief\nrunner_type: noop\n")
	h.st2.double().Inject(st2test.Fault{Path: "/v1/packs/register", Cut: true, After: true})
	if _, err := h.apply(nil); err == nil {
		t.Fatal("it says success without an answer")
	}
	h.st2.heal()
	if !slices.Contains(h.st2.double().Refs("actions"), "a.brief") {
		t.Fatal("the test does not reach the point where StackStorm knows")
	}
	h.source("a", "3.0.0")
	must(t, os.Remove(h.path("sources/a/actions/brief.yaml")))
	h.mustApply()
	if slices.Contains(h.st2.double().Refs("actions"), "a.brief") {
		t.Error("a.brief stays")
	}
}

// A file of the new version that packsync cannot read must not make its object
// look gone.
func TestNothingIsPurgedOnDoubt(t *testing.T) {
	h := newHost(t)
	h.addStackStorm()
	h.source("a", "1.0.0")
	h.write("sources/a/actions/old.yaml", "name: old\nrunner_type: noop\n")
	h.declare(block("a"))
	h.mustApply()
	h.source("a", "2.0.0")
	h.write("sources/a/actions/old.yaml", "name: [old\n")
	applied, err := h.apply(nil)
	if err == nil {
		t.Fatal("StackStorm takes a file that is not YAML")
	}
	for _, c := range applied.Plan.Changes {
		if len(c.Stale) > 0 {
			t.Errorf("%s is to lose %v", c.Ref, c.Stale)
		}
	}
	if !slices.Contains(h.st2.double().Refs("actions"), "a.old") {
		t.Error("a.old is gone")
	}
	h.write("sources/a/actions/old.yaml", "name: old\nrunner_type: noop\n")
	h.mustApply()
	if !slices.Contains(h.st2.double().Refs("actions"), "a.old") {
		t.Error("a.old is gone")
	}
}
