package override

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/testenv"
)

func is(b bool) *bool { return &b }

var full = File{
	"sensors": {Default: is(false), Exceptions: map[string]bool{"JiraSensor": true, "on": false, "1.5": false}},
	"rules":   {Exceptions: map[string]bool{"on_create": false, "a: b #c": true, "ü": false}},
	"actions": {Default: is(true)},
	"aliases": {},
}

func TestWhatIsRenderedIsReadBack(t *testing.T) {
	data, err := full.Render("jira")
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(data, "jira")
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	want := full.Clone()
	delete(want, "aliases")
	if diff := cmp.Diff(want, back); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(string(data), "aliases") {
		t.Errorf("a kind without a value breaks every registration:\n%s", data)
	}
	again, err := full.Clone().Render("jira")
	if err != nil || string(again) != string(data) {
		t.Errorf("equal overrides gave other bytes (%v)", err)
	}
}

func TestNothingToSayIsNoFile(t *testing.T) {
	for _, f := range []File{nil, {}, {"rules": {}}, {"rules": {Exceptions: map[string]bool{}}}} {
		if data, err := f.Render("jira"); err != nil || data != nil {
			t.Errorf("%v renders as %q, %v", f, data, err)
		}
	}
}

// TestPythonReadsTheSame is an oracle where python3-yaml is present.
func TestPythonReadsTheSame(t *testing.T) {
	testenv.Need(t, "python3")
	if exec.Command("python3", "-c", "import yaml").Run() != nil {
		testenv.Skip(t, "needs python3-yaml, which is not installed")
	}
	data, err := full.Render("jira")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "jira.yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	const check = `
import sys, yaml
f = yaml.safe_load(open(sys.argv[1]))
want = {"actions": {"defaults": {"enabled": True}},
 "rules": {"exceptions": {"on_create": {"enabled": False}, "a: b #c": {"enabled": True}, "ü": {"enabled": False}}},
 "sensors": {"defaults": {"enabled": False}, "exceptions": {"JiraSensor": {"enabled": True}, "on": {"enabled": False}, "1.5": {"enabled": False}}}}
assert f == want, f
`
	if out, err := exec.Command("python3", "-c", check, file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestWhatStackStormRefuses follows the recordings purge-161 to purge-175.
func TestWhatStackStormRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, global, own string }{
		{"an empty file", "", "it is empty", "it is empty"},
		{"only a comment", "# nothing\n", "it is empty", "it is empty"},
		{"no YAML", "---\nactions: [x\n", "not YAML", "not YAML"},
		{"a list", "- actions\n", "a list and not a mapping", "a list and not a mapping"},
		{"a kind without a value", "actions:\n", "line 1: actions has no value", "line 1: actions has no value"},
		{"defaults without a value", "actions:\n  defaults:\n", "actions.defaults has no value", "actions.defaults has no value"},
		{"another key", "actions:\n  defaults:\n    description: x\n", "line 3: actions.defaults sets description", "actions.defaults sets description"},
		{"another key of an exception", "rules:\n  exceptions:\n    x: {description: x}\n", "", "rules.exceptions.x sets description"},
		{"a text for a boolean", "rules:\n  defaults:\n    enabled: \"no\"\n", "rules.defaults.enabled is a string", "rules.defaults.enabled is a string"},
		{"YAML 1.1 booleans", "rules:\n  defaults:\n    enabled: no\n", "", ""},
		{"kinds without effect", "policies:\nfoo: 1\n", "", ""},
	} {
		for ref, want := range map[string]string{"jira": tt.own, "_global": tt.global} {
			_, err := Parse([]byte(tt.text), pack.Ref(ref))
			var unusable *UnusableError
			switch {
			case want == "" && err != nil:
				t.Errorf("%s in %s: %v", tt.name, ref, err)
			case want != "" && (!errors.As(err, &unusable) || !strings.Contains(err.Error(), want)):
				t.Errorf("%s in %s: %v, want %q", tt.name, ref, err, want)
			}
		}
	}
}

// TestExceptionsForAllPacksAreNotRead follows the recording purge-158.
func TestExceptionsForAllPacksAreNotRead(t *testing.T) {
	text := []byte("actions:\n  exceptions:\n    echo: {enabled: false}\n")
	if f, err := Parse(text, "_global"); err != nil || len(f) > 0 {
		t.Errorf("_global.yaml says %v, %v", f, err)
	}
	if f, err := Parse(text, "jira"); err != nil || f["actions"].Exceptions["echo"] || len(f["actions"].Exceptions) != 1 {
		t.Errorf("jira.yaml says %v, %v", f, err)
	}
}

func TestDiff(t *testing.T) {
	before := File{"rules": {Default: is(true), Exceptions: map[string]bool{"same": true, "gone": false, "turned": true}}}
	after := File{"rules": {Exceptions: map[string]bool{"same": true, "turned": false}}, "sensors": {Default: is(false)}}
	want := []string{
		"all rules: not overridden any more (was enabled)", "rule gone: not overridden any more (was disabled)",
		"rule turned: enabled → disabled", "all sensors: disabled",
	}
	if diff := cmp.Diff(want, Diff(before, after)); diff != "" {
		t.Error(diff)
	}
}
