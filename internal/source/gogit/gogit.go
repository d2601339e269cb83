// Package gogit brings commits from git repositories over https, ssh and file
// URLs, in process: no git binary, no work tree, no repository on disk. It asks
// for one commit at depth 1, verifies every object, keeps the packfile in a
// cache, and reads the tree out of it (design.md 5 and 6).
//
// go-git is used for the protocol's messages, for packfiles and for reading
// file:// repositories. Never for checkouts, index, worktree or clone: those are
// where nearly all of its vulnerabilities were, and slow (research/libraries.md
// 2.1, performance.md 2).
//
// It is not for choosing a version (package resolve), for plain directories
// (source/dir), or for writing trees to disk (package tree).
package gogit

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/credential"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/transport"
	"github.com/packsync/packsync/internal/tree"
	"github.com/packsync/packsync/internal/vendored"
)

// fetchTimeout ends one question to a server, retries included.
const fetchTimeout = 10 * time.Minute

// Options say how to reach repositories.
type Options struct {
	Client      *http.Client    // from transport.New; without it http and https sources are errors
	Credentials *credential.Set // nil for nobody
	AgentSocket string          // SSH_AUTH_SOCK; "" for no ssh agent
	KnownHosts  []string        // files for hosts whose credential names none; those that do not exist are skipped

	Bundle   *vendored.Bundle // looked into before the cache; nil for none
	CacheDir string           // made with mode 0700 when first needed; "" for no cache
	Offline  bool             // only cache and file URLs; what would need the network wraps source.ErrOffline

	Limits Limits          // zero fields mean those of DefaultLimits
	Clock  transport.Clock // nil for the system's

	// Progress is told how fetching goes, from several goroutines at once. It
	// cannot change anything. nil for nobody.
	Progress func(Event)
}

// Phase is a step of fetching one commit.
type Phase string

// The phases, in their order.
const (
	Asking    Phase = "asking"    // the server was asked
	Receiving Phase = "receiving" // Bytes have arrived; the total is not known
	Fetched   Phase = "fetched"   // done
	Cached    Phase = "cached"    // done, without the server
	Uncached  Phase = "uncached"  // done, but Err kept the commit from the cache
)

// Event tells how the fetch of one source goes.
type Event struct {
	Source pack.Source
	Commit pack.Commit // "" while a history is fetched
	Phase  Phase
	Bytes  int64
	Err    error
}

// Limits bound what a server can make packsync take.
type Limits struct {
	Tree          tree.Limits
	Advertisement int64 // bytes of a list of refs
	PackBytes     int64 // bytes of a packfile as it comes
	ObjectBytes   int64 // bytes of one object: the largest file
	DecodedBytes  int64 // bytes of all objects of one commit, unpacked
	Objects       int64 // number of objects in a packfile
	DeltaDepth    int64 // deltas that build on each other
	HistoryBytes  int64 // as DecodedBytes, where a whole history must be fetched
}

// DefaultLimits returns the limits of research/reliability.md 1.2 (S17).
func DefaultLimits() Limits {
	return Limits{
		Tree:          tree.DefaultLimits(),
		Advertisement: 16 << 20,
		PackBytes:     2 << 30,
		ObjectBytes:   64 << 20,
		DecodedBytes:  256 << 20,
		Objects:       2_000_000,
		DeltaDepth:    512,
		HistoryBytes:  8 << 30,
	}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Tree == (tree.Limits{}) {
		l.Tree = d.Tree
	}
	for _, f := range []struct{ have, want *int64 }{
		{&l.Advertisement, &d.Advertisement}, {&l.PackBytes, &d.PackBytes}, {&l.ObjectBytes, &d.ObjectBytes},
		{&l.DecodedBytes, &d.DecodedBytes}, {&l.Objects, &d.Objects}, {&l.DeltaDepth, &d.DeltaDepth}, {&l.HistoryBytes, &d.HistoryBytes},
	} {
		if *f.have == 0 {
			*f.have = *f.want
		}
	}
	return l
}

// packBytes bounds a packfile. Content that does not compress is hardly larger
// in it, so that one which goes on and on is no packfile of allowed content.
func (l Limits) packBytes() int64 {
	return min(l.PackBytes, l.DecodedBytes+l.DecodedBytes/16+1<<20)
}

// declared returns the limits for a pack whose block says something about them.
// Beside the files a commit has its directories, which are small.
func (l Limits) declared(by pack.Limits) Limits {
	l.Tree = l.Tree.For(by)
	if by.Files > 0 {
		l.Objects = max(l.Objects, 4*int64(by.Files))
	}
	if by.Bytes > 0 {
		const directories = 64 << 20
		l.ObjectBytes, l.DecodedBytes = by.Bytes, by.Bytes+directories
		l.PackBytes = max(l.PackBytes, l.DecodedBytes+l.DecodedBytes/16+1<<20)
	}
	return l
}

// history returns the limits for a packfile that holds all commits.
func (l Limits) history() Limits {
	l.DecodedBytes = l.HistoryBytes
	return l
}

// Opener opens git sources. It implements source.Opener.
type Opener struct {
	opts    Options
	cache   packCache
	flights flights
}

// New makes an Opener. It touches nothing yet.
func New(opts Options) *Opener {
	opts.Limits = opts.Limits.orDefault()
	if opts.Clock == nil {
		opts.Clock = transport.SystemClock{}
	}
	if opts.Progress == nil {
		opts.Progress = func(Event) {}
	}
	return &Opener{opts: opts, cache: packCache{dir: opts.CacheDir, bundle: opts.Bundle}}
}

// Open implements source.Opener.
func (o *Opener) Open(src pack.Source) (source.Remote, error) {
	if src.Kind != pack.SourceGit {
		return nil, fmt.Errorf("open %s: it is not a git source", src)
	}
	r := &remote{opener: o, src: src, limits: o.opts.Limits.declared(src.Limits), refsTurn: make(chan struct{}, 1)}
	scheme, _, _ := strings.Cut(src.URL, "://")
	switch {
	case scheme == "file":
		u, err := url.Parse(src.URL)
		if err != nil {
			return nil, fmt.Errorf("open %s: not a URL", src.URL)
		}
		r.backend = &localBackend{dir: u.Path, limits: r.limits}
	case scheme == "https" || scheme == "http":
		if o.opts.Client == nil {
			return nil, fmt.Errorf("open %s: there is no HTTP client", src.URL)
		}
		u, err := url.Parse(src.URL)
		if err != nil {
			return nil, fmt.Errorf("open %s: not a URL", src.URL)
		}
		r.backend = &networkBackend{remote: r, direct: true, connect: func(ctx context.Context) (session, error) {
			login, err := o.opts.Credentials.Login(ctx, u)
			if err != nil {
				return nil, err
			}
			r.login.Store(login)
			return &httpSession{client: o.opts.Client, base: src.URL, login: login, clock: o.opts.Clock, advBytes: o.opts.Limits.Advertisement}, nil
		}}
	case scheme == "ssh" || !strings.Contains(src.URL, "://"):
		address, err := parseSSH(src.URL)
		if err != nil {
			return nil, err
		}
		cred := o.opts.Credentials.For(src.Host(), address.path)
		auth := sshAuth{agentSocket: o.opts.AgentSocket, knownHosts: o.opts.KnownHosts}
		if cred != nil {
			auth.keyFile = cred.SSHKeyFile
			if cred.KnownHostsFile != "" {
				auth.knownHosts = []string{cred.KnownHostsFile}
			}
		}
		r.backend = &networkBackend{remote: r, connect: func(ctx context.Context) (session, error) {
			return openSSH(ctx, address, auth, o.opts.Limits.Advertisement)
		}}
	default:
		return nil, fmt.Errorf("open %s: scheme %q is not supported", src.URL, scheme)
	}
	return r, nil
}
