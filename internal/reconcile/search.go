package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
)

// Found is the outcome of a search in the indexes.
type Found struct {
	Declaration
	Packs []FoundPack
}

// FoundPack is one pack of an index, with what this declaration makes of it.
type FoundPack struct {
	index.Details
	Declared  bool   `json:"declared"`
	Locked    string `json:"locked,omitempty"`    // version
	Installed string `json:"installed,omitempty"` // version, as recorded
}

// ErrNoIndex reports that a declaration names no index to look into.
var ErrNoIndex = errors.New(`no index is declared: declare one, for example index "exchange" { url = "https://index.stackstorm.org/v1/index.json" }`)

// Search looks for packs in the declared indexes. Offline it looks into their
// copies in the cache.
func Search(ctx context.Context, opts Options, query string) (*Found, error) {
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	w, err := open(opts, Callbacks{}, decl)
	if err != nil {
		return nil, err
	}
	set, err := w.loadIndexes(ctx, &decl)
	if err != nil {
		return nil, err
	}
	lock, diags := lockfile.Read(opts.LockFile)
	if diags.HasErrors() {
		return nil, &DeclarationError{Diagnostics: diags, Files: decl.Files}
	}
	record, err := w.recordIfReadable(&decl)
	if err != nil {
		return nil, err
	}
	declared := map[pack.Ref]bool{}
	for _, p := range w.cfg.Packs {
		declared[p.Ref] = true
	}
	found := &Found{Packs: []FoundPack{}}
	for _, d := range index.Search(set.All(), query) {
		ref := pack.Ref(d.Ref)
		found.Packs = append(found.Packs, FoundPack{
			Details: d, Declared: declared[ref], Locked: lock.Packs[ref].Version, Installed: record.Packs[ref].Version,
		})
	}
	found.Declaration = decl
	return found, nil
}

// loadIndexes reads all indexes. What is wrong with some is a warning; if nothing
// at all can be read it is an error.
func (w *world) loadIndexes(ctx context.Context, decl *Declaration) (*index.Set, error) {
	if len(w.cfg.Indexes) == 0 {
		return nil, ErrNoIndex
	}
	set, problems := index.Load(ctx, w.cfg.Indexes, w.indexOptions())
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read the indexes: %w", err)
	}
	unread := 0
	var errs []error
	for _, p := range problems {
		decl.Warnings = append(decl.Warnings, diag.Warning(diag.Range{}, "Index is not as it should be", fmt.Sprintf("The %v.", p)))
		if p.Cached.IsZero() && p.Class != index.Uncached {
			unread++
			errs = append(errs, p)
		}
	}
	if unread == len(w.cfg.Indexes) {
		return nil, errors.Join(errs...)
	}
	return set, nil
}

// IndexHealth asks every declared index how it is. A copy in the cache does not
// count.
func IndexHealth(ctx context.Context, opts Options) (*index.Health, Declaration, error) {
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, decl, err
	}
	w, err := open(opts, Callbacks{}, decl)
	if err != nil {
		return nil, decl, err
	}
	if len(w.cfg.Indexes) == 0 {
		return nil, decl, ErrNoIndex
	}
	set, _ := index.Load(ctx, w.cfg.Indexes, w.indexOptions()) // the health says what is wrong
	if err := ctx.Err(); err != nil {
		return nil, decl, fmt.Errorf("read the indexes: %w", err)
	}
	health := set.Health()
	return &health, decl, nil
}

// PackDetail is everything that is known about one pack.
type PackDetail struct {
	*PackStatus                // nil: only an index knows it
	Content     map[string]int `json:"content,omitempty"` // of the installed pack: how many actions, sensors and so on
	Index       *index.Details `json:"index"`             // nil: no index has it, or none could be read
}

// Show tells what is known about one pack: the four states, what is in it, and
// what the indexes say. An index that cannot be read is a warning.
func Show(ctx context.Context, opts Options, ref pack.Ref) (*PackDetail, Declaration, error) {
	status, err := ReadStatus(ctx, opts)
	if err != nil {
		return nil, Declaration{}, err
	}
	decl := status.Declaration
	w, err := open(opts, Callbacks{}, decl)
	if err != nil {
		return nil, decl, err
	}
	detail := &PackDetail{}
	state, unknown := status.Find(ref)
	detail.PackStatus = state
	if state != nil && state.Installed != nil {
		detail.Content = countContent(state.Installed.Path)
	}
	if len(w.cfg.Indexes) == 0 {
		return detail, decl, unknown
	}
	set, err := w.loadIndexes(ctx, &decl)
	if err != nil {
		return detail, decl, unknown // the warnings say why no index was asked
	}
	if d, has := set.Details(string(ref)); has {
		detail.Index, unknown = &d, nil
	} else if unknown != nil {
		_, unknown = set.Find(string(ref))
	}
	return detail, decl, unknown
}

// countContent counts what an installed pack holds; nil if it cannot be read, which
// the state of the pack says.
func countContent(dir string) map[string]int {
	inventory, err := content.Read(os.DirFS(dir))
	if err != nil {
		return nil
	}
	return index.Count(inventory)
}
