package reconcile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/state"
)

// AddRequest names what is to be declared.
type AddRequest struct {
	Packs []string // NAME, OWNER/REPOSITORY, a URL or a directory; see parseWanted
	Dir   string   // absolute; what a directory among them counts from

	Ref        pack.Ref      // of the one pack; "" takes it from its pack.yaml
	Selector   pack.Selector // of the one pack; none takes what stands after its name
	Subdir     string
	BasePath   string
	Virtualenv bool
}

// Added is what Add wrote.
type Added struct {
	Declaration
	File     string      `json:"file"`  // that the blocks were written to
	Block    string      `json:"block"` // what was written
	Packs    []AddedPack `json:"added"`
	Changes  []plan.LockChange
	Locked   int // packs in the lock
	LockFile string
}

// AddedPack is one pack that is declared now.
type AddedPack struct {
	Ref      pack.Ref      `json:"ref"`
	Source   string        `json:"source"`
	Selector pack.Selector `json:"-"`
	// Constraint is what was written: {"version": "~> 1.0"}; null for nothing.
	Constraint map[string]string `json:"constraint"`
	Version    string            `json:"version"`
	Commit     pack.Commit       `json:"commit"`
	Why        string            `json:"why"` // what decides about its version, as a sentence
	Findings   []pack.Finding    `json:"findings"`
}

// wanted is one pack on its way into a block.
type wanted struct {
	block config.Block
	name  pack.Ref // short name; "" if the source is known
	from  pack.Source
}

// Add declares packs and pins them. The whole declaration is read and resolved as
// it is to be before anything is written: if that fails, nothing is.
func Add(ctx context.Context, opts Options, request AddRequest, cb Callbacks) (*Added, error) {
	opts.Config.Mode = config.Partial // neither secrets nor a host are needed
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	w, err := open(opts, cb, decl)
	if err != nil {
		return nil, err
	}
	defer w.close()
	file, before, err := w.addFile(decl)
	if err != nil {
		return nil, err
	}
	blocks, err := w.newBlocks(ctx, decl, request, filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	e := &fileEdit{w: w, file: file, before: before}
	p, err := e.resolve(ctx, cb, config.AppendPacks(before, blocks))
	if err != nil {
		return nil, err
	}
	if narrow := narrowed(blocks, p.Resolved); narrow != nil {
		if blocks, p, err = e.keepSame(ctx, blocks, narrow, p); err != nil {
			return nil, err
		}
	}
	added := describeAdded(p, blocks)
	added.File, added.Block, added.LockFile = file, string(config.AppendPacks(nil, blocks)), opts.LockFile
	return added, e.write(p.Resolved.Lock)
}

// addFile is the file that a block is added to, and what is in it: the declaration,
// or in a directory packs.hcl, else the file with the last of the packs.
func (w *world) addFile(decl Declaration) (string, []byte, error) {
	file := w.opts.Config.File
	info, err := os.Stat(file)
	if err == nil && info.IsDir() {
		dir := file
		file = filepath.Join(dir, "packs.hcl")
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) && len(decl.Config.Packs) > 0 {
			last := ""
			for _, p := range decl.Config.Packs {
				last = max(last, p.Range.Filename)
			}
			file = decl.Config.Path(last)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("edit the declaration: %w", err)
	}
	return file, data, nil
}

// newBlocks makes a block of each pack that is asked for.
func (w *world) newBlocks(ctx context.Context, decl Declaration, request AddRequest, home string) ([]config.Block, error) {
	taken := map[pack.Ref]string{}
	for _, p := range decl.Config.Packs {
		taken[p.Ref] = fmt.Sprintf("it is declared already at %s:%d: change it there, or move its pin with packsync update %s", p.Range.Filename, p.Range.Start.Line, p.Ref)
	}
	var blocks []config.Block
	var errs []error
	for _, text := range request.Packs {
		b, err := w.newBlock(ctx, text, request, home)
		if err == nil && taken[b.Ref] != "" {
			err = errors.New(taken[b.Ref])
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("add %s: %w", quoteSpec(text), err))
			continue
		}
		taken[b.Ref] = "it is named twice"
		blocks = append(blocks, b)
	}
	return blocks, errors.Join(errs...)
}

func (w *world) newBlock(ctx context.Context, text string, request AddRequest, home string) (config.Block, error) {
	want, err := parseWanted(text, request, home)
	if err != nil {
		return config.Block{}, err
	}
	b := want.block
	switch {
	case request.Ref != "" && want.name != "" && request.Ref != want.name:
		return b, fmt.Errorf("--ref is %s, but a pack of an index is called as it is in the index: name its repository instead (packsync search %s shows it)", request.Ref, want.name)
	case request.Ref != "":
		b.Ref = request.Ref
	case want.name != "":
		b.Ref = want.name
	default:
		b.Ref, err = resolve.Look(ctx, want.from, b.Selector, w.sources)
	}
	if ctx.Err() != nil {
		return b, fmt.Errorf("resolve: %w", ctx.Err())
	}
	return b, err
}

// EditedError is what is wrong with the declaration as an edit would make it.
// Nothing was written, so that the lines it names may not be there.
type EditedError struct{ *DeclarationError }

func (e *EditedError) Unwrap() error { return e.DeclarationError }

// fileEdit is a declaration on its way to another content of one file.
type fileEdit struct {
	w             *world
	file          string
	before, after []byte
	fresh         bool // there was no such file
}

// resolve reads and resolves the declaration with another content of the file.
func (e *fileEdit) resolve(ctx context.Context, cb Callbacks, after []byte) (*Planned, error) {
	e.after = after
	cfg, files, diags := config.LoadEdited(forEdit(e.w.opts), map[string][]byte{e.file: after})
	if diags.HasErrors() {
		return nil, &EditedError{&DeclarationError{Diagnostics: diags, Files: files}}
	}
	decl := Declaration{Config: cfg, Files: files, Warnings: diags}
	w, err := open(e.w.opts, cb, decl)
	if err != nil {
		return nil, err
	}
	defer w.close()
	p := &Planned{Declaration: decl, Record: &state.Record{}, world: w, key: state.NewKey(), trees: &treeCache{trees: map[ref]treeOf{}}}
	err = w.resolve(ctx, p, resolve.Missing)
	if wrong, is := errors.AsType[*DeclarationError](err); is {
		err = &EditedError{wrong}
	}
	return p, err
}

// keepSame takes the version constraints of narrow for those blocks where they
// choose the tag that was chosen without: the highest tag is not always what the
// index names.
func (e *fileEdit) keepSame(ctx context.Context, plain, narrow []config.Block, chosen *Planned) ([]config.Block, *Planned, error) {
	tried, err := e.resolve(ctx, Callbacks{}, config.AppendPacks(e.before, narrow))
	if _, is := errors.AsType[*EditedError](err); is { // the highest tag may be no pack at all
		e.after = config.AppendPacks(e.before, plain)
		return plain, chosen, nil
	}
	if err != nil {
		return nil, nil, err
	}
	same := true
	for i, b := range narrow {
		if tried.Resolved.Packs[b.Ref].Entry.Ref != chosen.Resolved.Packs[b.Ref].Entry.Ref {
			narrow[i], same = plain[i], false
		}
	}
	if !same {
		tried, err = e.resolve(ctx, Callbacks{}, config.AppendPacks(e.before, narrow))
	}
	return narrow, tried, err
}

// writeFile writes the file, unless somebody else changed it meanwhile.
func (e *fileEdit) writeFile() error {
	now, err := os.ReadFile(e.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s again: %w", e.file, err)
	}
	if !bytes.Equal(now, e.before) {
		return fmt.Errorf("%s was changed by somebody else meanwhile, and is left alone: run the command again", e.file)
	}
	e.fresh = err != nil
	if err := writeNew(e.w.disk(), e.file, e.after); err != nil {
		return fmt.Errorf("write the declaration: %w", err)
	}
	return nil
}

// write writes the file and the lock. If the lock cannot be written, the file is
// put back.
func (e *fileEdit) write(lock *lockfile.File) error {
	if err := e.writeFile(); err != nil {
		return err
	}
	disk := e.w.disk()
	err := lockfile.Write(disk, e.w.opts.LockFile, lock)
	if err == nil {
		return nil
	}
	undo := func() error { return writeDeclaration(disk, e.file, e.before) }
	if e.fresh {
		undo = func() error { return disk.RemoveAll(e.file) }
	}
	if undone := undo(); undone != nil {
		return errors.Join(err, fmt.Errorf("%s is written already and could not be put back, so the next packsync lock or apply brings the lock up to it: %w", e.file, undone))
	}
	return fmt.Errorf("%w; %s is as it was", err, e.file)
}

// narrowed gives the packs of an index that are to follow no version in particular
// the constraint for the version that was chosen. Nil if there is none.
func narrowed(blocks []config.Block, result *resolve.Result) []config.Block {
	var out []config.Block
	any := false
	for _, b := range blocks {
		if b.Source == "" && b.Selector.Kind == pack.SelectNone {
			if text := compatibleWith(result.Packs[b.Ref].Entry.Ref); text != "" {
				b.Selector, any = pack.Selector{Kind: pack.SelectVersion, Text: text}, true
			}
		}
		out = append(out, b)
	}
	if !any {
		return nil
	}
	return out
}

// compatibleWith is the constraint that allows the version of a tag and those after
// it that should break nothing: before 1.0 the second number announces what breaks.
// "" if the tag is no version, or a pre-release.
func compatibleWith(fullRef string) string {
	version, ok := pack.ParseTagVersion(strings.TrimPrefix(fullRef, "refs/tags/"))
	switch {
	case !ok || version.Prerelease() != "":
		return ""
	case version.Major() == 0:
		return fmt.Sprintf("~> 0.%d.%d", version.Minor(), version.Patch())
	}
	return fmt.Sprintf("~> %d.%d", version.Major(), version.Minor())
}

func describeAdded(p *Planned, blocks []config.Block) *Added {
	added := &Added{Declaration: p.Declaration, Changes: lockChanges(p.Resolved), Locked: len(p.Resolved.Lock.Packs)}
	for _, b := range blocks {
		pin := p.Resolved.Packs[b.Ref]
		one := AddedPack{
			Ref: b.Ref, Source: pin.Entry.Source, Selector: b.Selector, Version: pin.Version, Commit: pin.Entry.Commit,
			Findings: append([]pack.Finding{}, p.Resolved.Findings[b.Ref]...),
		}
		if b.Selector.Kind != pack.SelectNone {
			one.Constraint = map[string]string{string(b.Selector.Kind): b.Selector.Text}
		}
		one.Why = whyThis(b, pin)
		added.Packs = append(added.Packs, one)
	}
	return added
}

// whyThis says what decides about the version of an added pack, from now on.
func whyThis(b config.Block, pin resolve.Pin) string {
	switch {
	case pin.Source.Kind == pack.SourceDir:
		return "a directory: what lies there is installed, without a pin"
	case b.Selector.Kind == pack.SelectVersion:
		constraint, err := pack.ParseConstraint(b.Selector.Text)
		if err != nil {
			return ""
		}
		return "packsync update keeps it " + constraint.Expanded()
	case b.Selector.Kind == pack.SelectNone && b.Source == "":
		return "packsync update follows the version that the index names: a constraint would choose another tag than that"
	case b.Selector.Kind == pack.SelectNone:
		return "packsync update follows the default branch, " + strings.TrimPrefix(pin.Entry.Ref, "refs/heads/")
	case b.Selector.Kind == pack.SelectBranch:
		return "packsync update follows the branch"
	}
	return "it stays at that " + string(b.Selector.Kind)
}
