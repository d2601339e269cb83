package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/tree"
)

// BuiltIndex is an index that was made.
type BuiltIndex struct {
	Document []byte
	Packs    []string // refs, sorted
}

// BuildIndex makes an index of packs. Each of from is the address of a git
// repository, a repository or directory on this machine that holds a pack, a
// directory of such, or the file of another index whose entries are taken over
// where no pack before has the name. Repositories are read at their default
// branch. repoURL is where packs of this machine will be fetched from, with {ref}
// for the pack's ref; "" takes the origin of a repository. A declaration is only
// needed for credentials and proxies.
func BuildIndex(ctx context.Context, opts Options, from []string, repoURL string) (*BuiltIndex, error) {
	decl := Declaration{Config: &config.Config{}}
	if _, err := os.Stat(opts.Config.File); err == nil {
		if decl, err = Load(ctx, opts); err != nil {
			return nil, err
		}
	}
	w, err := open(opts, Callbacks{}, decl)
	if err != nil {
		return nil, err
	}
	b := &indexBuilder{world: w, repoURL: repoURL, packs: map[string]json.RawMessage{}, from: map[string]string{}}
	for _, what := range from {
		if err := b.add(ctx, what); err != nil {
			return nil, fmt.Errorf("index %s: %w", what, err)
		}
	}
	document, err := index.Document(b.packs)
	if err != nil {
		return nil, err
	}
	return &BuiltIndex{Document: document, Packs: slices.Sorted(maps.Keys(b.packs))}, nil
}

type indexBuilder struct {
	*world
	repoURL string
	packs   map[string]json.RawMessage
	from    map[string]string // where each pack came from
}

func (b *indexBuilder) add(ctx context.Context, what string) error {
	info, err := os.Stat(what)
	switch {
	case err == nil && info.IsDir():
		return b.addDir(ctx, what, true)
	case err == nil:
		return b.merge(what)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	src, err := pack.ParseSource(what)
	if err != nil {
		return fmt.Errorf("there is no such file or directory, and as an address: %w", err)
	}
	return b.addRepository(ctx, src, src.URL, what)
}

// addDir takes a pack or a repository, or each of those in a directory.
func (b *indexBuilder) addDir(ctx context.Context, dir string, within bool) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if gitDir, is := gitDirOf(dir); is {
		address := b.repoURL
		if address == "" {
			if address, err = originOf(gitDir); err != nil {
				return err
			}
		}
		local := pack.Source{Kind: pack.SourceGit, URL: "file://" + (&url.URL{Path: dir}).EscapedPath()}
		return b.addRepository(ctx, local, address, dir)
	}
	_, err = os.Stat(filepath.Join(dir, content.MetaFile))
	switch {
	case err == nil:
		return b.addPlain(ctx, dir)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case !within:
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	before := len(b.packs)
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if err := b.addDir(ctx, filepath.Join(dir, entry.Name()), false); err != nil {
			return fmt.Errorf("%s: %w", entry.Name(), err)
		}
	}
	if len(b.packs) == before {
		return errors.New("it holds neither a pack.yaml nor a git repository, and neither do the directories in it")
	}
	return nil
}

func (b *indexBuilder) addPlain(ctx context.Context, dir string) error {
	if b.repoURL == "" {
		return errors.New("it is a plain directory: say with --repo-url where the pack will be fetched from, for example --repo-url 'https://git.example.com/st2/{ref}.git'")
	}
	remote, err := b.sources.Open(pack.Source{Kind: pack.SourceDir, URL: dir})
	if err != nil {
		return err
	}
	snapshot, err := remote.Fetch(ctx, "", "")
	if err != nil {
		return err
	}
	meta, err := content.ReadMeta(tree.FS(snapshot.Tree))
	if err != nil {
		return err
	}
	return b.entry(snapshot.Tree, b.repoURL, []string{meta.Version}, dir)
}

func (b *indexBuilder) addRepository(ctx context.Context, src pack.Source, address, what string) error {
	remote, err := b.sources.Open(src)
	if err != nil {
		return err
	}
	refs, err := remote.Refs(ctx)
	if err != nil {
		return withHint(err)
	}
	if refs.HeadHash == "" {
		return errors.New("the repository has no default branch with a commit")
	}
	snapshot, err := remote.Fetch(ctx, refs.HeadHash, refs.Head)
	if err != nil {
		return withHint(err)
	}
	return b.entry(snapshot.Tree, address, slices.Collect(maps.Keys(refs.Tags)), what)
}

// entry adds a pack. Two of one name are an error: which one was meant must not
// be left to their order.
func (b *indexBuilder) entry(t tree.Tree, address string, tags []string, what string) error {
	meta, err := content.ReadMeta(tree.FS(t))
	if err != nil {
		return err
	}
	address = index.FillRef(address, meta.Ref)
	src, err := pack.ParseSource(address)
	if err != nil {
		return err
	}
	ref, raw, err := index.NewEntry(tree.FS(t), src.URL, tags)
	if err != nil {
		return err
	}
	if before, has := b.from[string(ref)]; has {
		return fmt.Errorf("it holds the pack %s, as %s does", ref, before)
	}
	b.packs[string(ref)], b.from[string(ref)] = raw, what
	return nil
}

// merge takes over the entries of an index that no pack before has.
func (b *indexBuilder) merge(path string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	entries, err := index.ParseEntries(document)
	if err != nil {
		return err
	}
	for name, raw := range entries {
		if _, has := b.packs[name]; !has {
			b.packs[name], b.from[name] = raw, path
		}
	}
	return nil
}

// gitDirOf finds the repository that a directory is, or is the work tree of.
func gitDirOf(dir string) (string, bool) {
	if info, err := os.Stat(filepath.Join(dir, ".git")); err == nil && info.IsDir() {
		return filepath.Join(dir, ".git"), true
	}
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", false
		}
	}
	return dir, true
}

// originOf reads where a repository was cloned from. One line says so; the file
// need not be understood.
func originOf(gitDir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(gitDir, "config"))
	if err != nil {
		return "", err
	}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, "=")
		switch {
		case strings.HasPrefix(line, "["):
			section = line
		case section == `[remote "origin"]` && strings.TrimSpace(key) == "url":
			src, err := pack.ParseSource(strings.TrimSpace(value))
			if err != nil {
				return "", fmt.Errorf("its origin cannot stand in an index: %w; give the address with --repo-url", err)
			}
			return src.URL, nil
		}
	}
	return "", errors.New("it has no origin: say with --repo-url where the pack will be fetched from, for example --repo-url 'https://git.example.com/st2/{ref}.git'")
}
