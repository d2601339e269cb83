package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
	"github.com/packsync/packsync/internal/source/gogit"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/tree"
)

// baseSide is the other version of declaration and lock.
type baseSide struct {
	name  string         // for people
	cfg   *config.Config // empty if there was no declaration
	lock  *lockfile.File
	packs map[ref]basePack
	world *world
	files func(path string) (fs.FS, error) // of a directory, by the absolute path that it stands for
}

// basePack is one pack of it. declared is nil for one that others require.
type basePack struct {
	pinned   *Pinned
	declared *config.Pack
}

// baseSide reads the declaration and the lock at base.
func (w *world) baseSide(ctx context.Context, base string) (*baseSide, error) {
	b := &baseSide{world: w, cfg: &config.Config{}, lock: &lockfile.File{}, packs: map[ref]basePack{}}
	read := b.atRevision
	if filepath.IsAbs(base) {
		read = b.inDirectory
	}
	if err := read(ctx, base); err != nil {
		return nil, err
	}
	for ref, entry := range b.lock.Packs {
		b.packs[ref] = basePack{pinned: pinnedEntry(entry)}
	}
	for i := range b.cfg.Packs {
		declared := &b.cfg.Packs[i]
		one := basePack{pinned: &Pinned{Source: declared.Source.URL, Subdir: declared.Source.Subdir, Direct: true}, declared: declared}
		if locked, ok := b.packs[declared.Ref]; ok {
			one.pinned = locked.pinned
		}
		if declared.Source.Kind == pack.SourceDir {
			if err := b.readDir(ctx, declared, one.pinned); err != nil {
				return nil, err
			}
		}
		b.packs[declared.Ref] = one
	}
	return b, nil
}

// readDir fills in what the directory of a pack holds on this side.
func (b *baseSide) readDir(ctx context.Context, declared *config.Pack, pinned *Pinned) error {
	t, err := b.dirTree(ctx, declared)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a directory that this side does not have is not known
	}
	if err != nil {
		return fmt.Errorf("read %s of %s: %w", declared.SourceText, b.name, err)
	}
	manifest, err := tree.HashOf(t)
	if err != nil {
		return fmt.Errorf("read %s of %s: %w", declared.SourceText, b.name, err)
	}
	pinned.Tree = manifest.Tree()
	var unusable *content.MetaError
	meta, err := content.ReadMeta(tree.FS(t))
	if err != nil && !errors.As(err, &unusable) {
		return fmt.Errorf("read %s of %s: %w", declared.SourceText, b.name, err)
	}
	pinned.Version = meta.Version
	return nil
}

func (b *baseSide) dirTree(ctx context.Context, declared *config.Pack) (tree.Tree, error) {
	files, err := b.files(filepath.Join(declared.Source.URL, filepath.FromSlash(declared.Source.Subdir)))
	if err != nil {
		return nil, err
	}
	t, err := treeFromFS(ctx, files)
	if err != nil {
		return nil, err
	}
	return t, tree.Check(t, tree.DefaultLimits().For(declared.Source.Limits))
}

// atRevision reads from the repository around the declaration.
func (b *baseSide) atRevision(ctx context.Context, revision string) error {
	dir, err := filepath.EvalSymlinks(b.world.cfg.Dir)
	if err != nil {
		return fmt.Errorf("find the declaration's directory: %w", err)
	}
	checkout, err := gogit.OpenCheckout(ctx, dir, revision)
	if err != nil {
		return err
	}
	b.name = revision + " (commit " + checkout.Commit.Short() + ")"
	if checkout.MergeBase {
		b.name = "where HEAD left " + revision + " (commit " + checkout.Commit.Short() + ")"
	}
	inside := func(path string) (string, bool) {
		for from, to := range map[string]string{b.world.cfg.Dir: dir, checkout.Root: checkout.Root} {
			if rel, err := filepath.Rel(from, path); err == nil && (filepath.IsLocal(rel) || rel == ".") {
				path = filepath.Join(to, rel)
			}
		}
		rel, err := filepath.Rel(checkout.Root, path)
		return filepath.ToSlash(rel), err == nil && filepath.IsLocal(rel)
	}
	b.files = func(path string) (fs.FS, error) {
		rel, ok := inside(path)
		if !ok {
			return os.DirFS(path), nil // outside of the repository nothing has versions
		}
		if _, err := fs.Stat(checkout.Files, rel); err != nil {
			return nil, err
		}
		return fs.Sub(checkout.Files, rel)
	}
	readFile := func(path string) ([]byte, error) {
		if rel, ok := inside(path); ok {
			return fs.ReadFile(checkout.Files, rel)
		}
		return os.ReadFile(path)
	}
	here, ok := inside(b.world.cfg.Dir)
	if !ok {
		return fmt.Errorf("the declaration's directory %s lies outside of its repository %s", dir, checkout.Root)
	}
	lock, err := readFile(b.world.opts.LockFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("read the lock of %s: %w", b.name, err)
	default:
		var diags diag.List
		if b.lock, diags = lockfile.Parse(lock, filepath.Base(b.world.opts.LockFile)+" of "+b.name); diags.HasErrors() {
			return &DeclarationError{Diagnostics: diags}
		}
	}
	files, err := fs.Sub(checkout.Files, here)
	if err != nil {
		return fmt.Errorf("read the declaration of %s: %w", b.name, err)
	}
	if there, err := b.hasDeclaration(files); err != nil || !there {
		return err
	}
	request := b.world.opts.Config
	request.ReadFile = readFile
	cfg, sources, diags := config.LoadFS(files, b.world.cfg.Dir, request)
	if diags.HasErrors() {
		return b.invalid(diags, sources)
	}
	b.cfg = cfg
	return nil
}

// hasDeclaration tells whether there was one: the first pull request has nothing
// to compare with.
func (b *baseSide) hasDeclaration(files fs.FS) (bool, error) {
	name := "."
	if file := b.world.opts.Config.File; filepath.Clean(file) != filepath.Clean(b.world.cfg.Dir) {
		name = filepath.Base(file)
	}
	_, err := fs.Stat(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the declaration of %s: %w", b.name, err)
	}
	return true, nil
}

// inDirectory reads from a directory that stands for the declaration's own.
func (b *baseSide) inDirectory(_ context.Context, dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("read the other declaration: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("read the other declaration: %s is not a directory; name the one that holds the other %s", dir, filepath.Base(b.world.opts.Config.File))
	}
	b.name = dir
	moved := func(path string) string {
		if rel, err := filepath.Rel(b.world.cfg.Dir, path); err == nil && (filepath.IsLocal(rel) || rel == ".") {
			return filepath.Join(dir, rel)
		}
		return path
	}
	b.files = func(path string) (fs.FS, error) {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
		return os.DirFS(path), nil
	}
	lock, diags := lockfile.Read(moved(b.world.opts.LockFile))
	if diags.HasErrors() {
		return &DeclarationError{Diagnostics: diags}
	}
	b.lock = lock
	if there, err := b.hasDeclaration(os.DirFS(dir)); err != nil || !there {
		return err
	}
	request := b.world.opts.Config
	request.File = moved(request.File)
	request.VarFiles = slices.Clone(request.VarFiles)
	for i, file := range request.VarFiles {
		if _, err := os.Stat(moved(file)); err == nil {
			request.VarFiles[i] = moved(file)
		}
	}
	cfg, sources, diags := config.Load(request)
	if diags.HasErrors() {
		return b.invalid(diags, sources)
	}
	b.cfg = cfg
	return nil
}

// invalid says that the other version has mistakes, where its own files would look
// like those of this one.
func (b *baseSide) invalid(diags diag.List, files diag.Files) error {
	for _, d := range diags {
		d.Summary += " (in the declaration of " + b.name + ")"
	}
	return &DeclarationError{Diagnostics: diags, Files: files}
}

// tree brings the tree of a pack of this side.
func (b *baseSide) tree(ctx context.Context, ref ref) (tree.Tree, error) {
	one := b.packs[ref]
	if one.declared != nil && one.declared.Source.Kind == pack.SourceDir {
		return b.dirTree(ctx, one.declared)
	}
	var limits pack.Limits
	if one.declared != nil {
		limits = one.declared.Source.Limits
	}
	return b.world.pinnedTree(ctx, one.pinned, limits)
}

// treeFromFS reads a directory of any file system as a tree.
func treeFromFS(ctx context.Context, files fs.FS) (tree.Tree, error) {
	var entries []tree.Entry
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir():
			return nil
		}
		e := tree.Entry{Path: path, Kind: tree.Regular}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode()&0o100 != 0 {
			e.Kind = tree.Executable
		}
		if d.Type()&fs.ModeSymlink != 0 {
			e.Kind = tree.Link
			e.Content, err = fs.ReadLink(files, path)
		} else {
			var data []byte
			data, err = fs.ReadFile(files, path)
			e.Content = string(data)
		}
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return tree.Filter(tree.Build(entries...)), nil
}

// configChanges names the keys that differ between two declared configs.
func configChanges(key state.Key, was basePack, is *desired) []string {
	var before *config.PackConfig
	if was.declared != nil {
		before = was.declared.Config
	}
	after := is.pack.Config
	out := []string{}
	switch {
	case before == nil && after == nil:
		return out
	case before == nil:
		out = append(out, "the config is declared from now on")
	case after == nil:
		return append(out, "the config is not declared any more: its file stays as it is")
	}
	var old []byte
	if before != nil {
		d := desired{pack: *was.declared}
		if err := d.render(key); err != nil {
			return append(out, "the config before cannot be rendered")
		}
		old = d.config
	}
	changes, err := packconfig.DiffKeys(old, is.config)
	if err != nil {
		return append(out, "the configs cannot be compared")
	}
	for _, c := range changes {
		out = append(out, c.String())
	}
	if before != nil && before.Unknown != after.Unknown {
		out = append(out, "values of variables that are not known here")
	}
	return out
}

// declaredChanges names what differs in two pack blocks besides source and config.
func declaredChanges(was, is config.Pack) []string {
	out := []string{}
	for _, part := range []struct{ name, before, after string }{
		{"selector", was.Selector.String(), is.Selector.String()},
		{"base_path", was.BasePath, is.BasePath},
		{"virtualenv", fmt.Sprint(was.Virtualenv), fmt.Sprint(is.Virtualenv)},
		{"python", fmt.Sprintf("%+v", was.Python), fmt.Sprintf("%+v", is.Python)},
		{"mode", string(was.Mode), string(is.Mode)},
		{"on_drift", string(was.OnDrift), string(is.OnDrift)},
		{"replace", fmt.Sprint(was.Replace), fmt.Sprint(is.Replace)},
		{"depends_on", fmt.Sprint(was.DependsOn), fmt.Sprint(is.DependsOn)},
		{"new_content", string(was.NewContent), string(is.NewContent)},
	} {
		if part.before != part.after {
			out = append(out, fmt.Sprintf("%s: %s → %s", part.name, noneIfEmpty(part.before), noneIfEmpty(part.after)))
		}
	}
	return append(out, overrideChanges(was.Overrides, is.Overrides)...)
}

func noneIfEmpty(text string) string {
	if text == "" {
		return "(none)"
	}
	return text
}
