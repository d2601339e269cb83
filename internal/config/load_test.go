package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/testenv"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADirectoryMergesInOrderOfNames(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"b.hcl":       "pack \"b\" {\n  source = \"./b\"\n  virtualenv = false\n  depends_on = [pack.a]\n}\nbase_path \"two\" {\n  path = \"/two\"\n}\n",
		"a.hcl":       "pack \"a\" {\n  source = \"./a\"\n  virtualenv = local.no\n}\nbase_path \"one\" {\n  path = \"/one\"\n}\n",
		"c.hcl":       "locals {\n  no = false\n}\n",
		".hidden.hcl": "nonsense {}\n",
		"notes.txt":   "not HCL",
		"sub/d.hcl":   "nonsense {}\n",
	})
	cfg, _, diags := Load(Request{File: dir})
	if cfg == nil {
		t.Fatal(diags)
	}
	if cfg.Dir != dir || len(cfg.Packs) != 2 || cfg.BasePaths[1].Name != "one" || cfg.BasePaths[2].Name != "two" {
		t.Errorf("got %+v", cfg)
	}
	if got := cfg.Packs[1].Source.URL; got != filepath.Join(dir, "b") {
		t.Errorf("a relative source is %s", got)
	}
	var inputs []string
	for _, i := range cfg.Inputs {
		inputs = append(inputs, i.Path)
	}
	if got := strings.Join(inputs, " "); got != "a.hcl b.hcl c.hcl" {
		t.Errorf("inputs are %s", got)
	}
}

func TestMistakesOfAllFilesAreReportedAtOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"a.hcl": "pack \"p\" {\n  source = \"./p\"\n  nonsense = 1\n}\n",
		"b.hcl": "pack \"p\" {\n  source = \"./p\"\n}\nnonsense {}\n",
	})
	_, files, diags := Load(Request{File: dir})
	got := rendered(t, files, diags)
	for _, want := range []string{"on a.hcl line 3", "on b.hcl line 1", "already declared at a.hcl line 1", "on b.hcl line 4"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
}

func TestADeclarationThatCannotBeReadIsAnError(t *testing.T) {
	dir := t.TempDir()
	tests := []struct{ name, file, summary, detail string }{
		{"absent", filepath.Join(dir, "packs.hcl"), "No declaration found", "--chdir"},
		{"empty directory", dir, "No declaration found", dir},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg, _, diags := Load(Request{File: test.file})
			if cfg != nil || len(diags) != 1 || diags[0].Summary != test.summary || !strings.Contains(diags[0].Detail, test.detail) {
				t.Errorf("got %v", diags)
			}
		})
	}
	large := text(strings.Repeat("#", maxFileSize+1))
	if cfg, _, diags := LoadFS(fstest.MapFS{"packs.hcl": large}, "/decl", Request{}); cfg != nil || summaries(diags) != "File too large" || !strings.Contains(diags[0].Detail, "--file may name a directory") {
		t.Errorf("too large: %v", diags)
	}
	deep := text("locals {\n  x = " + strings.Repeat("[", 100_000) + "\n}\n")
	if cfg, _, diags := LoadFS(fstest.MapFS{"packs.hcl": deep}, "/decl", Request{}); cfg != nil || summaries(diags) != "Nested too deeply" {
		t.Errorf("too deep: %v", diags)
	}
	if _, _, diags := LoadFS(brokenFS{}, "/decl", Request{File: "/decl/packs.hcl"}); summaries(diags) != "Unreadable declaration" {
		t.Errorf("unreadable: %v", diags)
	}
}

// brokenFS cannot read anything.
type brokenFS struct{}

func (brokenFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

// countingFS counts how often each file is opened.
type countingFS struct {
	fs.FS
	opened map[string]int
}

func (c countingFS) Open(name string) (fs.File, error) {
	c.opened[name]++
	return c.FS.Open(name)
}

func TestEveryFileIsReadOnce(t *testing.T) {
	counting := countingFS{fstest.MapFS{
		"packs.hcl": text("locals {\n  a = file(\"x\")\n  b = \"${file(\"./x\")}${templatefile(\"x\", {})}\"\n}\n" +
			"pack \"p\" {\n  for_each = toset([\"a\", \"b\"])\n  source = \"./p\"\n  config_file = \"y\"\n  virtualenv = false\n}\n"),
		"x": text("x"), "y": text("y"), "v.hclvars": text(""),
	}, map[string]int{}}
	cfg, _, diags := LoadFS(counting, "/decl", Request{File: "/decl/packs.hcl", VarFiles: []string{"/decl/v.hclvars"}})
	if cfg == nil {
		t.Fatal(diags)
	}
	for _, name := range []string{"packs.hcl", "x", "y", "v.hclvars"} {
		if counting.opened[name] != 1 {
			t.Errorf("%s was opened %d times", name, counting.opened[name])
		}
	}
}

func TestFunctionsCannotLeaveTheDirectory(t *testing.T) {
	dir := t.TempDir()
	decl := filepath.Join(dir, "decl")
	write(t, dir, map[string]string{"outside": "hunter2", "decl/inside": "fine", "decl/sub/x": "fine"})
	for link, target := range map[string]string{"link": "../outside", "absolute": filepath.Join(dir, "outside"), "good": "inside"} {
		if err := os.Symlink(target, filepath.Join(decl, link)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		path string
		ok   bool
	}{
		{"inside", true}, {"./inside", true}, {"sub/../inside", true}, {"good", true}, {"sub/x", true},
		{"../outside", false}, {"sub/../../outside", false}, {"link", false}, {"absolute", false},
		{filepath.Join(dir, "outside"), false}, {filepath.Join(decl, "inside"), false}, {"", false}, {".", false}, {"sub", false}, {"absent", false},
	}
	for _, test := range tests {
		for _, call := range []string{`file("` + test.path + `")`, `templatefile("` + test.path + `", {})`} {
			write(t, decl, map[string]string{"packs.hcl": "locals {\n  x = " + call + "\n}\n"})
			cfg, files, diags := Load(Request{File: filepath.Join(decl, "packs.hcl")})
			if (cfg != nil) != test.ok {
				t.Errorf("%s: %v", call, diags)
			}
			output := rendered(t, files, diags)
			if strings.Contains(output, canary) {
				t.Errorf("%s shows what is outside", call)
			}
			if strings.HasPrefix(test.path, "..") && !strings.Contains(output, "not inside the") {
				t.Errorf("%s does not say why:\n%s", call, output)
			}
		}
	}
}

func TestAConfigFileMayLieAnywhere(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "jira.yaml")
	write(t, filepath.Dir(outside), map[string]string{"jira.yaml": "token: hunter2\n"})
	cfg, files, diags := LoadFS(fstest.MapFS{"packs.hcl": text("pack \"p\" {\n  source = \"./p\"\n  config_file = \"" + outside + "\"\n}\n")}, "/decl", Request{File: "/decl"})
	if cfg == nil {
		t.Fatal(diags)
	}
	if c := cfg.Packs[0].Config; c.File != outside || string(c.Bytes) != "token: hunter2\n" {
		t.Errorf("got %s %q", c.File, c.Bytes)
	}
	if cfg.Inputs[1].Path != outside {
		t.Errorf("inputs are %v", cfg.Inputs[1].Path)
	}
	// A later problem in the config file is shown without its values.
	output := rendered(t, files, list(outside, files[outside].Bytes))
	if strings.Contains(output, canary) || !strings.Contains(output, "(hidden)") {
		t.Errorf("the snippet is:\n%s", output)
	}
}

func TestRequiredVersion(t *testing.T) {
	tests := []struct {
		constraint, version string
		ok                  bool
	}{
		{">= 1.0", "1.2.3", true},
		{">= 1.0", "v1.2.3", true},
		{"~> 1.2", "2.0.0", false},
		{">= 1.0", "", true}, // a development build
		{">= 99.0", "devel", true},
		{">= 1.3", "1.3.0-rc1", true}, // counts as the release that it precedes
		{"< 1.3", "1.3.0-rc1", false},
		{"!= 1.3.0-rc1", "1.3.0-rc1", false},
		{"= 1.3.0-rc1", "1.3.0-rc1", true},
		{">= 1.3.0-rc2", "1.3.0-rc1", false},
	}
	for _, test := range tests {
		src := "packsync {\n  required_version = \"" + test.constraint + "\"\n}\n"
		cfg, _, diags := loadText(src, Request{Version: test.version}, nil)
		if (cfg != nil) != test.ok {
			t.Errorf("packsync %s under %q: %v", test.version, test.constraint, diags)
		}
	}
}

func TestTheVersionIsJudgedInEveryFileFirst(t *testing.T) {
	_, _, diags := LoadFS(fstest.MapFS{
		"a.hcl": text("broken = = =\nfuture {"),
		"b.hcl": text("packsync {\n  required_version = \">= 2.0\"\n}\n"),
	}, "/decl", Request{File: "/decl", Version: "1.0.0"})
	if summaries(diags) != "Unsupported packsync version" {
		t.Errorf("got %v", diags)
	}
}

func TestDeclarationsInTheTreeAreValid(t *testing.T) {
	root := testenv.Root(t)
	paths := append(glob(t, filepath.Join(root, "examples/*/packs.hcl")), filepath.Join(root, "packs.hcl.example"))
	for _, path := range paths {
		t.Run(strings.TrimPrefix(path, root), func(t *testing.T) {
			req := Request{File: path, Mode: Partial, Version: "1.0.0"}
			if vars := filepath.Join(filepath.Dir(path), "staging.hclvars"); fileExists(vars) {
				req.VarFiles = []string{vars}
			}
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			cfg, files, diags := Load(req)
			if cfg == nil {
				t.Fatal(rendered(t, files, diags))
			}
			formatted, diags := Format(src, path)
			if string(formatted) != string(src) {
				t.Errorf("not formatted: %v", diags)
			}
		})
	}
}

// The example is the reference: an argument that works and is not in it would
// stay unknown.
func TestTheExampleHasEveryArgument(t *testing.T) {
	src, err := os.ReadFile(filepath.Join(testenv.Root(t), "packs.hcl.example"))
	if err != nil {
		t.Fatal(err)
	}
	var visit func(t *testing.T, schema *blockType)
	visit = func(t *testing.T, schema *blockType) {
		for _, name := range schema.attrs {
			if !strings.Contains(string(src), name) {
				t.Errorf("the argument %s is missing", name)
			}
		}
		for name, inner := range schema.blocks {
			if !strings.Contains(string(src), name) {
				t.Errorf("the block %s is missing", name)
			}
			visit(t, inner)
		}
	}
	visit(t, declaration())
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestBasePathsAndRefs(t *testing.T) {
	cfg, _, diags := loadText("pack \"p\" {\n  source = \"./p\"\n  base_path = \"default\"\n}\n", Request{}, nil)
	if cfg == nil {
		t.Fatal(diags)
	}
	if cfg.Packs[0].BasePath != pack.DefaultBasePath || cfg.BasePaths[0].Path != "/opt/stackstorm/packs" {
		t.Errorf("got %+v", cfg)
	}
}

func TestAFileWithoutAnEndIsRefused(t *testing.T) {
	src := "pack \"p\" {\n  source = \"./p\"\n  config_file = \"/dev/zero\"\n}\n"
	_, _, diags := LoadFS(fstest.MapFS{"packs.hcl": text(src)}, "/decl", Request{File: "/decl"})
	if !strings.HasPrefix(summaries(diags), "Unreadable config file") || !strings.Contains(diags[0].Detail, "larger than 1 MiB") {
		t.Errorf("got %v", diags)
	}
}
