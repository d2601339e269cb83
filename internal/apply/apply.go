// Package apply carries out a plan: it stages every tree and config beside its
// target, writes down what it is about to do, swaps each into place in one step,
// and tells StackStorm. A run that is stopped at any point is finished by
// Recover (design.md 6; research/reliability.md part 3).
//
// It is not for deciding what to do (package plan), nor for the lock file
// (package lockfile): between Stage and Run the caller writes the lock.
package apply

import (
	"context"
	"path/filepath"
	"time"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/tree"
)

// Applier carries out plans on one StackStorm root. The caller holds the run
// lock. Not safe for concurrent use: one apply is one sequence of steps.
type Applier struct {
	Disk   safefs.Disk
	Store  *state.Store
	Key    state.Key
	St2    st2.Client
	Layout Layout
	Origin Origin
	Now    func() time.Time
	Event  func(Event) // nil: nobody watches
}

// Layout says where things lie on this host and whom they belong to.
type Layout struct {
	Work       string // W, <root>/.packsync
	ConfigsDir string
	VenvsDir   string
	// OverridesDir holds the override files of packs and of all packs.
	OverridesDir string
	Dirs         []string // packs directories, of all base paths
	GID          int      // group of installed packs, -1 leaves it alone
	ConfigUID    int      // -1: the process's own
	ConfigGID    int
	Keep         int // displaced trees, configs and virtualenvs that are kept of each pack
}

// files lists the directories that hold something of packs besides the packs.
func (l Layout) files() []string { return []string{l.ConfigsDir, l.VenvsDir, l.OverridesDir} }

// Content is what a plan needs to be carried out, by pack.
type Content struct {
	// Tree brings the tree of a pack that is to be placed.
	Tree func(ctx context.Context, ref pack.Ref) (tree.Tree, error)
	// Size holds what is already known of the trees' sizes; what is missing is
	// counted from Tree.
	Size map[pack.Ref]Size
	// Config holds the rendered config files. They may hold secrets.
	Config map[pack.Ref][]byte
	// Venv builds the virtualenv of a pack at stage, for its place final. t is the
	// pack's tree if it is placed too, else nil: then live is the installed pack.
	Venv func(ctx context.Context, ref pack.Ref, t tree.Tree, live, stage, final string) error
	// ConfigOnDisk holds the digests of the config files that are adopted.
	ConfigOnDisk map[pack.Ref]string
	// Overrides holds the rendered override files, that of all packs under
	// pack.GlobalOverrides.
	Overrides map[pack.Ref][]byte
	// HeldBack is recorded with each pack (state.Pack.HeldBack).
	HeldBack map[pack.Ref]map[string][]string
	// Due lists, by pack, the types that a registration must count.
	Due map[pack.Ref][]string
	// Objects lists, by pack, what its registration makes StackStorm have.
	Objects map[pack.Ref][]pack.Object
	// Told is what StackStorm was told of packs about which nothing is written down
	// yet, and it is known all the same.
	Told map[pack.Ref]*state.Told
	// PurgeConfig holds the packs whose config file goes with them.
	PurgeConfig map[pack.Ref]bool
	// DependsOn is recorded with each pack, so that removals find their order.
	DependsOn map[pack.Ref][]pack.Ref
	// Parallel is how many packs are staged at once; 0 means 4.
	Parallel int
}

// Phase names what an Event is about.
type Phase string

// The phases of an apply, in order.
const (
	PhaseStage      Phase = "stage"
	PhaseBuild      Phase = "build virtualenv"
	PhaseUnregister Phase = "unregister"
	PhaseSwap       Phase = "swap"
	PhaseRemove     Phase = "remove"
	PhaseRegister   Phase = "register"
	PhaseUnload     Phase = "unload"
	PhasePurge      Phase = "purge"
	PhaseRecover    Phase = "recover"
)

// Event tells a watcher what happens. Done is false when a step begins and true
// when it ended, with Err if it failed.
type Event struct {
	Phase Phase
	Ref   pack.Ref
	Text  string
	Done  bool
	Err   error
}

func (a *Applier) tell(e Event) {
	if a.Event != nil {
		a.Event(e)
	}
}

// Report is what an apply did.
type Report struct {
	Packs    []PackResult
	Notes    []string // sentences for a person: what stays registered, what went to pen/
	Recorded *state.Record
}

// PackResult is what happened to one pack.
type PackResult struct {
	Ref     pack.Ref
	Action  plan.Action
	Changed bool
	Before  *plan.Side
	After   *plan.Side
	// Registered lists the types that StackStorm was told successfully, Pending
	// those that it still has to be told.
	Registered []string
	Pending    []string
	// Deleted and Disabled are what StackStorm lost of older versions.
	Deleted  []pack.Object
	Disabled []pack.Object
	Err      error // why the pack failed, or why its registration is pending
}

// Failed reports whether some pack failed or some registration is pending.
func (r *Report) Failed() bool {
	for _, p := range r.Packs {
		if p.Err != nil || len(p.Pending) > 0 {
			return true
		}
	}
	return false
}

// Changed reports whether anything was changed on disk, in the record or in
// StackStorm.
func (r *Report) Changed() bool {
	for _, p := range r.Packs {
		if p.Changed {
			return true
		}
	}
	return false
}

// The folders of W and of the work folders on other devices.
const (
	stageDir   = "stage"
	keepDir    = "keep"
	penDir     = "pen"
	journalDir = "journal"
)

var private = safefs.Owner{Mode: 0o700, UID: -1, GID: -1}

// workFor returns the work folder for things that are swapped with children of
// dir: W where both are on one mount, else dir/.packsync, because a rename cannot
// cross mounts. StackStorm does not look two levels below a dot directory.
func (a *Applier) workFor(dir string) (string, error) {
	same, err := sameMount(a.Layout.Work, dir)
	if err != nil {
		return "", err
	}
	if same {
		return a.Layout.Work, nil
	}
	return filepath.Join(dir, ".packsync"), nil
}

// works lists all work folders of this root that exist or may exist.
func (a *Applier) works() []string {
	out := []string{a.Layout.Work}
	for _, dir := range append(a.Layout.files(), a.Layout.Dirs...) {
		out = append(out, filepath.Join(dir, ".packsync"))
	}
	return out
}
