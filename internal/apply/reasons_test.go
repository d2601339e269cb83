package apply

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/st2"
)

// Each pack that StackStorm answers 500 for, and what packsync says of it: place
// and reason, and never a value of the config.
func TestTheReasonThatStackStormHides(t *testing.T) {
	const meta = "ref: acme\nname: acme\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@example.com\n"
	const schema = "port:\n  type: integer\ntoken:\n  type: string\n  secret: true\nurl:\n  type: string\n  required: true\n"
	cases := []struct {
		name  string
		files map[string]string
		want  []string // in the error, in this order; none: the hint stays
	}{
		{"a value of the wrong type", map[string]string{"acme/pack.yaml": meta, "acme/config.schema.yaml": schema, "acme.yaml": "url: u\ntoken: s3cret\nport: s3cret\n"},
			[]string{"acme.yaml:3: port: "}},
		{"a key that is missing", map[string]string{"acme/pack.yaml": meta, "acme/config.schema.yaml": schema, "acme.yaml": "port: 1\n"},
			[]string{"acme.yaml: url: "}},
		{"a file that is not YAML", map[string]string{"acme/pack.yaml": meta, "acme/config.schema.yaml": schema, "acme.yaml": "url: u\ntoken: s3cret: s3cret\n"},
			[]string{"acme.yaml:2: it is not YAML"}},
		{"a broken action and a broken config", map[string]string{"acme/pack.yaml": meta, "acme/actions/a.yaml": "name: a\n", "acme/config.schema.yaml": schema, "acme.yaml": ""},
			[]string{"acme/actions/a.yaml:1: ", "runner_type", "acme.yaml: url: "}},
		{"nothing that packsync finds", map[string]string{"acme/pack.yaml": meta}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			a := &Applier{Layout: Layout{ConfigsDir: dir}}
			hidden := &st2.Error{Op: "register acme", Status: 500, Text: "Internal Server Error", Hint: "look there", Unexplained: true}
			rest := a.explain(hidden, "acme", filepath.Join(dir, "acme")).Error()
			if strings.Contains(rest, "s3cret") {
				t.Errorf("a value of the config is shown: %s", rest)
			}
			if len(c.want) == 0 && !strings.Contains(rest, "look there") {
				t.Errorf("the hint is gone: %s", rest)
			}
			for _, want := range c.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("want …%s… in %s", want, rest)
				}
				rest = after
			}
			plain := &st2.Error{Op: "register acme", Status: 500, Hint: "StackStorm cannot read its database"}
			if a.explain(plain, "acme", filepath.Join(dir, "acme")) != error(plain) {
				t.Error("an outage got a reason from the pack")
			}
		})
	}
}
