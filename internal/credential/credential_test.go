package credential

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/testenv"
)

const canary = "hunter2"

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func script(t *testing.T, body string) string {
	t.Helper()
	return write(t, "script", "#!/bin/sh\n"+body, 0o755)
}

func environ() []string { return []string{"PATH=" + os.Getenv("PATH")} }

func TestFor(t *testing.T) {
	s := New(Options{Credentials: []Credential{{Host: "Git.Acme.Example"}, {Host: "git.acme.example/st2"}, {Host: "git.acme.example:8443/st2/deep/"}}})
	for _, c := range []struct {
		host, path string
		want       int // index, -1 for none
	}{
		{"git.acme.example", "/x", 0},
		{"git.acme.example", "/st2/x.git", 1},
		{"git.acme.example", "st2/x.git", 1},
		{"git.acme.example", "/st2", 1},
		{"git.acme.example", "/st2x/y", 0},
		{"git.acme.example", "/st2/../other/y", 0},
		{"git.acme.example:8443", "/st2/x", -1},
		{"git.acme.example:8443", "/st2/deep/x", 2},
		{"acme.example", "/x", -1},
		{"evil-git.acme.example", "/x", -1},
	} {
		got := -1
		for i := range s.opts.Credentials {
			if s.For(c.host, c.path) == &s.opts.Credentials[i] {
				got = i
			}
		}
		if got != c.want {
			t.Errorf("%s %s: credential %d, want %d", c.host, c.path, got, c.want)
		}
	}
	if (*Set)(nil).For("x", "y") != nil {
		t.Error("nil knows somebody")
	}
}

func TestWhereTokensComeFrom(t *testing.T) {
	file := write(t, "token", " "+canary+"\r\n", 0o600)
	prints := script(t, "echo ' "+canary+"'\n")
	for _, c := range []struct {
		name string
		cred Credential
		user string
		fail string
	}{
		{name: "itself", cred: Credential{Token: pack.NewSecret(canary)}, user: "x-access-token"},
		{name: "with a name", cred: Credential{Token: pack.NewSecret(canary), Username: "jane"}, user: "jane"},
		{name: "file", cred: Credential{TokenFile: file}, user: "x-access-token"},
		{name: "environment", cred: Credential{TokenEnv: "GIT_TOKEN"}, user: "x-access-token"},
		{name: "command", cred: Credential{TokenCommand: []string{prints}}, user: "x-access-token"},
		{name: "no file", cred: Credential{TokenFile: file + ".absent"}, fail: "read token_file: open"},
		{name: "empty file", cred: Credential{TokenFile: write(t, "empty", "\n", 0o600)}, fail: "is empty"},
		{name: "no variable", cred: Credential{TokenEnv: "ABSENT"}, fail: "environment variable ABSENT is not set"},
		{name: "two lines", cred: Credential{Token: pack.NewSecret("a\n" + canary)}, fail: "more than one line"},
		{name: "two lines of a command", cred: Credential{TokenCommand: []string{script(t, "echo a; echo "+canary+"\n")}}, fail: "more than one line"},
		{name: "a command that fails", cred: Credential{TokenCommand: []string{script(t, "echo "+canary+" >&2; echo "+canary+"; exit 3\n")}}, fail: "ended with exit code 3; run it by hand"},
		{name: "a silent command", cred: Credential{TokenCommand: []string{"true"}}, fail: "printed nothing"},
		{name: "no command", cred: Credential{TokenCommand: []string{"packsync-no-such-command"}}, fail: "is not on PATH"},
		{name: "no script", cred: Credential{TokenCommand: []string{"/no/such/script"}}, fail: "could not be run"},
		{name: "an endless command", cred: Credential{TokenCommand: []string{"yes", canary}}, fail: "printed more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cred.Host = "git.acme.example"
			s := New(Options{Credentials: []Credential{c.cred}, Environ: append(environ(), "GIT_TOKEN="+canary)})
			login, err := s.Login(t.Context(), mustURL(t, "https://git.acme.example/x.git"))
			if c.fail != "" {
				var ours *Error
				if !errors.As(err, &ours) || !strings.Contains(err.Error(), c.fail) {
					t.Errorf("error is %v, want one with %q", err, c.fail)
				}
				if login != nil || strings.Contains(fmt.Sprint(err), canary) {
					t.Errorf("the secret is out: %v", err)
				}
				return
			}
			if err != nil || login.Username != c.user || login.Password != canary {
				t.Fatalf("login %v, %v", login, err)
			}
			if text := fmt.Sprintf("%v %+v %#v", login, login, login); strings.Contains(text, canary) {
				t.Errorf("printing a login shows the password: %s", text)
			}
		})
	}
}

func TestDefaultUsername(t *testing.T) {
	for host, want := range map[string]string{"github.com": "x-access-token", "bitbucket.org/team": "x-token-auth", "git.acme.example": "x-access-token"} {
		s := New(Options{Credentials: []Credential{{Host: host, Token: pack.NewSecret("t")}}})
		got, err := s.Login(t.Context(), mustURL(t, "https://"+host+"/x"))
		if err != nil || got.Username != want {
			t.Errorf("%s: %v, %v, want %s", host, got, err, want)
		}
	}
}

func TestNobodyElseIsTold(t *testing.T) {
	s := New(Options{
		Credentials: []Credential{{Host: "git.acme.example/st2", Token: pack.NewSecret("t")}, {Host: "127.0.0.1:80", Token: pack.NewSecret("t")}},
		NetrcFile:   write(t, "netrc", "machine netrc.example password p\ndefault login x password "+canary+"\n", 0o600),
	})
	for text, known := range map[string]bool{
		"https://git.acme.example/st2/x":      true,
		"https://git.acme.example/other":      false,
		"https://git.acme.example:8443/st2/x": false,
		"http://git.acme.example/st2/x":       false,
		"https://netrc.example/x":             true,
		"http://netrc.example/x":              false,
		"http://127.0.0.1:80/x":               true,
		"https://evil.example/x":              false,
	} {
		login, err := s.Login(t.Context(), mustURL(t, text))
		if err != nil || login != nil != known {
			t.Errorf("%s: %v, %v, want known %v", text, login, err, known)
		}
	}
	if login, err := (*Set)(nil).Login(t.Context(), mustURL(t, "https://git.acme.example/st2/x")); login != nil || err != nil {
		t.Errorf("nil knows %v, %v", login, err)
	}
}

// TestACommandIsAskedOnce: it may be slow, and may ask a person to touch a key.
func TestACommandIsAskedOnce(t *testing.T) {
	dir := t.TempDir()
	command := script(t, "echo called >>count\necho "+canary+"\n")
	s := New(Options{Credentials: []Credential{{Host: "git.acme.example", TokenCommand: []string{command}}}, Environ: environ(), Dir: dir})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if login, err := s.Login(t.Context(), mustURL(t, fmt.Sprintf("https://git.acme.example/%d", i))); err != nil || login.Password != canary {
				t.Errorf("%v, %v", login, err)
			}
		})
	}
	all.Wait()
	if text, err := os.ReadFile(filepath.Join(dir, "count")); err != nil || string(text) != "called\n" {
		t.Errorf("calls: %q, %v", text, err)
	}
}

func TestACommandSeesNoSecret(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "seen")
	command := script(t, "tr '\\0' '\\n' </proc/$$/environ >"+seen+"; echo \"$@\" >>"+seen+"; echo t\n")
	s := New(Options{
		Credentials: []Credential{{Host: "a.example", TokenCommand: []string{command, "arg"}}, {Host: "b.example", TokenEnv: "OTHER"}, {Host: "c.example", Token: pack.NewSecret(canary)}},
		Environ:     append(environ(), "PACKSYNC_VAR_x="+canary, "OTHER="+canary, "VAULT_ADDR=kept"),
	})
	if _, err := s.Login(t.Context(), mustURL(t, "https://a.example/x")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), canary) || !strings.Contains(string(text), "VAULT_ADDR=kept") || !strings.Contains(string(text), "arg") {
		t.Errorf("the command saw %q", text)
	}
}

func TestACommandThatHangs(t *testing.T) {
	// The second sleep keeps stdout open after the first process is killed.
	s := New(Options{Credentials: []Credential{{Host: "a.example", TokenCommand: []string{script(t, "sleep 60 & sleep 60\n")}}}, Environ: environ(), Timeout: 50 * time.Millisecond})
	start := time.Now()
	if _, err := s.Login(t.Context(), mustURL(t, "https://a.example/x")); err == nil || !strings.Contains(err.Error(), "did not end within 50ms") {
		t.Errorf("error is %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s = New(Options{Credentials: []Credential{{Host: "a.example", TokenCommand: []string{"true"}}}, Environ: environ()})
	if _, err := s.Login(ctx, mustURL(t, "https://a.example/x")); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestSign(t *testing.T) {
	s := New(Options{Credentials: []Credential{{Host: "a.example", Username: "jane", Token: pack.NewSecret(canary)}}})
	for address, want := range map[string]string{"https://a.example/i.json": "jane:" + canary, "https://b.example/i.json": ":"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Sign(req); err != nil {
			t.Fatal(err)
		}
		if user, password, _ := req.BasicAuth(); user+":"+password != want {
			t.Errorf("%s: %s:%s, want %s", address, user, password, want)
		}
	}
}

// gitConfig makes a home whose git asks a helper, a script of ours that notes
// what it is told.
func gitConfig(t *testing.T, answer string) (env []string, notes func() string) {
	t.Helper()
	testenv.Need(t, "git")
	home := t.TempDir()
	log := filepath.Join(home, "log")
	helper := script(t, "{ echo \"$1\"; cat; } >>"+log+"\n[ \"$1\" != get ] || printf '"+answer+"'\n")
	config := "[credential]\n\thelper = " + helper + "\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	notes = func() string {
		text, err := os.ReadFile(log)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.RemoveAll(log); err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return append(environ(), "HOME="+home, "GIT_CONFIG_NOSYSTEM=1", "SSH_ASKPASS=/bin/false"), notes
}

func TestGitHelper(t *testing.T) {
	env, notes := gitConfig(t, "username=jane\\npassword="+canary+"\\n")
	s := New(Options{Credentials: []Credential{{Host: "git.acme.example:8443", GitHelper: true}}, Environ: env})
	u := mustURL(t, "https://git.acme.example:8443/st2/x.git")
	login, err := s.Login(t.Context(), u)
	if err != nil || login.Username != "jane" || login.Password != canary {
		t.Fatalf("%v, %v", login, err)
	}
	if got, want := notes(), "get\nprotocol=https\nhost=git.acme.example:8443\n"; got != want {
		t.Errorf("the helper was asked %q, want %q", got, want)
	}
	if _, err := s.Login(t.Context(), u); err != nil || notes() != "" {
		t.Errorf("it was asked twice (%v)", err)
	}
	login.Judge(t.Context(), true)
	if got := notes(); !strings.HasPrefix(got, "store\n") || !strings.Contains(got, "password="+canary) || !strings.Contains(got, "username=jane") {
		t.Errorf("after a success the helper was told %q", got)
	}
	login.Judge(t.Context(), false)
	if got := notes(); got != "" {
		t.Errorf("it was told twice: %q", got)
	}

	refused, err := New(Options{Credentials: []Credential{{Host: "git.acme.example", Username: "joe", GitHelper: true}}, Environ: env}).Login(t.Context(), mustURL(t, "https://git.acme.example/x"))
	if err != nil || !strings.Contains(notes(), "username=joe") {
		t.Fatalf("%v, %v", refused, err)
	}
	refused.Judge(t.Context(), false)
	if got := notes(); !strings.HasPrefix(got, "erase\n") {
		t.Errorf("after a refusal the helper was told %q", got)
	}
	(*Login)(nil).Judge(t.Context(), true)
}

func TestGitHelperThatKnowsNothing(t *testing.T) {
	env, _ := gitConfig(t, "")
	s := New(Options{Credentials: []Credential{{Host: "git.acme.example", GitHelper: true}}, Environ: env})
	if _, err := s.Login(t.Context(), mustURL(t, "https://git.acme.example/x")); err == nil || !strings.Contains(err.Error(), "must answer without asking a person") {
		t.Errorf("error is %v", err)
	}
	env, _ = gitConfig(t, "username=jane\\npassword="+canary+"\\nhost=other.example\\n")
	s = New(Options{Credentials: []Credential{{Host: "git.acme.example", GitHelper: true}}, Environ: env})
	if _, err := s.Login(t.Context(), mustURL(t, "https://git.acme.example/x")); err == nil || !strings.Contains(err.Error(), "another host") {
		t.Errorf("error is %v", err)
	}
	if _, err := s.Login(t.Context(), mustURL(t, "https://git.acme.example/x%0ahost=evil.example")); err == nil || !strings.Contains(err.Error(), "line break") {
		t.Errorf("a path with a line break: %v", err)
	}
}

func TestNetrc(t *testing.T) {
	const h = "git.acme.example"
	for _, c := range []struct{ name, text, user, password string }{
		{"one line", "machine git.acme.example login jane password s3", "jane", "s3"},
		{"many lines", "machine git.acme.example\n\tlogin jane\n\tpassword s3\n", "jane", "s3"},
		{"password first", "machine git.acme.example password s3 login jane", "jane", "s3"},
		{"no login", "machine git.acme.example password s3", "", "s3"},
		{"no password", "machine git.acme.example login jane", "jane", ""},
		{"other hosts around", "machine a.example login x password y\nmachine git.acme.example login jane password s3\nmachine z.example login x password z", "jane", "s3"},
		{"the first that has a password", "machine git.acme.example login joe\nmachine git.acme.example login jane password s3", "jane", "s3"},
		{"case", "machine GIT.acme.EXAMPLE login jane password s3", "jane", "s3"},
		{"another host", "machine acme.example login jane password s3", "", ""},
		{"default", "default login jane password s3", "", ""},
		{"comment", "# machine git.acme.example password no\nmachine git.acme.example login jane password s3 # account x", "jane", "s3"},
		{"hash in a password", "machine git.acme.example login jane password s#3", "jane", "s#3"},
		{"quotes", `machine git.acme.example login "ja ne" password "s\"3\\"`, "ja ne", `s"3\`},
		{"keywords as values", "machine git.acme.example login password password machine", "password", "machine"},
		{"account", "machine git.acme.example account login login jane password s3", "jane", "s3"},
		{"macro", "macdef init\nmachine git.acme.example password no\n\nmachine git.acme.example login jane password s3", "jane", "s3"},
		{"cut off", "machine git.acme.example login jane password", "jane", ""},
		{"cut off quotes", `machine git.acme.example password "s3`, "", "s3"},
		{"a machine named as a keyword", "machine login password x\nmachine git.acme.example login jane password s3", "jane", "s3"},
		{"empty", "", "", ""},
	} {
		if user, password := searchNetrc(c.text, h); user != c.user || password != c.password {
			t.Errorf("%s: %q %q, want %q %q", c.name, user, password, c.user, c.password)
		}
	}
}

func TestNetrcFile(t *testing.T) {
	u := mustURL(t, "https://git.acme.example:8443/x")
	file := write(t, "netrc", "machine git.acme.example password "+canary, 0o600)
	s := New(Options{Credentials: []Credential{{Host: "git.acme.example:8443", SSHKeyFile: "k"}}, NetrcFile: file})
	login, err := s.Login(t.Context(), u)
	if err != nil || login.Password != canary || login.Username != "x-access-token" || login.Origin != file {
		t.Errorf("%v, %v", login, err)
	}
	if login, err := New(Options{NetrcFile: file + ".absent"}).Login(t.Context(), u); login != nil || err != nil {
		t.Errorf("no file: %v, %v", login, err)
	}
	if _, err := New(Options{NetrcFile: t.TempDir()}).Login(t.Context(), u); err == nil || !strings.Contains(err.Error(), "read netrc") {
		t.Errorf("a directory: %v", err)
	}
	large := write(t, "large", strings.Repeat("#", mostNetrc+1), 0o600)
	if _, err := New(Options{NetrcFile: large}).Login(t.Context(), u); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a large file: %v", err)
	}
}

// FuzzNetrc: whatever the file holds, what comes out stood in it, and another
// host's entry alone gives nothing.
func FuzzNetrc(f *testing.F) {
	f.Add("machine h login a password b")
	f.Add("macdef x\n\n\"machine\" h # c\ndefault password d")
	f.Fuzz(func(t *testing.T, text string) {
		_, password := searchNetrc(text, "h")
		if password != "" && !strings.ContainsAny(text, "hH") {
			t.Errorf("a password for a host that the file does not name: %q", text)
		}
		if !strings.ContainsAny(text, "\\\"") && !strings.Contains(text, password) {
			t.Errorf("password %q does not stand in %q", password, text)
		}
	})
}
