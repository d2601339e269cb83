package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// modules says why each direct dependency is there. What a newcomer must be
// trusted with grows with every line, so a line needs a reason.
var modules = map[string]string{
	"github.com/Masterminds/semver/v3":    "parses and orders version numbers",
	"github.com/aymanbagabas/go-udiff":    "unified diffs of configs and of fmt --diff",
	"github.com/coreos/go-systemd/v22":    "sd_notify and its watchdog, for watch",
	"github.com/fsnotify/fsnotify":        "watch: the kernel's events about files, on every system",
	"github.com/getkin/kin-openapi":       "tests: requests to the StackStorm double are checked against its API description",
	"github.com/go-git/go-billy/v5":       "the file system through which go-git reads file:// remotes",
	"github.com/go-git/go-git/v5":         "git's wire protocol and objects, without a git binary on the host",
	"github.com/google/go-cmp":            "tests: readable differences",
	"github.com/hashicorp/hcl/v2":         "packs.hcl: parser, formatter and diagnostics",
	"github.com/prometheus/client_golang": "watch: the exposition format of its metrics",
	"github.com/rogpeppe/go-internal":     "tests: testscript runs whole commands",
	"github.com/skeema/knownhosts":        "ssh host keys, with the right key algorithms",
	"github.com/spf13/cobra":              "command tree, help and completion (docs/decisions/0001)",
	"github.com/spf13/pflag":              "the flag sets of cobra's commands",
	"github.com/zclconf/go-cty":           "the values of packs.hcl and their function library",
	"go.uber.org/goleak":                  "tests: no goroutine is left behind",
	"go.yaml.in/yaml/v4":                  "scanner and emitter below pyyaml; its output is what PyYAML reads back",
	"golang.org/x/crypto":                 "the ssh transport",
	"golang.org/x/mod":                    "the bench: dirhash, which full verification is measured against",
	"golang.org/x/net":                    "proxy rules (no_proxy) as everyone else reads them",
	"golang.org/x/sync":                   "bounded parallel fetches",
	"golang.org/x/sys":                    "renameat2, syncfs and stat by descriptor",
	"golang.org/x/term":                   "is this a terminal; how wide; the line editor of packsync config",
	"golang.org/x/text":                   "names that only differ by Unicode form or case",
	"pgregory.net/rapid":                  "tests: properties of resolve, plan and apply",
}

func TestEveryDirectModuleHasAReason(t *testing.T) {
	direct := directModules(t)
	for module := range direct {
		if modules[module] == "" {
			t.Errorf("go.mod requires %s: say in modules_test.go what it is for", module)
		}
	}
	for module := range modules {
		if !direct[module] {
			t.Errorf("modules_test.go explains %s, which go.mod does not require directly", module)
		}
	}
}

// TestGoModIsPlain keeps the build what go.sum says it is.
func TestGoModIsPlain(t *testing.T) {
	for line := range strings.Lines(readGoMod(t)) {
		if strings.HasPrefix(line, "replace") || strings.HasPrefix(line, "exclude") || strings.HasPrefix(line, "toolchain") {
			t.Errorf("go.mod has the line %q", strings.TrimSpace(line))
		}
	}
}

func directModules(t *testing.T) map[string]bool {
	t.Helper()
	direct := map[string]bool{}
	inside := false
	for line := range strings.Lines(readGoMod(t)) {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "require ("):
			inside = true
		case strings.HasPrefix(line, ")"):
			inside = false
		case strings.HasPrefix(line, "require ") && len(fields) >= 3 && !strings.Contains(line, "// indirect"):
			direct[fields[1]] = true
		case inside && len(fields) >= 2 && !strings.Contains(line, "// indirect"):
			direct[fields[0]] = true
		}
	}
	return direct
}

func readGoMod(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
