package reconcile

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/packsync/packsync/internal/lazyregexp"
)

var (
	versionLine = lazyregexp.New(`(?m)^__version__\s*=\s*["']([0-9]+\.[0-9]+)(\.[0-9]+|dev)?`)
	// st2Versions is where StackStorm's packages put its own code (reference.md 1.7).
	st2Versions = filepath.Join("st2", "lib", "python3*", "site-packages", "st2common", "__init__.py")
)

// stackstormVersion is the version that packs are judged for: the declared one,
// else that of the StackStorm below the root; "" if there is none to be read, since
// this is for warnings only.
func (w *world) stackstormVersion() string {
	if w.cfg.Host.Version != "" {
		return w.cfg.Host.Version
	}
	if w.cfg.Host.Root == "" {
		return ""
	}
	// The pattern is a constant: it cannot be malformed.
	files, _ := filepath.Glob(filepath.Join(w.cfg.Host.Root, st2Versions))
	slices.Sort(files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if m := versionLine().FindSubmatch(text); m != nil {
			patch := string(m[2])
			if patch == "" || patch == "dev" { // as StackStorm reads its own development versions
				patch = ".0"
			}
			return string(m[1]) + patch
		}
	}
	return ""
}
