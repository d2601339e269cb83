package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

// globals are the flags that every command has.
type globals struct {
	chdir       string
	file        string
	lockFile    string
	vendor      string
	vars        []string
	varFiles    []string
	json        bool
	color       string
	noInput     bool
	parallelism int
	lockTimeout time.Duration
	offline     bool
	verbose     bool
	timings     bool

	dir     string // working directory after --chdir
	command string // for the holder line of the run lock
}

const defaultFile = "packs.hcl"

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "packsync",
		Short: "Keep StackStorm packs as they are declared",
		Long: "packsync installs, updates, configures and removes StackStorm packs so that a host is\n" +
			"as packs.hcl declares and packs.lock.json pins it, and tells StackStorm what changed.\n\n" + exitHelp(),
		SilenceUsage: true, SilenceErrors: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(a.streams.Out)
	root.SetErr(a.streams.Err)
	root.SetIn(a.streams.In)
	g := &a.globals
	flags := root.PersistentFlags()
	flags.StringVar(&g.chdir, "chdir", "", "change to `DIR` before anything else")
	flags.StringVar(&g.file, "file", "", "the declaration: a `FILE`, or a directory whose *.hcl merge (default packs.hcl)")
	flags.StringVar(&g.lockFile, "lock-file", "", "the lock `FILE` (default packs.lock.json beside the declaration; env PACKSYNC_LOCK_FILE)")
	flags.StringVar(&g.vendor, "vendor", "", "take commits and indexes from `DIR`, written by packsync vendor (env PACKSYNC_VENDOR_DIR)")
	flags.StringArrayVar(&g.vars, "var", nil, "set a variable: `NAME=VALUE`; not for sensitive ones")
	flags.StringArrayVar(&g.varFiles, "var-file", nil, "read variables from `FILE`")
	flags.BoolVar(&g.json, "json", false, "print one JSON document on stdout")
	flags.StringVar(&g.color, "color", "auto", "colours: `auto`, always or never (NO_COLOR counts too)")
	flags.BoolVar(&g.noInput, "no-input", false, "never ask anything")
	flags.IntVar(&g.parallelism, "parallelism", 8, "how many remotes are asked at once")
	flags.DurationVar(&g.lockTimeout, "lock-timeout", 0, "how long to wait for another run, e.g. 5m")
	flags.BoolVar(&g.offline, "offline", false, "use no network: only what is cached")
	flags.BoolVar(&g.verbose, "verbose", false, "show everything")
	flags.BoolVar(&g.timings, "timings", false, "say where the time of the run went: on stderr, or in the JSON document")
	root.AddCommand(newDiff(a), newWhy(a))
	root.AddCommand(
		newInit(a), newAdd(a), newRemove(a), newImport(a), newHistory(a), newRollback(a), newRelease(a), newState(a),
		newValidate(a), newFmt(a), newLock(a), newUpdate(a), newOutdated(a), newVerify(a), newCheck(a), newRegister(a), newPlan(a), newApply(a), newDestroy(a), newWatch(a),
		newStatus(a), newDoctor(a), newConfig(a), newVendor(a), newCache(a), newList(a), newShow(a), newSearch(a), newIndex(a), newVersion(a),
	)
	return root
}

func exitHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, e := range exitDocs {
		fmt.Fprintf(&b, "  %d  %s\n", e.Code, e.Text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// resolve checks the flags that mean something only together with the process.
func (g *globals) resolve(s Streams) error {
	g.dir = s.Dir
	if g.chdir != "" {
		g.dir = g.chdir
		if !filepath.IsAbs(g.dir) {
			g.dir = filepath.Join(s.Dir, g.chdir)
		}
		if info, err := os.Stat(g.dir); err != nil || !info.IsDir() {
			return fmt.Errorf("--chdir %s: no such directory", g.chdir)
		}
	}
	switch g.color {
	case "auto", "always", "never":
	default:
		return fmt.Errorf("--color is %q: want auto, always or never", g.color)
	}
	if g.parallelism < 1 {
		return fmt.Errorf("--parallelism is %d: want at least 1", g.parallelism)
	}
	if g.lockFile == "" {
		g.lockFile = environ(s.Environ, "PACKSYNC_LOCK_FILE")
	}
	if g.vendor == "" {
		g.vendor = environ(s.Environ, "PACKSYNC_VENDOR_DIR")
	}
	return nil
}

// style decides about colour: the flag, then NO_COLOR, then TERM, then the
// terminal.
func (g *globals) style(s Streams, terminal bool) view.Style {
	color := terminal && environ(s.Environ, "TERM") != "dumb" && environ(s.Environ, "NO_COLOR") == ""
	if environ(s.Environ, "CLICOLOR_FORCE") != "" && environ(s.Environ, "NO_COLOR") == "" {
		color = true
	}
	switch g.color {
	case "always":
		color = true
	case "never":
		color = false
	}
	style := view.Style{Color: color, Verbose: g.verbose}
	if terminal {
		style.Width = s.Width
	}
	return style
}

// options turns the global flags into the options of a run.
func (g *globals) options(s Streams, mode config.Mode) reconcile.Options {
	file := g.abs(g.file)
	if file == "" {
		file = filepath.Join(g.dir, defaultFile)
	}
	lock := g.abs(g.lockFile)
	if lock == "" {
		lock = reconcile.LockBeside(file)
	}
	var varFiles []string
	for _, path := range g.varFiles {
		varFiles = append(varFiles, g.abs(path))
	}
	return reconcile.Options{
		Config: config.Request{
			File: file, Vars: g.vars, VarFiles: varFiles, Environ: s.Environ, Mode: mode, Version: Version(),
		},
		LockFile: lock, CacheDir: cacheDir(s.Environ), VendorDir: g.abs(g.vendor), Command: g.command, Version: Version(),
		AgentSocket: environ(s.Environ, "SSH_AUTH_SOCK"), KnownHosts: knownHosts(s.Environ), NetrcFile: netrcFile(s.Environ),
		Offline: g.offline, Parallel: g.parallelism, AllowRemovals: -1, LockTimeout: g.lockTimeout,
	}
}

// knownHosts lists the user's and the system's files of ssh host keys, where ssh
// itself looks.
func knownHosts(env []string) []string {
	var files []string
	if home := environ(env, "HOME"); filepath.IsAbs(home) {
		files = append(files, filepath.Join(home, ".ssh", "known_hosts"))
	}
	return append(files, "/etc/ssh/ssh_known_hosts")
}

// netrcFile is where curl, and git through it, look for logins.
func netrcFile(env []string) string {
	if home := environ(env, "HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".netrc")
	}
	return ""
}

// cacheDir is where fetched commits are kept: for root below /var/cache, for
// others in the XDG cache.
func cacheDir(env []string) string {
	if dir := environ(env, "PACKSYNC_CACHE_DIR"); filepath.IsAbs(dir) {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/var/cache/packsync"
	}
	if dir := environ(env, "XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "packsync")
	}
	if home := environ(env, "HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".cache", "packsync")
	}
	return ""
}

// refs reads pack refs from the command line.
func refs(args []string) ([]pack.Ref, error) {
	var out []pack.Ref
	for _, arg := range args {
		ref, err := pack.ParseRef(arg)
		if err != nil {
			return nil, err
		}
		out = append(out, ref)
	}
	return out, nil
}
