package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/tree"
	"github.com/packsync/packsync/internal/virtualenv"
)

// builder makes virtualenvs as one pack wants them; packs with the same wishes
// share it.
func (w *world) builder(want config.Python) *virtualenv.Builder {
	if b, ok := w.builders[want]; ok {
		return b
	}
	profile := tree.Profile{DirMode: 0o755, FileMode: 0o644, ExecMode: 0o755, UID: -1, GID: w.gid()}
	network := w.cfg.Network
	b := virtualenv.New(virtualenv.Options{
		Python: w.cfg.Host.Python, OnlyBinary: want.OnlyBinary, Timeout: want.Timeout, BuildUser: want.BuildUser,
		HTTPProxy: network.HTTPProxy, HTTPSProxy: network.HTTPSProxy, NoProxy: network.NoProxy, CAFile: caFile(w.cfg, w.opts),
		IndexURL: indexURL(w.opts.Config.Environ), Profile: profile, Offline: w.opts.Offline, Disk: w.opts.Disk,
	})
	if w.builders == nil {
		w.builders = map[config.Python]*virtualenv.Builder{}
	}
	w.builders[want] = b
	return b
}

// indexURL is the package index that pip's own variable names. It may carry a
// password.
func indexURL(environ []string) pack.Secret {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, "PIP_INDEX_URL="); ok && value != "" {
			return pack.NewSecret(value)
		}
	}
	return pack.Secret{}
}

func (w *world) venvPath(ref pack.Ref) string {
	return filepath.Join(w.cfg.Host.VirtualenvsDir, string(ref))
}

// venvThere returns the path of a virtualenv that is on disk, "" if there is none,
// and why it cannot work.
func (w *world) venvThere(ref pack.Ref) (path, broken string, err error) {
	path = w.venvPath(ref)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	} else if err != nil {
		return "", "", fmt.Errorf("look for the virtualenv of %s: %w", ref, err)
	}
	if why := virtualenv.Inspect(path); why != nil {
		broken = why.Error()
	}
	return path, broken, nil
}

// venvKeys fills in the reuse key of every pack that wants a virtualenv. The
// requirements are read from what is installed, where that is what is wanted, else
// from the fetched tree.
func (w *world) venvKeys(ctx context.Context, p *Planned) error {
	for i := range p.desired {
		d := &p.desired[i]
		if !d.pack.Virtualenv {
			continue
		}
		files, err := p.filesOf(ctx, d)
		if err != nil {
			return fmt.Errorf("read the requirements of %s: %w", d.pack.Ref, err)
		}
		d.side.Venv, err = w.builder(d.pack.Python).Key(ctx, virtualenv.Request{Ref: d.pack.Ref, Pack: files, Final: w.venvPath(d.pack.Ref)})
		if err != nil {
			return fmt.Errorf("%w (or set virtualenv = false in pack %q, if it needs none)", err, d.pack.Ref)
		}
	}
	return nil
}

// filesOf shows the files of a desired pack: as installed, where that is what is
// wanted, else as fetched.
func (p *Planned) filesOf(ctx context.Context, d *desired) (fs.FS, error) {
	seen, there := p.Observed.Packs[pack.Addr{BasePath: d.side.BasePath, Ref: d.pack.Ref}]
	if there && !seen.Link && seen.Content == d.side.Content {
		return os.DirFS(seen.Dir), nil
	}
	t, err := p.treeOf(ctx, d)
	if err != nil {
		return nil, err
	}
	return tree.FS(t), nil
}

// treeOf brings the tree of a desired pack: kept from planning, or fetched again.
func (p *Planned) treeOf(ctx context.Context, d *desired) (tree.Tree, error) {
	if t, ok := p.trees.trees[d.pack.Ref]; ok {
		return t, nil
	}
	return p.bring(ctx, d)
}

// buildVenv builds the virtualenv of one pack in the stage.
func (p *Planned) buildVenv(ctx context.Context, d *desired, t tree.Tree, live, stage, final string) error {
	files := os.DirFS(live)
	if t != nil {
		files = tree.FS(t)
	}
	request := virtualenv.Request{Ref: d.pack.Ref, Pack: files, Stage: stage, Final: final}
	var err error
	if request.Wheels, err = p.world.wheels(d.pack); err != nil {
		return err
	}
	restored, notRestored := p.restoreVenv(ctx, d, request)
	if restored {
		return nil
	}
	built, err := p.world.builder(d.pack.Python).Build(ctx, request, nil)
	if err != nil {
		return errors.Join(err, notRestored)
	}
	if built.Key != d.side.Venv {
		return errors.New("the requirements or the Python interpreter changed while the virtualenv was built: run apply again")
	}
	return nil
}
