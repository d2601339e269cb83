package reconcile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/config"
)

// What a host has decides what is written; each result is valid and formatted.
func TestInitWritesWhatItFinds(t *testing.T) {
	stackstorm := func(t *testing.T, root string) {
		for _, dir := range []string{"packs/jira", "packs/core", "packs/.hidden", "st2/bin"} {
			if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	command := func(mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, root string) {
			stackstorm(t, root)
			if err := os.WriteFile(filepath.Join(root, "st2/bin/st2-register-content"), nil, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		host              func(*testing.T, string)
		packs             int
		has, hasNot       string
		rootFound, tellIt bool
	}{
		"no StackStorm":              {func(*testing.T, string) {}, 0, "was not there", "\n  registration", false, false},
		"StackStorm":                 {stackstorm, 1, "# registration \"api\"", "\n  registration", true, false},
		"StackStorm and its command": {command(0o755), 1, "\n  registration \"command\" {}", "told nothing", true, true},
		"a command that nobody runs": {command(0o644), 1, "told nothing", "\n  registration", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			root, dir := filepath.Join(t.TempDir(), "stackstorm"), t.TempDir()
			c.host(t, root)
			opts := Options{Config: config.Request{File: filepath.Join(dir, "packs.hcl"), Mode: config.Partial}}
			b, err := Init(opts, Host{Root: root})
			if err != nil {
				t.Fatal(err)
			}
			if b.Packs != c.packs || (b.Root != "") != c.rootFound || (b.Command != "") != c.tellIt {
				t.Errorf("found %+v", b)
			}
			text, err := os.ReadFile(b.File)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), c.has) || strings.Contains(string(text), c.hasNot) {
				t.Errorf("wrote\n%s", text)
			}
			if _, _, diags := config.Load(opts.Config); len(diags) > 0 {
				t.Errorf("the declaration is not valid: %v", diags)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
				t.Errorf("there is %v, %v", entries, err)
			}
			if _, err := Init(opts, Host{Root: root}); err == nil {
				t.Error("it was written over")
			}
		})
	}
}
