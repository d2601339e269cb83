package content

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/packsync/packsync/internal/pack"
)

// files returns the files of a txtar archive, with a pack.yaml of the pack acme
// if there is none.
func files(archive string) fstest.MapFS {
	fsys := fstest.MapFS{MetaFile: {Data: []byte("ref: acme\nname: acme\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@b.co\n")}}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return fsys
}

func read(t testing.TB, fsys fs.FS) *Inventory {
	t.Helper()
	inv, err := Read(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestReadListsEverything(t *testing.T) {
	inv := read(t, files(`
-- actions/deploy.yaml --
name: deploy
runner_type: orquesta
entry_point: workflows/deploy.yaml
description: Deploys
parameters:
  version: {type: string, required: true, position: 0}
  color: {type: string, enum: [blue, green], default: blue, description: which}
  token: {type: string, secret: true, immutable: true, default: "{{ x }}"}
  hosts: {type: array, items: {type: string}}
-- actions/chain.yml --
name: chain
pack: acme
runner_type: action-chain
entry_point: chain/chain.json.yaml
enabled: false
output_schema: {ok: {type: boolean}}
-- actions/config.yaml --
not: an action
-- actions/.hidden.yaml --
not: an action
-- actions/lib/helper.yaml --
not: an action
-- actions/workflows/deploy.yaml --
version: 1.0
input: [version, {color: blue}]
output: [{url: <% ctx().url %>}]
tasks:
  first:
    action: acme.chain
    input: {a: 1, b: 2}
    next: [{do: second}]
  second:
    action: "<% ctx().which %>"
  third: {}
-- actions/chain/chain.json.yaml --
chain:
  - {name: one, ref: core.local, parameters: {cmd: date}}
  - {name: two, ref: "acme.{{ what }}", params: {x: 1}}
-- sensors/poll.yaml --
class_name: Poll
entry_point: poll.py
poll_interval: 30
trigger_types:
  - {name: polled, payload_schema: {type: object}}
-- sensors/poll.py --
-- triggers/asked.yaml --
name: asked
parameters_schema: {type: object, properties: {who: {type: string}}}
-- rules/on_poll.yaml --
name: on_poll
trigger: {type: acme.polled}
criteria: {trigger.a: {type: eq, pattern: 1}}
action: {ref: acme.deploy, parameters: {version: "1"}}
-- aliases/deploy.yaml --
name: deploy_alias
action_ref: acme.deploy
formats: ["deploy {{ version }}", {display: d, representation: [r1, r2]}]
immutable_parameters: {color: green}
-- policies/one.yaml --
name: one_at_a_time
resource_ref: acme.deploy
policy_type: action.concurrency
parameters: {threshold: 1}
-- config.schema.yaml --
url: {type: string, required: true}
-- requirements.txt --
# comment
requests>=2 # why
six==1.9.0 \
  --hash=sha256:0

git+https://x/y#egg=z
`))
	if len(inv.Findings) > 0 {
		t.Errorf("findings: %v", inv.Findings)
	}
	inv.Meta = Meta{}
	want := &Inventory{
		Triggers: []Trigger{
			{Place: Place{"triggers/asked.yaml", 1}, Name: "asked", ParametersSchema: `{"properties":{"who":{"type":"string"}},"type":"object"}`},
			{Place: Place{"sensors/poll.yaml", 5}, Name: "polled", Sensor: "Poll", PayloadSchema: `{"type":"object"}`},
		},
		Sensors: []Sensor{{Place: Place{"sensors/poll.yaml", 1}, ClassName: "Poll", EntryPoint: "poll.py", PollInterval: "30", Enabled: true, TriggerTypes: []string{"polled"}}},
		Actions: []Action{
			{Place: Place{"actions/chain.yml", 1}, Name: "chain", RunnerType: "action-chain", EntryPoint: "chain/chain.json.yaml", OutputSchema: `{"ok":{"type":"boolean"}}`},
			{Place: Place{"actions/deploy.yaml", 1}, Name: "deploy", RunnerType: "orquesta", EntryPoint: "workflows/deploy.yaml", Enabled: true, Parameters: []Parameter{
				{Name: "color", Line: 7, Type: "string", Default: `"blue"`, Enum: []Value{`"blue"`, `"green"`}},
				{Name: "hosts", Line: 9, Type: "array", Other: `{"items":{"type":"string"}}`},
				{Name: "token", Line: 8, Type: "string", Secret: true, Immutable: true, Default: `"{{ x }}"`},
				{Name: "version", Line: 6, Type: "string", Required: true, Position: "0"},
			}},
		},
		Workflows: []Workflow{
			{File: "actions/chain/chain.json.yaml", Runner: "action-chain", Tasks: []Task{
				{Name: "one", Line: 2, Action: "core.local", Parameters: []string{"cmd"}},
				{Name: "two", Line: 3, Action: "acme.{{ what }}", Dynamic: true, Parameters: []string{"x"}},
			}},
			{File: "actions/workflows/deploy.yaml", Runner: "orquesta", Input: []Input{{Name: "version"}, {Name: "color", Default: `"blue"`}}, Output: []string{"url"}, Tasks: []Task{
				{Name: "first", Line: 5, Action: "acme.chain", Parameters: []string{"a", "b"}},
				{Name: "second", Line: 9, Action: "<% ctx().which %>", Dynamic: true},
				{Name: "third", Line: 11},
			}},
		},
		Rules: []Rule{{Place: Place{"rules/on_poll.yaml", 1}, Name: "on_poll", Trigger: "acme.polled", Criteria: `{"trigger.a":{"pattern":1,"type":"eq"}}`, Action: "acme.deploy", ActionParameters: `{"version":"1"}`}},
		Aliases: []Alias{{Place: Place{"aliases/deploy.yaml", 1}, Name: "deploy_alias", Action: "acme.deploy", Enabled: true, ImmutableParameters: `{"color":"green"}`, Formats: []Format{
			{Display: "deploy {{ version }}", Representations: []string{"deploy {{ version }}"}}, {Display: "d", Representations: []string{"r1", "r2"}},
		}}},
		Policies:     []Policy{{Place: Place{"policies/one.yaml", 1}, Name: "one_at_a_time", Enabled: true, Resource: "acme.deploy", Type: "action.concurrency", Parameters: `{"threshold":1}`}},
		ConfigSchema: &ConfigSchema{Source: []byte("url: {type: string, required: true}\n"), Attributes: []Parameter{{Name: "url", Line: 1, Type: "string", Required: true}}},
		Requirements: []string{"requests>=2", "six==1.9.0   --hash=sha256:0", "git+https://x/y#egg=z"},
		Code: []CodeFile{
			{File: "actions/config.yaml", Hash: "a39c61aac659e57c"}, {File: "actions/lib/helper.yaml", Hash: "a39c61aac659e57c"}, {File: "sensors/poll.py", Hash: "e3b0c44298fc1c14"},
		},
	}
	if diff := cmp.Diff(want, inv); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"trigger.a"}, inv.Rules[0].Criteria.Keys()); diff != "" {
		t.Error(diff)
	}
}

// Each case reads: a pack with this file has these findings. "action NAME" and so
// on come before the message where the file says what it describes.
func TestFindings(t *testing.T) {
	const python = "name: a\nrunner_type: python-script\n"
	const shell = "name: a\nrunner_type: local-shell-cmd\n"
	const rule = "name: r\naction: {ref: core.noop}\n"
	const policy = "name: p\nresource_ref: core.noop\n"
	cases := []struct{ name, file, text, want string }{
		// reference.md 4.3 and golden/registration_transcripts_2.txt.
		{"an action that is fine", "actions/a.yaml", shell, ""},
		{"another pack's field", "actions/a.yaml", shell + "pack: other\n", `actions/a.yaml:3 PS-CONTENT-PACK the field pack names "other", but the pack is "acme"; StackStorm refuses to register the action`},
		{"an empty pack field is none", "actions/a.yaml", shell + "pack:\n", ""},
		{"an unknown runner", "actions/a.yaml", "name: a\nrunner_type: nope\n", `actions/a.yaml:2 PS-CONTENT-RUNNER the runner type "nope" does not come with StackStorm, unless this runner is installed there; StackStorm refuses to register the action`},
		{"a runner of a former release", "actions/a.yaml", "name: a\nrunner_type: mistral-v2\n", `actions/a.yaml:2 PS-CONTENT-RUNNER the runner type "mistral-v2" does not come with StackStorm, which has orquesta instead; StackStorm refuses to register the action`},
		{"an unknown key", "actions/a.yaml", shell + "foo: 1\n", `actions/a.yaml:3 PS-CONTENT-KEY-UNKNOWN "foo" is not a key that StackStorm knows; StackStorm refuses to register the action`},
		{"an unknown key inside", "actions/a.yaml", shell + "notify:\n  on-complete: {channel: x}\n", `actions/a.yaml:4 PS-CONTENT-KEY-UNKNOWN "notify.on-complete.channel" is not a key that StackStorm knows; StackStorm refuses to register the action`},
		{"a parameter with a dash", "actions/a.yaml", shell + "parameters:\n  a-b: {type: string}\n", `actions/a.yaml:4 PS-CONTENT-PARAMETER-NAME the parameter a-b: its name may hold only letters, digits and _; StackStorm refuses to register the action`},
		{"a parameter with several types", "actions/a.yaml", shell + "parameters:\n  a: {type: [string, array]}\n", `actions/a.yaml:4 PS-CONTENT-PARAMETER-SCHEMA the parameter a, in type: it names several types, where only one is allowed; StackStorm refuses to register the action`},
		{"an empty description of a parameter", "actions/a.yaml", shell + "parameters:\n  a:\n    description:\n", `actions/a.yaml:5 PS-CONTENT-PARAMETER-SCHEMA the parameter a, in description: it has the type null, not string; StackStorm refuses to register the action`},
		{"a parameter without a schema", "actions/a.yaml", shell + "parameters: {a: }\n", `actions/a.yaml:3 PS-CONTENT-PARAMETER-SCHEMA the parameter a: it has the type null, not object; StackStorm refuses to register the action`},
		{"a typo deep in a parameter", "actions/a.yaml", shell + "parameters:\n  a: {type: object, properties: {b: {requred: true}}}\n", `actions/a.yaml:4 PS-CONTENT-LATER the parameter a, in properties.b.requred: "requred" is not a keyword that StackStorm knows here; StackStorm after 3.9 refuses to register the action`},
		{"an output schema with a wrong type", "actions/a.yaml", shell + "output_schema: {type: text, anything: 1, title: }\n", `actions/a.yaml:3 PS-CONTENT-PARAMETER-SCHEMA output_schema, in type: "text" is not one of array, boolean, integer, null, number, object, string; StackStorm refuses to register the action`},
		{"an empty pack field of another kind", "actions/a.yaml", shell + "pack: []\n", ""},
		{"parameters without a value", "actions/a.yaml", shell + "parameters:\n", `actions/a.yaml:3 PS-CONTENT-KEY-TYPE parameters has no value; leave the key out, or write {}; StackStorm refuses to register the action`},
		{"an empty file", "actions/a.yaml", "# nothing\n", `actions/a.yaml PS-CONTENT-YAML actions/a.yaml is empty; StackStorm refuses to register the action`},
		{"a list", "actions/a.yaml", "- x\n", `actions/a.yaml:1 PS-CONTENT-YAML it has the type list where StackStorm needs a mapping; StackStorm refuses to register the action`},
		{"no YAML", "actions/a.yaml", "name: [\n", `actions/a.yaml:2 PS-CONTENT-YAML it cannot be read as YAML: while parsing a flow node: did not find expected node content; StackStorm refuses to register the action`},
		{"a key that is written twice", "actions/a.yaml", shell + "name: b\n", `actions/a.yaml:3 PS-CONTENT-DUPLICATE-KEY key "name" is written twice (first in line 1): the last one counts`},
		{"a text where a boolean is needed", "actions/a.yaml", shell + "enabled: \"yes\"\n", `actions/a.yaml:3 PS-CONTENT-KEY-TYPE enabled has the type string, not boolean; StackStorm refuses to register the action`},
		{"yes is a boolean", "actions/a.yaml", shell + "enabled: yes\n", ""},
		{"a missing name", "actions/a.yaml", "runner_type: noop\n", `actions/a.yaml:1 PS-CONTENT-KEY-MISSING name is missing; StackStorm refuses to register the action`},
		{"a null for a key that may be absent", "actions/a.yaml", shell + "description:\nentry_point:\n", ""},
		{"two parameters in one place", "actions/a.yaml", shell + "parameters:\n  a: {position: 1}\n  b: {position: 1}\n", `actions/a.yaml:5 PS-CONTENT-POSITION the parameters a and b have the same position 1; StackStorm refuses to register the action`},
		{"a gap between positions", "actions/a.yaml", shell + "parameters:\n  a: {position: 1}\n  b: {position: 3}\n", `actions/a.yaml:4 PS-CONTENT-POSITION the positions of the parameters, from 1 to 3, have a gap; StackStorm refuses to register the action`},
		{"positions may start anywhere", "actions/a.yaml", shell + "parameters:\n  a: {position: 5}\n  b: {position: 4}\n", ""},
		{"a fraction of a position", "actions/a.yaml", shell + "parameters:\n  a: {position: 1.5}\n", `actions/a.yaml:4 PS-CONTENT-POSITION the parameter a has the position 1.5, which is not an integer; StackStorm refuses to register the action`},
		{"immutable without a default", "actions/a.yaml", shell + "parameters:\n  a: {immutable: true}\n", `actions/a.yaml:4 PS-CONTENT-IMMUTABLE the parameter a is immutable but has no default; StackStorm refuses to register the action`},
		{"even where it is false", "actions/a.yaml", shell + "parameters:\n  a: {immutable: false}\n", `actions/a.yaml:4 PS-CONTENT-IMMUTABLE the parameter a is immutable but has no default; StackStorm refuses to register the action`},
		{"the runner has the default", "actions/a.yaml", shell + "parameters:\n  sudo: {immutable: true}\n  cmd: {immutable: true, default: date}\n", ""},
		{"the runner has none", "actions/a.yaml", shell + "parameters:\n  cmd: {immutable: true}\n", `actions/a.yaml:4 PS-CONTENT-IMMUTABLE the parameter cmd is immutable but has no default; StackStorm refuses to register the action`},
		{"immutable in the runner already", "actions/a.yaml", "name: a\nrunner_type: remote-shell-cmd\nparameters:\n  dir: {immutable: true, default: /}\n", `actions/a.yaml:4 PS-CONTENT-IMMUTABLE the parameter dir is immutable already for the runner, and cannot be made so again; StackStorm refuses to register the action`},
		{"a runner's parameter made positional", "actions/a.yaml", shell + "parameters:\n  cmd: {position: 0}\n", `actions/a.yaml:4 PS-CONTENT-RUNNER-PARAMETER the parameter cmd belongs to the runner, and its position cannot be changed (only default, description, enum, immutable, required can); StackStorm refuses to register the action`},
		{"a runner's parameter of another type", "actions/a.yaml", python + "parameters:\n  timeout: {type: string}\n", `actions/a.yaml:4 PS-CONTENT-RUNNER-PARAMETER the parameter timeout has the type string, but for the runner it has the type integer; StackStorm refuses to register the action`},
		{"a runner's parameter as it is", "actions/a.yaml", python + "parameters:\n  timeout: {type: integer, default: 5}\n", ""},
		{"an entry point that is not there", "actions/a.yaml", python + "entry_point: a.py\n", `actions/a.yaml:1 PS-CONTENT-ENTRY-POINT its entry point actions/a.py is not there; StackStorm registers it, and it fails when it runs`},
		{"an entry point outside the pack", "actions/a.yaml", python + "entry_point: ../../x.py\n", `actions/a.yaml:1 PS-CONTENT-ENTRY-POINT its entry point "../../x.py" lies outside the pack; StackStorm registers it, and it fails when it runs`},
		{"an entry point beside actions", "actions/a.yaml", python + "entry_point: ../pack.yaml\n", ""},
		{"a workflow that is no YAML", "actions/a.yaml", "name: a\nrunner_type: orquesta\nentry_point: a.yaml.txt\n-- actions/a.yaml.txt --\n- [\n", `actions/a.yaml.txt:2 PS-CONTENT-WORKFLOW it cannot be read as YAML: while parsing a flow node: did not find expected node content; StackStorm cannot run the workflow`},
		{"a task that calls an action that is not there", "actions/a.yaml", "name: a\nrunner_type: orquesta\nentry_point: w/a.yaml\n-- actions/w/a.yaml --\ntasks:\n  t: {action: acme.gone}\n", `actions/w/a.yaml:2 PS-CONTENT-REFERENCE it refers to the action acme.gone, which the pack does not have; StackStorm registers it, and it fails when it runs`},
		{"a task that calls another pack", "actions/a.yaml", "name: a\nrunner_type: orquesta\nentry_point: w/a.yaml\n-- actions/w/a.yaml --\ntasks:\n  t: {action: other.gone}\n", ""},
		{"two files with one name", "actions/a.yaml", shell + "-- actions/b.yaml --\n" + shell, `actions/b.yaml:1 PS-CONTENT-DUPLICATE the action a stands in actions/a.yaml:1 too: StackStorm registers both under one name, and the last one wins`},
		{"a file in capitals", "actions/B.YAML", shell, `actions/B.YAML PS-CONTENT-IGNORED actions/B.YAML is not read: StackStorm takes only .yaml and .yml in lower case`},
		{"a directory like a file", "actions/b.yaml/x", "", `actions/b.yaml PS-CONTENT-YAML actions/b.yaml is a directory; StackStorm takes everything here that ends in .yaml for the file of one action, and its registration stops`},

		{"a sensor without an entry point", "sensors/s.yaml", "class_name: S\n", `sensors/s.yaml:1 PS-CONTENT-KEY-MISSING entry_point is missing; StackStorm refuses to register the sensor`},
		{"a sensor that polls too often", "sensors/s.yaml", "class_name: S\nentry_point: ../pack.yaml\npoll_interval: 3.9\n", `sensors/s.yaml:3 PS-CONTENT-POLL-INTERVAL poll_interval is below 4 seconds; StackStorm refuses to register the sensor`},
		{"a sensor that polls every four seconds", "sensors/s.yaml", "class_name: S\nentry_point: ../pack.yaml\npoll_interval: 4\n", ""},
		{"a poll interval of zero is none", "sensors/s.yaml", "class_name: S\nentry_point: ../pack.yaml\npoll_interval: 0\n", ""},
		{"a poll interval in words", "sensors/s.yaml", "class_name: S\nentry_point: ../pack.yaml\npoll_interval: \"30\"\n", `sensors/s.yaml:3 PS-CONTENT-KEY-TYPE poll_interval has the type string, not number; StackStorm refuses to register the sensor`},
		{"a sensor's unknown key is let through", "sensors/s.yaml", "class_name: S\nentry_point: ../pack.yaml\nfoo: 1\n", `sensors/s.yaml:3 PS-CONTENT-IGNORED foo is not read: a sensor has no such key`},
		{"a sensor that is lost in silence", "sensors/s.yaml", "entry_point: ../pack.yaml\n", `sensors/s.yaml:1 PS-CONTENT-SENSOR class_name is missing; StackStorm counts the sensor as registered, but does not store it`},
		{"a sensor's description that is a number", "sensors/s.yaml", "class_name: S\nentry_point: ../pack.yaml\ndescription: 5\n", `sensors/s.yaml:3 PS-CONTENT-SENSOR description has the type integer, not string; StackStorm counts the sensor as registered, but does not store it`},
		{"a trigger without a name", "sensors/s.yaml", "class_name: S\nentry_point: ../pack.yaml\ntrigger_types:\n  - {description: d}\n", `sensors/s.yaml:4 PS-CONTENT-KEY-MISSING trigger_types[0].name is missing; StackStorm refuses to register the sensor`},
		{"trigger types without a value", "sensors/s.yaml", "class_name: S\nentry_point: ../pack.yaml\ntrigger_types:\n", `sensors/s.yaml:3 PS-CONTENT-KEY-TYPE trigger_types has the type null, not array; StackStorm refuses to register the sensor`},
		{"an empty mapping of trigger types", "sensors/s.yaml", "class_name: S\nentry_point: ../pack.yaml\ntrigger_types: {}\n", ""},
		{"a key of a trigger that nobody reads", "triggers/t.yaml", "name: t\npayload_info: [a]\n", `triggers/t.yaml:2 PS-CONTENT-IGNORED payload_info is not read: a trigger type has no such key`},

		{"a rule that is fine", "rules/r.yaml", rule + "trigger: {type: core.st2.webhook, parameters: {url: x}}\n", ""},
		{"a rule without a trigger", "rules/r.yaml", rule, `rules/r.yaml:1 PS-CONTENT-KEY-MISSING trigger is missing; StackStorm refuses to register the rule`},
		{"a rule for a trigger that is not there", "rules/r.yaml", rule + "trigger: {type: acme.nope}\n", `rules/r.yaml:1 PS-CONTENT-TRIGGER its trigger type acme.nope is not in the pack; StackStorm refuses to register the rule`},
		{"a rule without the parameters of its trigger", "rules/r.yaml", rule + "trigger: {type: acme.t}\n-- triggers/t.yaml --\nname: t\nparameters_schema: {type: object}\n", `rules/r.yaml:1 PS-CONTENT-TRIGGER its trigger type acme.t takes parameters, but the rule gives none; StackStorm refuses to register the rule`},
		{"a rule that gives them", "rules/r.yaml", rule + "trigger: {type: acme.t, parameters: {a: 1}}\n-- triggers/t.yaml --\nname: t\nparameters_schema: {type: object}\n", ""},
		{"a trigger type without its pack", "rules/r.yaml", rule + "trigger: {type: webhook}\n", `rules/r.yaml:3 PS-CONTENT-TRIGGER the trigger type "webhook" lacks the pack before its name; StackStorm refuses to register the rule`},
		{"a timer without a unit", "rules/r.yaml", rule + "trigger:\n  type: core.st2.IntervalTimer\n  parameters: {delta: 5}\n", `rules/r.yaml:5 PS-CONTENT-TRIGGER-PARAMETERS in the parameters of the trigger core.st2.IntervalTimer, unit is missing; StackStorm refuses to register the rule`},
		{"a timer at the 25th hour", "rules/r.yaml", rule + "trigger:\n  type: core.st2.CronTimer\n  parameters: {hour: 25, minute: \"*/5\"}\n", `rules/r.yaml:5 PS-CONTENT-TRIGGER-PARAMETERS in the parameters of the trigger core.st2.CronTimer, hour is 25, not between 0 and 23; StackStorm refuses to register the rule`},
		{"a webhook without parameters", "rules/r.yaml", rule + "trigger: {type: core.st2.webhook}\n", `rules/r.yaml:3 PS-CONTENT-TRIGGER-PARAMETERS in the parameters of the trigger core.st2.webhook, url is missing; StackStorm refuses to register the rule`},
		{"a comparison that does not exist", "rules/r.yaml", rule + "trigger: {type: core.x}\ncriteria:\n  trigger.a: {type: equal, pattern: x}\n", `rules/r.yaml:5 PS-CONTENT-CRITERIA the criterion trigger.a compares with "equal", which is not one of ` + strings.Join(operators, ", ") + `; StackStorm refuses to register the rule`},
		{"exists needs a pattern", "rules/r.yaml", rule + "trigger: {type: core.x}\ncriteria:\n  trigger.a: {type: exists}\n", `rules/r.yaml:5 PS-CONTENT-CRITERIA the criterion trigger.a has no pattern, which even exists and nexists need; StackStorm refuses to register the rule`},
		{"criteria without a value", "rules/r.yaml", rule + "trigger: {type: core.x}\ncriteria:\n", `rules/r.yaml:4 PS-CONTENT-CRITERIA criteria has no value; leave the key out, or write {}; StackStorm refuses to register the rule`},
		{"a timer whose parameters have no value", "rules/r.yaml", rule + "trigger: {type: core.st2.webhook, parameters: }\n", `rules/r.yaml:3 PS-CONTENT-TRIGGER-PARAMETERS the parameters of the trigger core.st2.webhook have no value; StackStorm refuses to register the rule`},
		{"a rule that calls an action that is not there", "rules/r.yaml", "name: r\naction: {ref: acme.gone}\ntrigger: {type: core.x}\n", `rules/r.yaml:1 PS-CONTENT-REFERENCE it refers to the action acme.gone, which the pack does not have; StackStorm registers it, and it fails when it runs`},

		{"an alias without formats", "aliases/a.yaml", "name: a\naction_ref: core.noop\n", `aliases/a.yaml:1 PS-CONTENT-KEY-MISSING formats is missing; StackStorm refuses to register the alias`},
		{"a format that is a number", "aliases/a.yaml", "name: a\naction_ref: core.noop\nformats: [5]\n", `aliases/a.yaml:3 PS-CONTENT-KEY-TYPE formats[0] has the type integer, not string or object; StackStorm refuses to register the alias`},
		{"a format that displays null", "aliases/a.yaml", "name: a\naction_ref: core.noop\nformats: [{display: }]\n", `aliases/a.yaml:3 PS-CONTENT-KEY-TYPE formats[0].display has the type null, not string; StackStorm refuses to register the alias`},
		{"a policy with an empty attribute", "policies/p.yaml", policy + "policy_type: action.concurrency.attr\nparameters: {threshold: 1, attributes: [a, \"\"]}\n", `policies/p.yaml:4 PS-CONTENT-POLICY-PARAMETERS in the parameters of action.concurrency.attr, attributes holds an empty name; StackStorm refuses to register the policy`},
		{"a policy of a type that does not exist", "policies/p.yaml", policy + "policy_type: action.nope\n", `policies/p.yaml:3 PS-CONTENT-POLICY-TYPE the policy type "action.nope" does not come with StackStorm (action.concurrency, action.concurrency.attr, action.retry do); StackStorm refuses to register the policy`},
		{"a policy that retries too often", "policies/p.yaml", policy + "policy_type: action.retry\nparameters: {retry_on: failure, max_retry_count: 9}\n", `policies/p.yaml:4 PS-CONTENT-POLICY-PARAMETERS in the parameters of action.retry, max_retry_count is 9, not between 1 and 5; StackStorm refuses to register the policy`},
		{"a policy without parameters", "policies/p.yaml", policy + "policy_type: action.concurrency\n", `policies/p.yaml:1 PS-CONTENT-POLICY-PARAMETERS in the parameters of action.concurrency, threshold is missing; StackStorm refuses to register the policy`},

		{"an empty config schema", "config.schema.yaml", "", `config.schema.yaml PS-CONTENT-CONFIG-SCHEMA it is empty; StackStorm refuses to register the pack`},
		{"a typo in the config schema", "config.schema.yaml", "a: {requried: true}\n", `config.schema.yaml:1 PS-CONTENT-CONFIG-SCHEMA a, in requried: "requried" is not a keyword that StackStorm knows here; StackStorm refuses to register the pack`},
		{"a config that nobody reads", "config.yaml", "a: 1\n", `config.yaml PS-CONTENT-IGNORED config.yaml is not read any more: StackStorm takes the config from configs/acme.yaml`},
		{"no metadata", "pack.yaml", "- x\n", `pack.yaml:1 PS-CONTENT-META it has the type list; StackStorm needs a mapping with ref, name, version and so on`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inv := read(t, files("-- "+c.file+" --\n"+c.text))
			var lines []string
			for _, f := range inv.Findings {
				lines = append(lines, fmt.Sprintf("%s %s %s", f.At[0], f.ID, f.Message))
			}
			if diff := cmp.Diff(c.want, strings.Join(lines, "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			// What a message says and what its id says agree.
			for _, f := range inv.Findings {
				refused := len(Refused([]pack.Finding{f})) == 1
				says := strings.Contains(f.Message, "refuses to register") && f.ID != FindingLater || f.ID == FindingMeta || strings.Contains(f.Message, "registration stops")
				if refused != says {
					t.Errorf("%s is refused: %v, but it says: %s", f.ID, refused, f.Message)
				}
			}
		})
	}
}

func TestOneBrokenFileHidesNoOther(t *testing.T) {
	inv := read(t, files("-- actions/a.yaml --\nname: [\n-- actions/b.yaml --\nname: b\nrunner_type: noop\nfoo: 1\n-- actions/c.yaml --\nname: c\nrunner_type: noop\n-- rules/r.yaml --\n\t\n-- pack.yaml --\n[\n"))
	var names, ids []string
	for _, a := range inv.Actions {
		names = append(names, a.Name)
	}
	for _, f := range inv.Findings {
		ids = append(ids, f.ID)
	}
	if diff := cmp.Diff([]string{"b", "c"}, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{FindingMeta, FindingYAML, FindingKeyUnknown, FindingYAML}, ids); diff != "" {
		t.Error(diff)
	}
}

func TestEnabled(t *testing.T) {
	cases := []struct {
		kind, text string
		want       bool
	}{
		{"action", "", true}, {"action", "enabled: false", false}, {"action", "enabled:", false},
		{"sensor", "", true}, {"sensor", "enabled: no", false}, {"sensor", "enabled:", true},
		{"rule", "", false}, {"rule", "enabled: true", true}, {"rule", "enabled:", true},
		{"alias", "", true}, {"alias", "enabled: off", false}, {"policy", "", true}, {"policy", "enabled: false", false},
	}
	for _, c := range cases {
		dir := map[string]string{"action": "actions", "sensor": "sensors", "rule": "rules", "alias": "aliases", "policy": "policies"}[c.kind]
		inv := read(t, files("-- "+dir+"/x.yaml --\nname: x\nclass_name: x\n"+c.text+"\n"))
		var got []bool
		for _, a := range inv.Actions {
			got = append(got, a.Enabled)
		}
		for _, s := range inv.Sensors {
			got = append(got, s.Enabled)
		}
		for _, r := range inv.Rules {
			got = append(got, r.Enabled)
		}
		for _, a := range inv.Aliases {
			got = append(got, a.Enabled)
		}
		for _, p := range inv.Policies {
			got = append(got, p.Enabled)
		}
		if !slices.Equal(got, []bool{c.want}) {
			t.Errorf("%s with %q is enabled: %v, want %v", c.kind, c.text, got, c.want)
		}
	}
}

// unreadable gives every file but one.
type unreadable struct {
	fs.FS
	name string
}

var errDisk = errors.New("input/output error")

func (u unreadable) Open(name string) (fs.File, error) {
	if name == u.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errDisk}
	}
	return u.FS.Open(name)
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	fsys := files("-- actions/a.yaml --\nname: a\nrunner_type: orquesta\nentry_point: w/a.yaml\n-- actions/w/a.yaml --\ntasks: {}\n-- config.schema.yaml --\na: {}\n-- requirements.txt --\nx\n-- rules/r.yaml --\nname: r\n")
	for _, name := range []string{"pack.yaml", "actions", "actions/a.yaml", "actions/w/a.yaml", "rules/r.yaml", "config.schema.yaml", "requirements.txt"} {
		if _, err := Read(unreadable{fsys, name}); !errors.Is(err, errDisk) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s cannot be read, and the error is %v", name, err)
		}
	}
}

func TestLinks(t *testing.T) {
	dir := files("-- real.yaml --\nname: a\nrunner_type: noop\n-- sub/x --\n")
	dir["actions/good.yaml"] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("../real.yaml")}
	dir["actions/gone.yaml"] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("../nowhere.yaml")}
	dir["actions/dir.yaml"] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("../sub")}
	inv := read(t, dir)
	if len(inv.Actions) != 1 || inv.Actions[0].File != "actions/good.yaml" {
		t.Errorf("actions: %v", inv.Actions)
	}
	var messages []string
	for _, f := range inv.Findings {
		messages = append(messages, f.ID+" "+f.Message)
	}
	want := []string{
		"PS-CONTENT-YAML actions/dir.yaml leads to a directory; StackStorm refuses to register the action",
		"PS-CONTENT-YAML actions/gone.yaml is a link that leads nowhere; StackStorm refuses to register the action",
	}
	if diff := cmp.Diff(want, messages); diff != "" {
		t.Error(diff)
	}
}

func TestValues(t *testing.T) {
	inv := read(t, files("-- triggers/t.yaml --\nname: t\npayload_schema: {z: 5.0, y: 5, x: .inf, w: \"a\\\"\\\\\\n<ä>\", v: 2020-01-01, u: [yes, ~], t: 012, 1: one}\n"))
	want := Value(`{"1":"one","t":10,"u":[true,null],"v":"2020-01-01","w":"a\"\\\u000a<ä>","x":null,"y":5,"z":5.0}`)
	if diff := cmp.Diff(want, inv.Triggers[0].PayloadSchema); diff != "" {
		t.Error(diff)
	}
	if keys := Value("[1]").Keys(); keys != nil {
		t.Errorf("keys of a list: %v", keys)
	}
}

// TestReadListsWhatItDoesNotJudge keeps apart what an installed pack uses and what
// only its authors do.
func TestReadListsWhatItDoesNotJudge(t *testing.T) {
	files := fstest.MapFS{"pack.yaml": {Data: []byte("ref: p\nname: p\n")}}
	for _, name := range []string{
		"README.md", "CHANGES.md", "LICENSE", "icon.png", "tests/test_run.py", ".github/workflows/ci.yaml", ".gitignore", "actions/.hidden.py",
		"requirements.txt", "requirements-tests.txt", "config.schema.yaml", "actions/run.yaml", "rules/r.yml", "circle.yml",
		"actions/run.py", "actions/lib/README.md", "etc/template.j2", "jira.yaml.example", "tools/tests/x.py",
	} {
		files[name] = &fstest.MapFile{}
	}
	inv, err := Read(files)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range inv.Code {
		got = append(got, f.File)
	}
	want := []string{"actions/lib/README.md", "actions/run.py", "etc/template.j2", "tools/tests/x.py"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
