package st2

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/testenv"
)

// What a running StackStorm's commands wrote when they failed gives a reason,
// and no value of the configs that it was recorded with.
func TestLastWordsOfRecordedFailures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testenv.Shared(t), "stackstorm", "recorded", "cli-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	failures := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rec struct {
			Result struct {
				Argv   []string
				Code   int `json:"exit_code"`
				Stderr string
			}
		}
		if json.Unmarshal(data, &rec) != nil || rec.Result.Code == 0 || len(rec.Result.Argv) == 0 || strings.Contains(rec.Result.Argv[0], "validate") {
			continue
		}
		failures++
		text := lastWords(rec.Result.Stderr)
		if text == "" || len(text) > 1010 {
			t.Errorf("%s: %q", filepath.Base(file), text)
		}
		for _, value := range []string{"On instance", "abc", "s3cr3t", "hunter2", "['a', 'b']", "decrypt_kv }}"} {
			if strings.Contains(text, value) {
				t.Errorf("%s shows %q: %s", filepath.Base(file), value, text)
			}
		}
	}
	if failures < 20 {
		t.Errorf("only %d failures", failures)
	}
}

// Whatever the value is, and in whichever of its forms StackStorm reports it, it
// does not come through.
func TestLastWordsNeverShowAValue(t *testing.T) {
	forms := []string{
		"Failed validating attribute \"a.b\" in config for pack \"p\" (/c/p.yaml): '%s' is not of type 'integer'\n\nFailed validating 'type' in schema['properties']['port']:\n    {'type': 'integer'}\n\nOn instance['port']:\n    '%s'",
		"Failed to register config \"/c/p.yaml\" for pack \"p\": '%s' is not of type 'object'\n\nFailed validating 'type' in schema:\n    {}\n\nOn instance['values']:\n    '%s'",
		"Failed to register config \"/c/p.yaml\" for pack \"p\": found undefined alias '%s'\n  in \"/c/p.yaml\", line 2, column 6\n%s",
		"'%s' is not of type 'string'\n\nFailed validating 'type' in schema:\n    {}\n\nOn instance:\n    '%s'",
		"'%s' is not of type 'string', 'null'%.0s", "'%s' is not one of ['all']%.0s", "'%s' does not match '^a'%.0s", "['%s', '%s'] has non-unique elements", "'%s' is too short%.0s",
		"'%s' is not valid under any of the given schemas%.0s", "'%s%s' should not be valid under {'type': 'string'}",
	}
	rapid.Check(t, func(t *rapid.T) {
		value := "s3cret" + rapid.String().Draw(t, "value")
		reason := fmt.Sprintf(rapid.SampledFrom(forms).Draw(t, "form"), value, value)
		exception := rapid.SampledFrom([]string{"", "ValueError: ", "jsonschema.exceptions.ValidationError: "}).Draw(t, "exception")
		stderr := "INFO [-] Registering configs\nTraceback (most recent call last):\n  File \"x\"\n" + exception + reason + "\n"
		if exception == "" {
			stderr = reason
		}
		if text := lastWords(stderr); strings.Contains(text, "s3cret") {
			t.Fatalf("%q shows the value of %q", text, stderr)
		}
		if text := hideValues(reason); strings.Contains(text, "s3cret") {
			t.Fatalf("%q shows the value of %q", text, reason)
		}
	})
}

func TestHideValuesKeepsTheReason(t *testing.T) {
	cases := []struct{ text, want string }{
		{"Pack \"x\" not found on disk: Directory \"/p/x\" doesn't exist", "Pack \"x\" not found on disk: Directory \"/p/x\" doesn't exist"},
		{"Failed to register pack \"p\": Pack version \"1.2\" doesn't follow\n\n'1.2' does not match '^x$'\n\nFailed validating 'pattern' in schema:\n  {}", "Failed to register pack \"p\": Pack version \"1.2\" doesn't follow\n\n'1.2' does not match '^x$'"},
		{"Failed to register config \"/c\" for pack \"p\": Values specified as \"secret: True\" in config schema are automatically decrypted", "Failed to register config \"/c\" for pack \"p\": Values specified as \"secret: True\" in config schema are automatically decrypted"},
		{"'nonsense' is not one of ['all', 'runner']", "a value (hidden) is not one of ['all', 'runner']"},
		{"Failed to register config \"/c\" for pack \"p\": while parsing a flow sequence\n  in \"/c\", line 2, column 6\ndid not find\n  in \"/c\", line 3, column 1", "Failed to register config \"/c\" for pack \"p\": it is not readable YAML (line 3, column 1)"},
	}
	for _, c := range cases {
		if got := hideValues(c.text); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}
