package config

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseST2Conf(t *testing.T) {
	for _, c := range []struct {
		src  string
		want map[string]string
	}{
		{"", map[string]string{}},
		{"[a]\nx = 1\n[b]\nx: 2\r\n[a]\nx = 3\n", map[string]string{"a.x": "3", "b.x": "2"}},
		{"[a]\nx = 1,\n  2\n\n  3\ny='q'\n", map[string]string{"a.x": "1,2", "a.y": "q"}},
		{"# x\n; y\n[ a ]\nx =\nnonsense\n  more\n[unclosed\nz = \" one\n", map[string]string{"a.x": "", "unclosed.z": "\" one"}},
		{"x = before any section\n", map[string]string{".x": "before any section"}},
		{"[a]\nurl = https://h:8080/x=y\n", map[string]string{"a.url": "https://h:8080/x=y"}},
	} {
		if got := parseST2Conf([]byte(c.src)); !maps.Equal(got, c.want) {
			t.Errorf("%q is %q, want %q", c.src, got, c.want)
		}
	}
}

// A host's file need not be where the declaration is reviewed; where it is used it
// must.
func TestST2ConfThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"packs.hcl": "stackstorm { conf = \"/nowhere/st2.conf\" }\npack \"jira\" { virtualenv = false }\n"})
	req := Request{File: filepath.Join(dir, "packs.hcl"), Version: "1.0.0", Mode: Partial}
	if cfg, _, diags := Load(req); cfg == nil || len(cfg.Indexes) != 0 {
		t.Errorf("partly: %v", diags)
	}
	req.Mode = Full
	if _, _, diags := Load(req); !strings.Contains(diags.Error(), "Cannot read /nowhere/st2.conf") {
		t.Errorf("in full: %v", diags)
	}
}

// The environment replaces options of the file, as it does for StackStorm.
func TestTheEnvironmentOverridesST2Conf(t *testing.T) {
	const file = "[system]\nbase_path = /file\n[content]\npack_group = file\npacks_base_paths = /file/a\nindex_url = https://file.example/i.json\n"
	req := Request{ReadFile: func(string) ([]byte, error) { return []byte(file), nil }}
	const src = "stackstorm { conf = \"/etc/st2/st2.conf\" }\n"
	describe := func(environ ...string) string {
		req.Environ = environ
		cfg, _, diags := loadText(src, req, nil)
		if cfg == nil {
			return diags.Error()
		}
		var paths []string
		for _, b := range cfg.BasePaths[1:] {
			paths = append(paths, b.Path)
		}
		return strings.Join([]string{cfg.Host.Root, cfg.Host.Group, strings.Join(paths, ":"), cfg.Indexes[0].URL}, " ")
	}
	for _, c := range []struct {
		environ []string
		want    string
	}{
		{nil, "/file file /file/a https://file.example/i.json"},
		{[]string{"ST2_SYSTEM__BASE_PATH=/env", "ST2_CONTENT__PACK_GROUP=env", "ST2_CONTENT__PACKS_BASE_PATHS=/env/a:/env/b", "ST2_CONTENT__INDEX_URL=https://env.example/i.json"},
			"/env env /env/a:/env/b https://env.example/i.json"},
		{[]string{"ST2_CONTENT_PACK_GROUP=no", "st2_content__pack_group=no", "ST2_AUTH__TOKEN_TTL=5"}, "/file file /file/a https://file.example/i.json"},
	} {
		if got := describe(c.environ...); got != c.want {
			t.Errorf("with %q: %s, want %s", c.environ, got, c.want)
		}
	}
	if got := describe("ST2_CONTENT__PACKS_BASE_PATHS=relative"); !strings.Contains(got, "ST2_CONTENT__PACKS_BASE_PATHS is no absolute path") {
		t.Errorf("a mistake there: %s", got)
	}
}

// Whatever the file holds, only absolute paths and proper addresses come out, and
// nothing of it is shown.
func FuzzST2Conf(f *testing.F) {
	f.Add("[content]\npacks_base_paths = /a:/b\nindex_url = https://h/i.json\n[system]\nbase_path = /c\n")
	f.Add("[content]\nindex_url = https://user:hunter2@h/i.json, $x\npacks_base_paths = ::a:$hunter2\n")
	f.Fuzz(func(t *testing.T, src string) {
		read := func(path string) ([]byte, error) { return []byte(src), nil }
		dir := t.TempDir()
		write(t, dir, map[string]string{"packs.hcl": "stackstorm { conf = \"/etc/st2/st2.conf\" }\n"})
		cfg, _, diags := Load(Request{File: filepath.Join(dir, "packs.hcl"), Version: "1.0.0", ReadFile: read})
		if strings.Contains(diags.Error(), "hunter2") {
			t.Fatalf("it shows a secret: %v", diags)
		}
		if cfg == nil {
			return
		}
		for _, b := range cfg.BasePaths {
			if !filepath.IsAbs(b.Path) || filepath.Clean(b.Path) != b.Path {
				t.Fatalf("base path %+v", b)
			}
		}
		for _, i := range cfg.Indexes {
			if indexURLProblem(i.URL) != "" {
				t.Fatalf("index %+v", i)
			}
		}
	})
}
