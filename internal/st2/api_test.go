package st2_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/st2/st2test"
)

// rig is an API client, the double it talks to, and the disk of that.
type rig struct {
	w      st2test.World
	server *st2test.Server
	url    string
	client st2.Client
	clock  *st2test.Clock
}

func newRig(t *testing.T) *rig {
	r := &rig{w: st2test.NewWorld(t)}
	r.server, r.url = st2test.Start(t, st2test.Options{BasePaths: []string{r.w.Packs}, ConfigsDir: r.w.Configs, APIKey: apiKey})
	r.client, r.clock = newAPI(r.url)
	return r
}

// registered writes the suite's pack and registers it.
func (r *rig) registered(t *testing.T, ref string) st2.Request {
	t.Helper()
	req := r.w.AddPack(t, ref)
	if _, err := r.client.Register(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	r.server.Forget()
	return req
}

// paths returns the calls so far as "METHOD /path".
func (r *rig) paths() (paths []string) {
	for _, c := range r.server.Calls() {
		paths = append(paths, c.Method+" "+c.Path)
	}
	return paths
}

func TestRegisterLooksAndSendsOneRequest(t *testing.T) {
	r := newRig(t)
	r.w.AddPack(t, "acme")
	r.w.WriteConfig(t, "acme", "port: 1\n")
	if _, err := r.client.Register(t.Context(), r.w.Request("acme", []string{"actions", "configs"}, "configs")); err != nil {
		t.Fatal(err)
	}
	want := []st2test.Call{
		{Method: "GET", Path: "/v1/executions?limit=100&action=packs.unload", Auth: "api key"},
		{Method: "GET", Path: "/v1/executions?limit=100&action=packs.uninstall", Auth: "api key"},
		{Method: "POST", Path: "/v1/packs/register", Auth: "api key",
			Body: `{"packs":["acme"],"types":["actions","configs"],"fail_on_failure":true}`},
	}
	if diff := cmp.Diff(want, r.server.Calls()); diff != "" {
		t.Error(diff)
	}
}

func TestRegisterNamesTheDirectory(t *testing.T) {
	r := newRig(t)
	r.w.AddPack(t, "acme")
	req := r.w.Request("other", []string{"actions"})
	req.Dir = filepath.Join(r.w.Packs, "acme") + "/"
	if _, err := r.client.Register(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if body := r.server.Calls()[2].Body; !strings.Contains(body, `"packs":["acme"]`) {
		t.Errorf("StackStorm wants the name of the directory: %s", body)
	}
}

func TestCredentials(t *testing.T) {
	w := st2test.NewWorld(t)
	req := w.AddPack(t, "acme")
	cases := []struct {
		name       string
		key, token string // of the client
		server     st2test.Options
		want       string // credential sent, or what the hint says
	}{
		{"none", "", "", st2test.Options{}, ""},
		{"an API key", "k", "", st2test.Options{APIKey: "k"}, "api key"},
		{"a token", "", "t", st2test.Options{Token: "t"}, "token"},
		{"a wrong API key", "wr0ng", "", st2test.Options{APIKey: "k"}, "api_key in registration"},
		{"a wrong token", "", "wr0ng", st2test.Options{Token: "t"}, "token in registration"},
		{"missing", "", "", st2test.Options{APIKey: "k"}, "set api_key"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.server.BasePaths = []string{w.Packs}
			server, url := st2test.Start(t, c.server)
			opts := st2.Options{URL: url + "/", HTTP: &http.Client{}, Clock: st2test.NewClock()}
			if c.key != "" {
				opts.APIKey = pack.NewSecret(c.key)
			}
			if c.token != "" {
				opts.Token = pack.NewSecret(c.token)
			}
			_, err := st2.NewAPI(opts).Register(t.Context(), req)
			var e *st2.Error
			if errors.As(err, &e) {
				if e.Status != 401 || e.Attempts != 1 || !strings.Contains(e.Hint, c.want) || strings.Contains(e.Error(), "hash") {
					t.Errorf("got %v after %d attempts; hint %s", e, e.Attempts, e.Hint)
				}
				return
			}
			if err != nil || server.Calls()[0].Auth != c.want {
				t.Errorf("sent %q, %v", server.Calls()[0].Auth, err)
			}
		})
	}
}

// Each fault with how often it strikes, and what the client makes of it: success
// or an error, after how many attempts, saying what.
func TestRegisterUnderFaults(t *testing.T) {
	register := func(f st2test.Fault) []st2test.Fault {
		f.Path = "/v1/packs/register"
		return []st2test.Fault{f}
	}
	cases := []struct {
		name     string
		faults   []st2test.Fault
		attempts int
		want     string // in error or hint; "" for success
	}{
		{"a gateway that comes back", register(st2test.Fault{Status: 502, Body: "<html>Bad Gateway</html>", Times: 2}), 3, ""},
		{"a gateway that stays away", register(st2test.Fault{Status: 504, Body: "<html>Time-out</html>"}), 4, "a proxy in front of StackStorm"},
		{"an API that starts", register(st2test.Fault{Status: 503, Body: "<html>", Times: 3}), 4, ""},
		{"a collision", register(st2test.Fault{Status: 400, Body: st2test.Collision, Times: 1}), 2, ""},
		{"a conflict as 409", register(st2test.Fault{Status: 409, Body: st2test.Collision, Times: 1}), 2, ""},
		{"an outage that looks like a mistake", register(st2test.Fault{Status: 400, Body: st2test.Outage, Times: 1}), 2, ""},
		{"an outage that lasts", register(st2test.Fault{Status: 400, Body: st2test.Outage}), 4, "cannot reach its database"},
		{"a cut connection", register(st2test.Fault{Cut: true, Times: 2}), 3, ""},
		{"an answer that is lost", register(st2test.Fault{Cut: true, After: true, Times: 1}), 2, ""},
		{"connections that are always cut", register(st2test.Fault{Cut: true}), 4, "check that StackStorm's API runs"},
		{"a caller's mistake", register(st2test.Fault{Status: 400, Body: `{"faultstring": "'x' is not one of ['all']"}`}), 1, "not one of"},
		{"a missing permission", register(st2test.Fault{Status: 403, Body: `{"faultstring": "User lacks pack_register"}`}), 1, "lacks a permission"},
		{"a 500 while the database answers", register(st2test.Fault{Status: 500, Body: `{"faultstring": "Internal Server Error"}`}), 1, "st2-validate-pack-config"},
		{"a 500 while the database is away", []st2test.Fault{
			{Path: "/v1/packs/register", Status: 500, Body: `{"faultstring": "Internal Server Error"}`, Times: 1},
			{Method: "GET", Path: "/v1/packs", Status: 500, Body: `{"faultstring": "Internal Server Error"}`, Times: 1}}, 2, ""},
		{"a page with status 200", register(st2test.Fault{Status: 200, Body: "<html>StackStorm WebUI</html>"}), 1, "not JSON"},
		{"a page with status 404", register(st2test.Fault{Status: 404, Body: "<html>Not Found</html>"}), 1, "to which /v1 is appended"},
		{"nothing with status 200", register(st2test.Fault{Status: 200}), 1, "no counts"},
		{"a list with status 200", register(st2test.Fault{Status: 200, Body: "[1]"}), 1, "no counts"},
		{"null with status 200", register(st2test.Fault{Status: 200, Body: "null"}), 1, "no counts"},
		{"an answer that counts nothing", register(st2test.Fault{Status: 200, Body: "{}"}), 1, "registered no actions although the pack has some (it counted nothing)"},
		{"an answer that counts zero", register(st2test.Fault{Status: 200, Body: `{"actions": 0, "rules": 1}`}), 1, "it counted actions 0, rules 1"},
		{"counts of overrides", register(st2test.Fault{Status: 200, Body: `{"actions": 2, "actions(overridden)": 1, "rules": 1, "triggers": 1}`}), 1, ""},
		{"an answer that repeats the key", register(st2test.Fault{Status: 400, Body: `{"faultstring": "key ` + apiKey + ` is odd"}`}), 1, "key (sensitive) is odd"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			req := r.w.AddPack(t, "acme")
			for _, f := range c.faults {
				r.server.Inject(f)
			}
			_, err := r.client.Register(t.Context(), req)
			posts := 0
			for _, path := range r.paths() {
				if strings.HasPrefix(path, "POST") {
					posts++
				}
			}
			if posts != c.attempts {
				t.Errorf("%d attempts, want %d", posts, c.attempts)
			}
			if want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}[:c.attempts-1]; !slices.Equal(r.clock.Sleeps(), want) {
				t.Errorf("pauses %v, want %v", r.clock.Sleeps(), want)
			}
			var e *st2.Error
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && !errors.As(err, &e):
				t.Errorf("want a *st2.Error, got %v", err)
			case c.want != "":
				if all := e.Error() + " | " + e.Hint; !strings.Contains(all, c.want) || strings.Contains(all, apiKey) || e.Attempts != c.attempts {
					t.Errorf("%s (%d attempts)\nwant …%s…", all, e.Attempts, c.want)
				}
			}
		})
	}
}

func TestRegisterFollowsNoRedirect(t *testing.T) {
	var leaked []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		leaked = append(leaked, r.Header.Get("St2-Api-Key"))
	}))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	client, _ := newAPI(server.URL)
	_, err := client.Register(t.Context(), st2.Request{Ref: "acme", Types: []string{"all"}})
	var e *st2.Error
	if !errors.As(err, &e) || !strings.Contains(e.Text, other.URL) {
		t.Errorf("got %v", err)
	}
	if len(leaked) > 0 {
		t.Error("the API key went to another host")
	}
}

func TestRegisterTrustsNobodyByChance(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	server.Config.ErrorLog = nil
	client, clock := newAPI(server.URL)
	_, err := client.Register(t.Context(), st2.Request{Ref: "acme", Types: []string{"all"}})
	var e *st2.Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "ca_file") || len(clock.Sleeps()) > 0 {
		t.Errorf("got %v after pauses %v", err, clock.Sleeps())
	}
}

func TestRegisterEndsWithTheContext(t *testing.T) {
	r := newRig(t)
	req := r.w.AddPack(t, "acme")
	ctx, cancel := context.WithCancel(t.Context())
	r.server.Inject(st2test.Fault{Hang: true, Meanwhile: cancel})
	if _, err := r.client.Register(ctx, req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestARequestThatHangsIsGivenUpAndRepeated(t *testing.T) {
	r := newRig(t)
	req := r.w.AddPack(t, "acme")
	r.server.Inject(st2test.Fault{Path: "/v1/packs/register", Hang: true, Times: 1})
	client := st2.NewAPI(st2.Options{URL: r.url, APIKey: pack.NewSecret(apiKey), HTTP: &http.Client{}, Clock: r.clock, RequestTimeout: 200 * time.Millisecond})
	if _, err := client.Register(t.Context(), req); err != nil {
		t.Error(err)
	}
	if got := r.paths(); len(got) != 4 || got[2] != got[3] {
		t.Errorf("requests %v", got)
	}
}

func TestRegisterWhereNobodyListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	client, clock := newAPI(server.URL)
	_, err := client.Register(t.Context(), st2.Request{Ref: "acme", Types: []string{"all"}})
	var e *st2.Error
	if !errors.As(err, &e) || e.Attempts != 4 || len(clock.Sleeps()) != 3 || !strings.Contains(e.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}
