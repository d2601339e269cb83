package packconfig

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/pack"
)

func TestRender(t *testing.T) {
	got, err := Render(map[string]any{
		"url":      "https://jira.acme.example",
		"password": pack.NewSecret("s3cret"),
		"token":    "{{ st2kv.system.jira_token | decrypt_kv }}",
		"unset":    nil,
		"hidden":   pack.NewSecret(nil),
		"nested":   map[string]any{"port": 8080, "unset": nil, "list": []any{nil, map[string]any{"a": nil}}},
	}, "jira")
	if err != nil {
		t.Fatal(err)
	}
	want := `# Managed by packsync: this is the config of pack "jira" in packs.hcl.
# Edits made here are drift; change packs.hcl instead.
"nested":
  "list":
  - null
  - {}
  "port": 8080
"password": "s3cret"
"token": "{{ st2kv.system.jira_token | decrypt_kv }}"
"url": "https://jira.acme.example"
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestRenderOfNothingIsAnEmptyConfig(t *testing.T) {
	got, err := Render(nil, "jira")
	if err != nil || !bytes.HasSuffix(got, []byte("instead.\n{}\n")) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestRenderNamesThePackAndNotTheValue(t *testing.T) {
	_, err := Render(map[string]any{"password": pack.NewSecret("s3cret\xff")}, "jira")
	if err == nil || !strings.Contains(err.Error(), "pack jira") || !strings.Contains(err.Error(), "password") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
	_, err = Render(map[string]any{"blob": strings.Repeat("x", 1<<20)}, "jira")
	if err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a config that could not be read again: %v", err)
	}
}

func TestDiffKeys(t *testing.T) {
	cases := []struct{ name, old, new, want string }{
		{"the same in another layout", "b: 'x'\na: [1, 2] # c\n", "\"a\":\n- 1\n- 2\n\"b\": \"x\"\n", ""},
		{"the same through YAML 1.1", "on: yes\nn: 012\n", "true: true\nn: 10\n", ""},
		{"an empty file is an empty config", "", "{}", ""},
		{"a null is an empty config", "~", "# nothing\n", ""},
		{"added, removed, changed", "a: 1\nb: 2\nc: 3\n", "b: 2\nc: 4\nd: 5\n", "a removed, c changed, d added"},
		{"nested", "a: {b: {c: 1, d: 2}}\n", "a: {b: {c: 2}, e: 1}\n", "a.b.c changed, a.b.d removed, a.e added"},
		{"lists by index", "h: [{n: a}, {n: b}]\n", "h: [{n: a}, {n: c}, {n: d}]\n", "h.1.n changed, h.2 added"},
		{"another type of the same text", "p: 1\n", "p: '1'\n", "p changed"},
		{"a float is no integer", "p: 1\n", "p: 1.0\n", "p changed"},
		{"not a number stays itself", "p: .nan\n", "p: .NaN\n", ""},
		{"a mapping becomes text", "a: {b: 1}\n", "a: b\n", "a changed"},
		{"a list in place of the config", "[1]\n", "a: b\n", "the file changed"},
		{"keys that need quotes", "'a.b': 1\n1: 2\n", "'a.b': 2\n1: 3\n", `"a.b" changed, 1 changed`},
		{"the text 1 is not the number 1", "1: a\n", "'1': a\n", `1 removed, "1" added`},
		{"an old file that is not YAML", "a: [\n", "a: 1\n", "the file unreadable"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			changes, err := DiffKeys([]byte(c.old), []byte(c.new))
			if err != nil {
				t.Fatal(err)
			}
			var words []string
			for _, change := range changes {
				words = append(words, change.String())
			}
			if got := strings.Join(words, ", "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	if _, err := DiffKeys(nil, []byte("a: [")); err == nil {
		t.Error("a new config that cannot be read should be an error")
	}
}

// What is rendered differs from itself in nothing, and a changed key is named
// exactly, whatever the values.
func TestDiffKeysFindsExactlyTheKeyThatChanged(t *testing.T) {
	scalar := rapid.OneOf(rapid.String().AsAny(), rapid.Int().AsAny(), rapid.Bool().AsAny(), rapid.Float64().AsAny(), rapid.Just[any](math.NaN()))
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOfN(rapid.StringMatching(`[a-z]{1,8}`), scalar, 1, 6).Draw(t, "values")
		before := render(t, values)
		if changes, err := DiffKeys(before, before); err != nil || len(changes) != 0 {
			t.Fatalf("differs from itself: %v %v", changes, err)
		}
		for name := range values {
			values[name] = []any{values[name]}
			changes, err := DiffKeys(before, render(t, values))
			if err != nil || len(changes) != 1 || changes[0] != (KeyChange{name, Changed}) {
				t.Fatalf("changed %s, got %v %v", name, changes, err)
			}
			break
		}
	})
}

func render(t *rapid.T, values map[string]any) []byte {
	out, err := Render(values, "p")
	if err != nil {
		t.Fatal(err)
	}
	return out
}
