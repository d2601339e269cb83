package content

import (
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pyyaml"
)

// runnerParameter is what a runner says about one of its parameters, as far as an
// action may not change it.
type runnerParameter struct {
	typ        string
	secret     bool
	immutable  bool
	hasDefault bool
	other      []string // further keywords it has
}

// runnerParameters are those of one runner, by name.
type runnerParameters map[string]runnerParameter

// runners are those that come with StackStorm (reference.md 4.6); "orchestra" is
// an alias.
var runners = map[string]runnerParameters{
	"action-chain":        {"display_published": {typ: "boolean", hasDefault: true}, "skip_notify": {typ: "array", hasDefault: true}},
	"announcement":        {"experimental": {typ: "boolean", hasDefault: true}, "route": {typ: "string", hasDefault: true, other: []string{"maxLength", "minLength"}}},
	"http-request":        httpRunner,
	"inquirer":            {"schema": {typ: "object", hasDefault: true}, "route": {typ: "string", hasDefault: true}, "roles": {typ: "array", hasDefault: true}, "users": {typ: "array", hasDefault: true}, "ttl": {typ: "integer", hasDefault: true}},
	"local-shell-cmd":     localRunner.with(runnerParameters{"cmd": {typ: "string"}}),
	"local-shell-script":  localRunner.with(runnerParameters{"debug": {typ: "boolean", hasDefault: true}, "content_version": {typ: "string"}}),
	"noop":                {},
	"orchestra":           orquestaRunner,
	"orquesta":            orquestaRunner,
	"python-script":       {"debug": {typ: "boolean", hasDefault: true}, "content_version": {typ: "string"}, "env": {typ: "object"}, "timeout": {typ: "integer", hasDefault: true}, "log_level": {typ: "string", hasDefault: true}},
	"remote-shell-cmd":    remoteRunner.with(runnerParameters{"cmd": {typ: "string"}, "dir": {typ: "string", hasDefault: true, immutable: true}}),
	"remote-shell-script": remoteRunner.with(runnerParameters{"dir": {typ: "string", hasDefault: true}}),
	"winrm-cmd":           winrmRunner.with(runnerParameters{"cmd": {typ: "string"}}),
	"winrm-ps-cmd":        winrmRunner.with(runnerParameters{"cmd": {typ: "string"}}),
	"winrm-ps-script":     winrmRunner,
}

var (
	orquestaRunner = runnerParameters{"notify": {typ: "array", hasDefault: true, other: []string{"items", "uniqueItems"}}}

	httpRunner = runnerParameters{
		"allow_redirects": {typ: "boolean", hasDefault: true}, "verify_ssl_cert": {typ: "boolean", hasDefault: true},
		"cookies": {typ: "object"}, "headers": {typ: "object"}, "http_proxy": {typ: "string"}, "https_proxy": {typ: "string"},
		"url": {typ: "string"}, "username": {typ: "string"}, "password": {typ: "string", secret: true},
		"url_hosts_blacklist": {typ: "array", other: []string{"items"}}, "url_hosts_whitelist": {typ: "array", other: []string{"items"}},
	}

	localRunner = runnerParameters{
		"cwd": {typ: "string"}, "env": {typ: "object"}, "kwarg_op": {typ: "string", hasDefault: true},
		"sudo": {typ: "boolean", hasDefault: true}, "sudo_password": {typ: "string", secret: true, hasDefault: true},
		"timeout": {typ: "integer", hasDefault: true},
	}

	remoteRunner = localRunner.with(runnerParameters{
		"cwd": {typ: "string", hasDefault: true}, "bastion_host": {typ: "string"}, "hosts": {typ: "string"},
		"parallel": {typ: "boolean", hasDefault: true, immutable: true}, "passphrase": {typ: "string", secret: true},
		"password": {typ: "string", secret: true}, "port": {typ: "integer"}, "private_key": {typ: "string", secret: true},
		"username": {typ: "string"},
	})

	winrmRunner = runnerParameters{
		"cwd": {typ: "string"}, "env": {typ: "object"}, "host": {typ: "string"}, "kwarg_op": {typ: "string", hasDefault: true},
		"password": {typ: "string", secret: true}, "port": {typ: "integer", hasDefault: true}, "scheme": {typ: "string", hasDefault: true},
		"timeout": {typ: "integer", hasDefault: true}, "transport": {typ: "string", hasDefault: true}, "username": {typ: "string"},
		"verify_ssl_cert": {typ: "boolean", hasDefault: true},
	}
)

func (p runnerParameters) with(more runnerParameters) runnerParameters {
	all := make(runnerParameters, len(p)+len(more))
	for _, parameters := range []runnerParameters{p, more} {
		for name, parameter := range parameters {
			all[name] = parameter
		}
	}
	return all
}

// needFile are the runners whose entry point is a file.
var needFile = []string{
	"action-chain", "local-shell-script", "orchestra", "orquesta", "python-script", "remote-shell-script", "winrm-ps-script",
}

// gone are runner types of former releases, with what to use instead.
var gone = map[string]string{
	"mistral-v1": "orquesta", "mistral-v2": "orquesta", "workflow": "action-chain", "cloudslang": "orquesta",
	"run-python": "python-script", "run-local": "local-shell-cmd", "run-local-script": "local-shell-script",
	"run-remote": "remote-shell-cmd", "run-remote-script": "remote-shell-script", "http-runner": "http-request",
	"windows-cmd": "winrm-cmd", "windows-script": "winrm-ps-script",
}

// SameRunner tells whether two runner types are one under its former and its
// present name.
func SameRunner(a, b string) bool {
	present := func(name string) string {
		if now, former := gone[name]; former && !strings.HasPrefix(name, "mistral") && name != "cloudslang" {
			return now
		}
		if name == "orchestra" {
			return "orquesta"
		}
		return name
	}
	return present(a) == present(b)
}

// RunnerTakes tells whether a runner has a parameter itself: an action that does
// not mention it can be given it all the same.
func RunnerTakes(runner, parameter string) bool {
	_, takes := runners[runner][parameter]
	return takes
}

// RunnerHides tells whether a runner has a parameter that is secret, which no
// action can change.
func RunnerHides(runner, parameter string) bool { return runners[runner][parameter].secret }

// overridable are the keywords of a runner's parameter that an action may set as
// it likes.
var overridable = []string{"default", "description", "enum", "immutable", "required"}

// checkRunner finds a runner type that StackStorm does not bring, and changes to
// a runner's own parameters that it does not allow.
func (d *document) checkRunner() {
	name, isText := d.root.Get("runner_type").Text()
	if !isText {
		return
	}
	runner, known := runners[name]
	if !known {
		hint := "unless this runner is installed there"
		if now := gone[name]; now != "" {
			hint = "which has " + now + " instead"
		}
		d.refuse(FindingRunner, d.root.Get("runner_type"), "the runner type %q does not come with StackStorm, %s", name, hint)
		return
	}
	for _, p := range d.root.Get("parameters").Pairs() {
		if parameter, ofRunner := runner[p.Key.Str()]; ofRunner {
			d.checkOverride(p, parameter)
		}
	}
}

func (d *document) checkOverride(p pyyaml.Pair, of runnerParameter) {
	name := p.Key.Str()
	for _, keyword := range p.Value.Pairs() {
		key := keyword.Key.Str()
		switch {
		case slices.Contains(overridable, key), slices.Contains(of.other, key):
		case key == "type" && keyword.Value.Str() == of.typ:
		case key == "secret" && of.secret && keyword.Value.Truthy():
		case key == "type":
			d.refuse(FindingRunnerParameter, keyword.Key, "the parameter %s has the type %s, but for the runner it has the type %s", name, typeOf(keyword.Value), of.typ)
		default:
			d.refuse(FindingRunnerParameter, keyword.Key, "the parameter %s belongs to the runner, and its %s cannot be changed (only %s can)", name, key, strings.Join(overridable, ", "))
		}
	}
	immutable := p.Value.Get("immutable")
	switch {
	case immutable == nil:
	case of.immutable:
		d.refuse(FindingImmutable, immutable, "the parameter %s is immutable already for the runner, and cannot be made so again", name)
	case !of.hasDefault && p.Value.Get("default") == nil:
		d.refuse(FindingImmutable, immutable, "the parameter %s is immutable but has no default", name)
	}
}
