// Package reconcile is the one pipeline from a declaration to an installed
// system: Plan, Apply and Lock each read top to bottom, one call after the other,
// nothing calling back up (design.md 5).
//
// It is not for flags, printing or exit codes (packages cli and view), and it
// decides nothing itself: resolve and plan do.
package reconcile

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/credential"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/installed"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/source/gogit"
	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/tree"
	"github.com/packsync/packsync/internal/vendored"
	"github.com/packsync/packsync/internal/virtualenv"
)

// Options is what one run is asked to do.
type Options struct {
	Config   config.Request
	LockFile string // absolute
	CacheDir string // absolute; "" keeps nothing
	// VendorDir is a bundle of Vendor, asked before the cache; absolute, "" for none.
	VendorDir string
	VendorTo  string // where Vendor writes; absolute
	NoWheels  bool   // Vendor leaves Python packages out
	// AgentSocket and KnownHosts are the user's own ways into ssh hosts that no
	// credentials block names.
	AgentSocket string
	KnownHosts  []string
	NetrcFile   string // of the user; "" for none
	Command     string // for the holder line of the run lock
	Version     string // of packsync

	Update bool              // resolve again instead of keeping pins
	Packs  map[pack.Ref]bool // with Update: only these; nil means all
	// What a user vouches for, by pack: that its tag was moved rightly, that its
	// commit is right although nothing leads to it. Precise names revisions.
	AcceptMovedTags  map[pack.Ref]bool
	AllowUnreachable map[pack.Ref]bool
	Precise          map[pack.Ref]string
	Safe             Safety // with Update: keep from what breaks

	Refresh   Refresh // ask StackStorm itself what it has registered
	Locked    bool    // a lock change is an error
	Offline   bool    // no network
	Parallel  int     // remotes asked at once; 0 means the default
	ForSaving bool    // the plan is to be saved: digests must be keyed durably

	Target        []pack.Ref
	Exclude       []pack.Ref
	AllowRemovals int // -1: none given
	Destroy       bool
	TakeOver      bool // accept a root that another declaration manages
	LockTimeout   time.Duration
	ExpectDigest  string     // "" accepts any
	FailOn        pack.Grade // the least harmful change of content that blocks; "" for none
	Saved         *plan.Plan // nil: no saved plan
	Rollback      *Rollback  // nil: go forward

	Disk  safefs.Disk // nil: the disk of this host; tests stop it at chosen steps
	Clock st2.Clock   // nil: the clock of this host; tests wait for nothing
}

// Callbacks let the caller watch and confirm. Each may be nil.
type Callbacks struct {
	// Resolving, Fetching and Applying observe; they cannot influence the run.
	Resolving func(resolve.Event)
	Fetching  func(Fetch)
	Applying  func(apply.Event)
	// Waiting is told once if another run holds the lock and this one waits.
	Waiting func(state.Holder)
	// Recovered is told what was found and mended before anything else; commands
	// that show a plan have it there.
	Recovered func(notes []string)
	// Planned is shown every plan before anything is done about it.
	Planned func(*Planned)
	// Confirm is asked before a plan that changes something is carried out.
	Confirm func(*Planned) (bool, error)
}

// Fetch tells how far the fetch of one pack is.
type Fetch struct {
	Ref  pack.Ref
	Done bool
	Err  error
}

// Planned is a plan and everything it was made from.
type Planned struct {
	Declaration
	Plan       *plan.Plan
	Lock       *lockfile.File // as it is
	Resolved   *resolve.Result
	Record     *state.Record
	Observed   *installed.Observed
	Unfinished []string // intent records of interrupted applies
	Recovered  []string // sentences: what this run finished or found damaged
	Notes      []string // sentences: what an operator of this host should know

	world   *world
	key     state.Key
	desired []desired
	trees   *treeCache
	derived map[pack.Ref]*state.Told // what StackStorm was told, where that was not written down
	ahead   *installed.Ahead
	// inventories are what packs contain, as far as that was read.
	inventories *inventories
	lists       map[string]installed.Listing // of directories beside the packs, made on demand

	allOverrides []byte // rendered override file of all packs; nil for none
	allOverride  bool   // there is one, or is to be

	configPlaces map[string]diag.Range // of findings about configs, by placeKey
}

// list lists a directory once for the whole plan.
func (p *Planned) list(dir string) installed.Listing {
	l, known := p.lists[dir]
	if !known {
		if p.lists == nil {
			p.lists = map[string]installed.Listing{}
		}
		l = installed.List(dir)
		p.lists[dir] = l
	}
	return l
}

// Declaration is what packs.hcl says.
type Declaration struct {
	Config   *config.Config
	Files    diag.Files
	Warnings diag.List
}

// DeclarationError holds the mistakes in the user's files.
type DeclarationError struct {
	Diagnostics diag.List
	Files       diag.Files
}

func (e *DeclarationError) Error() string { return e.Diagnostics.Error() }

// StaleError says that a saved plan, a lock or a root does not fit: exit 4.
type StaleError struct {
	Summary string
	Moved   []string
	Advice  string
}

func (e *StaleError) Error() string {
	text := e.Summary
	if len(e.Moved) > 0 {
		text += ":\n  " + strings.Join(e.Moved, "\n  ")
	}
	if e.Advice != "" {
		text += "\n" + e.Advice
	}
	return text
}

// BlockedError says that the plan must not be carried out: exit 3.
type BlockedError struct {
	Findings []pack.Finding
	// Diagnostics are those findings that have a place in the user's files, for
	// their snippets out of Files.
	Diagnostics diag.List
	Files       diag.Files
}

func (e *BlockedError) Error() string {
	if len(e.Findings) == 1 {
		return "the plan is blocked: " + e.Findings[0].Message
	}
	return fmt.Sprintf("the plan is blocked for %d reasons", len(e.Findings))
}

// PartialError says that some packs failed, or that their registration is
// pending: exit 6.
type PartialError struct{ Report *apply.Report }

func (e *PartialError) Error() string {
	failed, pending := 0, 0
	for _, p := range e.Report.Packs {
		switch {
		case len(p.Pending) > 0:
			pending++
		case p.Err != nil:
			failed++
		}
	}
	switch {
	case failed == 0:
		return fmt.Sprintf("StackStorm could not be told about %s: registration is pending; run apply again when StackStorm answers", packsWord(pending))
	case pending == 0:
		return packsWord(failed) + " failed: mend the cause and run apply again"
	default:
		return fmt.Sprintf("%s failed, and registration is pending for %s: mend the cause and run apply again", packsWord(failed), packsWord(pending))
	}
}

func packsWord(n int) string {
	if n == 1 {
		return "1 pack"
	}
	return fmt.Sprintf("%d packs", n)
}

// Load reads the declaration, and runs the commands of its variables if opts ask
// for all values. The error is a *DeclarationError, or the end of ctx.
func Load(ctx context.Context, opts Options) (Declaration, error) {
	ctx, span := trace.Begin(ctx, trace.Config)
	defer span.End()
	request := opts.Config
	request.Run = runCommands(ctx, request.Environ)
	cfg, files, diags := config.Load(request)
	if ctx.Err() != nil {
		return Declaration{Files: files}, fmt.Errorf("read the declaration: %w", context.Cause(ctx))
	}
	if diags.HasErrors() {
		return Declaration{Files: files}, &DeclarationError{Diagnostics: diags, Files: files}
	}
	return Declaration{Config: cfg, Files: files, Warnings: diags}, nil
}

// world is the outside as one run sees it.
type world struct {
	opts     Options
	cb       Callbacks
	cfg      *config.Config
	http     *http.Client
	logins   *credential.Set
	bundle   *vendored.Bundle // nil for none
	git      *gogit.Opener
	sources  source.Opener
	builders map[config.Python]*virtualenv.Builder
	cached   source.Opener // git sources without the network
	store    *state.Store
	ahead    *installed.Ahead // begun before the declaration was read; nil for none
	work     string
}

const workName = ".packsync"

func workDir(cfg *config.Config) string { return filepath.Join(cfg.Host.Root, workName) }

// checkRoot refuses a root that is not there: packsync never makes one.
func checkRoot(cfg *config.Config) error {
	info, err := os.Stat(cfg.Host.Root)
	switch {
	case os.IsNotExist(err):
		return fmt.Errorf("the StackStorm root %s does not exist: packsync never makes it; is StackStorm installed on this host? Otherwise set root in the stackstorm block", cfg.Host.Root)
	case err != nil:
		return fmt.Errorf("look at the StackStorm root: %w", err)
	case !info.IsDir():
		return fmt.Errorf("the StackStorm root %s is not a directory: set root in the stackstorm block", cfg.Host.Root)
	}
	return nil
}

// checkName refuses a root that another declaration manages.
func checkName(opts Options, cfg *config.Config, record *state.Record) error {
	if record.Serial == 0 || record.Name == cfg.Name || opts.TakeOver {
		return nil
	}
	return &StaleError{
		Summary: fmt.Sprintf("%s is managed by the declaration %q, and this one is %q", cfg.Host.Root, record.Name, cfg.Name),
		Advice:  "Use the right declaration, or hand the root over to this one with --take-over.",
	}
}

// treeCache keeps fetched trees for the stage, up to a limit: what does not fit is
// read from the cache on disk again.
type treeCache struct {
	mu    sync.Mutex // for add; nothing is added once everything is fetched
	trees map[pack.Ref]tree.Tree
	bytes int64
}

const treeCacheBytes = 32 << 20

func (c *treeCache) add(ref pack.Ref, t tree.Tree) {
	var size int64
	for _, f := range t.Files() {
		size += f.Size
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes+size <= treeCacheBytes {
		c.trees[ref], c.bytes = t, c.bytes+size
	}
}

// tree brings the tree of a pin: kept from planning, from the cache, or from its
// source.
func (w *world) tree(ctx context.Context, pin resolve.Pin) (tree.Tree, error) {
	if pin.Tree != nil {
		return pin.Tree, nil
	}
	remote, err := w.sources.Open(pin.Source)
	if err != nil {
		return nil, err
	}
	snapshot, err := remote.Fetch(ctx, pin.Entry.Commit, pin.Entry.Ref)
	if err != nil {
		return nil, err
	}
	if err := tree.Check(snapshot.Tree, tree.DefaultLimits().For(pin.Source.Limits)); err != nil {
		return nil, err
	}
	return tree.Filter(snapshot.Tree), nil
}
