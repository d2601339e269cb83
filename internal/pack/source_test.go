package pack

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestSources(t *testing.T) {
	text, err := os.ReadFile("testdata/sources.txt")
	if err != nil {
		t.Fatal(err)
	}
	var src Source
	var parseErr error
	checked := 0
	for number, line := range strings.Split(string(text), "\n") {
		key, value, found := strings.Cut(line, ":")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		checked++
		switch key {
		case "source":
			src, parseErr = ParseSource(value)
			if parseErr != nil && (strings.Contains(parseErr.Error(), "hunter2") || !strings.HasPrefix(parseErr.Error(), "invalid source ")) {
				t.Errorf("line %d: it says %v", number+1, parseErr)
			}
		case "is":
			if parseErr != nil || src != (Source{Kind: SourceGit, URL: value}) {
				t.Errorf("line %d: it is %+v, %v, want %s", number+1, src, parseErr, value)
			}
			if again, err := ParseSource(src.URL); err != nil || again != src {
				t.Errorf("line %d: parsed again it is %+v, %v", number+1, again, err)
			}
		case "host":
			if src.Host() != value {
				t.Errorf("line %d: the host is %q, want %q", number+1, src.Host(), value)
			}
		case "error":
			if parseErr == nil || !strings.Contains(parseErr.Error(), value) {
				t.Errorf("line %d: the error is %v, want it to say %q", number+1, parseErr, value)
			}
		default:
			t.Fatalf("line %d: unknown key %q", number+1, key)
		}
	}
	if checked < 80 {
		t.Errorf("only %d lines were checked", checked)
	}
}

func TestReasonsOfSourceErrors(t *testing.T) {
	for text, want := range map[string]error{
		"https://user:x@h.example/a": ErrCredentialInURL,
		"ssh://git:x@h.example/a":    ErrCredentialInURL,
		"https://h.example/a?x":      ErrCredentialInURL,
		"http://h.example/a":         ErrPlainHTTP,
	} {
		if _, err := ParseSource(text); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

func TestSourceString(t *testing.T) {
	for want, src := range map[string]Source{
		"https://h.example/a":      {Kind: SourceGit, URL: "https://h.example/a"},
		"https://h.example/a//b/c": {Kind: SourceGit, URL: "https://h.example/a", Subdir: "b/c"},
		"/srv/a":                   {Kind: SourceDir, URL: "/srv/a"},
	} {
		if src.String() != want {
			t.Errorf("%s, want %s", src, want)
		}
		if src.Kind == SourceDir && src.Host() != "" {
			t.Errorf("%s has a host", src)
		}
	}
}

func TestParseSubdir(t *testing.T) {
	for text, want := range map[string]string{"": "", ".": "", "./": "", "a": "a", "a/b/": "a/b", "./a//b": "a/b", "a/../b": "b", "..a": "..a"} {
		if got, err := ParseSubdir(text); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"/a", "..", "../a", "a/../..", "a/../../b", `a\b`, "C:a", "a\x00b", "a\nb", "a\x7f"} {
		if got, err := ParseSubdir(text); err == nil {
			t.Errorf("%q is taken for %q", text, got)
		}
	}
}

// A source that parses is canonical, carries no credential and goes nowhere that
// the rules forbid. An error never repeats a password.
func FuzzParseSource(f *testing.F) {
	text, err := os.ReadFile("testdata/sources.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, "source: "); ok {
			f.Add(value)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		src, err := ParseSource(text)
		if err != nil {
			return
		}
		if again, err := ParseSource(src.URL); err != nil || again != src {
			t.Fatalf("%q is %q, which parses as %q, %v", text, src.URL, again.URL, err)
		}
		scheme, rest, isURL := strings.Cut(src.URL, "://")
		authority, _, _ := strings.Cut(rest, "/")
		switch {
		case !isURL:
		case scheme == "file" && authority != "",
			scheme != "ssh" && strings.Contains(authority, "@"),
			strings.Contains(authority, "@") && strings.Contains(strings.Split(authority, "@")[0], ":"),
			strings.ContainsAny(src.URL, "?# \n\x00"):
			t.Fatalf("%q is %q", text, src.URL)
		}
		if scheme != "file" && src.Host() == "" || strings.HasPrefix(src.Host(), "-") {
			t.Fatalf("%q has the host %q", text, src.Host())
		}
	})
}

// Wherever a password stands in something like a URL, the error hides it.
func FuzzSourceErrorsHidePasswords(f *testing.F) {
	f.Add("https://", "user", "h.example/a", " ")
	f.Add("file://", "user", "h.example/a", "")
	f.Add("", "user", "h.example:a", "")
	f.Add("ftp://", "", "h.example", "%zz")
	f.Fuzz(func(t *testing.T, scheme, user, rest, end string) {
		if strings.ContainsAny(user, "/?#@") || strings.Contains(rest, "hunter2") {
			return
		}
		text := scheme + user + ":hunter2@" + rest + end
		if _, err := ParseSource(text); err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	})
}
