package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/source/dir"
	"github.com/packsync/packsync/internal/source/gogit"
	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/transport"
	"github.com/packsync/packsync/internal/tree"
)

// open makes the edges of one run: nothing is asked or written yet.
func open(opts Options, cb Callbacks, decl Declaration) (*world, error) {
	cfg := decl.Config
	client, err := transport.New(wayOut(cfg, opts))
	if err != nil {
		return nil, err
	}
	w := &world{opts: opts, cb: cb, cfg: cfg, http: client, work: workDir(cfg)}
	w.store = state.Open(w.work, w.disk())
	if w.bundle, err = bundle(opts); err != nil {
		return nil, err
	}
	w.logins = logins(cfg, opts)
	w.git = gogit.New(gogit.Options{
		Client: client, Credentials: w.logins, Bundle: w.bundle, CacheDir: opts.CacheDir, Offline: opts.Offline,
		AgentSocket: opts.AgentSocket, KnownHosts: opts.KnownHosts,
	})
	w.cached = gogit.New(gogit.Options{Client: client, Bundle: w.bundle, CacheDir: opts.CacheDir, Offline: true})
	w.sources = source.Rewritten{Opener: source.ByKind{Git: w.git, Dir: dir.New(tree.DefaultLimits())}, Rules: cfg.Rewrites}
	return w, nil
}

// close lets go of connections that were kept for a next request: a run in a
// process that goes on has none.
func (w *world) close() { w.http.CloseIdleConnections() }

// lock takes the run lock. A second run waits up to the lock timeout.
func (w *world) lock(ctx context.Context) (unlock func(), err error) {
	self := state.Holder{PID: os.Getpid(), Host: hostName(), Command: w.opts.Command, Since: time.Now()}
	lock, err := w.store.Lock(ctx, self, 0)
	var locked *state.LockedError
	if errors.As(err, &locked) && w.opts.LockTimeout > 0 {
		if w.cb.Waiting != nil {
			w.cb.Waiting(locked.Holder)
		}
		waiting, span := trace.Begin(ctx, trace.Wait)
		lock, err = w.store.Lock(waiting, self, w.opts.LockTimeout)
		span.End()
	}
	if err != nil {
		return nil, err
	}
	// Releasing fails only if the process is already losing its descriptors; the
	// kernel then drops the lock with the process.
	return func() { _ = lock.Release() }, nil
}

// client makes the edge to StackStorm that the declaration asks for.
func (w *world) client() (st2.Client, error) {
	r := w.cfg.Host.Registration
	switch r.Kind {
	case config.RegisterAPI:
		return st2.NewAPI(st2.Options{URL: r.URL, APIKey: r.APIKey, Token: r.Token, HTTP: w.http, Clock: w.opts.Clock}), nil
	case config.RegisterCommand:
		return st2.NewCommand(st2.CommandOptions{Argv: r.Command, ConfigFile: r.ConfigFile, Env: w.logins.Environ()}), nil
	default:
		return st2.None(), nil
	}
}

func (w *world) indexPath() string { return indexIn(w.work) }

func indexIn(work string) string { return filepath.Join(work, "index") }

// lookup is the index as resolve asks for it: read when the first short name has
// to be looked up, and not before.
func (w *world) lookup() *index.Lazy {
	return index.NewLazy(w.cfg.Indexes, w.indexOptions())
}

func (w *world) indexOptions() index.Options {
	return index.Options{
		HTTP: w.http, Bundle: w.bundle, CacheDir: w.opts.CacheDir, Disk: w.disk(), Offline: w.opts.Offline,
		Sign: w.logins.Sign, Rewrites: w.cfg.Rewrites,
	}
}

// gid is the group of installed packs; -1 leaves it alone.
func (w *world) gid() int { return w.group(w.cfg.Host.Group) }

func (w *world) configGID() int { return w.group(w.cfg.Host.ConfigGroup) }

func (w *world) group(name string) int {
	if name == "" || os.Geteuid() != 0 {
		return -1
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return -1
	}
	return atoi(g.Gid)
}

func (w *world) configUID() int {
	if w.cfg.Host.ConfigUser == "" || os.Geteuid() != 0 {
		return -1
	}
	u, err := user.Lookup(w.cfg.Host.ConfigUser)
	if err != nil {
		return -1
	}
	return atoi(u.Uid)
}

func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// ownershipNotes says, once each, why owners or groups cannot be set.
func (w *world) ownershipNotes() []string {
	host := w.cfg.Host
	if os.Geteuid() != 0 && (host.Group != "" || host.ConfigUser != "") {
		return []string{"not running as root: installed files keep this user's owner and group"}
	}
	var out []string
	for _, name := range slices.Compact([]string{host.Group, host.ConfigGroup}) {
		var unknown user.UnknownGroupError
		if _, err := user.LookupGroup(name); name != "" && errors.As(err, &unknown) {
			out = append(out, fmt.Sprintf("there is no group %q on this host: files keep root's group", name))
		}
	}
	var unknown user.UnknownUserError
	if _, err := user.Lookup(host.ConfigUser); host.ConfigUser != "" && errors.As(err, &unknown) {
		out = append(out, fmt.Sprintf("there is no user %q on this host: config files keep root as their owner", host.ConfigUser))
	}
	return out
}

func (w *world) disk() safefs.Disk {
	if w.opts.Disk != nil {
		return w.opts.Disk
	}
	return safefs.OS()
}
