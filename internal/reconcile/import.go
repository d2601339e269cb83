package reconcile

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

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/installed"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/trace"
)

// ImportRequest names what is to be taken over.
type ImportRequest struct {
	Packs  []pack.Ref // none: every pack that is neither managed nor declared
	Source string     // where the one pack came from; "" to find out
	// Adding is told what is to be added to which file, before it is asked whether
	// to carry the import out; may be nil.
	Adding func(file string, blocks []byte) error
}

// Imported is what an import did.
type Imported struct {
	*Applied              // nil if nothing could be identified
	Packs    []Identified `json:"imported"`
	Refused  []Refused    `json:"refused"`
	File     string       `json:"file"` // that the blocks were, or would be, written to
	Written  bool         `json:"written"`
}

// Refused is a pack that could not be taken over.
type Refused struct {
	Ref    pack.Ref `json:"ref"`
	Reason string   `json:"reason"` // and what to do
}

// RefusedError says that some packs could not be taken over. Others may have been.
type RefusedError struct {
	Refused  []Refused
	Imported int
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("%s could not be taken over", packsWord(len(e.Refused)))
	for _, r := range e.Refused {
		text += fmt.Sprintf("\n  %s: %s", r.Ref, r.Reason)
	}
	if e.Imported == 0 {
		text += "\nNothing was changed."
	}
	return text
}

// Import takes over packs that are installed already: it finds out which commit
// each is, adds blocks to the declaration, and carries out the plan that follows,
// which only adopts. The files of a pack are not touched. The block is written
// before the record: stopped in between, the next apply adopts the pack.
func Import(ctx context.Context, opts Options, request ImportRequest, cb Callbacks) (*Imported, error) {
	w, decl, err := openRoot(ctx, opts)
	if err != nil {
		return nil, err
	}
	w.cb = cb
	_, _, unlock, err := w.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	result := &Imported{Packs: []Identified{}, Refused: []Refused{}}
	if err := w.identifyAll(ctx, decl, request, result); err != nil {
		return nil, err
	}
	if len(result.Packs) > 0 {
		if err := w.takeOver(ctx, request, result); err != nil {
			return result, err
		}
	}
	if len(result.Refused) > 0 && !(result.Applied != nil && result.Declined) {
		return result, &RefusedError{Refused: result.Refused, Imported: len(result.Packs)}
	}
	return result, nil
}

// identifyAll looks at the packs that are asked for and finds out what they are.
func (w *world) identifyAll(ctx context.Context, decl Declaration, request ImportRequest, result *Imported) error {
	record, err := w.store.Read()
	if err != nil {
		return err
	}
	found, err := w.candidates(ctx, decl, record, request, result)
	if err != nil {
		return err
	}
	ctx, span := trace.Begin(ctx, trace.Resolve)
	defer span.End()
	trace.Expect(ctx, len(found))
	lookup := w.lookup()
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(max(w.opts.Parallel, 1))
	for _, seen := range found {
		group.Go(func() error {
			ctx, span := trace.Pack(ctx, seen.Addr.Ref)
			defer span.End()
			w.fetching(Fetch{Ref: seen.Addr.Ref})
			id, err := w.identify(ctx, seen, request.Source, lookup)
			w.fetching(Fetch{Ref: seen.Addr.Ref, Done: true, Err: err})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				result.Refused = append(result.Refused, Refused{Ref: seen.Addr.Ref, Reason: err.Error()})
			} else {
				result.Packs = append(result.Packs, *id)
			}
			return nil
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	slices.SortFunc(result.Packs, func(a, b Identified) int { return compareRefs(a.Ref, b.Ref) })
	slices.SortFunc(result.Refused, func(a, b Refused) int { return compareRefs(a.Ref, b.Ref) })
	return nil
}

// candidates lists, in full, the installed packs that are asked for. Those that
// are named and cannot be taken over are refused with the reason.
func (w *world) candidates(ctx context.Context, decl Declaration, record *state.Record, request ImportRequest, result *Imported) ([]installed.Pack, error) {
	look := installed.Request{Full: map[pack.Addr]bool{}, GID: -1}
	for _, base := range w.cfg.BasePaths {
		look.BasePaths = append(look.BasePaths, installed.BasePath{Name: base.Name, Path: base.Path})
	}
	all, err := installed.Inspect(ctx, look)
	if err != nil {
		return nil, err
	}
	places := map[pack.Ref][]pack.Addr{}
	for addr := range all.Packs {
		places[addr.Ref] = append(places[addr.Ref], addr)
	}
	declared := map[pack.Ref]bool{}
	for _, p := range decl.Config.Packs {
		declared[p.Ref] = true
	}
	named := len(request.Packs) > 0
	refs := request.Packs
	if !named {
		for ref := range places {
			refs = append(refs, ref)
		}
	}
	for _, ref := range refs {
		_, managed := record.Packs[ref]
		why := ""
		switch {
		case managed:
			why = "packsync manages it already"
		case declared[ref]:
			why = "it is declared already: packsync apply takes it over, if it is what the lock pins"
		case ref.IsSystem():
			why = "it is a part of StackStorm itself, which packsync never manages"
		case len(places[ref]) == 0:
			why = "it is in none of the base paths: packsync list --verbose shows what is"
		case len(places[ref]) > 1:
			result.Refused = append(result.Refused, Refused{Ref: ref, Reason: "it is in more than one base path, and StackStorm mixes them up: move one of them away"})
			continue
		default:
			look.Full[places[ref][0]] = true
			continue
		}
		if named {
			result.Refused = append(result.Refused, Refused{Ref: ref, Reason: why})
		}
	}
	if all, err = installed.Inspect(ctx, look); err != nil {
		return nil, err
	}
	var out []installed.Pack
	for addr := range look.Full {
		if seen, there := all.Packs[addr]; there {
			out = append(out, seen)
		}
	}
	return out, nil
}

// takeOver declares the packs that were identified and carries out the plan that
// follows from that.
func (w *world) takeOver(ctx context.Context, request ImportRequest, result *Imported) error {
	file, before, err := w.importFile()
	if err != nil {
		return err
	}
	result.File = file
	after := config.AppendPacks(before, blocksOf(result.Packs))
	cfg, files, diags := config.LoadEdited(forEdit(w.opts), map[string][]byte{file: after})
	if diags.HasErrors() {
		return &DeclarationError{Diagnostics: diags, Files: files}
	}
	opts := w.opts
	for _, id := range result.Packs {
		opts.Target = append(opts.Target, id.Ref)
	}
	decl := Declaration{Config: cfg, Files: files, Warnings: diags}
	next, err := open(opts, w.cb, decl)
	if err != nil {
		return err
	}
	applier, err := next.applier()
	if err != nil {
		return err
	}
	applier.Origin.Kind = state.KindImport
	planned, err := next.plan(ctx, decl)
	if err != nil {
		return err
	}
	result.Applied = &Applied{Planned: planned}
	if request.Adding != nil {
		if err := request.Adding(file, config.AppendPacks(nil, blocksOf(result.Packs))); err != nil {
			return err
		}
	}
	if w.cb.Planned != nil {
		w.cb.Planned(planned)
	}
	if err := next.judge(planned); err != nil {
		return err
	}
	if err := onlyAdopts(planned.Plan, result.Packs); err != nil {
		return err
	}
	if w.cb.Confirm != nil {
		if yes, err := w.cb.Confirm(planned); err != nil || !yes {
			result.Declined = err == nil
			return err
		}
	}
	if err := writeNew(w.disk(), file, after); err != nil {
		return fmt.Errorf("write the declaration: %w", err)
	}
	result.Written = true
	return next.carryOut(ctx, applier, result.Applied)
}

// onlyAdopts is what an import promises: the files that are there stay.
func onlyAdopts(p *plan.Plan, packs []Identified) error {
	for _, id := range packs {
		i := slices.IndexFunc(p.Changes, func(c plan.Change) bool { return c.Ref == id.Ref })
		if i < 0 || p.Changes[i].Action != plan.Adopt {
			return fmt.Errorf("%s would not only be taken over: its source changed while packsync looked at it. Nothing was changed; run import again", id.Ref)
		}
	}
	return nil
}

func blocksOf(packs []Identified) []config.Block {
	var out []config.Block
	for _, id := range packs {
		b := config.Block{Ref: id.Ref, Source: id.Source, Selector: id.Selector, NoVenv: !id.Virtualenv}
		if id.BasePath != pack.DefaultBasePath {
			b.BasePath = id.BasePath
		}
		out = append(out, b)
	}
	return out
}

// importFile is the file that blocks are added to, and what is in it: the
// declaration, or imported.hcl in one that is a directory.
func (w *world) importFile() (string, []byte, error) {
	file := w.opts.Config.File
	info, err := os.Stat(file)
	if err != nil {
		return "", nil, fmt.Errorf("edit the declaration: %w", err)
	}
	if info.IsDir() {
		file = filepath.Join(file, "imported.hcl")
	}
	data, err := os.ReadFile(file)
	if err != nil && !(info.IsDir() && errors.Is(err, fs.ErrNotExist)) {
		return "", nil, fmt.Errorf("edit the declaration: %w", err)
	}
	return file, data, nil
}

// writeNew is writeDeclaration for a file that may not be there yet.
func writeNew(disk safefs.Disk, path string, data []byte) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return disk.WriteFile(path, data, safefs.Owner{Mode: 0o644, UID: -1, GID: -1})
	}
	return writeDeclaration(disk, path, data)
}

// Credentials lists the packs whose remote carries a credential.
func (r *Imported) Credentials() string {
	var refs []string
	for _, id := range r.Packs {
		if id.Credential {
			refs = append(refs, string(id.Ref))
		}
	}
	return strings.Join(refs, ", ")
}
