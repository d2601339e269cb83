package st2_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/st2/st2test"
)

// objects reads "action acme.hello".
func objects(texts ...string) (out []pack.Object) {
	for _, text := range texts {
		at := strings.LastIndex(text, " ")
		out = append(out, pack.Object{Kind: text[:at], Ref: text[at+1:]})
	}
	return out
}

func TestPurgeDeletesWhatIsNamedAndNothingElse(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	others := contentOf(r.server, "user")
	done, err := r.client.Purge(t.Context(), "acme", objects(
		"action acme.bye", "action acme.gone_already", "rule acme.r", "trigger type acme.seen", "trigger type acme.tick",
		"alias acme.acme_alias", "policy acme.acme_policy", "sensor acme.AcmeSensor"))
	if err != nil {
		t.Fatal(err)
	}
	want := st2.Purged{
		Deleted: objects("rule acme.r", "alias acme.acme_alias", "policy acme.acme_policy", "action acme.bye", "action acme.gone_already",
			"trigger type acme.seen"),
		Disabled: objects("sensor acme.AcmeSensor"),
		InUse:    []st2.InUse{{Object: objects("trigger type acme.tick")[0], Rules: []string{"user.on_tick"}}},
	}
	if diff := cmp.Diff(want, done); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
	stays := map[string][]string{
		"packs": {"acme"}, "actions": {"acme.hello"}, "triggertypes": {"acme.tick"}, "sensortypes": {"acme.AcmeSensor"},
		"configs": {"acme"}, "config_schemas": {"acme"},
	}
	if diff := cmp.Diff(stays, contentOf(r.server, "acme")); diff != "" {
		t.Errorf("stays (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(others, contentOf(r.server, "user")); diff != "" {
		t.Errorf("another pack was touched:\n%s", diff)
	}
	for _, call := range r.server.Calls() {
		if call.Method == http.MethodDelete && call.Body != "" {
			t.Errorf("%s has the body %s, which may remove files", call.Path, call.Body)
		}
	}
}

// StackStorm knows an alias by its name alone: one that another pack registered
// since is that pack's (reference.md 4.3).
func TestPurgeLeavesWhatAnotherPackTookOver(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	r.w.Write(t, "user/aliases/a.yaml", "name: acme_alias\naction_ref: acme.hello\nformats: [hi]\n")
	if _, err := r.client.Register(t.Context(), r.w.Request("user", []string{"all"})); err != nil {
		t.Fatal(err)
	}
	if _, err := r.client.Purge(t.Context(), "acme", objects("alias acme.acme_alias")); err != nil {
		t.Fatal(err)
	}
	if refs := r.server.Refs("actionalias"); !slices.Contains(refs, "user.acme_alias") {
		t.Errorf("the other pack's alias is gone: %v", refs)
	}
}

// Some collections of StackStorm ignore ?pack= (server-behaviour.md, Purge 1): what
// an element says it belongs to decides.
func TestPurgeWhereThePackFilterIsIgnored(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	deaf := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		query := request.URL.Query()
		query.Del("pack")
		request.URL.RawQuery = query.Encode()
		r.server.ServeHTTP(w, request)
	}))
	defer deaf.Close()
	client, _ := newAPI(deaf.URL)
	others := contentOf(r.server, "user")
	if _, err := client.Purge(t.Context(), "acme", objects("action acme.bye")); err != nil {
		t.Fatal(err)
	}
	r.server.FailUnloads() // so that the objects are deleted one by one
	if _, err := client.Unregister(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(others, contentOf(r.server, "user")); diff != "" {
		t.Errorf("another pack was touched:\n%s", diff)
	}
	if actions := r.server.Refs("actions"); !slices.Contains(actions, "core.local") {
		t.Errorf("StackStorm's own actions are gone: %q", actions)
	}
}

func TestPurgeRefuses(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	for name, test := range map[string]struct {
		ref     string
		objects []pack.Object
	}{
		"objects of another pack": {"acme", objects("action user.x")},
		"an unknown kind":         {"acme", objects("config acme.x")},
		"StackStorm's own packs":  {"core", objects("action core.local")},
	} {
		var e *st2.Error
		if _, err := r.client.Purge(t.Context(), packRef(test.ref), test.objects); !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if paths := r.paths(); len(paths) > 0 {
		t.Errorf("it sent %q", paths)
	}
}

// A failure in the middle tells what was done, and the same purge can be asked
// again.
func TestPurgeIsResumed(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	all := objects("rule acme.r", "action acme.bye", "action acme.hello")
	r.server.Inject(st2test.Fault{Method: http.MethodDelete, Path: "/v1/actions", Skip: 1, Status: http.StatusInternalServerError, Body: `{"faultstring": "Internal Server Error"}`})
	done, err := r.client.Purge(t.Context(), "acme", all)
	if err == nil || !strings.Contains(err.Error(), "action acme.hello") {
		t.Fatalf("the error does not name the object: %v", err)
	}
	if diff := cmp.Diff(objects("rule acme.r", "action acme.bye"), done.Deleted); diff != "" {
		t.Errorf("deleted before the failure (-want +got):\n%s", diff)
	}
	r.server.Heal()
	if done, err = r.client.Purge(t.Context(), "acme", all); err != nil || len(done.Deleted) != 3 {
		t.Errorf("again: %v, %v", done, err)
	}
	if actions := contentOf(r.server, "acme")["actions"]; len(actions) > 0 {
		t.Errorf("still there: %v", actions)
	}
}

// A 404 whose text is not the one of an object that is gone is no success.
func TestPurgeKnowsWhichNotFoundMeansGone(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	r.server.Inject(st2test.Fault{Method: http.MethodDelete, Status: http.StatusNotFound, Body: `{"faultstring": "The resource could not be found."}`, Times: 1})
	if _, err := r.client.Purge(t.Context(), "acme", objects("action acme.bye")); err == nil {
		t.Error("it passes for deleted")
	}
	r.server.Inject(st2test.Fault{Method: http.MethodDelete, Cut: true, After: true, Times: 1})
	if done, err := r.client.Purge(t.Context(), "acme", objects("action acme.bye")); err != nil || len(done.Deleted) != 1 {
		t.Errorf("deleted, the answer lost, asked again: %v, %v", done, err)
	}
}

func TestUnloadClearsAPackThatStays(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	rules, err := r.client.RulesOn(t.Context(), "acme")
	if diff := cmp.Diff([]st2.Rule{{Ref: "user.on_tick", Pack: "user"}}, rules); diff != "" || err != nil {
		t.Fatalf("rules of other packs (-want +got):\n%s%v", diff, err)
	}
	if err := r.client.Unload(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	if left := contentOf(r.server, "acme"); len(left) > 0 {
		t.Errorf("still registered: %v", left)
	}
	// The rule has only the name of its trigger left, and is found all the same.
	if again, err := r.client.RulesOn(t.Context(), "acme"); err != nil || len(again) != 1 {
		t.Errorf("after the unload: %v, %v", again, err)
	}
}

// Unload never deletes object by object, and what it gave up waiting for does not
// happen later.
func TestUnloadWithoutEngine(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	before := contentOf(r.server, "acme")
	r.server.SetEngine(false)
	err := r.client.Unload(t.Context(), "acme")
	var e *st2.Error
	if !errors.As(err, &e) || !strings.Contains(e.Text, "cancelled") || e.Hint == "" {
		t.Fatalf("%v", err)
	}
	r.server.SetEngine(true)
	if diff := cmp.Diff(before, contentOf(r.server, "acme")); diff != "" {
		t.Errorf("something is gone:\n%s", diff)
	}
}

func TestUnloadThatFails(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	r.server.FailUnloads()
	if err := r.client.Unload(t.Context(), "acme"); err == nil || !strings.Contains(err.Error(), "ended as failed") {
		t.Errorf("%v", err)
	}
}
