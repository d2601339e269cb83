package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	sdnotify "github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/daemon"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/trace"
)

// watchOptions are the flags of watch.
type watchOptions struct {
	autoApprove bool
	locked      bool
	updateLock  bool
	interval    time.Duration
	sweep       time.Duration
	git         string
	listen      string
	logFormat   string
}

func newWatch(a *app) *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Follow edits, and keep the host as declared",
		Long: "Follows the declaration, var files, the lock, directories that packs come from, config and\n" +
			"override files, and runs the same pipeline as apply when they change. Pins stay where they\n" +
			"are: only what the declaration newly needs is locked. Without --auto-approve and without an\n" +
			"auto_approve block in the declaration it only reports; where there is such a block, it is\n" +
			"the limit. No mistake ends it: the last good state stays. SIGHUP asks for a pass.\n\n" +
			"--listen answers /healthz, /readyz, /metrics (Prometheus) and /status (JSON), on the\n" +
			"loopback interface or a unix socket only.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) { return outcome{}, a.watch(ctx, o) }),
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.autoApprove, "auto-approve", false, "carry out every plan; an auto_approve block still limits it")
	flags.BoolVar(&o.locked, "locked", false, "report a lock that does not fit instead of changing it")
	flags.DurationVar(&o.interval, "interval", 0, "ask the sources this often for newer revisions, StackStorm's API what it has, and the repository of --git (default 1m)")
	flags.BoolVar(&o.updateLock, "update-lock", false, "with --interval: move the pins of packs that follow a branch")
	flags.DurationVar(&o.sweep, "sweep", 5*time.Minute, "the longest time between two passes")
	flags.StringVar(&o.git, "git", "", "take the declaration from this repository: `URL[@BRANCH]`; --file is a path in it, and --locked is meant")
	flags.StringVar(&o.listen, "listen", "", "answer HTTP on `ADDR`: 127.0.0.1:PORT or unix:PATH")
	flags.StringVar(&o.logFormat, "log-format", "text", "log as `text` or json")
	return cmd
}

const (
	minInterval        = time.Second
	defaultGitInterval = time.Minute
)

func (a *app) watch(ctx context.Context, o watchOptions) error {
	opts, err := a.daemonOptions(o)
	if err != nil {
		return err
	}
	if o.listen != "" {
		if opts.Listener, err = daemon.Listen(ctx, o.listen); err != nil {
			return err
		}
	}
	pokes := make(chan os.Signal, 1)
	signal.Notify(pokes, syscall.SIGHUP)
	defer signal.Stop(pokes)
	opts.Pokes = forward(ctx, pokes)
	if opts.Watchdog, err = sdnotify.SdWatchdogEnabled(false); err != nil {
		return fmt.Errorf("read what systemd wants: %w", err)
	}
	opts.Notify = func(state string) {
		if _, err := sdnotify.SdNotify(false, state); err != nil {
			opts.Log.Warn("systemd could not be told", "error", err)
		}
	}
	return daemon.Run(trace.With(ctx, nil), opts) // it would grow with every pass
}

// daemonOptions checks the flags.
func (a *app) daemonOptions(o watchOptions) (daemon.Options, error) {
	g := &a.globals
	opts := daemon.Options{
		Run: g.options(a.streams, config.Full), Approve: o.autoApprove, Interval: o.interval, UpdateLock: o.updateLock,
		Timing: daemon.Timing{Sweep: o.sweep},
	}
	opts.Run.Locked = o.locked
	var err error
	if opts.Log, err = newLog(a.streams, o.logFormat, g.verbose); err != nil {
		return opts, err
	}
	switch {
	case g.json:
		return opts, usageError{errors.New("watch prints no result that could be JSON: use --log-format json, or /status of --listen")}
	case g.timings:
		return opts, usageError{errors.New("--timings says where the time of a run went, and watch is many: its metrics (--listen) have their durations")}
	case o.interval != 0 && o.interval < minInterval:
		return opts, fmt.Errorf("--interval is %s: want at least %s", o.interval, minInterval)
	case o.sweep < minInterval:
		return opts, fmt.Errorf("--sweep is %s: want at least %s", o.sweep, minInterval)
	case o.updateLock && o.interval == 0:
		return opts, errors.New("--update-lock needs --interval: how often branches are asked")
	case o.updateLock && (o.locked || o.git != ""):
		return opts, errors.New("--update-lock moves pins, and --locked and --git forbid it")
	case g.offline && (o.interval != 0 || o.git != ""):
		return opts, errors.New("--interval and --git ask the network, and --offline forbids it")
	}
	for _, path := range append([]string{opts.Run.Config.File}, opts.Run.Config.VarFiles...) {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return opts, fmt.Errorf("%s is a pipe or device, which can be read once only, and watch reads it again and again: give it a file", path)
		}
	}
	if o.git == "" {
		return opts, nil
	}
	return opts, g.followGit(&opts, o)
}

// followGit makes the paths of the declaration count inside its repository.
func (g *globals) followGit(opts *daemon.Options, o watchOptions) error {
	git, err := reconcile.ParseGitDeclaration(o.git)
	if err != nil {
		return err
	}
	git.File, git.LockFile = g.file, g.lockFile
	if git.File == "" {
		git.File = defaultFile
	}
	if !filepath.IsLocal(git.File) {
		return fmt.Errorf("--file is %s: with --git it is a path inside the repository", git.File)
	}
	if git.LockFile != "" && !filepath.IsLocal(git.LockFile) {
		return fmt.Errorf("--lock-file is %s: with --git it is a path inside the repository", git.LockFile)
	}
	opts.Git, opts.Run.Locked, opts.GitInterval = &git, true, o.interval
	opts.Run.Config.File, opts.Run.LockFile = "", ""
	if opts.GitInterval == 0 {
		opts.GitInterval = defaultGitInterval
	}
	return nil
}

// forward turns signals into pokes, until ctx ends.
func forward(ctx context.Context, signals <-chan os.Signal) <-chan struct{} {
	pokes := make(chan struct{}, 1)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				select {
				case pokes <- struct{}{}:
				default: // one is waiting already
				}
			}
		}
	}()
	return pokes
}

// newLog makes the log of the daemon, on stderr. Under systemd the journal has
// the time already.
func newLog(s Streams, format string, verbose bool) (*slog.Logger, error) {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	options := &slog.HandlerOptions{Level: level}
	if environ(s.Environ, "JOURNAL_STREAM") != "" {
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(io.Writer(s.Err), options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(s.Err, options)), nil
	}
	return nil, fmt.Errorf("--log-format is %q: want text or json", format)
}
