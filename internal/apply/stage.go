package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/tree"
)

// Staged is a plan whose trees and configs lie on disk beside their targets,
// read back and durable. Nothing that people or StackStorm see has changed.
type Staged struct {
	plan    *plan.Plan
	content Content
	base    *state.Record
	ops     []op
	works   []string // work folders with something staged
}

// Stage fetches, writes, reads back and makes durable everything that the plan
// places: one SyncFS for each work folder covers all, since nothing refers to the
// stage before the intent record that Run writes afterwards, and recovery throws
// away a stage without one. On an error it removes what it staged; nothing has changed then. All
// packs that fail are named in the error.
func (a *Applier) Stage(ctx context.Context, p *plan.Plan, content Content) (*Staged, error) {
	ctx, span := trace.Begin(ctx, trace.Stage)
	defer span.End()
	base, err := a.Store.Read()
	if err != nil {
		return nil, err
	}
	if err := a.preflight(ctx, p, content); err != nil {
		return nil, err
	}
	s := &Staged{plan: p, content: content, base: base}
	if err := a.stage(ctx, s); err != nil {
		return nil, errors.Join(err, a.discard(s))
	}
	return s, nil
}

// Discard removes what was staged, for a plan that is not carried out after all.
func (a *Applier) Discard(s *Staged) error { return a.discard(s) }

func (a *Applier) discard(s *Staged) error {
	var errs []error
	for _, work := range s.works {
		errs = append(errs, a.Disk.RemoveAll(filepath.Join(work, stageDir)))
	}
	return errors.Join(errs...)
}

func (a *Applier) stage(ctx context.Context, s *Staged) error {
	serial := s.base.Serial
	var slow []*op
	for i := range s.plan.Changes {
		c := &s.plan.Changes[i]
		ops, err := a.opsFor(c, serial)
		if err != nil {
			return fmt.Errorf("stage %s: %w", c.Ref, err)
		}
		s.ops = append(s.ops, ops...)
	}
	for i := range s.ops {
		o := &s.ops[i]
		work, err := a.workFor(filepath.Dir(o.Live))
		if err != nil {
			return fmt.Errorf("stage %s: %w", o.Ref, err)
		}
		if !slices.Contains(s.works, work) {
			s.works = append(s.works, work)
			if err := a.Disk.MkdirStage(filepath.Join(work, stageDir), private); err != nil {
				return fmt.Errorf("stage %s: %w", o.Ref, err)
			}
		}
		switch o.Kind {
		case opPlace, opVenv:
			slow = append(slow, o)
		case opConfig:
			if err := a.stageFile(o, s.content.Config[o.Ref], 0o640); err != nil {
				return fmt.Errorf("stage the config of %s: %w", o.Ref, err)
			}
		case opOverrides:
			if err := a.stageFile(o, s.content.Overrides[o.Ref], overridesMode); err != nil {
				return fmt.Errorf("stage the overrides of %s: %w", o.Ref, err)
			}
		}
	}
	if err := a.stageSlow(ctx, s, slow); err != nil {
		return err
	}
	_, span := trace.Do(ctx, trace.Syncing)
	defer span.End()
	for _, work := range s.works {
		if err := a.Disk.SyncFS(filepath.Join(work, stageDir)); err != nil {
			return fmt.Errorf("make what was staged durable: %w", err)
		}
	}
	return nil
}

// stageSlow writes trees and builds virtualenvs side by side and collects all
// errors, so that one run shows everything that is wrong.
func (a *Applier) stageSlow(ctx context.Context, s *Staged, ops []*op) error {
	parallel := s.content.Parallel
	if parallel <= 0 {
		parallel = 4
	}
	changes := map[pack.Ref]*plan.Change{}
	for i := range s.plan.Changes {
		changes[s.plan.Changes[i].Ref] = &s.plan.Changes[i]
	}
	var mu sync.Mutex
	var errs []error
	var group errgroup.Group
	group.SetLimit(parallel)
	trace.Expect(ctx, len(ops))
	for _, o := range ops {
		group.Go(func() error {
			ctx, span := trace.Pack(ctx, o.Ref)
			defer span.End()
			phase, work := PhaseStage, a.stageTree
			if o.Kind == opVenv {
				phase, work = PhaseBuild, a.stageVenv
			}
			a.tell(Event{Phase: phase, Ref: o.Ref})
			err := work(ctx, o, changes[o.Ref], s.content)
			a.tell(Event{Phase: phase, Ref: o.Ref, Done: true, Err: err})
			if err != nil {
				mu.Lock()
				errs = append(errs, fmt.Errorf("stage %s: %w", o.Ref, err))
				mu.Unlock()
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	slices.SortFunc(errs, func(x, y error) int { return strings.Compare(x.Error(), y.Error()) })
	return errors.Join(errs...)
}

// stageVenv builds the virtualenv of a pack, from the requirements of the tree
// that is placed with it, or of the one that is there.
func (a *Applier) stageVenv(ctx context.Context, o *op, c *plan.Change, content Content) error {
	var t tree.Tree
	if c.Do.Place {
		var err error
		if t, err = content.Tree(ctx, o.Ref); err != nil {
			return err
		}
	}
	if err := a.Disk.MkdirStage(filepath.Dir(o.Staged), private); err != nil {
		return err
	}
	ctx, span := trace.Do(ctx, trace.Building)
	defer span.End()
	if err := content.Venv(ctx, o.Ref, t, c.After.Path, o.Staged, o.Live); err != nil {
		return err
	}
	var err error
	o.Inode, err = inode(o.Staged)
	return err
}

func (a *Applier) stageTree(ctx context.Context, o *op, c *plan.Change, content Content) error {
	t, err := content.Tree(ctx, o.Ref)
	if err != nil {
		return err
	}
	if err := a.Disk.MkdirStage(o.Staged, private); err != nil {
		return err
	}
	written, err := tree.Write(ctx, o.Staged, t, a.profile(c.After.Modes))
	if err != nil {
		return err
	}
	if written.Tree() != c.After.Tree {
		return fmt.Errorf("integrity: the tree is %s, but the lock pins %s: the source does not give the same content any more, or the lock was edited", written.Tree(), c.After.Tree)
	}
	verifying, span := trace.Do(ctx, trace.Verifying)
	err = tree.Verify(verifying, o.Staged, written)
	span.End()
	if err != nil {
		return fmt.Errorf("read back what was written: %w", err)
	}
	o.Inode, err = inode(o.Staged)
	return err
}

func (a *Applier) stageFile(o *op, data []byte, mode fs.FileMode) error {
	if err := a.Disk.MkdirStage(filepath.Dir(o.Staged), private); err != nil {
		return err
	}
	if err := a.Disk.MkdirAll(filepath.Dir(o.Live), safefs.Owner{Mode: 0o755, UID: a.Layout.ConfigUID, GID: a.Layout.ConfigGID}); err != nil {
		return err
	}
	owner := safefs.Owner{Mode: mode, UID: a.Layout.ConfigUID, GID: a.Layout.ConfigGID}
	if err := a.Disk.WriteFile(o.Staged, data, owner); err != nil {
		return err
	}
	back, err := os.ReadFile(o.Staged)
	if err != nil {
		return err
	}
	if string(back) != string(data) {
		return errors.New("read back what was written: it differs")
	}
	o.Inode, err = inode(o.Staged)
	return err
}

// profile is how installed packs look: directories 0755, files 0644 or 0755; or
// writable by the group where the declaration wants that.
func (a *Applier) profile(modes string) tree.Profile {
	if modes == plan.GroupWritableModes {
		return tree.Profile{DirMode: 0o775, FileMode: 0o664, ExecMode: 0o775, UID: -1, GID: a.Layout.GID}
	}
	return tree.Profile{DirMode: 0o755, FileMode: 0o644, ExecMode: 0o755, UID: -1, GID: a.Layout.GID}
}

// opsFor turns the work of a change into ops: virtualenv, config, overrides, then
// tree, then what is taken away. Old code runs with the newer virtualenv for a moment, which
// is better than new code with the old one.
func (a *Applier) opsFor(c *plan.Change, serial uint64) ([]op, error) {
	var ops []op
	add := func(kind opKind, live, old string) error {
		if kind == opPlace || kind == opVenv {
			// The base path of a declared pack is made, the root never is.
			if err := a.Disk.MkdirAll(filepath.Dir(live), safefs.Owner{Mode: 0o755, UID: -1, GID: a.Layout.GID}); err != nil {
				return err
			}
		}
		dir := filepath.Dir(live)
		if kind == opConfig || kind == opOverrides {
			if err := a.Disk.MkdirAll(dir, safefs.Owner{Mode: 0o755, UID: a.Layout.ConfigUID, GID: a.Layout.ConfigGID}); err != nil {
				return err
			}
		}
		work, err := a.workFor(dir)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%08d-%s-%s", serial, c.Ref, kind)
		o := op{
			Ref: c.Ref, Action: c.Action, Kind: kind, Live: live, Old: old,
			Out:  filepath.Join(work, stageDir, name, "out"),
			Keep: filepath.Join(work, keepDir, string(c.Ref), fmt.Sprintf("%08d-%s", serial, kind)),
			Pen:  filepath.Join(work, penDir, a.Now().UTC().Format("20060102T150405Z")+"-"+name),
		}
		if !kind.takes() {
			o.Staged = filepath.Join(work, stageDir, name, "new")
		} else {
			o.Unregister = kind == opTakeAway && c.Do.Unregister
		}
		ops = append(ops, o)
		return nil
	}
	var old plan.Side
	if c.Before != nil {
		old = *c.Before
	}
	if c.Do.Venv {
		known := ""
		if old.Venv != "" {
			known = builtVenv
		}
		if err := add(opVenv, filepath.Join(a.Layout.VenvsDir, string(c.Ref)), known); err != nil {
			return nil, err
		}
	}
	if c.Do.Config {
		if err := add(opConfig, a.configPath(c.Ref), old.Config); err != nil {
			return nil, err
		}
	}
	if c.Do.Overrides { // before the tree: what it brings is held back from the first moment
		if err := add(opOverrides, a.overridesPath(c.Ref), old.OverrideFile); err != nil {
			return nil, err
		}
	}
	if c.Do.Place {
		known := string(old.Content)
		if c.Action == plan.Install || c.Action == plan.Move {
			known = "" // whatever is displaced there is not ours
		}
		if err := add(opPlace, c.After.Path, known); err != nil {
			return nil, err
		}
	}
	if c.Do.TakeAway != "" {
		if err := add(opTakeAway, c.Do.TakeAway, string(old.Content)); err != nil {
			return nil, err
		}
	}
	if c.Do.TakeVenv != "" {
		if err := add(opTakeVenv, c.Do.TakeVenv, builtVenv); err != nil {
			return nil, err
		}
	}
	if c.Do.TakeOverrides {
		if err := add(opTakeOverrides, a.overridesPath(c.Ref), old.OverrideFile); err != nil {
			return nil, err
		}
	}
	if c.Do.TakeConfig {
		if err := add(opTakeConf, a.configPath(c.Ref), old.Config); err != nil {
			return nil, err
		}
	}
	return ops, nil
}

func (a *Applier) configPath(ref pack.Ref) string {
	return filepath.Join(a.Layout.ConfigsDir, string(ref)+".yaml")
}

// inode returns the inode number of path itself, following no link.
func inode(path string) (uint64, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("look at %s: no inode number", path)
	}
	return stat.Ino, nil
}
