package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/packsync/packsync/internal/st2/st2test"
)

// double is the StackStorm test double of a script, behind a door that opens to
// one API key, which the script may change.
type double struct {
	server *st2test.Server
	key    atomic.Value // string
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("St2-Api-Key") != d.key.Load() {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"faultstring": "Unauthorized - ApiKey with key_hash=0 not found."}`) // the client may be gone
		return
	}
	d.server.ServeHTTP(w, r)
}

// openAPI returns StackStorm's own description of its API, if it is there: then
// every request of every script is checked against it.
func openAPI() (*st2test.Validator, error) {
	dir := os.Getenv("PACKSYNC_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	data, err := os.ReadFile(filepath.Join(dir, "stackstorm", "openapi.yaml"))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return st2test.NewValidator(data)
}

func stackstorm(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stackstorm KEY")
	}
	w := worldOf(ts)
	if w.double != nil {
		w.double.key.Store(args[0])
		return
	}
	validator, err := openAPI()
	ts.Check(err)
	w.double = &double{server: st2test.New(st2test.Options{
		BasePaths: []string{ts.MkAbs("root/packs")}, ConfigsDir: ts.MkAbs("root/configs"), OverridesDir: ts.MkAbs("root/overrides"), Validator: validator,
	})}
	w.double.key.Store(args[0])
	server := httptest.NewServer(w.double)
	ts.Defer(server.Close)
	ts.Setenv("PACKSYNC_VAR_st2", server.URL)
}

// calls wants exactly these registrations and unloads since the last look. Polls
// and read-backs change nothing and are not listed.
func calls(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: calls WANT…")
	}
	d := worldOf(ts).double
	if d == nil {
		ts.Fatalf("no StackStorm was started")
	}
	if bad := d.server.Violations(); len(bad) > 0 {
		ts.Fatalf("requests that StackStorm's API does not describe:\n%s", strings.Join(bad, "\n"))
	}
	var got []string
	for _, c := range d.server.Calls() {
		if c.Method == "GET" {
			continue
		}
		got = append(got, describe(d.server, c))
	}
	d.server.Forget()
	if !slices.Equal(got, args) {
		ts.Fatalf("StackStorm was told %q, want %q", got, args)
	}
}

// disabled wants exactly these objects to be registered and not enabled.
func disabled(ts *testscript.TestScript, neg bool, args []string) {
	d := worldOf(ts).double
	if neg || d == nil {
		ts.Fatalf("usage: disabled WANT…, after stackstorm")
	}
	if got := d.server.Disabled(); !slices.Equal(got, args) {
		ts.Fatalf("disabled is %q, want %q", got, args)
	}
}

// behind does to StackStorm what others do behind packsync's back.
func behind(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	if neg || w.double == nil || len(args) < 2 {
		ts.Fatalf("usage: behind lose COLLECTION REF | config REF JSON | engine up|down | run ACTION PACK… (after stackstorm KEY)")
	}
	server := w.double.server
	switch what := args[0]; {
	case what == "lose" && len(args) == 3:
		if !server.Lose(args[1], args[2]) {
			ts.Fatalf("StackStorm has no %s %s; it has %v", args[1], args[2], server.Refs(args[1]))
		}
	case what == "config" && len(args) == 3:
		var values map[string]any
		ts.Check(json.Unmarshal([]byte(args[2]), &values))
		server.SetConfig(args[1], values)
	case what == "engine" && len(args) == 2:
		server.SetEngine(args[1] == "up")
	case what == "run" && len(args) > 2:
		if server.Execute(args[1], map[string]any{"packs": args[2:]}) == "" {
			ts.Fatalf("StackStorm refused %v", args[1:])
		}
	default:
		ts.Fatalf("behind cannot %v", args)
	}
}

// asked wants exactly this many requests that only read, since the last calls.
func asked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: asked N")
	}
	n := 0
	var all []string
	for _, c := range worldOf(ts).double.server.Calls() {
		if c.Method == "GET" {
			n++
			all = append(all, c.Path)
		}
	}
	if fmt.Sprint(n) != args[0] {
		ts.Fatalf("StackStorm was asked %d times, want %s: %v", n, args[0], all)
	}
}

func describe(server *st2test.Server, c st2test.Call) string {
	var body struct {
		Packs, Types []string
		Action       string
		Parameters   struct{ Packs []string }
	}
	if c.Body != "" {
		if err := json.Unmarshal([]byte(c.Body), &body); err != nil {
			return c.Method + " " + c.Path
		}
	}
	collection, id := path.Split(strings.TrimPrefix(c.Path, "/v1/"))
	switch {
	case c.Method == "DELETE" && server.RefOf(id) != "":
		return "delete " + collection + server.RefOf(id)
	case c.Method == "PUT" && c.Body == `{"enabled":false}`:
		return "disable " + collection + server.RefOf(id)
	case c.Method == "POST" && c.Path == "/v1/packs/register":
		return fmt.Sprintf("register %s %s", strings.Join(body.Packs, ","), strings.Join(body.Types, ","))
	case c.Method == "POST" && c.Path == "/v1/executions" && body.Action == "packs.unload":
		return "unload " + strings.Join(body.Parameters.Packs, ",")
	}
	return c.Method + " " + c.Path
}

// faulty answers the requests that match with an error, all but the first few, or
// none any more.
func faulty(ts *testscript.TestScript, neg bool, args []string) {
	server := worldOf(ts).double.server
	if len(args) == 0 && !neg {
		server.Heal()
		return
	}
	if neg || len(args) != 3 {
		ts.Fatalf("usage: faulty [METHOD PATH GOOD]")
	}
	good, err := strconv.Atoi(args[2])
	ts.Check(err)
	server.Inject(st2test.Fault{Method: args[0], Path: args[1], Skip: good, Status: http.StatusInternalServerError, Body: `{"faultstring": "Internal Server Error"}`})
}

// has wants exactly these refs of a pack in a collection of StackStorm's API.
func has(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: has PACK COLLECTION [NAME…]")
	}
	var got []string
	for _, ref := range worldOf(ts).double.server.Refs(args[1]) {
		if name, ours := strings.CutPrefix(ref, args[0]+"."); ours {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, args[2:]) {
		ts.Fatalf("StackStorm has the %s %q of %s, want %q", args[1], got, args[0], args[2:])
	}
}

// byhand has somebody else register what lies on disk.
func byhand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: byhand PACK TYPE")
	}
	server := worldOf(ts).double.server
	body := fmt.Sprintf(`{"packs": [%q], "types": [%q]}`, args[0], args[1])
	answer := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, "/v1/packs/register", strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	server.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		ts.Fatalf("register %s by hand: %d %s", args[0], answer.Code, answer.Body)
	}
	server.Forget()
}
