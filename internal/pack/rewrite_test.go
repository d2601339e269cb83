package pack_test

import (
	"errors"
	"testing"

	"github.com/packsync/packsync/internal/pack"
)

func TestRewrites(t *testing.T) {
	rules := pack.Rewrites{
		{Prefix: "https://github.com/", To: "https://mirror.example/github/"},
		{Prefix: "https://github.com/StackStorm-Exchange/", To: "https://git.example/exchange-"},
		{Prefix: "git@github.com:", To: "ssh://git@mirror.example/"},
		{Prefix: "https://mirror.example/", To: "https://never.example/"},
		{Prefix: "https://plain.example/", To: "http://other.example/"},
		{Prefix: "https://disk.example/", To: "file:///srv/git/"},
	}
	for from, want := range map[string]string{
		"https://github.com/acme/x.git":             "https://mirror.example/github/acme/x.git",
		"https://github.com/StackStorm-Exchange/x":  "https://git.example/exchange-x",
		"https://github.com.evil.example/x":         "https://github.com.evil.example/x",
		"git@github.com:acme/x.git":                 "ssh://git@mirror.example/acme/x.git",
		"https://disk.example/x":                    "file:///srv/git/x",
		"https://mirror.example/github/acme/x":      "https://never.example/github/acme/x",
		"https://unrelated.example/x":               "https://unrelated.example/x",
		"https://GitHub.com/StackStorm-Exchange/x/": "https://git.example/exchange-x",
	} {
		src, err := pack.ParseSource(from)
		if err != nil {
			t.Fatal(err)
		}
		src.Subdir = "sub"
		got, err := rules.Source(src)
		if err != nil || got.URL != want || got.Subdir != "sub" {
			t.Errorf("%s: %v, %v, want %s", from, got, err, want)
		}
	}
	plain, err := pack.ParseSource("https://plain.example/x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rules.Source(plain); !errors.Is(err, pack.ErrPlainHTTP) {
		t.Errorf("a rewrite to plain http: %v", err)
	}
	dir := pack.Source{Kind: pack.SourceDir, URL: "/srv/x"}
	if got, err := (pack.Rewrites{{Prefix: "/srv/", To: "/other/"}}).Source(dir); err != nil || got != dir {
		t.Errorf("a directory: %v, %v", got, err)
	}
	if got := pack.Rewrites(nil).Apply("https://x.example/"); got != "https://x.example/" {
		t.Errorf("no rules: %s", got)
	}
}
