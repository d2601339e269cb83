package daemon

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/watch"
)

// inputs are what every pass reads, whatever the declaration says.
func inputs(opts reconcile.Options) []watch.Target {
	out := []watch.Target{{Path: opts.LockFile}}
	if info, err := os.Stat(opts.Config.File); err == nil && info.IsDir() {
		out = append(out, watch.Target{Path: opts.Config.File, Kind: watch.Folder, Suffix: ".hcl"})
	} else {
		out = append(out, watch.Target{Path: opts.Config.File})
	}
	for _, path := range opts.Config.VarFiles {
		out = append(out, watch.Target{Path: path})
	}
	return out
}

// named are the files and directories that a declaration names, and those that
// people edit beside packsync.
func named(cfg *config.Config) []watch.Target {
	var out []watch.Target
	for _, input := range cfg.Inputs {
		path := input.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(cfg.Dir, path)
		}
		out = append(out, watch.Target{Path: path})
	}
	for _, p := range cfg.Packs {
		if p.Source.Kind == pack.SourceDir {
			out = append(out, watch.Target{Path: filepath.Join(p.Source.URL, filepath.FromSlash(p.Source.Subdir)), Kind: watch.Tree})
		}
	}
	for _, dir := range []string{cfg.Host.ConfigsDir, cfg.Host.OverridesDir} {
		if dir != "" {
			out = append(out, watch.Target{Path: dir, Kind: watch.Folder, Suffix: ".yaml"})
		}
	}
	return out
}

// readings notes which files of the host a Load reads: those of variables are
// named in no digest, and those that are not there yet are in no Config.
type readings map[string]bool

func (r readings) read(path string) ([]byte, error) {
	r[path] = true
	return config.ReadHost(path)
}

func (r readings) targets() []watch.Target {
	var out []watch.Target
	for _, path := range slices.Sorted(maps.Keys(r)) {
		out = append(out, watch.Target{Path: path})
	}
	return out
}
