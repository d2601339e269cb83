package pack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"
)

func TestParseRef(t *testing.T) {
	for _, text := range []string{"aws", "a", "0", "_", "my_pack_2", strings.Repeat("a", 64)} {
		if ref, err := ParseRef(text); err != nil || string(ref) != text {
			t.Errorf("%q: %q, %v", text, ref, err)
		}
	}
	for text, says := range map[string]string{
		"":                      "empty",
		"AWS":                   "lower-case",
		"my-pack":               "lower-case",
		"a/b":                   "lower-case",
		"..":                    "lower-case",
		"/etc":                  "lower-case",
		"a.b":                   "lower-case",
		"a\n":                   "lower-case",
		"ä":                     "lower-case",
		strings.Repeat("a", 65): "longer than 64",
		"_global":               "reserves",
		"core":                  "comes with StackStorm",
		"packs":                 "comes with StackStorm",
		"linux":                 "comes with StackStorm",
		"chatops":               "comes with StackStorm",
		"default":               "comes with StackStorm",
	} {
		_, err := ParseRef(text)
		invalid, ok := errors.AsType[*InvalidRefError](err)
		if !ok || invalid.Text != text || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want it to say %q", text, err, says)
		}
	}
	if Ref("aws").IsSystem() || !Ref("core").IsSystem() {
		t.Error("IsSystem is wrong")
	}
	if got := (Addr{BasePath: "team", Ref: "aws"}).String(); got != "team/aws" {
		t.Errorf("an address is %s", got)
	}
}

func TestHashes(t *testing.T) {
	commit, tree := strings.Repeat("0123456789abcdef", 3)[:40], "t1:"+strings.Repeat("0123456789abcdef", 4)
	if c, err := ParseCommit(commit); err != nil || c.Short() != "0123456789" {
		t.Errorf("%s: %s, %v", commit, c.Short(), err)
	}
	if h, err := ParseTreeHash(tree); err != nil || h.Short() != "t1:0123456789ab" {
		t.Errorf("%s: %s, %v", tree, h.Short(), err)
	}
	for _, text := range []string{"", commit[:39], commit + "0", strings.ToUpper(commit), commit[:39] + "g", commit + "\n", "HEAD"} {
		if _, err := ParseCommit(text); err == nil {
			t.Errorf("%q is taken for a commit", text)
		}
	}
	for _, text := range []string{"", "t1:", tree[3:], "h1:" + tree[3:], "t2:" + tree[3:], strings.ToUpper(tree), tree + "0", tree + "\n"} {
		if _, err := ParseTreeHash(text); err == nil {
			t.Errorf("%q is taken for a tree hash", text)
		}
	}
	if Commit("").Short() != "" || TreeHash("").Short() != "" {
		t.Error("the empty ones are not empty")
	}
}

func TestSelectorString(t *testing.T) {
	for want, s := range map[string]Selector{
		"(none)":         {},
		"version ~> 1.2": {Kind: SelectVersion, Text: "~> 1.2"},
		"branch main":    {Kind: SelectBranch, Text: "main"},
	} {
		if s.String() != want {
			t.Errorf("%s, want %s", s, want)
		}
	}
}

// However a secret is printed, alone or inside of something: its value does not
// come out.
func TestSecretsAreNotPrinted(t *testing.T) {
	const value = "hunter2"
	type holder struct {
		Name  string
		Token Secret
		Any   any
		Ptr   *Secret
		List  []Secret
		Map   map[string]Secret
	}
	for _, secret := range []Secret{NewSecret(value), NewSecret([]any{value, 1}), NewSecret(map[string]any{"a": value}), NewSecret([]byte(value))} {
		h := holder{"name", secret, secret, &secret, []Secret{secret}, map[string]Secret{"k": secret}}
		var printed []string
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%10.3v"} {
			printed = append(printed, fmt.Sprintf(verb, secret), fmt.Sprintf(verb, &secret), fmt.Sprintf(verb, h), fmt.Sprintf(verb, &h))
		}
		for _, v := range []any{secret, &secret, h} {
			data, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			printed = append(printed, string(data))
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "token", secret, "holder", h)
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "token", secret, "holder", h)
		var page bytes.Buffer
		if err := template.Must(template.New("").Parse("{{.Token}} {{printf \"%s\" .Token}}")).Execute(&page, h); err != nil {
			t.Fatal(err)
		}
		printed = append(printed, log.String(), page.String(), errors.Join(fmt.Errorf("x: %v", secret)).Error())
		for _, text := range printed {
			if strings.Contains(text, value) || strings.Contains(text, fmt.Sprintf("%x", value)) || strings.Contains(text, "104 117 110") {
				t.Errorf("the value is in %s", text)
			}
		}
	}
	if got := fmt.Sprint(NewSecret(value)); got != Hidden {
		t.Errorf("it is shown as %s", got)
	}
}

func TestSecretsAreHandedOut(t *testing.T) {
	if s := NewSecret("x"); s.Reveal() != "x" || s.Text() != "x" || s.IsZero() {
		t.Error("a text is not handed out")
	}
	if s := NewSecret(7); s.Reveal() != 7 || s.Text() != "" || s.IsZero() {
		t.Error("a number is not handed out")
	}
	if s := (Secret{}); s.Reveal() != nil || s.Text() != "" || !s.IsZero() {
		t.Error("the zero secret is something")
	}
}
