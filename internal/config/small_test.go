package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/pack"
)

func TestDidYouMean(t *testing.T) {
	known := []string{"version", "branch", "tag", "base_path", "var"}
	tests := []struct{ written, want string }{
		{"verson", "version"}, {"vresion", "version"}, {"VERSION", "version"}, {"versions", "version"},
		{"taag", "tag"}, {"tga", "tag"}, {"base-path", "base_path"}, {"bsae_ptah", "base_path"},
		{"vra", "var"}, {"", ""}, {"unrelated", ""}, {"tag", ""}, {"xyz", ""},
	}
	for _, test := range tests {
		want := ""
		if test.want != "" {
			want = fmt.Sprintf(" Did you mean %q?", test.want)
		}
		if got := didYouMean(test.written, known); got != want {
			t.Errorf("%q: got %q, want %q", test.written, got, want)
		}
	}
}

func TestFormat(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"aligned", "pack \"a\" {\nsource=\"./a\"\n   tag   =   \"v1\"   \n}", "pack \"a\" {\n  source = \"./a\"\n  tag    = \"v1\"\n}"},
		{"comments stay", "# one\npack \"a\" { # two\n  // three\n}\n", "# one\npack \"a\" { # two\n  // three\n}\n"},
		{"empty", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, diags := Format([]byte(test.src), "packs.hcl")
			if diags.HasErrors() || string(got) != test.want {
				t.Errorf("got %q %v, want %q", got, diags, test.want)
			}
		})
	}
	got, diags := Format([]byte("pack \"a\" {\n  tag = \"v1\n}\n"), "packs.hcl")
	if got != nil || summaries(diags) != "Invalid multi-line string; Unterminated template string" {
		t.Errorf("broken: got %q, %v", got, diags)
	}
	if got, diags := Format([]byte(strings.Repeat("[", 200_000)), "packs.hcl"); got != nil || summaries(diags) != "Nested too deeply" {
		t.Errorf("deep: got %d bytes, %v", len(got), diags)
	}
}

// Whatever recurses in the parser must be counted; the parser itself is the proof
// that what passes does not overflow the stack.
func TestNesting(t *testing.T) {
	const n = harmlessBytes + 1000
	for _, unit := range []string{"[", "(", "{a=", "!", "-", "1?1:", "\"${", "f(", "1+", "a[", "a{\n", "[for x in ", "1||", "%{if true}", "<<A\n${"} {
		src := "x = " + strings.Repeat(unit, n)
		if strings.HasPrefix(unit, "%") {
			src = "x = \"" + strings.Repeat(unit, n) + "\""
		}
		if !nestedTooDeeply([]byte(src)) {
			t.Errorf("%q is not counted", unit)
		}
	}
	for name, src := range map[string]string{
		"many packs": strings.Repeat("pack \"a\" {\n  source = \"./a\"\n  config = { a = [1, -2, !true] }\n}\n", 8000),
		"long list":  "x = [" + strings.Repeat("-1, ", 50_000) + "]",
		"comments":   strings.Repeat("# ---------------- [[[[\n", 20_000),
		"a text":     "x = \"" + strings.Repeat("[", 50_000) + "\"",
	} {
		if nestedTooDeeply([]byte(src)) {
			t.Errorf("%s is counted as nested", name)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	var src strings.Builder
	src.WriteString("variable \"secret\" {\n  sensitive = true\n}\n")
	for i := range 500 {
		fmt.Fprintf(&src, "pack \"p%d\" {\n  source     = \"https://git.example.com/p%d.git\"\n  version    = \"~> 1.2\"\n  virtualenv = false\n  config = {\n    url      = \"https://x\"\n    password = var.secret\n  }\n}\n\n", i, i)
	}
	req := Request{Environ: []string{"PACKSYNC_VAR_secret=x"}}
	for b.Loop() {
		if cfg, _, diags := loadText(src.String(), req, nil); cfg == nil {
			b.Fatal(diags)
		}
	}
}

func TestSelectors(t *testing.T) {
	for _, c := range []struct {
		kind pack.SelectorKind
		text string
		ok   bool
	}{
		{pack.SelectRevision, "main", true}, {pack.SelectRevision, "refs/heads/main", true}, {pack.SelectRevision, "1.2.0", true},
		{pack.SelectRevision, "HEAD~1", true}, {pack.SelectRevision, "v1.0.0^{}", true}, {pack.SelectRevision, "v1^{commit}~2^2", true},
		{pack.SelectRevision, "~1", false}, {pack.SelectRevision, "a~b", false}, {pack.SelectRevision, "a^{tree}", false},
		{pack.SelectRevision, "a..b", false}, {pack.SelectRevision, "-x", false}, {pack.SelectRevision, "a:b", false},
		{pack.SelectTag, "v1.0.0", true}, {pack.SelectTag, "v1.0.0^{}", false}, {pack.SelectTag, "refs/tags/v1", false},
		{pack.SelectBranch, "feature/x", true}, {pack.SelectBranch, "main~1", false}, {pack.SelectBranch, "", false},
	} {
		if problem := selectorProblem(pack.Selector{Kind: c.kind, Text: c.text}); (problem == "") != c.ok {
			t.Errorf("%s %q: %q", c.kind, c.text, problem)
		}
	}
}
