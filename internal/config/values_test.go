package config

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/pack"
)

// loadText loads a declaration of one file; others lie beside it.
func loadText(src string, req Request, others fstest.MapFS) (*Config, map[string]*hcl.File, diag.List) {
	files := fstest.MapFS{"packs.hcl": {Data: []byte(src)}}
	for name, file := range others {
		files[name] = file
	}
	req.File = "/decl/packs.hcl"
	if req.ReadFile == nil {
		req.ReadFile = func(path string) ([]byte, error) { return nil, fs.ErrNotExist }
	}
	return LoadFS(files, "/decl", req)
}

// text makes a file.
func text(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }

func summaries(diags diag.List) string {
	var out []string
	for _, d := range diags {
		out = append(out, d.Summary)
	}
	return strings.Join(out, "; ")
}

func TestTheLastValueGivenCounts(t *testing.T) {
	const declared = `
variable "v" {
  default = "default"
}
pack "p" {
  source     = "./p"
  virtualenv = false
  config     = { v = var.v }
}
`
	tests := []struct {
		name     string
		env      []string
		varFiles []string
		vars     []string
		want     string
	}{
		{name: "nothing", want: "default"},
		{name: "environment", env: []string{"PACKSYNC_VAR_v=env"}, want: "env"},
		{name: "empty in the environment is a value", env: []string{"PACKSYNC_VAR_v="}, want: ""},
		{name: "the last entry of the environment", env: []string{"PACKSYNC_VAR_v=1", "OTHER=2", "PACKSYNC_VAR_v=3"}, want: "3"},
		{name: "var file over environment", env: []string{"PACKSYNC_VAR_v=env"}, varFiles: []string{"/decl/one.hclvars"}, want: "one"},
		{name: "later var file", varFiles: []string{"/decl/one.hclvars", "/decl/two.hclvars"}, want: "two"},
		{name: "--var over var file", varFiles: []string{"/decl/one.hclvars"}, vars: []string{"v=option"}, want: "option"},
		{name: "later --var", vars: []string{"v=first", "v=a=b"}, want: "a=b"},
		{name: "a text is not an expression", vars: []string{`v=${1 + 1} "`}, want: `${1 + 1} "`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg, _, diags := loadText(declared, Request{Environ: test.env, VarFiles: test.varFiles, Vars: test.vars}, fstest.MapFS{
				"one.hclvars": text("v = \"one\"\n"),
				"two.hclvars": text("v = \"two\"\n"),
			})
			if cfg == nil {
				t.Fatal(diags)
			}
			if got := cfg.Packs[0].Config.Values["v"]; got != test.want {
				t.Errorf("v is %v, want %q", got, test.want)
			}
		})
	}
}

func TestGivenTextIsReadByType(t *testing.T) {
	tests := []struct {
		typ, text string
		want      string // as revealed; "" for an error
	}{
		{"string", "5", `"5"`},
		{"string", "[1]", `"[1]"`},
		{"number", "5", "int64(5)"},
		{"number", "five", ""},
		{"bool", "true", "bool(true)"},
		{"bool", "yes", ""},
		{"any", "5", `"5"`},
		{"list(string)", `["a", "b"]`, `["a", "b"]`},
		{"list(string)", `a`, ""},
		{"list(string)", `[file("x")]`, ""},
		{"list(string)", strings.Repeat("[", 20_000), ""},
		{"map(number)", `{ a = 1 }`, "{\n      a = int64(1)}"},
		{"map(number)", `{ a = "x" }`, ""},
		{"object({ a = string, b = optional(number, 2) })", `{ a = "x" }`, "{\n      a = \"x\"\n      b = int64(2)}"},
		{"object({ a = string })", `{}`, ""},
	}
	for _, test := range tests {
		t.Run(test.typ+" "+test.text[:min(len(test.text), 20)], func(t *testing.T) {
			src := "variable \"v\" {\n  type = " + test.typ + "\n}\npack \"p\" {\n  source = \"./p\"\n  config = { v = var.v }\n}\n"
			cfg, _, diags := loadText(src, Request{Environ: []string{"PACKSYNC_VAR_v=" + test.text}}, nil)
			got := ""
			if cfg != nil {
				got = reveal(cfg.Packs[0].Config.Values["v"])
			} else if !strings.Contains(summaries(diags), "Wrong type") {
				t.Fatal(diags)
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// Wherever a value comes from, the same holds for it.
func TestAVariableTakesItsValueFromItsSource(t *testing.T) {
	tests := []struct {
		name    string
		content string
		err     error
		given   []string
		want    string // "" for an error
		problem string // part of it
	}{
		{name: "as it is", content: "hunter2", want: "hunter2"},
		{name: "blanks stay", content: " hunter2 ", want: " hunter2 "},
		{name: "a given value comes first", content: "hunter2", given: []string{"PACKSYNC_VAR_v=given"}, want: "given"},
		{name: "empty", content: "", problem: "it is empty"},
		{name: "no text", content: "\xff\xfehunter2", problem: "base64"},
		{name: "unreadable", err: errors.New("permission denied"), problem: "permission denied"},
		{name: "too large", content: strings.Repeat("x", maxFileSize+1), problem: "larger than 1 MiB"},
	}
	sources := []struct {
		argument, name string // name is in every message
		request        func(content string, err error) Request
	}{
		{`file = "secrets/v"`, "/decl/secrets/v", func(content string, err error) Request {
			return Request{ReadFile: readOnly("/decl/secrets/v", content, err)}
		}},
		{`systemd_credential = "v.x"`, `credential "v.x"`, func(content string, err error) Request {
			return Request{Environ: []string{"CREDENTIALS_DIRECTORY=/run/credentials/p.service"}, ReadFile: readOnly("/run/credentials/p.service/v.x", content, err)}
		}},
		{`command = ["./give", "v"]`, "./give", func(content string, err error) Request {
			return Request{Run: func(c Command) ([]byte, error) {
				if len(content) > maxFileSize {
					err = errTooLarge // the runner stops it
				}
				if c.Dir != "/decl" || strings.Join(c.Argv, " ") != "./give v" {
					err = errors.New("another command")
				}
				return []byte(content), err
			}}
		}},
		{`env = "V"`, "environment variable V", func(content string, err error) Request {
			if err != nil {
				return Request{}
			}
			return Request{Environ: []string{"V=old", "V=" + content, "VV=no"}}
		}},
	}
	for _, source := range sources {
		isEnv := strings.HasPrefix(source.argument, "env")
		lines := []struct{ name, content, want string }{{"one line break is cut off", "hunter2\r\n", "hunter2"}, {"only one", "hunter2\n\n", "hunter2\n"}}
		all := tests
		for _, l := range lines {
			test := tests[0]
			test.name, test.content, test.want = l.name, l.content, l.want
			if isEnv {
				test.want = l.content // nothing appends to it
			}
			all = append(all[:len(all):len(all)], test)
		}
		for _, test := range all {
			if isEnv && (test.err != nil || len(test.content) > maxFileSize) {
				continue
			}
			t.Run(source.argument+" "+test.name, func(t *testing.T) {
				req := source.request(test.content, test.err)
				req.Environ = append(req.Environ, test.given...)
				cfg, _, diags := loadText("variable \"v\" {\n  "+source.argument+"\n}\npack \"p\" {\n  source     = \"./p\"\n  virtualenv = false\n  config     = { v = var.v }\n}\n", req, nil)
				if test.want == "" {
					if cfg != nil || summaries(diags) != "No value for variable" {
						t.Fatalf("got %v", diags)
					}
					for _, part := range []string{source.name, test.problem, `variable "v"`, "packs.hcl line 7", "PACKSYNC_VAR_v"} {
						if !strings.Contains(diags[0].Detail, part) {
							t.Errorf("the message does not say %q: %s", part, diags[0].Detail)
						}
					}
					if strings.Contains(diags[0].Detail, canary) || diags[0].Subject.Start.Line != 2 {
						t.Errorf("at %v: %s", diags[0].Subject, diags[0].Detail)
					}
					return
				}
				if cfg == nil {
					t.Fatal(diags)
				}
				if got, secret := cfg.Packs[0].Config.Values["v"].(pack.Secret); !secret || got.Text() != test.want {
					t.Errorf("got %q, secret %t, want %q", got.Text(), secret, test.want)
				}
				if len(cfg.Inputs) != 1 {
					t.Errorf("a secret is an input: %v", cfg.Inputs)
				}
			})
		}
	}
}

func readOnly(path, content string, err error) func(string) ([]byte, error) {
	return func(asked string) ([]byte, error) {
		if asked != path {
			return nil, errors.New("another file: " + asked)
		}
		return []byte(content), err
	}
}

const threeCommands = `
variable "one" {
  type    = map(string)
  command = ["give"]
}
variable "two" {
  type    = object({ user = string, password = string })
  command = ["give"]
}
variable "given" {
  command = ["no"]
}
variable "unused" {
  command = ["no"]
}
variable "token" {
  env = "TOKEN"
}
credentials "git.example.com" {
  token_env = "GIT_TOKEN"
}
pack "p" {
  source     = "./p"
  virtualenv = false
  config     = { a = var.one.password, b = var.two, c = var.given, d = var.token }
}
`

func TestCommandsAreRunWhereTheirValuesAreNeeded(t *testing.T) {
	var mu sync.Mutex
	var ran []Command
	req := Request{
		Environ: []string{"TOKEN=t", "PACKSYNC_VAR_given=x"},
		Run: func(c Command) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, c)
			return []byte(`{"user": "u", "password": "a\/${b}\u0022%{c}"}`), nil
		},
	}
	cfg, _, diags := loadText(threeCommands, req, nil)
	if cfg == nil {
		t.Fatal(diags)
	}
	want := []Command{{Argv: []string{"give"}, Dir: "/decl", HiddenEnv: []string{"GIT_TOKEN", "TOKEN"}}}
	if diff := gocmp.Diff(want, ran); diff != "" {
		t.Errorf("commands (-want +run):\n%s", diff)
	}
	values := cfg.Packs[0].Config.Values
	if got := reveal(values["a"]); got != `secret("a/${b}\"%{c}")` {
		t.Errorf("a is %s", got)
	}
	if !strings.Contains(reveal(values["b"]), `user = "u"`) {
		t.Errorf("b is %s", reveal(values["b"]))
	}
	if diff := gocmp.Diff([]string{"GIT_TOKEN", "TOKEN"}, cfg.SecretEnv); diff != "" {
		t.Errorf("hidden from children (-want +got):\n%s", diff)
	}

	ran = nil
	req.Mode = Partial
	cfg, _, diags = loadText(threeCommands, req, nil)
	if cfg == nil || !cfg.Packs[0].Config.Unknown {
		t.Errorf("in the partial mode the values are not just unknown: %v", diags)
	}
	if len(ran) > 0 {
		t.Errorf("in the partial mode these run: %v", ran)
	}
}

func TestWhatACommandSaysOnStderrIsShown(t *testing.T) {
	_, _, diags := loadText(threeCommands, Request{
		Environ: []string{"TOKEN=t", "PACKSYNC_VAR_given=x"},
		Run: func(Command) ([]byte, error) {
			return nil, &CommandError{Problem: "ended with exit code 7", Stderr: []string{"no key", "no hope"}}
		},
	}, nil)
	if summaries(diags) != "No value for variable; No value for variable" {
		t.Fatal(diags)
	}
	if want := "give ended with exit code 7. The last it said on stderr:\n\n    no key\n    no hope\n\nRun it by hand in /decl"; !strings.Contains(diags[0].Detail, want) {
		t.Errorf("got %s", diags[0].Detail)
	}
}

func TestAFileIsReadOnlyIfTheValueIsUsed(t *testing.T) {
	cfg, _, diags := loadText("variable \"v\" {\n  file = \"/x\"\n}\n", Request{ReadFile: func(path string) ([]byte, error) {
		t.Errorf("%s is read", path)
		return nil, fs.ErrNotExist
	}}, nil)
	if cfg == nil {
		t.Error(diags)
	}
}

func TestVarFilesAreJudgedMildly(t *testing.T) {
	const declared = "variable \"known\" {\n  type = number\n}\n"
	tests := []struct{ name, content, want string }{
		{"values", "known = 1\n", ""},
		{"undeclared", "knwon = 1\n", "Undeclared variable"},
		{"wrong type", "known = \"x\"\n", "Wrong type"},
		{"block", "known {}\n", "Unsupported block"},
		{"reference", "known = var.x\n", "Variables not allowed"},
		{"syntax", "known = \n", "Invalid expression"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg, _, diags := loadText(declared, Request{VarFiles: []string{"/decl/v.hclvars"}}, fstest.MapFS{"v.hclvars": text(test.content)})
			if summaries(diags) != test.want {
				t.Errorf("got %v, want %q", diags, test.want)
			}
			if cfg != nil && len(cfg.Inputs) != 2 {
				t.Errorf("the var file is not an input: %v", cfg.Inputs)
			}
		})
	}
	_, _, diags := loadText(declared, Request{VarFiles: []string{"/absent.hclvars"}}, nil)
	if summaries(diags) != "Unreadable var file" {
		t.Errorf("absent var file: %v", diags)
	}
}
