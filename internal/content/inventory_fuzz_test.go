package content

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// FuzzRead wants -fuzzminimizetime 5x: files are read in parallel, so that the
// coverage of one input varies, and Go would minimise without end.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"name: a\nrunner_type: python-script\nentry_point: a.py\nparameters: {a: {type: string, position: 0, immutable: true, default: [1, .nan, {b: 012}]}}\n",
		"class_name: S\nentry_point: s.py\npoll_interval: 5\ntrigger_types: [{name: t, parameters_schema: {}}]\n",
		"name: r\ntrigger: {type: core.st2.CronTimer, parameters: {hour: 1}}\ncriteria: {trigger.x: {type: exists, pattern: true}}\naction: {ref: acme.a}\nenabled: ~\n",
		"name: x\naction_ref: acme.a\nformats: [a, {display: b, representation: [c]}]\nresource_ref: acme.a\npolicy_type: action.retry\n",
		"version: 1.0\ninput: [a, {b: 1}]\ntasks: {t: {action: acme.a, input: {x: <% 1 %>}}}\nchain: [{name: n, ref: acme.a}]\n",
		"a: {type: object, properties: {b: {required: true, enum: [1, 1.0]}}, dependencies: {b: [c]}}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := files("-- actions/w.yaml --\nname: w\nrunner_type: orquesta\nentry_point: any\n-- actions/c.yaml --\nname: c\nrunner_type: action-chain\nentry_point: any2\n")
		for _, name := range []string{"triggers/x.yaml", "sensors/x.yaml", "actions/x.yaml", "actions/any", "actions/any2", "rules/x.yaml", "aliases/x.yaml", "policies/x.yaml", ConfigSchemaFile, RequirementsFile} {
			fsys[name] = &fstest.MapFile{Data: data}
		}
		// No file makes reading fail, and every finding is complete.
		inv := read(t, fsys)
		for _, found := range inv.Findings {
			if !strings.HasPrefix(found.ID, "PS-CONTENT-") || found.Severity == "" || found.Resource == "" || found.Message == "" ||
				len(found.At) == 0 || strings.HasSuffix(found.At[0], ":0") || strings.Contains(found.Message, "%!") {
				t.Errorf("an incomplete finding: %+v", found)
			}
		}
		// Values are JSON; the whole survives the cache and is the same again.
		for _, a := range inv.Actions {
			for _, p := range a.Parameters {
				checkValue(t, p.Default)
				checkValue(t, p.Other)
			}
		}
		stored, err := json.Marshal(inv)
		if err != nil {
			t.Fatal(err)
		}
		again := &Inventory{}
		if err := json.Unmarshal(stored, again); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(inv, again) {
			t.Errorf("changes when it is stored:\n%s", cmp.Diff(inv, again))
		}
		if second := read(t, fsys); !reflect.DeepEqual(inv, second) {
			t.Errorf("differs when it is read again:\n%s", cmp.Diff(inv, second))
		}
	})
}

func checkValue(t *testing.T, v Value) {
	t.Helper()
	if v != "" && !json.Valid([]byte(v)) {
		t.Errorf("no JSON: %q", v)
	}
}

// Reading a pack like aws, the largest of the Exchange: 3,581 actions with a
// dozen parameters each.
func BenchmarkRead(b *testing.B) {
	fsys := files("-- actions/run.py --\n")
	for i := range 3581 {
		var action strings.Builder
		fmt.Fprintf(&action, "---\ndescription: Creates or changes the thing with the number %d, and says what came of it\npack: acme\nenabled: true\nentry_point: run.py\nname: thing_%04d\nrunner_type: python-script\nparameters:\n", i, i)
		for j := range 9 {
			fmt.Fprintf(&action, "  parameter_%d:\n    type: string\n    description: \"The number of the thing that the parameter with this name stands for.\"\n    required: %v\n", j, j%2 == 0)
		}
		action.WriteString("  module:\n    type: string\n    default: things\n    immutable: true\n")
		fsys[fmt.Sprintf("actions/thing_%04d.yaml", i)] = &fstest.MapFile{Data: []byte(action.String())}
	}
	if inv := read(b, fsys); len(inv.Actions) != 3581 || len(inv.Findings) > 0 {
		b.Fatalf("%d actions, findings %v", len(inv.Actions), inv.Findings[:min(3, len(inv.Findings))])
	}
	b.ReportAllocs()
	for b.Loop() {
		read(b, fsys)
	}
}
