package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestProbableRoot(t *testing.T) {
	for _, test := range []struct{ what, text, want string }{
		{"a root", "packsync {\n  name = \"x\"\n}\nstackstorm {\n  group = \"g\"\n  root  = \"/srv/st2/\"\n}\n", "/srv/st2"},
		{"no root", "pack \"aws\" {}\n", "/opt/stackstorm"},
		{"a root that only HCL can tell", "stackstorm {\n  root = \"/srv/${var.name}\"\n}\n", "/opt/stackstorm"},
		{"a root that counts from the declaration", "stackstorm {\n  root = \"./root\"\n}\n", "/opt/stackstorm"},
		{"no HCL", "}}}\x00", "/opt/stackstorm"},
	} {
		file := filepath.Join(t.TempDir(), "packs.hcl")
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := ProbableRoot(file); got != test.want {
			t.Errorf("%s: %q, want %q", test.what, got, test.want)
		}
	}
	if got := ProbableRoot(t.TempDir()); got != "" {
		t.Errorf("a directory: %q", got)
	}
	if got := ProbableRoot(filepath.Join(t.TempDir(), "none")); got != "" {
		t.Errorf("no file: %q", got)
	}
}
