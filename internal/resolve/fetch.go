package resolve

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/tree"
)

// What the lock records of texts that a repository chooses, in characters.
const (
	maxTitle = 120
	maxText  = 200
)

// fetch brings the chosen commit and makes an entry of what is in it.
func (r *resolver) fetch(ctx context.Context, p *config.Pack, chosen choice) (outcome, error) {
	remote, err := r.sources.open(chosen.source)
	if err != nil {
		return outcome{}, err
	}
	snapshot, err := remote.Fetch(ctx, chosen.commit, chosen.ref)
	if err != nil {
		return outcome{}, err
	}
	if snapshot.Commit != chosen.commit {
		return outcome{}, fmt.Errorf("fetch commit %s of %s: the source answered with commit %s", chosen.commit, chosen.source, snapshot.Commit)
	}
	read, err := readTree(p, snapshot)
	if err != nil {
		return outcome{}, err
	}
	entry := lockfile.Entry{
		Source:     chosen.source.URL,
		Index:      chosen.found.IndexURL,
		Subdir:     chosen.source.Subdir,
		Constraint: p.Selector,
		Ref:        chosen.ref,
		Commit:     chosen.commit,
		Tree:       read.hash,
		Version:    read.version,
		Title:      lockfile.Quote(strings.TrimSpace(snapshot.Title), maxTitle),
		Direct:     true,
	}
	for _, dependency := range read.meta.Dependencies {
		entry.Requires = append(entry.Requires, lockfile.Quote(dependency, maxText))
	}
	return outcome{
		ref: read.meta.Ref, requires: entry.Requires,
		pin:      Pin{Entry: entry, Source: chosen.source, Tree: r.keepTree(read.tree), Hash: read.hash, Version: read.version, Judged: true},
		findings: slices.Concat(judgeVersion(p, chosen, read.version), judgeDropped(read.tree), read.meta.Findings, JudgeHost(read.meta, r.req.StackStorm)),
	}, nil
}

// treeBytes is how much of fetched trees stays in memory. What does not fit is read
// from the cache again, if it is needed at all: a lock of ten thousand packs needs
// none of them.
const treeBytes = 32 << 20

// keepTree returns t if it still fits among the trees that are kept, else nil.
func (r *resolver) keepTree(t tree.Tree) tree.Tree {
	size := int64(0)
	for _, f := range t.Files() {
		size += f.Size
	}
	if r.keptBytes.Add(size) > treeBytes {
		r.keptBytes.Add(-size)
		return nil
	}
	return t
}

// readDir takes the tree of a plain directory as it is now.
func (r *resolver) readDir(ctx context.Context, p *config.Pack, out *outcome) error {
	remote, err := r.sources.open(p.Source)
	if err != nil {
		return err
	}
	snapshot, err := remote.Fetch(ctx, "", "")
	if err != nil {
		return err
	}
	read, err := readTree(p, snapshot)
	if err != nil {
		return err
	}
	out.pin.Tree, out.pin.Hash, out.pin.Version = read.tree, read.hash, read.version
	out.ref, out.requires = read.meta.Ref, read.meta.Dependencies
	out.findings = slices.Concat(judgeDropped(read.tree), read.meta.Findings, JudgeHost(read.meta, r.req.StackStorm))
	return nil
}

// contents is what was found in a fetched tree.
type contents struct {
	tree    tree.Tree
	hash    pack.TreeHash
	meta    content.Meta
	version string // as it may be shown and locked
}

// readTree hashes a tree, which its source has checked and filtered, and reads
// its pack.yaml. That the pack is the declared one is checked here, before
// anything is pinned.
func readTree(p *config.Pack, snapshot *source.Snapshot) (contents, error) {
	manifest, err := tree.HashOf(snapshot.Tree)
	if err != nil {
		return contents{}, &badTreeError{snapshot.Commit, err}
	}
	meta, err := content.ReadMeta(tree.FS(snapshot.Tree))
	if err != nil {
		return contents{}, &badTreeError{snapshot.Commit, err}
	}
	if p.Ref != "" && meta.Ref != p.Ref { // what is required by its address says itself what it is
		return contents{}, &otherPackError{p.Ref, meta.Ref, snapshot.Commit}
	}
	return contents{tree: snapshot.Tree, hash: manifest.Tree(), meta: meta, version: lockfile.Quote(meta.Version, maxText)}, nil
}

// judgeVersion warns where the names of a pack contradict each other. The pin
// stands: the commit is what the declaration chose.
func judgeVersion(p *config.Pack, chosen choice, version string) []pack.Finding {
	tag, isTag := strings.CutPrefix(chosen.ref, "refs/tags/")
	tagged, isVersion := pack.ParseTagVersion(tag)
	if !isTag || !isVersion {
		return nil
	}
	var findings []pack.Finding
	if inside, ok := pack.ParseTagVersion(version); !ok || !inside.Equal(tagged) {
		findings = append(findings, pack.Finding{
			ID: "PS-TAG-VERSION", Severity: pack.Warning, Resource: "pack.yaml",
			Message: fmt.Sprintf("the tag %s holds a pack.yaml of version %s: whoever made the tag forgot one of them, or tagged another commit than was meant", tag, version),
		})
	}
	named, ok := pack.ParseTagVersion(chosen.found.Version)
	if ok && p.Selector.Kind == pack.SelectVersion && tagged.GreaterThan(named) {
		findings = append(findings, pack.Finding{
			ID: "PS-NEWER-THAN-INDEX", Severity: pack.Warning,
			Message: fmt.Sprintf("the constraint %s chooses the tag %s, but the index names %s as the present version: the highest tag is not always the latest release; if %s is meant, write version = \"= %s\" or leave version out",
				p.Selector.Text, tag, named, named, named),
		})
	}
	return findings
}

// judgeDropped reports what the source carries and packsync never writes.
func judgeDropped(t tree.Tree) []pack.Finding {
	bytecode := tree.DroppedFrom(t).Bytecode
	if len(bytecode) == 0 {
		return nil
	}
	return []pack.Finding{{
		ID: "PS-BYTECODE", Severity: pack.Note, Resource: lockfile.Quote(bytecode[0], maxText),
		Message: fmt.Sprintf("the source carries compiled Python (%d paths), which is left out: Python would run it instead of the reviewed source", len(bytecode)),
	}}
}
