package content

import (
	"fmt"
	"testing"
	"testing/fstest"
)

func TestObjects(t *testing.T) {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"pack.yaml":            "{ref: acme, name: acme, version: 1.0.0, description: d, author: a, email: a@example.com}",
		"actions/one.yaml":     "{name: hello, runner_type: noop}",
		"actions/two.yaml":     "{name: hello, runner_type: noop}", // one object
		"actions/renamed.yaml": "{name: other.name, runner_type: noop}",
		"rules/r.yaml":         "{name: r, trigger: {type: acme.tick}, action: {ref: acme.hello}}",
		"triggers/t.yaml":      "{name: tick}",
		"sensors/s.yaml":       "{class_name: Poll, entry_point: s.py, trigger_types: [{name: seen}]}",
		"aliases/a.yaml":       "{name: say, action_ref: acme.hello, formats: [hi]}",
		"policies/p.yaml":      "{name: slow, resource_ref: acme.hello, policy_type: action.retry, parameters: {retry_on: failure}}",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	inv, err := Read(files)
	if err != nil {
		t.Fatal(err)
	}
	want := "[rule acme.r alias acme.say policy acme.slow action acme.hello action acme.other.name sensor acme.Poll trigger type acme.seen trigger type acme.tick]"
	if got := fmt.Sprint(inv.Objects("acme")); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
