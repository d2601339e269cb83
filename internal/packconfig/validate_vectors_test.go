package packconfig

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
	"github.com/packsync/packsync/internal/testenv"
)

// vector is a schema and configs, with what StackStorm's own code made of them.
type vector struct {
	Title      string
	SchemaYAML string `json:"schema_yaml"`
	SchemaOK   bool   `json:"schema_ok"`
	OlderOK    bool   `json:"schema_ok_st2_3_9_and_older"`
	Cases      []struct {
		ConfigYAML string `json:"config_yaml"`
		OK         bool
		ErrorLine  string `json:"error_first_line"`
		ErrorType  string `json:"error_type"`
		Cleaned    json.RawMessage
	}
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testenv.Shared(t), "stackstorm", "golden", "config_validation.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Vectors
}

var attributeInMessage = regexp.MustCompile(`^Failed validating attribute "([^"]*)"`)

// The same verdict as StackStorm on every schema and every config, and where it
// names an attribute, that attribute among ours.
func TestVectors(t *testing.T) {
	cases := 0
	for _, vec := range readVectors(t) {
		t.Run(vec.Title, func(t *testing.T) {
			schema, problems := ParseSchema([]byte(vec.SchemaYAML))
			if ok := len(blocked(problems)) == 0; ok != (vec.SchemaOK || vec.OlderOK) {
				t.Errorf("the schema is ok: %v, StackStorm says %v; problems: %v", ok, vec.SchemaOK, problems)
			}
			if !vec.SchemaOK && len(problems) == 0 {
				t.Error("a schema that some StackStorm refuses deserves a warning")
			}
			for _, c := range vec.Cases {
				cases++
				values := readYAML(t, c.ConfigYAML)
				problems := schema.Validate(values)
				if ok := len(blocked(problems)) == 0; ok != c.OK {
					t.Errorf("%q is ok: %v, StackStorm says %v (%s); problems: %v", c.ConfigYAML, ok, c.OK, c.ErrorLine, problems)
				}
				if m := attributeInMessage.FindStringSubmatch(c.ErrorLine); m != nil && !slices.ContainsFunc(blocked(problems), func(p Problem) bool { return p.Attribute == m[1] }) {
					t.Errorf("%q: StackStorm names the attribute %q, we %v", c.ConfigYAML, m[1], problems)
				}
				if c.OK {
					compareCleaned(t, schema, values, c.Cleaned)
				}
			}
		})
	}
	if cases < 100 {
		t.Errorf("only %d cases", cases)
	}
	t.Logf("%d cases", cases)
}

// compareCleaned wants the same defaults in the same places.
func compareCleaned(t *testing.T, schema *Schema, values any, want json.RawMessage) {
	t.Helper()
	config, _ := fromGo(values)
	assignObject(config, schema.prepared)
	got, err := json.Marshal(toGo(config))
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil {
		t.Fatal("not JSON")
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Errorf("with defaults (-StackStorm +packsync):\n%s", diff)
	}
}

func blocked(problems []Problem) (blocked []Problem) {
	for _, p := range problems {
		if p.Severity == pack.Blocked {
			blocked = append(blocked, p)
		}
	}
	return blocked
}

func readYAML(t testing.TB, text string) any {
	t.Helper()
	doc, err := pyyaml.Unmarshal([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc.Root.Value()
}

// checkText wants sentences that say what to do, and no values.
func checkText(t testing.TB, p Problem) {
	t.Helper()
	if p.Message == "" || p.Kind == "" || p.Severity == "" || strings.Contains(p.Message, "%!") {
		t.Errorf("an incomplete problem: %+v", p)
	}
}

// tryYAML reads a document, ok is false if it is none.
func tryYAML(data []byte) (values any, ok bool) {
	doc, err := pyyaml.Unmarshal(data)
	if err != nil {
		return nil, false
	}
	return doc.Root.Value(), true
}
