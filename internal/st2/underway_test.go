package st2_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/st2/st2test"
)

// Each execution that was asked for before a registration, whether the engine
// works, and what comes of both.
func TestRegisterMeetsAnUnload(t *testing.T) {
	cases := []struct {
		name    string
		action  string
		packs   any
		engine  bool
		want    string   // in the error; "" for success
		note    string   // in the notes; "" for none
		types   string   // registered
		deletes int      // executions that were cancelled
		kept    []string // registered packs once the engine works again
	}{
		{"one that runs is waited for, and all is registered again", "packs.unload", []any{"acme"}, true, "", "took effect", "all", 0, []string{"acme", "user"}},
		{"one that nobody takes up is cancelled", "packs.unload", []any{"acme"}, false, "", "was cancelled", "configs", 1, []string{"acme", "user"}},
		{"one for other packs too is not ours to cancel", "packs.unload", []any{"acme", "user"}, false, "st2 execution cancel", "", "", 0, nil},
		{"an uninstall is not ours to cancel", "packs.uninstall", []any{"acme"}, false, "take it out of packs.hcl", "", "", 0, []string{"acme", "user"}},
		{"one for another pack is none of our business", "packs.unload", []any{"user"}, false, "", "", "configs", 0, []string{"acme"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.fullPack(t)
			r.server.SetEngine(c.engine)
			if r.server.Execute(c.action, map[string]any{"packs": c.packs}) == "" {
				t.Fatal("the double refused the execution")
			}
			out, err := r.client.Register(t.Context(), r.w.Request("acme", []string{"configs"}, "configs"))
			var e *st2.Error
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!errors.As(err, &e) || !strings.Contains(e.Error(), c.want)):
				t.Errorf("got %v, want …%s…", err, c.want)
			}
			if notes := strings.Join(out.Left, "\n"); c.note == "" && notes != "" || !strings.Contains(notes, c.note) {
				t.Errorf("notes %q, want …%s…", notes, c.note)
			}
			var types string
			deletes := 0
			for _, call := range r.server.Calls() {
				switch call.Method {
				case "POST":
					_, rest, _ := strings.Cut(call.Body, `"types":["`)
					types, _, _ = strings.Cut(rest, `"`)
				case "DELETE":
					deletes++
				}
			}
			if types != c.types || deletes != c.deletes {
				t.Errorf("registered %q, cancelled %d", types, deletes)
			}
			r.server.SetEngine(true)
			kept := slices.DeleteFunc(r.server.Refs("packs"), func(ref string) bool { return packRef(ref).IsSystem() })
			if !slices.Equal(kept, c.kept) {
				t.Errorf("StackStorm knows %v, want %v", kept, c.kept)
			}
		})
	}
}

func TestRegisterWithoutPermissionToLook(t *testing.T) {
	r := newRig(t)
	req := r.w.AddPack(t, "acme")
	r.server.Inject(st2test.Fault{Path: "/v1/executions", Status: 403, Body: `{"faultstring": "User lacks execution_list"}`})
	out, err := r.client.Register(t.Context(), req)
	if err != nil || !strings.Contains(strings.Join(out.Left, ""), "may not list executions") {
		t.Errorf("%v, %v", out, err)
	}
}

// What a person asked for may hold anything in its parameters.
func TestRegisterReadsStrangeExecutions(t *testing.T) {
	r := newRig(t)
	req := r.w.AddPack(t, "acme")
	r.server.SetEngine(false)
	for _, packs := range []any{[]any{1, 2}, []any{"{{ x }}"}, []any{map[string]any{"a": 1}}} {
		r.server.Execute("packs.unload", map[string]any{"packs": packs})
	}
	if _, err := r.client.Register(t.Context(), req); err != nil {
		t.Error(err)
	}
}
