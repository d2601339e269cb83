package main

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/st2/st2test"
	"github.com/packsync/packsync/internal/testenv"
)

// aviary is a box in which every secret is a canary: all ways in which packsync
// can be given one at once, with servers that want them.
type aviary struct {
	*box
	canaries
	inputs   map[string]bool // files that hold canaries because the test wrote them there
	double   *st2test.Server
	echo     atomic.Value // string: what the git servers answer instead, with status 500
	runs     int
	template string // of the declaration
}

func newAviary(t *testing.T) *aviary {
	testenv.Need(t, "git")
	a := &aviary{box: newBox(t, t.TempDir()), inputs: map[string]bool{}}
	a.echo.Store("")
	a.env = append(a.env, "TMPDIR="+a.path("tmp"), "GIT_CONFIG_NOSYSTEM=1", "CREDENTIALS_DIRECTORY="+a.path("creds"),
		"CANARY_ENV="+a.new("env"), "CANARY_TOKEN="+a.new("tokenenv"), "PACKSYNC_VAR_fromvarenv="+a.new("varenv"))
	a.secret("secrets/file", a.new("file")+"\n")
	a.secret("secrets/token", a.new("tokenfile")+"\n")
	a.secret("creds/cred", a.new("cred")+"\n")
	a.secret("secrets/cmd", `{"user": "u", "password": "`+a.new("cmd")+`"}`)
	a.secret("secrets/tokencmd", a.new("tokencmd"))
	a.secret("secrets/helper", "username=u\npassword="+a.new("githelper")+"\n")
	a.secret("secrets.hclvars", `fromvarfile = "`+a.new("varfile")+"\"\n")
	a.secret("secrets/content", a.new("filefn"))
	a.secret("filed.yaml", "password: "+a.new("yaml")+"\nusers:\n- {name: a, password: "+a.new("yamldeep")+"}\n")
	a.write("tmp/.keep", "")
	// Each child writes down what it was given.
	for name, then := range map[string]string{"cmd": "cat secrets/cmd", "tokencmd": "cat secrets/tokencmd", "helper": `[ "$1" != get ] || cat "$HOME/secrets/helper"`} {
		a.write("bin/"+name, "#!/bin/sh\n{ echo \"$0 $*\"; tr '\\0' '\\n' </proc/$$/environ; } >>\"$HOME/children\"\n"+then+"\n")
		a.chmod("bin/"+name, 0o755)
	}
	a.write(".gitconfig", "[credential]\n\thelper = "+a.path("bin/helper")+"\n")
	a.serve()
	return a
}

// secret writes a file that holds canaries on purpose.
func (a *aviary) secret(name, text string) {
	a.inputs[name] = true
	a.write(name, text)
	a.chmod(name, 0o600)
}

func (a *aviary) chmod(name string, mode fs.FileMode) {
	if err := os.Chmod(a.path(name), mode); err != nil {
		a.t.Fatal(err)
	}
}

// gitServer serves the repositories to who has the password.
func (a *aviary) gitServer(user, password string) string {
	server, err := gittest.StartHTTP(a.path("repos"), false)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(server.Close)
	server.Configure(gittest.Settings{User: user, Password: password, Fault: func(int, *http.Request) *gittest.Fault {
		if body := a.echo.Load().(string); body != "" {
			return &gittest.Fault{Status: 500, Body: body, Header: http.Header{"Www-Authenticate": {"Basic realm=" + body}}}
		}
		return nil
	}})
	return strings.TrimPrefix(server.URL, "http://")
}

func (a *aviary) repository(name, schema string) {
	repo, err := gittest.Init(a.path("repos/" + name + ".git"))
	if err != nil {
		a.t.Fatal(err)
	}
	for _, version := range []string{"1.0.0", "2.0.0"} {
		files := gittest.Files{
			"pack.yaml":          fmt.Sprintf("ref: %s\nname: %s\nversion: %s\ndescription: d\nauthor: a\nemail: a@example.com\n", name, name, version),
			"actions/run.sh*":    "#!/bin/sh\necho " + version + "\n",
			"actions/run.yaml":   "name: run\nrunner_type: local-shell-script\nentry_point: run.sh\n",
			"config.schema.yaml": schema,
		}
		if schema == "" {
			delete(files, "config.schema.yaml")
		}
		if _, err := repo.Commit("main", "", "Version "+version, files); err != nil {
			a.t.Fatal(err)
		}
		if err := repo.Tag("v"+version, "main"); err != nil {
			a.t.Fatal(err)
		}
	}
}

const secretSchema = `
password: {type: string, secret: true}
token: {type: string, secret: true}
port: {type: integer}
level: {type: string, enum: [low, high]}
env: {type: string, secret: true}
file: {type: string, secret: true}
cmd: {type: string, secret: true}
cred: {type: string, secret: true}
varenv: {type: string, secret: true}
varfile: {type: string, secret: true}
fn: {type: string, secret: true}
content: {type: string, secret: true}
users: {type: array, items: {type: object, properties: {name: {type: string}, password: {type: string, secret: true}}}}
`

// serve starts the servers, and writes the declaration that has a canary in every
// place: %VERSION% and %EXTRA% are filled in by declare.
func (a *aviary) serve() {
	hosts := map[string]string{"fromvar": "file", "fromfile": "tokenfile", "fromenv": "tokenenv", "fromcmd": "tokencmd", "fromnetrc": "netrc", "fromhelper": "githelper", "inline": "inline"}
	sources := map[string]string{
		"fromvar": "token = var.file", "fromfile": `token_file = "secrets/token"`, "fromenv": `token_env = "CANARY_TOKEN"`,
		"fromcmd": `token_command = ["./bin/tokencmd"]`, "fromhelper": "git_credential_helper = true", "inline": `token = "` + a.new("inline") + `"`,
	}
	var blocks strings.Builder
	for name, channel := range hosts {
		a.repository(name, "")
		user := "x-access-token"
		if name == "fromhelper" {
			user = "u"
		}
		host := a.gitServer(user, a.new(channel))
		if source := sources[name]; source != "" {
			fmt.Fprintf(&blocks, "credentials %q {\n  %s\n}\n", host, source)
		} else {
			a.secret(".netrc", "machine 127.0.0.1 login x-access-token password "+a.new("netrc")+"\n")
		}
		fmt.Fprintf(&blocks, "pack %q {\n  source = \"http://%s/%s.git\"\n  version = \"= %%VERSION%%\"\n  virtualenv = false\n}\n", name, host, name)
	}
	a.repository("proxied", "")
	a.repository("secretive", secretSchema)
	a.repository("filed", secretSchema)
	upstream, err := gittest.StartHTTP(a.path("repos"), true)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(upstream.Close)
	proxy, err := gittest.StartProxy("proxyuser", a.new("proxy"), upstream, false)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(proxy.Close)
	a.write("proxy-ca.pem", string(proxy.CA))
	a.double = st2test.New(st2test.Options{BasePaths: []string{a.path("root/packs")}, ConfigsDir: a.path("root/configs"), APIKey: a.new("apikey")})
	api := httptest.NewServer(a.double)
	a.t.Cleanup(api.Close)
	a.env = append(a.env, "PACKSYNC_VAR_api_key="+a.new("apikey"))
	open := a.gitServer("", "")
	a.template = fmt.Sprintf(`
packsync { name = "aviary" }
stackstorm {
  root  = "./root"
  group = ""
  registration "api" {
    url     = %q
    api_key = var.api_key
  }
}
network {
  https_proxy = "http://proxyuser:%s@%s"
  no_proxy    = "127.0.0.1"
  ca_file     = "proxy-ca.pem"
}
variable "api_key" { sensitive = true }
variable "env" { env = "CANARY_ENV" }
variable "file" { file = "secrets/file" }
variable "cred" { systemd_credential = "cred" }
variable "cmd" {
  type    = map(string)
  command = ["./bin/cmd"]
}
variable "fromvarenv" { sensitive = true }
variable "fromvarfile" { sensitive = true }
%s
pack "proxied" {
  source     = "https://git.example.com/proxied.git"
  version    = "= %%VERSION%%"
  virtualenv = false
}
pack "filed" {
  source      = "http://%s/filed.git"
  version     = "= %%VERSION%%"
  virtualenv  = false
  config_file = "filed.yaml"
}
pack "secretive" {
  source     = "http://%s/secretive.git"
  version    = "= %%VERSION%%"
  virtualenv = false
  config = {
    password = %q
    token    = "{{ st2kv.system.token }}"
    env      = var.env
    file     = var.file
    cmd      = var.cmd.password
    cred     = var.cred
    varenv   = var.fromvarenv
    varfile  = var.fromvarfile
    fn       = sensitive(%q)
    content  = file("secrets/content")
    users    = [{ name = "a", password = var.cmd["password"] }]
%%EXTRA%%
  }
}
`, api.URL, a.new("proxy"), strings.TrimPrefix(proxy.URL, "http://"), blocks.String(), open, open, a.new("literal"), a.new("fn"))
	a.declare("1.0.0", "")
}

// declare writes the declaration; extra is more of a config.
func (a *aviary) declare(version, extra string) {
	a.secret("packs.hcl", strings.NewReplacer("%VERSION%", version, "%EXTRA%", extra).Replace(a.template))
}

// try runs a command and wants its exit code (-1 takes any) and no canary in what
// it says, nor after it in any file.
func (a *aviary) try(want int, args ...string) string {
	a.t.Helper()
	all := append([]string{"--var-file", "secrets.hclvars"}, args...)
	code, said := a.run(all...)
	a.runs++
	title := "packsync " + strings.Join(args, " ")
	if want >= 0 && code != want {
		a.t.Errorf("%s: exit code %d, want %d\n%s", title, code, want, said)
	}
	for _, leak := range a.leaks([]byte(said)) {
		a.t.Errorf("%s says %s", title, leak)
	}
	a.look(title)
	if a.t.Failed() && os.Getenv("PACKSYNC_TEST_OVERLAY") != "" {
		a.t.FailNow() // a mutant is caught: the rest would only take time
	}
	return said
}

// product tells the files that a canary may be in: the configs, on their place
// and as they are kept. StackStorm reads them there, and nobody else.
var product = regexp.MustCompile(`^root/(configs/[^/]+\.yaml|\.packsync/(keep/[^/]+/\d+-config|pen/[^/]+-config|stage/[^/]+-config/new))$`)

// look searches everything below the box but what the test wrote itself.
func (a *aviary) look(title string) {
	a.t.Helper()
	for _, name := range []string{"secretive", "filed"} {
		if data, err := os.ReadFile(a.path("root/configs/" + name + ".yaml")); err == nil {
			a.sum(name+".yaml", data)
		}
	}
	found := a.files(a.t, a.dir, func(name string, info fs.FileInfo) bool {
		if !product.MatchString(name) || !info.Mode().IsRegular() {
			return a.inputs[name] || name == "repos"
		}
		if info.Mode().Perm()&0o007 != 0 {
			data, err := os.ReadFile(a.path(name))
			if err == nil && len(a.leaks(data)) > 0 {
				a.t.Errorf("after %s everybody may read %s (%v)", title, name, info.Mode())
			}
		}
		return true
	})
	for _, leak := range found {
		a.t.Errorf("after %s in %s", title, leak)
	}
}
