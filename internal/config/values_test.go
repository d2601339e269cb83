package config

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

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

func TestAVariableReadsItsFile(t *testing.T) {
	const declared = `
variable "v" {
  file = "secrets/v"
}
pack "p" {
  source     = "./p"
  virtualenv = false
  config     = { v = var.v }
}
`
	tests := []struct {
		name    string
		content string
		err     error
		env     []string
		want    string // "" for an error
	}{
		{name: "as it is", content: "hunter2", want: "hunter2"},
		{name: "one line break is cut off", content: " hunter2 \r\n", want: " hunter2 "},
		{name: "only one", content: "hunter2\n\n", want: "hunter2\n"},
		{name: "a given value comes first", content: "hunter2", env: []string{"PACKSYNC_VAR_v=given"}, want: "given"},
		{name: "empty", content: "\n"},
		{name: "absent", err: fs.ErrNotExist},
		{name: "unreadable", err: errors.New("permission denied")},
		{name: "too large", content: strings.Repeat("x", maxFileSize+1)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			asked := ""
			req := Request{Environ: test.env, ReadFile: func(path string) ([]byte, error) {
				asked = path
				return []byte(test.content), test.err
			}}
			cfg, _, diags := loadText(declared, req, nil)
			if len(test.env) == 0 && asked != "/decl/secrets/v" {
				t.Errorf("read %q", asked)
			}
			if test.want == "" {
				if cfg != nil || summaries(diags) != "No value for variable" {
					t.Errorf("got %v", diags)
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
				t.Errorf("a secret's file is an input: %v", cfg.Inputs)
			}
		})
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
