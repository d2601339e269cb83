package index

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/testenv"
)

// stillClock is a time that never passes.
type stillClock struct{}

func (stillClock) Now() time.Time                                   { return time.Date(2026, 2, 5, 12, 0, 0, 0, time.UTC) }
func (stillClock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// plainDisk writes the cache.
type plainDisk struct {
	safefs.Disk
	full bool
}

func (d plainDisk) MkdirAll(path string, owner safefs.Owner) error {
	return os.MkdirAll(path, owner.Mode)
}

func (d plainDisk) WriteFile(path string, data []byte, owner safefs.Owner) error {
	if d.full {
		return errors.New("no space left on device")
	}
	return os.WriteFile(path, data, owner.Mode)
}

// server answers with what the test sets, and counts.
type server struct {
	*httptest.Server
	answer   atomic.Value // http.HandlerFunc
	requests atomic.Int32
}

func serve(t *testing.T, answer http.HandlerFunc) *server {
	s := &server{}
	s.answer.Store(answer)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		s.answer.Load().(http.HandlerFunc)(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func packs(list ...string) string {
	var entries []string
	for _, name := range list {
		entries = append(entries, fmt.Sprintf(`%q: {"repo_url": "https://h.example/%s", "version": "1.0.0"}`, name, name))
	}
	return `{"packs": {` + strings.Join(entries, ", ") + `}}`
}

func options(t *testing.T) Options {
	return Options{HTTP: &http.Client{}, Clock: stillClock{}, CacheDir: t.TempDir(), Disk: plainDisk{}}
}

func TestTheFirstIndexWins(t *testing.T) {
	one := serve(t, text(`{"packs": {"aws": {"repo_url": "https://acme.example/aws", "version": "9.0.0"}}}`))
	two := serve(t, text(packs("aws", "jira")))
	set, problems := Load(t.Context(), []config.Index{{Name: "acme", URL: one.URL}, {Name: "exchange", URL: two.URL}}, options(t))
	if len(problems) != 0 {
		t.Fatal(problems)
	}
	for name, want := range map[string]Found{
		"aws":  {Entry{"aws", "https://acme.example/aws", "9.0.0"}, one.URL},
		"jira": {Entry{"jira", "https://h.example/jira", "1.0.0"}, two.URL},
	} {
		if got, err := set.Find(name); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	one := serve(t, text(packs("kubernetes", "kafka", "jira", "servicenow")))
	set, _ := Load(t.Context(), []config.Index{{Name: "a", URL: one.URL}}, options(t))
	for name, near := range map[string]string{
		"kubernets": "kubernetes",
		"Jira":      "jira",
		"kafak":     "kafka",
		"service":   "servicenow",
		"zzz":       "",
	} {
		_, err := set.Find(name)
		unknown, ok := errors.AsType[*UnknownError](err)
		if !ok || strings.Join(unknown.Near, " ") != near || !slices.Equal(unknown.Indexes, []string{one.URL}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	none, _ := Load(t.Context(), nil, options(t))
	if _, err := none.Find("jira"); err == nil || !strings.Contains(err.Error(), "no index is declared") {
		t.Errorf("without an index: %v", err)
	}
}

func TestShapes(t *testing.T) {
	cases := []struct {
		name, body string
		class      Class
		says       string
	}{
		{"not JSON", "packs: {}", Malformed, "not JSON"},
		{"cut off", `{"packs": {"a": `, Malformed, "not JSON"},
		{"two documents", `{"packs": {}} {}`, Malformed, "not JSON"},
		{"nothing", " \n", Malformed, "no content"},
		{"a login page", "<!DOCTYPE html><title>Welcome</title>", Malformed, "web page"},
		{"a list", `[]`, Malformed, "not a JSON object"},
		{"null", `null`, Malformed, "not a JSON object"},
		{"a number", `42`, Malformed, "not a JSON object"},
		{"a text", `"packs"`, Malformed, "not a JSON object"},
		{"no packs", `{"metadata": {}}`, Malformed, `no "packs"`},
		{"packs as list", `{"packs": []}`, Malformed, "not an object"},
		{"packs as null", `{"packs": null}`, Malformed, "not an object"},
		{"an empty object", `{}`, Empty, "{}"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, text(c.body))
			opts := options(t)
			set, problems := Load(t.Context(), []config.Index{{Name: "a", URL: s.URL}}, opts)
			if len(problems) != 1 || problems[0].Class != c.class || !strings.Contains(problems[0].Error(), c.says) {
				t.Fatalf("problems %v, want %s: %s", problems, c.class, c.says)
			}
			if _, err := set.Find("x"); !errors.As(err, new(*MissingError)) {
				t.Errorf("Find: %v", err)
			}
			if cached, err := opts.readCache(s.URL); cached != nil || err != nil {
				t.Errorf("it was cached: %v, %v", cached, err)
			}
		})
	}
	s := serve(t, text(`{"packs": {}}`))
	set, problems := Load(t.Context(), []config.Index{{Name: "a", URL: s.URL}}, options(t))
	if _, err := set.Find("x"); len(problems) != 0 || !errors.As(err, new(*UnknownError)) {
		t.Errorf("an index without packs is whole: %v, %v", problems, err)
	}
}

func TestEntries(t *testing.T) {
	s := serve(t, text(`{"packs": {
		"whole":   {"name": "Whole", "repo_url": "https://h.example/whole", "version": "1.2.3", "content": {}},
		"bare":    {"repo_url": "https://h.example/bare"},
		"null":    {"repo_url": "https://h.example/null", "version": null},
		"number":  {"repo_url": "https://h.example/number", "version": 1.10},
		"noURL":   {"version": "1.0.0"},
		"nullURL": {"repo_url": null},
		"badURL":  {"repo_url": 7},
		"list":    [],
		"vlist":   {"repo_url": "https://h.example/v", "version": ["1"]}}}`))
	set, problems := Load(t.Context(), []config.Index{{Name: "a", URL: s.URL}}, options(t))
	if len(problems) != 0 {
		t.Fatal(problems)
	}
	for name, want := range map[string]string{
		"whole": "1.2.3", "bare": "", "null": "", "number": "1.10",
		"noURL": "error: no repo_url", "nullURL": "error: no repo_url", "badURL": "error: no repo_url", "list": "error: not an object", "vlist": "error: not a text",
	} {
		got, err := set.Find(name)
		if says, bad := strings.CutPrefix(want, "error: "); bad {
			if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), s.URL) {
				t.Errorf("%s: %v, want an error: %s", name, err, says)
			}
		} else if err != nil || got.Version != want || got.Name != name {
			t.Errorf("%s: %+v, %v, want version %q", name, got, err, want)
		}
	}
}

// An index that cannot be read decides about every name that it might have: no
// later index may answer in its place.
func TestAMissingIndexStopsWhatItMightDecide(t *testing.T) {
	first, second, third := serve(t, text(packs("own"))), serve(t, status(http.StatusForbidden)), serve(t, text(packs("aws", "own")))
	set, problems := Load(t.Context(), []config.Index{{Name: "first", URL: first.URL}, {Name: "second", URL: second.URL}, {Name: "third", URL: third.URL}}, options(t))
	if len(problems) != 1 || problems[0].Index.Name != "second" || problems[0].Class != Unresponsive {
		t.Fatal(problems)
	}
	if got, err := set.Find("own"); err != nil || got.IndexURL != first.URL {
		t.Errorf("a name of an earlier index: %v, %v", got, err)
	}
	for _, name := range []string{"aws", "nobody"} {
		_, err := set.Find(name)
		missing, ok := errors.AsType[*MissingError](err)
		if !ok || missing.Problem.Index.Name != "second" || !strings.Contains(err.Error(), "403") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheCache(t *testing.T) {
	body := packs("aws")
	confirmed := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"v1"` && r.Header.Get("If-Modified-Since") == "Thu, 05 Feb 2026 12:00:00 GMT" {
			confirmed++
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Last-Modified", "Thu, 05 Feb 2026 12:00:00 GMT")
		fmt.Fprint(w, body)
	})
	opts := options(t)
	indexes := []config.Index{{Name: "exchange", URL: s.URL}}
	find := func(opts Options) (Found, []Problem, error) {
		set, problems := Load(t.Context(), indexes, opts)
		found, err := set.Find("aws")
		return found, problems, err
	}
	for range 2 { // fetched, then confirmed
		if found, problems, err := find(opts); err != nil || len(problems) != 0 || found.Version != "1.0.0" {
			t.Fatal(found, problems, err)
		}
	}
	if s.requests.Load() != 2 || confirmed != 1 {
		t.Errorf("%d requests, %d answered by \"not modified\"", s.requests.Load(), confirmed)
	}

	offline := opts
	offline.Offline = true
	s.answer.Store(status(http.StatusServiceUnavailable))
	for name, opts := range map[string]Options{"server down": opts, "offline": offline} {
		found, problems, err := find(opts)
		if err != nil || found.Version != "1.0.0" || len(problems) != 1 || !strings.Contains(problems[0].Error(), "copy of 2026-02-05 12:00 UTC") {
			t.Errorf("%s: %v, %v, %v", name, found, problems, err)
		}
		if errors.Is(problems[0], source.ErrOffline) != opts.Offline {
			t.Errorf("%s: %v", name, problems[0])
		}
	}
	if s.requests.Load() != 5 { // a 503 is tried three times, offline not at all
		t.Errorf("%d requests", s.requests.Load())
	}
	s.answer.Store(text("<html>captive portal</html>"))
	if found, problems, err := find(opts); err != nil || found.Version != "1.0.0" || len(problems) != 1 || problems[0].Class != Malformed {
		t.Errorf("a login page: %v, %v, %v", found, problems, err)
	}
	s.answer.Store(text(`{"packs": {"aws": {"repo_url": "https://h.example/aws", "version": "2.0.0"}}}`))
	if found, problems, err := find(opts); err != nil || len(problems) != 0 || found.Version != "2.0.0" {
		t.Errorf("a new document: %v, %v, %v", found, problems, err)
	}
	if found, _, err := find(offline); err != nil || found.Version != "2.0.0" {
		t.Errorf("the new document from the cache: %v, %v", found, err)
	}
}

func TestADamagedCacheIsNeverBelieved(t *testing.T) {
	s := serve(t, text(packs("aws")))
	opts := options(t)
	indexes := []config.Index{{Name: "exchange", URL: s.URL}}
	Load(t.Context(), indexes, opts)
	path := opts.cachePath(s.URL)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string]string{
		"cut off":          string(whole[:len(whole)-5]),
		"empty":            "",
		"changed":          strings.Replace(string(whole), "h.example", "evil.example", 1),
		"of another index": strings.Replace(string(whole), s.URL, "https://other.example", 1),
	} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		offline := opts
		offline.Offline = true
		set, problems := Load(t.Context(), indexes, offline)
		if _, err := set.Find("aws"); err == nil || len(problems) != 1 || !strings.Contains(problems[0].Error(), "is damaged") {
			t.Errorf("%s: %v, %v", name, problems, err)
		}
	}
	set, problems := Load(t.Context(), indexes, opts)
	if _, err := set.Find("aws"); err != nil || len(problems) != 0 {
		t.Errorf("fetched anew: %v, %v", problems, err)
	}
}

func TestACacheThatCannotBeWrittenIsAWarning(t *testing.T) {
	s := serve(t, text(packs("aws")))
	opts := options(t)
	opts.Disk = plainDisk{full: true}
	set, problems := Load(t.Context(), []config.Index{{Name: "a", URL: s.URL}}, opts)
	if _, err := set.Find("aws"); err != nil || len(problems) != 1 || problems[0].Class != Uncached {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestTooLarge(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip") // small on the wire, endless unpacked
		z := gzip.NewWriter(w)
		defer z.Close()
		blanks := []byte(strings.Repeat(" ", 1<<20))
		for range maxBytes>>20 + 2 {
			if _, err := z.Write(blanks); err != nil {
				return
			}
		}
	})
	_, problems := Load(t.Context(), []config.Index{{Name: "a", URL: s.URL}}, options(t))
	if len(problems) != 1 || problems[0].Class != Malformed || !strings.Contains(problems[0].Error(), "larger than 32 MiB") {
		t.Errorf("%v", problems)
	}
	if s.requests.Load() != 1 {
		t.Errorf("%d requests", s.requests.Load())
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "an index.json")
	if err := os.WriteFile(path, []byte("\ufeff"+packs("own")), 0o644); err != nil {
		t.Fatal(err)
	}
	opts := options(t)
	opts.Offline = true
	set, problems := Load(t.Context(), []config.Index{{Name: "own", URL: "file://" + strings.ReplaceAll(path, " ", "%20")}}, opts)
	if _, err := set.Find("own"); err != nil || len(problems) != 0 {
		t.Errorf("%v, %v", problems, err)
	}
	set, problems = Load(t.Context(), []config.Index{{Name: "own", URL: "file://" + dir + "/absent.json"}}, opts)
	if _, err := set.Find("own"); err == nil || len(problems) != 1 || !errors.Is(problems[0], os.ErrNotExist) {
		t.Errorf("a missing file: %v, %v", problems, err)
	}
}

func TestLazyAsksOnlyWhenItMust(t *testing.T) {
	s := serve(t, text(packs("aws", "jira")))
	lazy := NewLazy([]config.Index{{Name: "a", URL: s.URL}}, options(t))
	if s.requests.Load() != 0 || lazy.Problems() != nil {
		t.Fatal("it asked before it had to")
	}
	for _, name := range []string{"aws", "jira"} {
		if _, err := lazy.Find(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if s.requests.Load() != 1 {
		t.Errorf("%d requests", s.requests.Load())
	}
}

func TestACancelledRunSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, problems := Load(ctx, []config.Index{{Name: "a", URL: s.URL}}, options(t))
	if len(problems) != 1 || !errors.Is(problems[0], context.Canceled) || s.requests.Load() != 1 {
		t.Errorf("%v after %d requests", problems, s.requests.Load())
	}
}

func TestTheExchange(t *testing.T) {
	path := filepath.Join(testenv.Shared(t), "corpus", "exchange-index.json")
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	set, problems := Load(t.Context(), []config.Index{{Name: "exchange", URL: "file://" + abs}}, Options{})
	if len(problems) != 0 {
		t.Fatal(problems)
	}
	count := 0
	for name := range set.indexes[0].packs {
		count++
		found, err := set.Find(name)
		if err != nil || found.RepoURL != "https://github.com/StackStorm-Exchange/stackstorm-"+name || found.Version == "" {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
	if count != 169 {
		t.Errorf("%d packs", count)
	}
	if k, err := set.Find("kubernetes"); err != nil || k.Version != "1.0.1" {
		t.Errorf("kubernetes: %+v, %v", k, err)
	}
	if _, err := set.Find("kuberntes"); !strings.Contains(fmt.Sprint(err), "similar names: kubernetes") {
		t.Errorf("a misspelt name: %v", err)
	}
}

// Whatever a server sends: an index or a reason, and every pack of it can be
// asked for.
func FuzzParse(f *testing.F) {
	f.Add([]byte(packs("aws")))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"packs": {"a": {"repo_url": "x", "version": 1}, "b": null, "c": []}}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		list, err := parse(document)
		if (list == nil) != (err != nil) {
			t.Fatalf("%v with %v", list, err)
		}
		if err != nil && !errors.As(err, new(*shapeError)) {
			t.Fatalf("an error without class: %v", err)
		}
		set := &Set{indexes: []loaded{{url: "u", packs: list, problem: &Problem{Err: err}}}}
		for name := range list {
			if found, err := set.Find(name); err == nil && (found.RepoURL == "" || found.Name != name) {
				t.Fatalf("%q: %+v", name, found)
			}
		}
	})
}
