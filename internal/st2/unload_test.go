package st2_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/st2/st2test"
)

// contentOf returns the refs of what the double has of packs that begin with a
// word, by collection; empty collections are left out.
func contentOf(server *st2test.Server, pack string) map[string][]string {
	content := map[string][]string{}
	for _, collection := range []string{"packs", "rules", "actionalias", "policies", "actions", "triggertypes", "sensortypes", "configs", "config_schemas"} {
		for _, ref := range server.Refs(collection) {
			if ref == pack || strings.HasPrefix(ref, pack+".") {
				content[collection] = append(content[collection], ref)
			}
		}
	}
	return content
}

// fullPack registers a pack with content of every kind, and a second one whose
// rule and alias use it.
func (r *rig) fullPack(t *testing.T) {
	t.Helper()
	r.w.AddPack(t, "acme")
	r.w.Write(t, "acme/aliases/a.yaml", "name: acme_alias\naction_ref: acme.hello\nformats: [hello]\n")
	r.w.Write(t, "acme/policies/p.yaml", "name: acme_policy\nresource_ref: acme.hello\npolicy_type: action.concurrency\n")
	r.w.Write(t, "acme/sensors/s.yaml", "class_name: AcmeSensor\nentry_point: s.py\ntrigger_types: [{name: seen}]\n")
	r.w.WriteConfig(t, "acme", "port: 1\n")
	r.w.Write(t, "user/pack.yaml", st2test.PackYAML("user", "1.0.0"))
	r.w.Write(t, "user/rules/on_tick.yaml", "name: on_tick\nenabled: true\ntrigger: {type: acme.tick}\naction: {ref: acme.hello}\n")
	r.w.Write(t, "user/aliases/a.yaml", "name: user_alias\naction_ref: acme.hello\nformats: [hi]\n")
	for _, ref := range []string{"acme", "user"} {
		if _, err := r.client.Register(t.Context(), r.w.Request(ref, []string{"all"})); err != nil {
			t.Fatal(err)
		}
	}
	r.server.Forget()
}

func TestUnregisterUnloadsThePack(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	others := contentOf(r.server, "user")
	out, err := r.client.Unregister(t.Context(), "acme")
	if err != nil || len(out.Left) > 0 {
		t.Fatalf("left %v, %v", out.Left, err)
	}
	if left := contentOf(r.server, "acme"); len(left) > 0 {
		t.Errorf("still registered: %v", left)
	}
	if diff := cmp.Diff(others, contentOf(r.server, "user")); diff != "" {
		t.Errorf("another pack was touched:\n%s", diff)
	}
	for _, path := range r.paths() {
		if strings.HasPrefix(path, "DELETE") {
			t.Errorf("unload needs no %s", path)
		}
	}
}

func TestUnregisterOfAnUnknownPackChangesNothing(t *testing.T) {
	r := newRig(t)
	for _, ref := range []string{"nosuch", "index_tools", "views"} {
		if _, err := r.client.Unregister(t.Context(), packRef(ref)); err != nil {
			t.Error(err)
		}
	}
	for _, path := range r.paths() {
		if !strings.HasPrefix(path, "GET") {
			t.Errorf("it sent %s", path)
		}
	}
}

// A path cannot name a pack whose ref begins with index or views.
func TestUnregisterOfAPackCalledIndex(t *testing.T) {
	r := newRig(t)
	r.registered(t, "index_tools")
	if _, err := r.client.Unregister(t.Context(), "index_tools"); err != nil {
		t.Fatal(err)
	}
	if left := contentOf(r.server, "index_tools"); len(left) > 0 {
		t.Errorf("still registered: %v", left)
	}
}

// Where no engine carries the unload out it is taken back, and the objects are
// deleted one by one.
func TestUnregisterWithoutEngine(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	r.server.SetEngine(false)
	others := contentOf(r.server, "user")
	out, err := r.client.Unregister(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"packs": {"acme"}, "triggertypes": {"acme.tick"}, "sensortypes": {"acme.AcmeSensor"},
		"configs": {"acme"}, "config_schemas": {"acme"},
	}
	if diff := cmp.Diff(want, contentOf(r.server, "acme")); diff != "" {
		t.Errorf("stays (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(others, contentOf(r.server, "user")); diff != "" {
		t.Errorf("another pack was touched:\n%s", diff)
	}
	for i, words := range []string{"sensor acme.AcmeSensor is disabled",
		"trigger type acme.tick stays registered, because rules of other packs use it: user.on_tick", "st2 run packs.unload packs=acme"} {
		if len(out.Left) != 3 || !strings.Contains(out.Left[i], words) {
			t.Errorf("left %q, want …%s…", out.Left, words)
		}
	}
	assertOrder(t, r.paths(), "DELETE /v1/executions", "DELETE /v1/rules", "DELETE /v1/actionalias", "DELETE /v1/policies", "DELETE /v1/actions", "PUT /v1/sensortypes", "DELETE /v1/triggertypes")

	// The engine comes back: what was cancelled is not carried out.
	r.server.SetEngine(true)
	if r.server.Version("acme") == "" {
		t.Error("the unload was carried out after all")
	}
}

// assertOrder checks that each prefix occurs, the last of one before the first
// of the next.
func assertOrder(t *testing.T, paths []string, prefixes ...string) {
	t.Helper()
	last := -1
	for _, prefix := range prefixes {
		begins := func(path string) bool { return strings.HasPrefix(path, prefix) }
		first := slices.IndexFunc(paths, begins)
		if first <= last {
			t.Fatalf("%s at %d, want it after %d in\n%s", prefix, first, last, strings.Join(paths, "\n"))
		}
		for i, path := range paths {
			if begins(path) {
				last = i
			}
		}
	}
}

func TestUnregisterWhenUnloadFails(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	r.server.FailUnloads()
	out, err := r.client.Unregister(t.Context(), "acme")
	if err != nil || len(out.Left) == 0 {
		t.Fatalf("left %v, %v", out.Left, err)
	}
	if rules := contentOf(r.server, "acme")["rules"]; len(rules) > 0 {
		t.Errorf("rules stay: %v", rules)
	}
}

func TestUnregisterWaitsAsLongAsTold(t *testing.T) {
	r := newRig(t)
	r.registered(t, "acme")
	r.server.SetEngine(false)
	start := r.clock.Now()
	if _, err := r.client.Unregister(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	if waited := r.clock.Now().Sub(start); waited < 2*time.Minute || waited > 2*time.Minute+10*time.Second {
		t.Errorf("waited %v, want the 2 minutes of UnloadTimeout", waited)
	}
}

// The answer to the request is lost, or a run was killed while it waited: the
// execution that is there is found again, and there is never a second one, which
// would unload the pack at some later time.
func TestUnregisterFindsAWaitingUnload(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(t *testing.T, r *rig)
	}{
		{"an answer that is lost", func(_ *testing.T, r *rig) {
			r.server.Inject(st2test.Fault{Method: "POST", Path: "/v1/executions", Cut: true, After: true, Times: 1})
		}},
		{"a run that was killed", func(t *testing.T, r *rig) {
			ctx, cancel := context.WithCancel(t.Context())
			r.server.Inject(st2test.Fault{Method: "GET", Path: "/v1/executions/", Hang: true, Times: 1, Meanwhile: cancel})
			if _, err := r.client.Unregister(ctx, "acme"); !errors.Is(err, context.Canceled) {
				t.Fatalf("the first run: %v", err)
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.registered(t, "acme")
			c.spoil(t, r)
			if _, err := r.client.Unregister(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
			posts := 0
			for _, path := range r.paths() {
				if path == "POST /v1/executions" {
					posts++
				}
			}
			if posts != 1 {
				t.Errorf("%d unloads were started", posts)
			}
			if left := contentOf(r.server, "acme"); len(left) > 0 {
				t.Errorf("still registered: %v", left)
			}
		})
	}
}

func TestUnregisterWhenTheEngineWakesUpDuringTheCancel(t *testing.T) {
	r := newRig(t)
	r.registered(t, "acme")
	r.server.SetEngine(false)
	r.server.Inject(st2test.Fault{Method: "DELETE", Path: "/v1/executions/", Status: 502, Body: "<html>", Times: 1, Meanwhile: func() { r.server.SetEngine(true) }})
	out, err := r.client.Unregister(t.Context(), "acme")
	if err != nil || len(out.Left) > 0 {
		t.Errorf("left %v, %v", out.Left, err)
	}
	if left := contentOf(r.server, "acme"); len(left) > 0 {
		t.Errorf("still registered: %v", left)
	}
}

func TestUnregisterFailures(t *testing.T) {
	cases := []struct {
		name   string
		engine bool
		fault  st2test.Fault
		want   string
	}{
		{"the cancel is refused", false, st2test.Fault{Method: "DELETE", Path: "/v1/executions/", Status: 500, Body: `{"faultstring": "Internal Server Error"}`}, "st2 execution cancel 6b04"},
		{"unload is forbidden", true, st2test.Fault{Method: "POST", Path: "/v1/executions", Status: 403, Body: `{"faultstring": "no"}`}, "lacks a permission"},
		{"the API goes away", true, st2test.Fault{Method: "GET", Path: "/v1/executions/", Cut: true}, "check that StackStorm's API runs"},
		{"an answer that is no execution", true, st2test.Fault{Method: "POST", Path: "/v1/executions", Status: 201, Body: `{}`}, "no execution"},
		{"a list that is none", true, st2test.Fault{Method: "GET", Path: "/v1/packs", Status: 200, Body: `{"a": 1}`}, "not what StackStorm's API documents"},
		{"a delete that fails", false, st2test.Fault{Method: "DELETE", Path: "/v1/actions", Status: 400, Body: `{"faultstring": "Resources belonging to system level packs can't be manipulated"}`}, "system level packs"},
		{"a sensor that cannot be disabled", false, st2test.Fault{Method: "PUT", Path: "/v1/sensortypes", Status: 500, Body: `{"faultstring": "Internal Server Error"}`}, "answered 500"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.fullPack(t)
			r.server.SetEngine(c.engine)
			r.server.Inject(c.fault)
			_, err := r.client.Unregister(t.Context(), "acme")
			var e *st2.Error
			if !errors.As(err, &e) {
				t.Fatalf("want a *st2.Error, got %v", err)
			}
			if all := e.Error() + " | " + e.Hint; !strings.HasPrefix(e.Op, "unregister acme") || !strings.Contains(all, c.want) {
				t.Errorf("%s\nwant …%s…", all, c.want)
			}
		})
	}
}

// What failed half-way is finished by the next run.
func TestUnregisterCanBeRepeated(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	r.server.SetEngine(false)
	r.server.Inject(st2test.Fault{Method: "DELETE", Path: "/v1/policies", Status: 400, Body: `{"faultstring": "no"}`, Times: 1})
	if _, err := r.client.Unregister(t.Context(), "acme"); err == nil {
		t.Fatal("the first run should fail")
	}
	if _, err := r.client.Unregister(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	if left := contentOf(r.server, "acme"); len(left["actions"])+len(left["rules"])+len(left["policies"]) > 0 {
		t.Errorf("still registered: %v", left)
	}
}

// Some lists ignore ?pack=: what belongs to another pack is never deleted.
func TestUnregisterDeletesNothingOfOtherPacks(t *testing.T) {
	r := newRig(t)
	r.fullPack(t)
	r.server.SetEngine(false)
	r.server.Inject(st2test.Fault{Method: "GET", Path: "/v1/actions", Times: 1, Status: 200,
		Body: `[{"id": "6b0400000000000000000001", "ref": "core.local", "pack": "core"}, {"id": "x", "ref": "user.a", "pack": "user"}]`})
	if _, err := r.client.Unregister(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	for _, path := range r.paths() {
		if strings.HasPrefix(path, "DELETE /v1/actions/") {
			t.Errorf("it sent %s", path)
		}
	}
}

func TestUnregisterNoticesARegistrationInBetween(t *testing.T) {
	r := newRig(t)
	req := r.registered(t, "acme")
	other, _ := newAPI(r.url)
	r.server.Inject(st2test.Fault{Method: "GET", Path: "/v1/packs", Skip: 1, Times: 1, Meanwhile: func() {
		if _, err := other.Register(context.Background(), req); err != nil {
			t.Error(err)
		}
	}})
	_, err := r.client.Unregister(t.Context(), "acme")
	var e *st2.Error
	if !errors.As(err, &e) || !strings.Contains(e.Text, "still knows the pack") {
		t.Errorf("got %v", err)
	}
}
