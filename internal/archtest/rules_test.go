package archtest

import "slices"

const modulePath = "github.com/packsync/packsync"

// layers is the architecture (docs/architecture.md): a package may import only
// packages that stand above it. A package that is not listed fails, so that its
// place is decided when it is made.
var layers = []string{
	// Words: what everyone shares.
	"internal/lazyregexp",
	"internal/nearest",
	"internal/pack",
	"internal/diag",
	"internal/trace",
	"internal/safefs",
	"internal/tree",
	"internal/pyyaml",
	"internal/transport",

	// Edges: one file format, or one boundary to the world, each.
	"internal/override",
	"internal/config",
	"internal/lockfile",
	"internal/state",
	"internal/content",
	"internal/installed",
	"internal/credential",
	"internal/vendored",
	"internal/source",
	"internal/source/gogit",
	"internal/source/dir",
	"internal/index",
	"internal/packconfig",
	"internal/virtualenv",
	"internal/st2",

	// Decide.
	"internal/resolve",
	"internal/review",
	"internal/plan",
	"internal/interview",

	// Do.
	"internal/apply",
	"internal/reconcile",

	// Show.
	"internal/view",
	"internal/watch",
	"internal/daemon",
	"internal/cli",
	"cmd/packsync",

	"internal/docgen",
	"internal/demo",
	"internal/bench/peer",
	"internal/bench",
}

// aroundTheProduct lists the programs that are never shipped. They own their
// process and whatever they touch.
var aroundTheProduct = []string{"internal/docgen", "internal/demo", "internal/bench", "internal/bench/peer"}

// testSupport lists the packages that exist for tests. They may import
// anything; only tests, each other and the programs around the product may import them.
var testSupport = []string{
	"internal/archtest",
	"internal/gittest",
	"internal/ptytest",
	"internal/safefs/safefstest",
	"internal/source/memrepo",
	"internal/source/sourcetest",
	"internal/st2/st2test",
	"internal/testenv",
}

// pure lists the packages that decide without looking: the same values in give
// the same values out.
var pure = []string{"internal/lazyregexp", "internal/nearest", "internal/pack", "internal/diag", "internal/review", "internal/plan", "internal/interview"}

// impure lists what a pure package may not import.
var impure = []string{"os", "os/exec", "net/http", "math/rand", "math/rand/v2", "crypto/rand", "log"}

// reservedImports says which packages may import a library (its path or
// anything below it). All others reach it through those packages, so that
// replacing it is a change to one or three packages.
var reservedImports = map[string][]string{
	"github.com/hashicorp/hcl/v2":   {"internal/diag", "internal/config"},
	"github.com/zclconf/go-cty":     {"internal/config"},
	"github.com/go-git/go-git/v5":   {"internal/source/gogit"},
	"github.com/go-git/go-billy/v5": {"internal/source/gogit"},
	"github.com/Masterminds/semver": {"internal/pack", "internal/resolve"},
	"github.com/fsnotify/fsnotify":  {"internal/watch"},
	"github.com/prometheus":         {"internal/daemon"},
	"github.com/coreos/go-systemd":  {"internal/cli"},
	"github.com/spf13/cobra":        {"internal/cli"},
	"go.yaml.in/yaml/v4":            {"internal/pyyaml"},
	// cli starts the person's editor.
	"os/exec": {"internal/credential", "internal/virtualenv", "internal/st2", "internal/cli"},
	// reconcile hands the one client to whoever needs it.
	"net/http": {"internal/transport", "internal/credential", "internal/index", "internal/source/gogit", "internal/st2", "internal/reconcile", "internal/daemon"},
	// What a system call says about a file or a failed connection; who may change
	// the disk by one is told by reservedNames.
	"golang.org/x/sys/unix": {"internal/safefs", "internal/tree", "internal/state", "internal/installed", "internal/apply"},
	"syscall":               {"internal/safefs", "internal/tree", "internal/state", "internal/installed", "internal/apply", "internal/transport", "internal/virtualenv", "internal/watch", "internal/daemon", "internal/cli", "cmd/packsync"},

	// slog has levels and redaction; the yaml forks are unmaintained; openpgp is frozen.
	"log":                         {},
	"gopkg.in/yaml.v2":            {},
	"gopkg.in/yaml.v3":            {},
	"golang.org/x/crypto/openpgp": {},

	// Tests only.
	"github.com/getkin/kin-openapi":   {},
	"github.com/google/go-cmp":        {},
	"github.com/rogpeppe/go-internal": {},
	"pgregory.net/rapid":              {},
}

// diskWriters may change files; everything else asks them to.
var diskWriters = []string{"internal/safefs", "internal/tree", "internal/state", "internal/source/gogit"}

// reservedNames says which packages may use a function or variable of another
// package.
var reservedNames = map[string][]string{
	"os.Chmod":      diskWriters,
	"os.Chown":      diskWriters,
	"os.Create":     diskWriters,
	"os.CreateTemp": diskWriters,
	"os.Link":       diskWriters,
	"os.Mkdir":      diskWriters,
	"os.MkdirAll":   diskWriters,
	"os.MkdirTemp":  diskWriters,
	"os.OpenFile":   diskWriters,
	"os.Remove":     diskWriters,
	"os.RemoveAll":  diskWriters,
	"os.Rename":     diskWriters,
	"os.Symlink":    diskWriters,
	"os.Truncate":   diskWriters,
	"os.WriteFile":  diskWriters,

	"golang.org/x/sys/unix.Fchmod":    diskWriters,
	"golang.org/x/sys/unix.Fchmodat":  diskWriters,
	"golang.org/x/sys/unix.Fchown":    diskWriters,
	"golang.org/x/sys/unix.Fchownat":  diskWriters,
	"golang.org/x/sys/unix.Linkat":    diskWriters,
	"golang.org/x/sys/unix.Mkdirat":   diskWriters,
	"golang.org/x/sys/unix.Renameat":  diskWriters,
	"golang.org/x/sys/unix.Renameat2": diskWriters,
	"golang.org/x/sys/unix.Symlinkat": diskWriters,
	"golang.org/x/sys/unix.Unlinkat":  diskWriters,

	"os.Args":    processOwners,
	"os.Environ": processOwners,
	"os.Exit":    processOwners,
	"os.Getenv":  processOwners,
	"os.Stderr":  processOwners,
	"os.Stdin":   processOwners,
	"os.Stdout":  processOwners,

	// Write to the view or to an io.Writer that was handed in.
	"fmt.Print":   {},
	"fmt.Printf":  {},
	"fmt.Println": {},

	// A transport of our own has the proxy, the CA and the time-outs.
	"net/http.DefaultClient":    {},
	"net/http.DefaultTransport": {},
	"net/http.Get":              {},
	"net/http.Head":             {},
	"net/http.Post":             {},

	// Waiting without a context cannot be cancelled.
	"time.Sleep": {},
	"time.After": {},
	"time.Tick":  {},
}

// processOwners may read the environment and the standard streams, and exit.
var processOwners = []string{"cmd/packsync", "internal/cli"}

// bannedNames are package names that say nothing about what is inside.
var bannedNames = []string{"base", "common", "helper", "helpers", "lib", "misc", "models", "shared", "types", "util", "utils"}

// ceilings: where one is hit, a seam is missing. Tests are exempt.
const (
	maxFileLines     = 500
	maxFunctionLines = 100
)

// undocumented are methods that an interface of the standard library explains.
var undocumented = []string{"As", "Error", "Format", "GoString", "Is", "Len", "Less", "LogValue", "String", "Swap", "Unwrap"}

func isTestSupport(pkg string) bool { return slices.Contains(testSupport, pkg) }

// shipped tells whether a file ends up in the binary.
func (f sourceFile) shipped() bool {
	return !f.test && !isTestSupport(f.pkg) && !slices.Contains(aroundTheProduct, f.pkg)
}
