package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/packsync/packsync/internal/st2/st2test"
	"github.com/packsync/packsync/internal/testenv"
)

// TestNoCanaryIsSeen runs every command where it succeeds and where it fails.
func TestNoCanaryIsSeen(t *testing.T) {
	t.Parallel() // it waits for servers more than it computes
	a := newAviary(t)
	a.reviewCommands()
	a.try(0, "apply", "--auto-approve", "--verbose", "--timings")
	a.secretsArrived()
	for _, args := range [][]string{
		{"apply", "--auto-approve"}, {"status"}, {"status", "--json"}, {"list"}, {"show", "secretive"}, {"show", "secretive", "--json"}, {"verify"}, {"verify", "--json"},
		{"history"}, {"history", "--json"}, {"state", "list", "--json"}, {"state", "show", "secretive", "--json"}, {"check"}, {"plan", "--refresh"}, {"why", "secretive"},
		{"cache", "info"}, {"vendor", "bundle"}, {"outdated", "--json"},
	} {
		a.try(-1, args...)
	}
	a.changes()
	a.drift()
	a.refusals()
	a.mistakes()
	a.followed()
	a.killed()
	a.try(-1, "destroy", "--auto-approve")
	if a.runs < 80 {
		t.Errorf("only %d runs", a.runs)
	}
	t.Logf("%d runs with %d canaries", a.runs, len(a.values))
}

// reviewCommands need no secret, and must not ask for one.
func (a *aviary) reviewCommands() {
	env := a.env
	a.env = nil
	for _, entry := range env {
		if !strings.Contains(entry, canaryMark) || strings.HasPrefix(entry, "CANARY_TOKEN") {
			a.env = append(a.env, entry)
		}
	}
	for _, args := range [][]string{{"validate"}, {"validate", "--json"}, {"fmt", "--diff"}, {"status"}, {"list"}} {
		if _, said := a.run(args...); len(a.leaks([]byte(said))) > 0 {
			a.t.Errorf("%v says %q", args, a.leaks([]byte(said)))
		}
	}
	if _, err := os.Stat(a.path("children")); err == nil {
		a.t.Error("validate, fmt, status or list ran a command")
	}
	a.env = env
	a.try(-1, "fmt", "--diff")
	a.try(0, "lock", "--json")
	a.try(0, "lock", "--check")
	a.try(0, "update", "--verbose")
	a.try(-1, "outdated")
	a.try(-1, "config", "secretive")
	a.try(-1, "search", "x")
	a.try(-1, "index", "health")
	a.try(0, "plan", "--json")
	a.try(0, "plan", "--verbose")
	a.try(0, "plan", "--out", "saved.plan")
	if err := os.Mkdir(a.path("before"), 0o755); err != nil {
		a.t.Fatal(err)
	}
	a.secret("before/packs.hcl", strings.ReplaceAll(strings.NewReplacer("%VERSION%", "2.0.0", "%EXTRA%", "port = 1").Replace(a.template), canaryMark, canaryMark+"old"))
	for name := range a.inputs {
		if strings.HasPrefix(name, "secrets/") || name == "filed.yaml" {
			a.secret("before/"+name, read(a.t, a.path(name)))
		}
	}
	for _, format := range []string{"text", "json", "markdown"} {
		a.try(-1, "diff", "before", "--format", format)
	}
}

// secretsArrived proves that the canaries were used: a test in which no secret
// goes anywhere would find none.
func (a *aviary) secretsArrived() {
	configs := read(a.t, a.path("root/configs/secretive.yaml")) + read(a.t, a.path("root/configs/filed.yaml"))
	for _, channel := range []string{"env", "file", "cmd", "cred", "varenv", "varfile", "literal", "fn", "filefn", "yaml", "yamldeep"} {
		if !strings.Contains(configs, a.new(channel)) {
			a.t.Errorf("the canary %s is not in the configs", channel)
		}
	}
	for _, name := range []string{"inline", "proxied", "fromnetrc", "fromhelper", "fromcmd"} {
		if _, err := os.Stat(a.path("root/packs/" + name + "/pack.yaml")); err != nil {
			a.t.Errorf("%s was not installed: %v", name, err)
		}
	}
	for _, child := range []string{"bin/cmd", "bin/tokencmd", "bin/helper"} {
		if !strings.Contains(read(a.t, a.path("children")), child) {
			a.t.Errorf("%s was not run", child)
		}
	}
}

// changes updates, goes back and hands over.
func (a *aviary) changes() {
	a.try(-1, "apply", "saved.plan")
	a.declare("2.0.0", "port = 1")
	a.try(0, "plan", "--json")
	a.try(0, "apply", "--auto-approve", "--json")
	a.try(-1, "rollback", "secretive", "--with-config", "--auto-approve", "--verbose")
	a.try(-1, "rollback", "secretive", "--release")
	a.try(-1, "apply", "--auto-approve")
	a.secret("root/packs/foreign/pack.yaml", "ref: foreign\nname: foreign\nversion: 1.0.0\ndescription: d\nauthor: a\nemail: a@example.com\n")
	a.write("root/packs/foreign/config.schema.yaml", "port: {type: integer}\nsecret: {type: string, secret: true}\n")
	a.secret("root/configs/foreign.yaml", "secret: "+a.new("foreign")+"\nport: "+a.new("foreignport")+"\n")
	a.try(-1, "plan")
	a.try(-1, "import", "foreign", "--auto-approve")
	a.try(-1, "plan", "--json")
	a.try(-1, "state", "rm", "foreign", "--auto-approve")
	a.declare("2.0.0", "port = 1")
	a.try(-1, "release", "fromvar")
	a.try(-1, "apply", "--auto-approve", "--json")
}

// drift has a person write secrets into what packsync owns.
func (a *aviary) drift() {
	a.write("root/configs/secretive.yaml", "password: "+a.new("drifted")+"\nport: 5\n")
	a.chmod("root/configs/secretive.yaml", 0o640)
	for _, args := range [][]string{{"plan"}, {"plan", "--json"}, {"status"}, {"verify"}, {"check"}, {"apply", "--auto-approve"}} {
		a.try(-1, args...)
	}
	a.secret("packs.hcl", strings.Replace(read(a.t, a.path("packs.hcl")), "registration \"api\"", "on_drift = \"repair\"\n  registration \"api\"", 1))
	a.try(0, "apply", "--auto-approve", "--verbose")
	a.write("root/configs/secretive.yaml", "password: \"unfinished "+a.new("driftbroken")+"\n*"+a.new("driftalias")+"\n")
	a.chmod("root/configs/secretive.yaml", 0o640)
	a.try(-1, "plan")
	a.try(0, "apply", "--auto-approve", "--json")
}

// refusals has servers that answer with what they were told, and worse.
func (a *aviary) refusals() {
	quoted := `Failed validating attribute \"password\" in config for pack \"secretive\" (/opt/stackstorm/configs/secretive.yaml): '` + a.new("literal") + `' is not of type 'integer'`
	traced := `Failed to register config \"/x/secretive.yaml\" for pack \"secretive\": '` + a.new("cmd") + `' is not valid\n\nFailed validating 'type' in schema['properties']:\n\nOn instance['password']:\n    '` + a.new("cmd") + `'`
	for i, fault := range []st2test.Fault{
		{Status: 500}, {Status: 401, Body: `{"faultstring": "Unauthorized - ApiKey ` + a.new("apikey") + ` not found"}`},
		{Status: 400, Body: `{"faultstring": "` + quoted + `"}`}, {Status: 400, Body: `{"faultstring": "` + traced + `"}`}, {Cut: true},
	} {
		a.declare("2.0.0", fmt.Sprintf("port = %d", i+10))
		a.double.Inject(fault)
		a.try(6, "apply", "--auto-approve", fmt.Sprintf("--json=%t", i%2 == 0))
		a.try(-1, "status")
		a.try(-1, "plan", "--json")
		a.double.Heal()
		a.try(0, "apply", "--auto-approve")
	}
	for _, body := range []string{"<html>St2-Api-Key: " + a.new("apikey"), `{"St2-Api-Key": "` + a.new("apikey") + `"}`} {
		a.double.Inject(st2test.Fault{Status: 200, Body: body})
		a.try(-1, "register", "secretive")
		a.try(-1, "register", "--all", "--json")
		a.try(-1, "plan", "--refresh", "--json")
		a.double.Heal()
	}
	a.try(-1, "register", "secretive")
	a.double.Inject(st2test.Fault{Status: 500, Body: "<html>St2-Api-Key: " + a.new("apikey") + "</html>"})
	a.try(-1, "plan", "--refresh")
	a.try(-1, "verify")
	a.double.Heal()
	a.echo.Store("you sent " + a.new("inline") + " " + a.new("tokenfile"))
	a.env = append(a.env, "PACKSYNC_CACHE_DIR="+a.path("cache2"))
	a.try(-1, "lock")
	a.try(-1, "update", "--json")
	a.try(-1, "outdated")
	a.try(-1, "apply", "--auto-approve")
	a.echo.Store("")
	a.secret("secrets/token", a.new("wrongtoken"))
	a.secret("secrets/tokencmd", "a\n"+a.new("twolines"))
	a.try(-1, "update")
	a.secret("secrets/token", a.new("tokenfile"))
	a.secret("secrets/tokencmd", a.new("tokencmd"))
	a.try(-1, "apply", "--auto-approve")
}

// mistakes are all in the user's files, with a canary where each is.
func (a *aviary) mistakes() {
	for _, extra := range []string{
		`port = "` + a.new("wrongtype") + `"`, `level = "` + a.new("badenum") + `"`, `prot = "` + a.new("unknownkey") + `"`, `port = var.env`, `level = var.cmd.password`,
		`users = [{ name = 5, password = "` + a.new("deep") + `" }, "` + a.new("noobject") + `"]`, `port = "{{ ` + a.new("dynamic") + ` | decrypt_kv }}"`,
		`"` + a.new("noequals") + `"`, `other = "` + a.new("openquote"), `other = ` + a.new("noquotes"), `other = "x${` + a.new("template") + `}"`, `other = '` + a.new("apostrophe") + `'`,
		`other = parseint("` + a.new("function") + `", 10)`, `other = jsondecode(var.env)`, `other = yamldecode("*` + a.new("alias") + `")`,
		`other = templatefile("secrets/content", "` + a.new("templatearg") + `")`, `other = <<EOT` + "\n" + a.new("heredoc"), `(var.env) = 1`, `other = [for x in var.env : x]`, `other = regex("(", var.file)`,
	} {
		a.declare("2.0.0", extra)
		a.try(-1, "plan")
		a.try(-1, "plan", "--json")
		a.try(-1, "validate")
	}
	good := strings.NewReplacer("%VERSION%", "2.0.0", "%EXTRA%", "port = 1").Replace(a.template)
	for _, block := range []string{
		"variable \"x\" {\n  sensitive = true\n  default = \"" + a.new("default") + "\"\n}", "variable \"x\" {\n  sensitiv = true\n  default = \"" + a.new("misspelt") + "\"\n}",
		"pack \"x\" {\n  source = \"https://u:" + a.new("urlpassword") + "@git.example.com/x.git\"\n}", "pack \"x\" {\n  source = \"./x\"\n  tokn = \"" + a.new("argument") + "\"\n}",
		"credentails \"x\" {\n  token = \"" + a.new("block") + "\"\n}", "index \"x\" { url = \"https://u:" + a.new("index") + "@i.example.com/i.json\" }",
		"rewrite \"https://a/\" { to = \"https://u:" + a.new("rewrite") + "@b/\" }", "credentials \"h\" {\n  token_env = \"" + a.new("tokenenvtext") + " x\"\n}",
		"variable \"n\" {\n  type = number\n  env = \"CANARY_ENV\"\n}\nlocals { n = var.n }", "variable \"n\" {\n  type = map(string)\n  file = \"secrets/file\"\n}\nlocals { n = var.n }",
		"variable \"n\" {\n  command = [\"sh\", \"-c\", \"set -x; echo " + a.new("trace") + "; cat secrets/file; cat secrets/file >&2; exit 3\"]\n}\nlocals { n = var.n }",
		"variable \"n\" {\n  type = list(number)\n  command = [\"cat\", \"secrets/cmd\"]\n}\nlocals { n = var.n }", "pack \"env\" {\n  source = var.env\n}", "base_path \"x\" { path = var.file }",
	} {
		a.secret("packs.hcl", good+block+"\n")
		a.try(1, "plan")
		a.try(1, "plan", "--json")
		a.try(-1, "validate", "--json")
	}
	a.pack("pinned", "1.0.0")
	a.write("sources/pinned/config.schema.yaml", "pin: {type: integer}\n")
	a.secret("packs.hcl", good+"locals {\n  base = { pin = \""+a.new("local")+"\" }\n}\n"+packBlock("pinned", "config = merge(local.base, {})"))
	a.try(3, "plan")
	a.try(3, "plan", "--json")
	a.secret("packs.hcl", good)
	a.try(1, "plan", "--var", "fromvarfile="+a.new("option"))
	a.try(1, "plan", "--var", a.new("optionname"))
	a.secret("bad.hclvars", "fromvarfile = \""+a.new("badvarfile")+"\nunknown = \""+a.new("unknownvar")+"\"\n")
	a.try(1, "plan", "--var-file", "bad.hclvars")
	good2 := read(a.t, a.path("filed.yaml"))
	for _, text := range []string{
		"password: \"" + a.new("yamlquote") + "\n", "password: *" + a.new("yamlalias") + "\n", "password: !" + a.new("yamltag") + "\n", "- " + a.new("yamllist") + "\n",
		"port: " + a.new("yamltype") + "\n", a.new("yamlscalar"), "users: {password: " + a.new("yamlmap") + "}\n", "a: {{ " + a.new("yamltemplate") + " }}\n",
	} {
		a.secret("filed.yaml", text)
		a.try(-1, "plan")
		a.try(-1, "plan", "--json")
	}
	a.secret("filed.yaml", good2)
}

// followed lets watch run through an edit, a mistake and an outage, in both forms
// of its log, and asks its status page.
func (a *aviary) followed() {
	for i, format := range []string{"json", "text"} {
		a.declare("2.0.0", fmt.Sprintf("port = %d", 100+i))
		p := a.start(nil, "--var-file", "secrets.hclvars", "watch", "--auto-approve", "--interval", "1h", "--log-format", format, "--listen", "unix:"+a.path("tmp/s"))
		poll(a.t, "the first pass", func() bool {
			return strings.Contains(read(a.t, a.path("root/configs/secretive.yaml")), fmt.Sprint(100+i))
		})
		a.double.Inject(st2test.Fault{Status: 400, Body: `{"faultstring": "'` + a.new("literal") + `' is not of type 'integer'"}`})
		a.declare("2.0.0", fmt.Sprintf("port = %d", 200+i))
		poll(a.t, "the second pass", func() bool {
			return strings.Contains(read(a.t, a.path("root/configs/secretive.yaml")), fmt.Sprint(200+i))
		})
		a.declare("2.0.0", `port = "`+a.new("watchtype")+`"`)
		a.askStatus(filepath.Join(a.dir, "tmp/s"))
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			a.t.Fatal(err)
		}
		p.exit(a.t)
		a.runs++
		for _, leak := range a.leaks([]byte(p.out.String() + p.err.String())) {
			a.t.Errorf("watch says %s", leak)
		}
		a.double.Heal()
		a.look("watch")
	}
	a.declare("2.0.0", "port = 1")
	a.try(-1, "apply", "--auto-approve")
}

func (a *aviary) askStatus(socket string) {
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	for _, page := range []string{"/status", "/metrics", "/healthz", "/"} {
		resp, err := client.Get("http://watch" + page)
		if err != nil {
			a.t.Errorf("ask for %s: %v", page, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		if err := resp.Body.Close(); err != nil {
			a.t.Error(err)
		}
		if err != nil {
			a.t.Error(err)
		}
		for _, leak := range a.leaks(body) {
			a.t.Errorf("%s of watch shows %s", page, leak)
		}
	}
}

// killed looks at what a run leaves that is killed between its steps.
func (a *aviary) killed() {
	struck := make(chan struct{})
	a.double.Inject(st2test.Fault{Method: "POST", Hang: true, Times: 1, Meanwhile: func() { close(struck) }})
	a.declare("1.0.0", "port = 7")
	p := a.start(nil, "--var-file", "secrets.hclvars", "apply", "--auto-approve")
	await(a.t, "the registration", struck)
	a.arguments(p.Process.Pid)
	if err := p.Process.Kill(); err != nil {
		a.t.Fatal(err)
	}
	p.exit(a.t)
	a.look("a killed apply")
	a.double.Heal()
	a.try(-1, "status")
	a.try(-1, "state", "recover")
	a.try(0, "apply", "--auto-approve")
	testenv.Need(a.t, "strace")
	a.declare("2.0.0", "port = 8")
	a.env = append(a.env, "PACKSYNC_CACHE_DIR="+a.path("cache3"))
	traced := a.start([]string{"strace", "-f", "-v", "-s", "4096", "-e", "trace=execve", "-o", a.path("execs")}, "--var-file", "secrets.hclvars", "apply", "--auto-approve")
	if code := traced.exit(a.t); code != 0 {
		a.t.Errorf("traced apply: exit code %d\n%s", code, traced.err.String())
	}
	a.children()
}

// arguments looks at packsync's own command line.
func (a *aviary) arguments(pid int) {
	for _, leak := range a.leaks([]byte(read(a.t, fmt.Sprintf("/proc/%d/cmdline", pid)))) {
		a.t.Errorf("the arguments of packsync hold %s", leak)
	}
}

// children looks at the arguments and the environment of every program that
// packsync started. The first line of the trace is packsync itself.
func (a *aviary) children() {
	text := read(a.t, a.path("execs"))
	lines := strings.Split(text, "\n")
	started := 0
	for _, line := range lines[1:] {
		if strings.Contains(line, "execve(") {
			started++
		}
		for _, leak := range a.leaks([]byte(line)) {
			a.t.Errorf("a child gets %s in %s", leak, line[:min(len(line), 80)])
		}
	}
	if started < 3 {
		a.t.Errorf("only %d programs were started:\n%s", started, text)
	}
	if err := os.Remove(a.path("execs")); err != nil {
		a.t.Fatal(err)
	}
}
