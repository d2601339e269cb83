// Package virtualenv builds the Python environment of a pack as StackStorm needs
// it (reference.md 3.10): pip inside, the system's and StackStorm's own packages
// visible, the base requirements, then the pack's requirements.txt.
//
// A virtualenv cannot be moved, so one that will replace another is built in a
// private directory, by a user without rights where packsync is root, and then
// written into the stage by packsync itself: paths become those of the final
// place, modes and owner are set, and nothing that the build user still holds
// open leads into the result.
//
// It is not for swapping the stage with what is live (package apply), and it is
// no sandbox: what a source distribution runs at build time can read what the
// build user can, and can use the network. OnlyBinary forbids it.
package virtualenv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/tree"
)

// Options are what all virtualenvs of a host have in common.
type Options struct {
	// Python is the absolute path of the interpreter; "" for StackStorm's, else
	// python3 on PATH.
	Python string
	// ST2Site is the site-packages directory of StackStorm's own virtualenv, which
	// a .pth file makes visible in that of a pack; "" for the one that Python
	// belongs to, if StackStorm lies there.
	ST2Site string
	// BaseRequirements are installed before those of the pack; nil for
	// StackStorm's.
	BaseRequirements []string
	// PipOptions are added to pip install, as StackStorm's pip_opts. They are seen
	// in the process list: credentials belong in IndexURL.
	PipOptions []string
	OnlyBinary bool          // only wheels: nothing of a package runs at build time
	Timeout    time.Duration // of one Build or Download; 0 for DefaultTimeout

	// BuildUser is whom pip runs as if packsync is root; "" for DefaultBuildUser.
	// "root" has to be said. Without root only the own user is possible.
	BuildUser string
	// BuildDir is where private build directories are made. The build user must be
	// able to reach it, and programs must be allowed to run there. "" for /var/tmp
	// with another user, beside the stage without.
	BuildDir string

	IndexURL     pack.Secret // "" for what pip.conf says, else PyPI
	Offline      bool        // only Request.Wheels, no index
	NoHostConfig bool        // do not read /etc/pip.conf
	HTTPProxy    pack.Secret // URL; "" for what the environment says
	HTTPSProxy   pack.Secret
	NoProxy      string
	CAFile       string // PEM file, trusted beside the system's

	// Profile is the modes and the owner of the result; the zero Profile is
	// directories and executables 0755, files 0644, and the process's own owner.
	Profile tree.Profile
	Disk    safefs.Disk // nil for safefs.OS
}

// The defaults of Options.
const (
	DefaultTimeout   = 10 * time.Minute // as StackStorm's packs.setup_virtualenv
	DefaultBuildUser = "nobody"
)

// baseRequirements are StackStorm's (reference.md 3.10).
var baseRequirements = []string{"six>=1.9.0,<2.0"}

// Request is one virtualenv.
type Request struct {
	Ref pack.Ref
	// Pack is the pack's tree (tree.FS, or os.Root.FS of an installed one):
	// requirements.txt and the files that it includes are read. nil, or a tree
	// without that file, gives the base requirements only.
	Pack fs.FS
	// Wheels are offered to pip beside the index: how to read each, by file name.
	// They are read before pip runs, and an error of one ends the build.
	Wheels map[string]func() ([]byte, error)
	Stage  string // absolute path to build at; must not exist, its directory must
	Final  string // absolute path that the stage will be moved to
}

// Built is a virtualenv that stands in its stage.
type Built struct {
	Key      string   // as of Builder.Key
	Packages []string // NAME==VERSION of what it holds itself, sorted
}

// Builder builds virtualenvs. Its methods may be used at the same time.
type Builder struct {
	opts Options
	// python finds the interpreter once.
	python func() (interpreter, error)
}

// New makes a Builder. It looks at nothing: a missing interpreter is an error of
// Key, Build and Download.
func New(opts Options) *Builder {
	if opts.BaseRequirements == nil {
		opts.BaseRequirements = baseRequirements
	}
	opts.PipOptions = append([]string{}, opts.PipOptions...) // never nil: it is part of the key
	if opts.Timeout == 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.Profile == (tree.Profile{}) {
		opts.Profile = tree.Profile{DirMode: 0o755, FileMode: 0o644, ExecMode: 0o755, UID: -1, GID: -1}
	}
	if opts.Disk == nil {
		opts.Disk = safefs.OS()
	}
	return &Builder{opts: opts, python: sync.OnceValues(func() (interpreter, error) { return findPython(opts.Python) })}
}

// Build makes the virtualenv at r.Stage, complete, read back, with every path in
// it that of r.Final. The caller makes it durable and moves it there. After an
// error nothing is left. progress, if not nil, is told each line that pip
// writes, without credentials, one at a time. Errors of a step that ran are a
// *BuildError.
func (b *Builder) Build(ctx context.Context, r Request, progress func(line string)) (built Built, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("build virtualenv of %s: %w", r.Ref, err)
		}
	}()
	if err := checkRequest(r); err != nil {
		return Built{}, err
	}
	reqs, err := readRequirements(r.Pack)
	if err != nil {
		return Built{}, err
	}
	if err := b.checkPolicy(reqs); err != nil {
		return Built{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.opts.Timeout, errTimeLimit)
	defer cancel()
	built.Key, err = b.key(ctx, r, reqs)
	if err != nil {
		return Built{}, err
	}
	w, err := b.openWorkshop(r, progress)
	if err != nil {
		return Built{}, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.install(ctx, reqs, r.Wheels); err != nil {
		return Built{}, err
	}
	built.Packages, err = b.place(ctx, w, r)
	if err != nil {
		return Built{}, errors.Join(err, b.opts.Disk.RemoveAll(r.Stage))
	}
	return built, nil
}

// place writes what was built into the stage and checks it there.
func (b *Builder) place(ctx context.Context, w *workshop, r Request) ([]string, error) {
	owner := safefs.Owner{Mode: 0o700, UID: -1, GID: -1}
	if err := b.opts.Disk.MkdirAll(r.Stage, owner); err != nil {
		return nil, err
	}
	c := copier{from: w.venv, to: r.Final, python: w.python.base, profile: b.opts.Profile}
	if err := c.copy(ctx, r.Stage); err != nil {
		return nil, err
	}
	if err := verify(ctx, r.Stage, w.venv); err != nil {
		return nil, err
	}
	if err := Check(ctx, r.Stage); err != nil {
		return nil, err
	}
	return packagesIn(r.Stage)
}

// plainPath is a path that no shell, no shebang line and none of the activate
// scripts would have to quote.
var plainPath = lazyregexp.New(`\A/[A-Za-z0-9_@%+=,./-]+\z`)

func checkRequest(r Request) error {
	for _, path := range []string{r.Stage, r.Final} {
		if !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" {
			return fmt.Errorf("%q is not a clean absolute path below /", path)
		}
	}
	if _, err := os.Lstat(r.Stage); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("the stage %s is there already", r.Stage))
	}
	if !plainPath().MatchString(r.Final) {
		return fmt.Errorf("the path %q cannot stand in the scripts of a virtualenv: "+
			"set virtualenvs_dir to one of letters, digits and _@%%+=,.- only", r.Final)
	}
	return nil
}
