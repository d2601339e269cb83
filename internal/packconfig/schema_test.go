package packconfig

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/testenv"
)

// Each case reads: this config.schema.yaml has these problems.
func TestSchemaProblems(t *testing.T) {
	cases := []struct{ name, schema, want string }{
		{"one that is fine", "a: {type: string, secret: true, required: true}", ""},
		{"a misspelt keyword", "a:\n  type: string\n  requried: true\n", `3 blocked a.requried: "requried" is not a keyword that StackStorm knows here; StackStorm refuses to register the pack`},
		{"a misspelt keyword inside", "a:\n  type: object\n  properties:\n    b: {requried: true}\n", `4 warning a.properties.b.requried: "requried" is not a keyword that StackStorm knows here; StackStorm after 3.9 refuses to register the pack`},
		{"several types", "a:\n  type: [string, integer]\n", `2 blocked a.type: it names several types, where only one is allowed; StackStorm refuses to register the pack`},
		{"required as in draft 4", "a: {type: object, required: [b]}", `1 blocked a.required: it has the type list, not boolean; StackStorm refuses to register the pack`},
		{"a name with a dash", "a-b: {}", `1 blocked a-b: its name may hold only letters, digits and _; StackStorm refuses to register the pack`},
		{"an attribute without a schema", "a: {}\nb:\n", `2 blocked b: it has the type null, not object; StackStorm refuses to register the pack`},
		{"a key that is written twice", "a: {}\na: {}\n", `2 warning key "a" is written twice (first in line 1): the last one counts`},
		{"an exclusive bound without a bound", "a: {exclusiveMaximum: true}", `1 blocked a.exclusiveMaximum: exclusiveMaximum needs maximum beside it; StackStorm refuses to register the pack`},
		{"empty", "# nothing\n", `1 blocked config.schema.yaml is empty; StackStorm refuses to register the pack (leave the file out if there is nothing to configure)`},
		{"a list", "- a\n", `1 blocked config.schema.yaml has the type list; StackStorm needs a mapping from names to schemas`},
		{"no YAML", "a: [\n", `2 blocked config.schema.yaml cannot be read as YAML: while parsing a flow node: did not find expected node content`},
		{"one that spoils every config", "a: {type: 'null'}", `0 warning the schema makes every config of the pack invalid: an optional value has the type "null", which StackStorm then adds again`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, problems := ParseSchema([]byte(c.schema))
			var lines []string
			for _, p := range problems {
				lines = append(lines, fmt.Sprintf("%d %s %s", p.Line, p.Severity, p))
			}
			if diff := cmp.Diff(c.want, strings.Join(lines, "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAttributes(t *testing.T) {
	schema, problems := ParseSchema([]byte(`
url: {description: Where it is, type: string, required: true}
token: {type: string, secret: true}
level: {enum: [low, 5], default: low, required: true}
any: {}
auth: {type: object, properties: {user: {type: string, required: true}}}
hosts: {type: array, items: {type: object, properties: {port: {type: integer, default: 22}}}}
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := []Attribute{
		{Name: "url", Description: "Where it is", Type: "string", Required: true},
		{Name: "token", Type: "string", Secret: true},
		{Name: "level", Type: "string", HasDefault: true, Default: "low", Enum: []any{"low", int64(5)}},
		{Name: "any"},
		{Name: "auth", Type: "object", Properties: []Attribute{{Name: "user", Type: "string", Required: true}}},
		{Name: "hosts", Type: "array", Items: &Attribute{Type: "object", Properties: []Attribute{{Name: "port", Type: "integer", HasDefault: true, Default: int64(22)}}}},
	}
	if diff := cmp.Diff(want, schema.Attributes()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestIsSecret(t *testing.T) {
	schema, _ := ParseSchema([]byte(`
token: {type: string, secret: true}
url: {type: string}
auth: {type: object, properties: {password: {type: string, secret: true}, user: {type: string}}}
all: {type: object, secret: true}
hosts: {type: array, items: {type: object, additionalProperties: {type: string, secret: true}}}
keys: {type: object, patternProperties: {"^k": {$ref: "#/properties/auth"}}}
`))
	cases := map[string]bool{
		"token": true, "url": false, "auth": false, "auth.password": true, "auth.user": false, "all.anything.deep": true,
		"hosts": false, "hosts.0": false, "hosts.7.any": true, "keys.k1.password": true, "keys.k1.user": false, "nowhere.else": false, "url.x": false,
	}
	for at, want := range cases {
		if got := schema.IsSecret(strings.Split(at, ".")...); got != want {
			t.Errorf("%s is secret: %v, want %v", at, got, want)
		}
	}
}

// The schemas of the Exchange are read, and the example configs beside them are
// valid.
func TestTheExchange(t *testing.T) {
	schemas, examples := 0, 0
	forEachExchangeSchema(t, func(name string, schemaYAML, example []byte) {
		schemas++
		schema, problems := ParseSchema(schemaYAML)
		if schema == nil || len(blocked(problems)) > 0 {
			t.Errorf("%s: %v", name, problems)
			return
		}
		if len(schema.Attributes()) == 0 {
			t.Errorf("%s has no attributes", name)
		}
		values, ok := tryYAML(example)
		if !ok {
			t.Errorf("%s: the example is not YAML", name)
			return
		}
		if example != nil {
			examples++
		}
		if problems := blocked(schema.Validate(values)); example != nil && len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	})
	if schemas != 92 || examples != 90 {
		t.Errorf("%d schemas and %d examples, the corpus has 92 and 90", schemas, examples)
	}
}

// Real schemas, and real configs with one key taken away or spoilt, are judged as
// Python judges them.
func TestTheExchangeAsPythonDoes(t *testing.T) {
	o := newOracle(t)
	judged, seen := 0, map[string]bool{}
	forEachExchangeSchema(t, func(name string, schemaYAML, example []byte) {
		if seen[string(schemaYAML)] {
			return
		}
		seen[string(schemaYAML)] = true
		values, _ := tryYAML(example)
		config, _ := values.(map[string]any)
		for i, key := range sortedKeys(config) {
			changed := maps.Clone(config)
			if changed[key] = int64(5); i%2 == 0 {
				delete(changed, key)
			}
			judged++
			compareWithOracle(t, o, schemaYAML, marshal(t, changed))
		}
		if t.Failed() {
			t.Fatal(name)
		}
	})
	if judged < 100 {
		t.Errorf("only %d configs", judged)
	}
}

// forEachExchangeSchema gives the schemas of the real packs, with the example
// config beside them, nil if there is none.
func forEachExchangeSchema(t *testing.T, do func(name string, schema, example []byte)) {
	t.Helper()
	files := exchangeFiles(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Base(name) == "config.schema.yaml" && strings.Count(name, "/") == 3 { // packs/NAME/TAG/FILE
			dir := path.Dir(name)
			do(name, files[name], files[path.Join(dir, path.Base(path.Dir(dir))+".yaml.example")])
		}
	}
}

func exchangeFiles(t *testing.T) map[string][]byte {
	t.Helper()
	archive, err := os.Open(filepath.Join(testenv.Shared(t), "corpus", "exchange-packs.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if base := path.Base(header.Name); base != "config.schema.yaml" && !strings.HasSuffix(base, ".yaml.example") {
			continue
		}
		if found[header.Name], err = io.ReadAll(files); err != nil {
			t.Fatal(err)
		}
	}
}
