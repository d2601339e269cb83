package gogit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/credential"
	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/source/gogit"
	"github.com/packsync/packsync/internal/transport"
)

// fixture is one repository with one tagged commit behind an HTTP server.
type fixture struct {
	server *gittest.Server
	repo   *gittest.TestRepo
	commit pack.Commit
	client *http.Client
	clock  *fakeClock
	cache  string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	root := t.TempDir()
	f := &fixture{server: gittest.ServeHTTPRepos(t, root), client: client(t, transport.Options{}), clock: &fakeClock{}, cache: filepath.Join(t.TempDir(), "cache")}
	f.repo = gittest.New(t, root, "repo")
	f.commit = pack.Commit(f.repo.Commit("main", "First", gittest.Files{"pack.yaml": "version: 1.0.0\n", "a/b.py": "pass\n"}))
	f.repo.AnnotatedTag("v1.0.0", "main")
	return f
}

func (f *fixture) url() string { return f.server.URL + "/repo" }

func (f *fixture) host() string { return strings.TrimPrefix(f.server.URL, "http://") }

func (f *fixture) options() gogit.Options {
	return gogit.Options{Client: f.client, Clock: f.clock, CacheDir: f.cache}
}

func (f *fixture) fetch(t *testing.T, opts gogit.Options) error {
	t.Helper()
	_, err := fetchFrom(t, gogit.New(opts), f.url(), f.commit, "refs/tags/v1.0.0")
	return err
}

func paths(requests []gittest.Request) string {
	var all []string
	for _, r := range requests {
		all = append(all, r.String())
	}
	return strings.Join(all, ", ")
}

// TestRequests counts what is asked: the promise of performance.md 6.2.
func TestRequests(t *testing.T) {
	f := newFixture(t)
	want := func(what, want string) {
		t.Helper()
		if got := paths(f.server.Requests()); got != want {
			t.Errorf("%s: requests are %q, want %q", what, got, want)
		}
	}
	const refs, post = "GET /repo/info/refs?service=git-upload-pack", "POST /repo/git-upload-pack"

	if err := f.fetch(t, f.options()); err != nil {
		t.Fatal(err)
	}
	want("a locked commit", post)
	if err := f.fetch(t, f.options()); err != nil {
		t.Fatal(err)
	}
	want("a cached commit, by another process", "")

	opener := gogit.New(f.options())
	r, err := opener.Open(parse(t, f.url()))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Refs(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Resolve(t.Context(), "1.0.0"); err != nil {
			t.Fatal(err)
		}
	}
	want("listing and resolving again and again", refs)
	if _, err := r.Resolve(t.Context(), "HEAD~0"); err != nil {
		t.Fatal(err)
	}
	want("a revision that needs history", refs+", "+post)

	_, err = r.Fetch(t.Context(), "0123456789012345678901234567890123456789", "refs/heads/main")
	var gone *source.CommitGoneError
	if !errors.As(err, &gone) || !strings.Contains(err.Error(), "refs/heads/main now names "+string(f.commit)) {
		t.Errorf("error is %v, want a CommitGoneError that says where main is", err)
	}
	want("a commit that is nowhere", post+", "+refs+", "+refs+", "+post)
}

func TestCacheIsVerified(t *testing.T) {
	f := newFixture(t)
	if err := f.fetch(t, f.options()); err != nil {
		t.Fatal(err)
	}
	f.server.Requests()
	name := filepath.Join(f.cache, "packs", string(f.commit[:2]), string(f.commit)+".pack")
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	offline := f.options()
	offline.Offline = true
	for at := range good {
		bad := append([]byte(nil), good...)
		bad[at] ^= 0x10
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.fetch(t, offline); !errors.Is(err, source.ErrOffline) || !strings.Contains(err.Error(), "damaged") {
			t.Fatalf("byte %d of the cached pack was flipped, and the error is %v", at, err)
		}
	}
	for _, size := range []int{0, 11, len(good) / 2, len(good) - 1} {
		if err := os.WriteFile(name, good[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.fetch(t, f.options()); err != nil {
			t.Fatalf("a cached pack cut to %d bytes is not mended: %v", size, err)
		}
		if got := len(f.server.Requests()); got != 1 {
			t.Errorf("mending took %d requests, want 1", got)
		}
		if err := f.fetch(t, offline); err != nil {
			t.Errorf("the mended cache does not serve: %v", err)
		}
	}
}

func TestCacheIsPrivate(t *testing.T) {
	f := newFixture(t)
	if err := f.fetch(t, f.options()); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(f.cache, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if !d.IsDir() {
			files++
		}
		return nil
	})
	if err != nil || files != 1 {
		t.Errorf("the cache holds %d files (%v), want one", files, err)
	}
}

func TestCacheThatCannotBeWrittenIsTold(t *testing.T) {
	f := newFixture(t)
	opts := f.options()
	opts.CacheDir = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(opts.CacheDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var told []gogit.Event
	opts.Progress = func(e gogit.Event) { told = append(told, e) }
	// A cache that cannot even be looked at is as good as none.
	if err := f.fetch(t, opts); err != nil {
		t.Fatal(err)
	}
	if last := told[len(told)-1]; last.Phase != gogit.Uncached || last.Err == nil {
		t.Errorf("the last event is %+v, want the error of the cache", last)
	}
}

func TestOffline(t *testing.T) {
	f := newFixture(t)
	opts := f.options()
	opts.Offline = true
	err := f.fetch(t, opts)
	if !errors.Is(err, source.ErrOffline) || !strings.Contains(err.Error(), string(f.commit)) {
		t.Errorf("error is %v, want ErrOffline naming the commit", err)
	}
	r, err := gogit.New(opts).Open(parse(t, f.url()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Refs(t.Context()); !errors.Is(err, source.ErrOffline) {
		t.Errorf("Refs: error is %v, want ErrOffline", err)
	}
	if _, err := r.Resolve(t.Context(), "main"); !errors.Is(err, source.ErrOffline) {
		t.Errorf("Resolve: error is %v, want ErrOffline", err)
	}
	if got := f.server.Requests(); len(got) != 0 {
		t.Errorf("offline, and %q was asked", paths(got))
	}

	opts.Offline = false
	if err := f.fetch(t, opts); err != nil {
		t.Fatal(err)
	}
	f.server.Close()
	if err := f.fetch(t, opts); err != nil {
		t.Errorf("with the server gone, a cached commit does not install: %v", err)
	}
	// A repository on this machine needs no network.
	opts = gogit.Options{Offline: true}
	if _, err := fetchFrom(t, gogit.New(opts), "file://"+f.repo.Dir, f.commit, ""); err != nil {
		t.Errorf("offline, a file URL does not work: %v", err)
	}
}

// TestAnswers goes through what servers and things in between say instead.
func TestAnswers(t *testing.T) {
	token := pack.NewSecret("s3cr3t-t0ken")
	for _, c := range []struct {
		name  string
		fault gittest.Fault
		token bool
		tries int
		text  string
		hint  string
	}{
		{"401", gittest.Fault{Status: 401, Body: "s3cr3t-t0ken"}, false, 1, "401 Unauthorized", `into a block credentials "HOST"`},
		{"401 with a token", gittest.Fault{Status: 401}, true, 1, "401 Unauthorized", `the token of the block credentials "HOST" was not accepted`},
		{"403", gittest.Fault{Status: 403}, false, 1, "403 Forbidden", `into a block credentials "HOST"`},
		{"403 with a token", gittest.Fault{Status: 403}, true, 1, "403 Forbidden", "may not read this repository"},
		{"404", gittest.Fault{Status: 404, Body: "\x1b[31m"}, false, 1, "404 Not Found", "a private repository answers the same"},
		{"404 with a token", gittest.Fault{Status: 404}, true, 1, "404 Not Found", "may read the repository"},
		{"407", gittest.Fault{Status: 407}, false, 1, "407 Proxy Authentication Required", "http_proxy"},
		{"429", gittest.Fault{Status: 429}, false, 3, "429 Too Many Requests", "try again later"},
		{"429, come back in an hour", gittest.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}, false, 1, "429", "try again later"},
		{"500", gittest.Fault{Status: 500}, false, 3, "500 Internal Server Error", "in trouble"},
		{"503", gittest.Fault{Status: 503, Header: http.Header{"Retry-After": {"7"}}}, false, 3, "503 Service Unavailable", "in trouble"},
		{"captive portal", gittest.Fault{Status: 200, Body: "<html>", Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}}, false, 1, "web page", "captive portal"},
		{"plain files", gittest.Fault{Status: 200, Body: "abc", Header: http.Header{"Content-Type": {"text/plain"}}}, false, 1, "smart HTTP", "check the address"},
		{"cut before the answer", gittest.Fault{CutAfter: -1}, false, 3, "cut", "try again"},
		{"cut in the answer", gittest.Fault{CutAfter: 100}, false, 3, "cut", "try again"},
		{"redirected elsewhere", gittest.Fault{Redirect: "http://127.0.0.1:1/x/info/refs?token=s3cr3t-t0ken"}, true, 2, "redirects to http://127.0.0.1:1/x/info/refs", "new address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.server.Configure(gittest.Settings{Fault: func(int, *http.Request) *gittest.Fault { return &c.fault }})
			opts := f.options()
			if c.token {
				opts.Credentials = know(credential.Credential{Host: f.host(), Token: token})
			}
			err := f.fetch(t, opts)
			var unreachable *source.UnreachableError
			if !errors.As(err, &unreachable) {
				t.Fatalf("error is %v, want an UnreachableError", err)
			}
			hint := strings.ReplaceAll(c.hint, "HOST", f.host())
			if !strings.Contains(err.Error(), c.text) || !strings.Contains(unreachable.Hint, hint) {
				t.Errorf("error is %q with hint %q,\nwant %q and %q", err, unreachable.Hint, c.text, hint)
			}
			if got := len(f.server.Requests()); got != c.tries {
				t.Errorf("it was asked %d times, want %d", got, c.tries)
			}
			if got := len(f.clock.slept); c.tries != 2 && got != c.tries-1 {
				t.Errorf("it waited %d times, want %d", got, c.tries-1)
			}
			for _, d := range f.clock.slept {
				if after := c.fault.Header.Get("Retry-After"); after == "7" && d != 7*time.Second {
					t.Errorf("it waited %v, the server asked for 7s", d)
				}
			}
			if text := fmt.Sprintf("%v %+v %#v", err, err, unreachable); strings.Contains(text, "s3cr3t-t0ken") || strings.Contains(text, "\x1b") {
				t.Errorf("the error shows what must not be shown: %q", text)
			}
		})
	}
}

func TestPassingTroubleIsRetried(t *testing.T) {
	for name, fault := range map[string]gittest.Fault{
		"503": {Status: 503}, "cut at once": {CutAfter: -1}, "cut in the middle": {CutAfter: 60}, "cut late": {CutAfter: 300},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.server.Configure(gittest.Settings{Fault: func(n int, _ *http.Request) *gittest.Fault {
				if n > 2 {
					return nil
				}
				return &fault
			}})
			if err := f.fetch(t, f.options()); err != nil {
				t.Fatal(err)
			}
			if got := len(f.server.Requests()); got != 3 {
				t.Errorf("it was asked %d times, want 3", got)
			}
		})
	}
}

// TestDamageOnTheWay flips each byte of a real answer: whatever comes of it, it is
// never another tree.
func TestDamageOnTheWay(t *testing.T) {
	f := newFixture(t)
	answer := recordAnswer(t, f)
	if len(answer) < 200 {
		t.Fatalf("the recorded answer has %d bytes", len(answer))
	}
	sent := answer
	replay := gittest.StartHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			_, _ = w.Write(sent)
			return
		}
		http.NotFound(w, r)
	}), false)
	t.Cleanup(replay.Close)
	opts := f.options()
	opts.CacheDir = ""
	for at := -1; at < len(answer); at++ {
		if at >= 0 {
			sent = bytes.Clone(answer)
			sent[at] ^= 0x20
		}
		snapshot, err := fetchFrom(t, gogit.New(opts), replay.URL+"/repo", f.commit, "")
		switch {
		case at < 0 && err != nil:
			t.Fatalf("the recorded answer is not read: %v", err)
		case err == nil:
			files := snapshot.Tree.Files()
			if len(files) != 2 || files[0].Path != "a/b.py" || files[1].Path != "pack.yaml" || snapshot.Title != "First" {
				t.Fatalf("byte %d was flipped, and the tree is %v", at, files)
			}
		}
	}
	// Cut anywhere, it is never taken for the whole.
	for size := range answer {
		sent = answer[:size]
		if size > len(answer)-5 {
			continue // only the flush packet is missing: all content is there
		}
		if _, err := fetchFrom(t, gogit.New(opts), replay.URL+"/repo", f.commit, ""); err == nil {
			t.Fatalf("cut to %d of %d bytes, the answer is accepted", size, len(answer))
		}
	}
}

// recordAnswer returns what the fixture's server sends for its commit.
func recordAnswer(t *testing.T, f *fixture) []byte {
	t.Helper()
	var answer []byte
	there, err := url.Parse(f.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	between := httputil.NewSingleHostReverseProxy(there)
	between.ModifyResponse = func(resp *http.Response) error {
		body, err := io.ReadAll(resp.Body)
		answer = body
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return err
	}
	proxy := gittest.StartHandler(between, false)
	t.Cleanup(proxy.Close)
	if _, err := fetchFrom(t, gogit.New(gogit.Options{Client: f.client}), proxy.URL+"/repo", f.commit, ""); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestCredentials(t *testing.T) {
	f := newFixture(t)
	const secret = "s3cr3t-t0ken"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("  "+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	token := pack.NewSecret(secret)
	for _, c := range []struct {
		name  string
		user  string // that the server wants
		creds []credential.Credential
		ok    bool
	}{
		{"token", "x-access-token", []credential.Credential{{Host: "HOST", Token: token}}, true},
		{"token file, trimmed", "x-access-token", []credential.Credential{{Host: "HOST", TokenFile: file}}, true},
		{"user and token", "jane", []credential.Credential{{Host: "HOST", Username: "jane", Token: token}}, true},
		{"path prefix", "x-access-token", []credential.Credential{{Host: "HOST/repo", Token: token}}, true},
		{"longest prefix wins", "jane", []credential.Credential{{Host: "HOST", Token: pack.NewSecret("other")}, {Host: "HOST/repo/", Username: "jane", Token: token}}, true},
		{"other path prefix", "x-access-token", []credential.Credential{{Host: "HOST/rep", Token: token}}, false},
		{"other port", "x-access-token", []credential.Credential{{Host: "127.0.0.1:1", Token: token}}, false},
		{"host without the port", "x-access-token", []credential.Credential{{Host: "127.0.0.1", Token: token}}, false},
		{"none", "x-access-token", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.server.Configure(gittest.Settings{User: c.user, Password: secret})
			opts := f.options()
			opts.CacheDir = ""
			for i := range c.creds {
				c.creds[i].Host = strings.Replace(c.creds[i].Host, "HOST", f.host(), 1)
			}
			opts.Credentials = know(c.creds...)
			err := f.fetch(t, opts)
			if (err == nil) != c.ok {
				t.Fatalf("error is %v, want success: %v", err, c.ok)
			}
			for _, r := range f.server.Requests() {
				if !c.ok && r.Authorization != "" {
					t.Error("a credential was sent to where it does not belong")
				}
			}
		})
	}
	// Below the prefix means below it for the server, too.
	opts := f.options()
	opts.Credentials = know(credential.Credential{Host: f.host() + "/ours", Token: token})
	if _, err := fetchFrom(t, gogit.New(opts), f.server.URL+"/ours/../repo", f.commit, ""); err == nil {
		t.Error("the credential of /ours reached /repo")
	}
	for _, r := range f.server.Requests() {
		if r.Authorization != "" {
			t.Error("the credential of /ours was sent for /repo")
		}
	}

	bad := f.options()
	bad.Credentials = know(credential.Credential{Host: f.host(), Token: pack.NewSecret("two\nlines " + secret)})
	if err := f.fetch(t, bad); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("a token of two lines: %v", err)
	}
	bad.Credentials = know(credential.Credential{Host: f.host(), TokenFile: file + ".absent"})
	if err := f.fetch(t, bad); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a token file that is not there: %v", err)
	}
}

// TestRedirectOnTheSameServer: as GitLab sends /repo to /repo.git.
func TestRedirectOnTheSameServer(t *testing.T) {
	f := newFixture(t)
	f.server.Configure(gittest.Settings{Fault: func(_ int, r *http.Request) *gittest.Fault {
		if strings.HasPrefix(r.URL.Path, "/old/") {
			return &gittest.Fault{Redirect: f.server.URL + strings.Replace(r.URL.RequestURI(), "/old/", "/repo/", 1)}
		}
		return nil
	}})
	if _, err := fetchFrom(t, gogit.New(f.options()), f.server.URL+"/old", f.commit, "refs/tags/v1.0.0"); err != nil {
		t.Fatal(err)
	}
	want := "POST /old/git-upload-pack, GET /old/info/refs?service=git-upload-pack, GET /repo/info/refs?service=git-upload-pack, POST /repo/git-upload-pack"
	if got := paths(f.server.Requests()); got != want {
		t.Errorf("requests are %q, want %q", got, want)
	}
}

func TestNobodyThere(t *testing.T) {
	opener := gogit.New(gogit.Options{Client: client(t, transport.Options{}), Clock: &fakeClock{}})
	_, err := fetchFrom(t, opener, "http://"+gittest.DeadAddress(t)+"/x", "0123456789012345678901234567890123456789", "")
	var unreachable *source.UnreachableError
	if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(unreachable.Hint, "is up") {
		t.Errorf("error is %v", err)
	}
}

func TestTLS(t *testing.T) {
	root := t.TempDir()
	server := gittest.ServeTLSRepos(t, root)
	repo := gittest.New(t, root, "repo")
	commit := pack.Commit(repo.Commit("main", "First", gittest.Files{"pack.yaml": "x"}))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, server.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(server.URL, "https://")
	for name, opts := range map[string]transport.Options{"for all": {CAFile: ca}, "for the host": {CAFiles: map[string][]string{host: {ca}}}} {
		if _, err := fetchFrom(t, gogit.New(gogit.Options{Client: client(t, opts)}), server.URL+"/repo", commit, ""); err != nil {
			t.Errorf("the authority is trusted %s: %v", name, err)
		}
	}
	server.Requests()
	clock := &fakeClock{}
	untrusting := gogit.New(gogit.Options{Client: client(t, transport.Options{CAFiles: map[string][]string{"other.example": {ca}}}), Clock: clock})
	_, err := fetchFrom(t, untrusting, server.URL+"/repo", commit, "")
	var unreachable *source.UnreachableError
	if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "authority that this machine does not trust") || !strings.Contains(unreachable.Hint, "ca_file") {
		t.Errorf("error is %v", err)
	}
	if len(clock.slept) != 0 || len(server.Requests()) != 0 {
		t.Error("an untrusted server was asked again, or at all")
	}
}

func TestProgressIsTold(t *testing.T) {
	f := newFixture(t)
	var phases []gogit.Phase
	opts := f.options()
	opts.Progress = func(e gogit.Event) {
		if e.Source.URL != f.url() {
			t.Errorf("the event is about %s", e.Source)
		}
		phases = append(phases, e.Phase)
	}
	for range 2 {
		if err := f.fetch(t, opts); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := fmt.Sprint(phases), "[asking fetched cached]"; got != want {
		t.Errorf("phases are %v, want %v", got, want)
	}
}
