package reconcile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/nearest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/tree"
)

// ConfigEdit is the config of one pack while a person changes it. Nothing is
// written before Write.
type ConfigEdit struct {
	Declaration          // as it was loaded, or as it would be with the changes
	Ref         pack.Ref // of the pack
	Version     string   // of the pack, whose schema it is; "" if it says none
	Schema      *packconfig.Schema
	Problems    []packconfig.Problem // of the schema
	Path        string               // the file that Write writes
	// YAML: Path is the YAML file that StackStorm reads, or a copy of which it will
	// read, and no file of the declaration.
	YAML    bool
	InPlace bool // StackStorm reads that very file
	// CommentsLost: the file has to be written as a whole, without its comments.
	CommentsLost bool

	opts        Options
	disk        safefs.Disk
	pack        config.Pack  // as it is to be
	loaded      config.Pack  // as it was
	owner       safefs.Owner // of a new file
	from, draft []byte       // the file as it was, and as it is to be
	missing     bool         // there was no file
}

// EditConfig opens the config of a declared pack: in the declaration, or with yaml
// the YAML file, which must be a person's. The schema is that of the version that
// the lock pins: from the installed pack or the cache where it is there, else
// fetched as plan would.
func EditConfig(ctx context.Context, opts Options, cb Callbacks, ref pack.Ref, yaml bool) (*ConfigEdit, error) {
	opts.Config.Mode = config.Partial // secrets need not be there to be kept as they are
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	w, err := open(opts, cb, decl)
	if err != nil {
		return nil, err
	}
	defer w.close()
	p, err := declaredPack(decl.Config, ref)
	if err != nil {
		return nil, err
	}
	e := &ConfigEdit{Declaration: decl, Ref: ref, YAML: yaml, opts: opts, disk: w.disk(), pack: p, loaded: p}
	if yaml {
		err = e.openFile(w)
	} else {
		err = e.openDeclaration()
	}
	if err != nil {
		return nil, err
	}
	// What cannot be taken apart is found out before anything is fetched.
	if _, err := e.Settings(); err != nil {
		return nil, err
	}
	return e, e.readSchema(ctx, w)
}

func declaredPack(cfg *config.Config, ref pack.Ref) (config.Pack, error) {
	var names []string
	for _, p := range cfg.Packs {
		if p.Ref == ref {
			return p, nil
		}
		names = append(names, string(p.Ref))
	}
	text := fmt.Sprintf("packs.hcl declares no pack %q", ref)
	if near := nearest.Names(string(ref), names); len(near) > 0 {
		return config.Pack{}, fmt.Errorf("%s (did you mean %s?)", text, strings.Join(near, ", "))
	}
	return config.Pack{}, fmt.Errorf("%s: declare it first, or take it over with packsync import %s if it is installed", text, ref)
}

func (e *ConfigEdit) openDeclaration() (err error) {
	if e.pack.Config != nil && e.pack.Config.File != "" {
		return fmt.Errorf("the config of %s is the file %s (config_file): packsync config --yaml %s changes it", e.Ref, e.pack.Config.File, e.Ref)
	}
	e.Path = e.Config.Path(e.pack.Range.Filename)
	if e.from, err = os.ReadFile(e.Path); err != nil {
		return fmt.Errorf("read the declaration: %w", err)
	}
	e.draft = e.from
	return nil
}

// openFile finds the YAML file. One that packsync owns is not changed past the
// declaration.
func (e *ConfigEdit) openFile(w *world) (err error) {
	switch c := e.pack.Config; {
	case c != nil && c.File != "":
		e.Path = c.File
	case c != nil:
		return fmt.Errorf("packsync owns the YAML file of %s, because %s declares its config: change that, with packsync config %s", e.Ref, e.pack.Range.Filename, e.Ref)
	case w.cfg.Host.ConfigsDir == "":
		return errors.New("find the YAML file: the root of StackStorm is not known, because a variable has no value")
	default:
		e.Path, e.InPlace = filepath.Join(w.cfg.Host.ConfigsDir, string(e.Ref)+".yaml"), true
		record, err := w.store.Read()
		if err != nil {
			return err
		}
		if recorded := record.Packs[e.Ref].Config; recorded != nil && recorded.Owned {
			return fmt.Errorf("packsync still owns %s, because the last apply wrote it: run packsync apply, which hands it back as it is, or declare the config again", e.Path)
		}
		if err := checkRoot(w.cfg); err != nil {
			return err
		}
	}
	e.owner = safefs.Owner{Mode: 0o640, UID: w.configUID(), GID: w.configGID()}
	e.from, err = os.ReadFile(e.Path)
	if e.missing = errors.Is(err, fs.ErrNotExist); err != nil && !e.missing {
		return fmt.Errorf("read the YAML file: %w", err)
	}
	e.draft = e.from
	return nil
}

// readSchema reads the schema of the pack in the version that the lock pins, or
// that it would pin.
func (e *ConfigEdit) readSchema(ctx context.Context, w *world) error {
	lock, diags := lockfile.Read(w.opts.LockFile)
	if diags.HasErrors() {
		return &DeclarationError{Diagnostics: diags, Files: e.Files}
	}
	result, diags := resolve.Resolve(ctx, resolve.Request{
		Packs: []config.Pack{e.pack}, Lock: lock, StackStorm: w.stackstormVersion(), LockDir: w.lockDir(), Parallel: w.opts.Parallel, Event: w.cb.Resolving,
	}, w.sources, w.lookup())
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("resolve: %w", err)
	}
	if diags.HasErrors() {
		return &DeclarationError{Diagnostics: diags, Files: e.Files}
	}
	pin := result.Packs[e.Ref]
	e.Version = pin.Version
	if e.Version == "" {
		e.Version = pin.Entry.Version
	}
	files, err := w.schemaFiles(ctx, e.Ref, pin)
	if err != nil {
		return fmt.Errorf("fetch %s for its config schema: %w", e.Ref, withHint(err))
	}
	data, err := fs.ReadFile(files, content.ConfigSchemaFile)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s %s has no %s: it takes no config, and StackStorm would check nothing in one", e.Ref, e.Version, content.ConfigSchemaFile)
	}
	if err != nil {
		return fmt.Errorf("read the config schema of %s: %w", e.Ref, err)
	}
	if e.Schema, e.Problems = packconfig.ParseSchema(data); e.Schema == nil {
		return fmt.Errorf("the config schema of %s %s cannot be used: %s", e.Ref, e.Version, e.Problems[0])
	}
	return nil
}

// schemaFiles returns the files of a pin: those on disk if they are what it pins.
func (w *world) schemaFiles(ctx context.Context, ref pack.Ref, pin resolve.Pin) (fs.FS, error) {
	if pin.Tree == nil && w.cfg.Host.Root != "" {
		// An unreadable record or pack only means that the pack is looked for elsewhere.
		if record, err := w.store.Read(); err == nil && record.Packs[ref].Tree == pin.Entry.Tree {
			if t, err := tree.ReadDir(ctx, record.Packs[ref].Path); err == nil {
				if manifest, err := tree.HashOf(tree.Filter(t)); err == nil && manifest.Tree() == pin.Entry.Tree {
					return tree.FS(t), nil
				}
			}
		}
	}
	t, err := w.tree(ctx, pin)
	if err != nil {
		return nil, err
	}
	return tree.FS(t), nil
}

// Settings returns the config as it is to be, to be changed as a clone.
func (e *ConfigEdit) Settings() (*config.Setting, error) { return e.read(e.draft, e.pack) }

// Before returns the config as it was.
func (e *ConfigEdit) Before() (*config.Setting, error) { return e.read(e.from, e.loaded) }

func (e *ConfigEdit) read(data []byte, p config.Pack) (*config.Setting, error) {
	if !e.YAML {
		s, err := config.ReadSettings(data, p)
		if group, ok := errors.AsType[*config.GroupError](err); ok {
			return nil, fmt.Errorf("%s is declared by pack %q, which makes several packs with for_each: change the config there in an editor", e.Ref, group.Label)
		}
		return s, err
	}
	s, err := packconfig.ReadFile(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", e.Path, err)
	}
	return s, nil
}

// Set makes a config, and the variables that are new in it, what is to be written.
func (e *ConfigEdit) Set(after *config.Setting, vars []config.NewVariable) error {
	if e.YAML {
		data, comments, err := packconfig.RewriteFile(e.draft, after)
		if err != nil {
			return err
		}
		e.draft, e.CommentsLost = data, e.CommentsLost || !comments
		return nil
	}
	data, err := config.WriteSettings(e.draft, e.pack, after)
	if err != nil {
		return err
	}
	if len(vars) > 0 {
		data = config.AppendVariables(data, vars)
	}
	return e.accept(data)
}

// Text is what a person may change in an editor: the config as it is to be. It may
// hold secrets.
func (e *ConfigEdit) Text() ([]byte, error) {
	if e.YAML {
		return e.draft, nil
	}
	return config.ConfigText(e.draft, e.pack)
}

// SetText makes a text what is to be written. Where it cannot be, the error says
// what is wrong with it, and nothing changes.
func (e *ConfigEdit) SetText(text []byte) error {
	if e.YAML {
		if _, err := packconfig.ReadFile(text); err != nil {
			return err
		}
		e.draft = text
		return nil
	}
	if same, err := e.Text(); err == nil && bytes.Equal(bytes.TrimSpace(same), bytes.TrimSpace(text)) {
		return nil
	}
	data, err := config.ReplaceConfig(e.draft, e.pack, text)
	if err != nil {
		return err
	}
	return e.accept(data)
}

// accept loads the whole declaration as it is to be.
func (e *ConfigEdit) accept(data []byte) error {
	cfg, files, diags := config.LoadEdited(e.opts.Config, map[string][]byte{e.Path: data})
	if diags.HasErrors() {
		return &DeclarationError{Diagnostics: diags, Files: files}
	}
	i := slices.IndexFunc(cfg.Packs, func(p config.Pack) bool { return p.Ref == e.Ref })
	if i < 0 || cfg.Packs[i].Range.Filename != e.pack.Range.Filename {
		return fmt.Errorf("the text does not end where the config of %s ends: are all braces closed?", e.Ref)
	}
	if _, err := config.ReadSettings(data, cfg.Packs[i]); err != nil {
		return err
	}
	e.Declaration, e.pack, e.draft = Declaration{Config: cfg, Files: files, Warnings: diags}, cfg.Packs[i], data
	return nil
}

// Changed tells whether Write has anything to write.
func (e *ConfigEdit) Changed() bool { return !bytes.Equal(e.from, e.draft) }

// Write replaces the file. It is refused if somebody else changed it meanwhile.
func (e *ConfigEdit) Write() error {
	now, err := os.ReadFile(e.Path)
	if errors.Is(err, fs.ErrNotExist) && e.missing {
		if err := e.disk.MkdirAll(filepath.Dir(e.Path), safefs.Owner{Mode: 0o755, UID: e.owner.UID, GID: e.owner.GID}); err != nil {
			return err
		}
		return e.disk.WriteFile(e.Path, e.draft, e.owner)
	}
	if err != nil {
		return fmt.Errorf("read %s again: %w", e.Path, err)
	}
	if e.missing || !bytes.Equal(now, e.from) {
		return fmt.Errorf("%s was changed by somebody else meanwhile: nothing was written; run packsync config again", e.Path)
	}
	return writeDeclaration(e.disk, e.Path, e.draft)
}
