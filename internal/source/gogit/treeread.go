package gogit

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/tree"
)

// commitInfo is what packsync reads of a commit object.
type commitInfo struct {
	tree    plumbing.Hash
	parents []plumbing.Hash
	title   string
}

// parseCommit reads a commit as git does: header lines up to the first empty
// one, tree first, then the parents. go-git's own decoder is laxer, and two
// readings of one object are how signatures were forged (CVE-2026-45022).
func parseCommit(raw []byte) (commitInfo, error) {
	var c commitInfo
	header, message, _ := bytes.Cut(raw, []byte("\n\n"))
	lines := bytes.Split(header, []byte("\n"))
	var ok bool
	if c.tree, ok = idAfter(lines[0], "tree "); !ok {
		return c, errors.New("damaged commit: its first line names no tree")
	}
	for _, line := range lines[1:] {
		parent, ok := idAfter(line, "parent ")
		if !ok {
			break
		}
		c.parents = append(c.parents, parent)
	}
	title, _, _ := bytes.Cut(message, []byte("\n"))
	c.title = string(title)
	return c, nil
}

// tagTarget reads what an annotated tag points to.
func tagTarget(raw []byte) (plumbing.Hash, error) {
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	target, ok := idAfter(line, "object ")
	if !ok {
		return plumbing.ZeroHash, errors.New("damaged tag: its first line names no object")
	}
	return target, nil
}

func idAfter(line []byte, key string) (plumbing.Hash, bool) {
	rest, found := bytes.CutPrefix(line, []byte(key))
	if !found || len(rest) != 40 {
		return plumbing.ZeroHash, false
	}
	var id plumbing.Hash
	_, err := hex.Decode(id[:], rest)
	return id, err == nil
}

// readCommit reads the commit object id.
func readCommit(o objects, id plumbing.Hash) (commitInfo, error) {
	kind, raw, err := o.get(id)
	if err != nil {
		return commitInfo{}, err
	}
	if kind != plumbing.CommitObject {
		return commitInfo{}, fmt.Errorf("object %s is a %s, not a commit", id, kind)
	}
	return parseCommit(raw)
}

// peel follows annotated tags to what they stand for.
func peel(o objects, id plumbing.Hash) (plumbing.Hash, plumbing.ObjectType, error) {
	const deepest = 16
	for range deepest {
		kind, raw, err := o.get(id)
		if err != nil || kind != plumbing.TagObject {
			return id, kind, err
		}
		if id, err = tagTarget(raw); err != nil {
			return id, 0, err
		}
	}
	return id, 0, fmt.Errorf("tag %s points to a tag that points to a tag, more than %d times", id, deepest)
}

// The modes that git writes today, and the only ones that are accepted.
const (
	modeDir        = "40000"
	modeRegular    = "100644"
	modeExecutable = "100755"
	modeLink       = "120000"
	modeSubmodule  = "160000"
)

// treeEntry is one line of a tree object.
type treeEntry struct {
	mode string
	name string
	id   plumbing.Hash
}

func (e treeEntry) isDir() bool { return strings.TrimLeft(e.mode, "0") == modeDir }

// splitTree reads a tree object's entries and judges nothing but its form. The
// error is a *tree.RefusedError.
func splitTree(raw []byte) ([]treeEntry, error) {
	var entries []treeEntry
	for len(raw) > 0 {
		space := bytes.IndexByte(raw, ' ')
		nul := bytes.IndexByte(raw, 0)
		if space < 0 || nul < space || len(raw) < nul+1+20 {
			return nil, refuse("", tree.RuleMalformed, "a tree object is damaged")
		}
		e := treeEntry{mode: string(raw[:space]), name: string(raw[space+1 : nul])}
		copy(e.id[:], raw[nul+1:])
		raw = raw[nul+1+20:]
		entries = append(entries, e)
	}
	return entries, nil
}

// parseTree reads a tree object strictly: what git fsck calls malformed, and the
// odd modes that it only notes, are refused (reliability.md 1.3 rule 1). The
// error is a *tree.RefusedError whose Path is the entry's name.
func parseTree(raw []byte) ([]treeEntry, error) {
	entries, err := splitTree(raw)
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool, len(entries))
	previous := ""
	for _, e := range entries {
		if err := checkMode(e); err != nil {
			return nil, err
		}
		if err := tree.CheckName(e.name); err != nil {
			return nil, err
		}
		// git orders directories as if their names ended in a slash.
		key := e.name
		if e.isDir() {
			key += "/"
		}
		switch {
		case names[e.name]:
			return nil, refuse(e.name, tree.RuleMalformed, "its directory lists this name twice")
		case key <= previous:
			return nil, refuse(e.name, tree.RuleMalformed, "its directory is not sorted as git sorts")
		}
		names[e.name], previous = true, key
	}
	return entries, nil
}

func checkMode(e treeEntry) error {
	switch e.mode {
	case modeDir, modeRegular, modeExecutable, modeLink:
		return nil
	case modeSubmodule:
		return refuse(e.name, tree.RuleSubmodule, "it is a git submodule: packsync does not fetch those; put the files into the repository itself")
	}
	if strings.HasPrefix(e.mode, "0") {
		return refuse(e.name, tree.RuleMalformed, fmt.Sprintf("its mode %q begins with a zero", e.mode))
	}
	return refuse(e.name, tree.RuleMode, fmt.Sprintf("its mode %q is none of 100644, 100755, 120000 and 40000", e.mode))
}

func refuse(path string, rule tree.Rule, reason string) error {
	return &tree.RefusedError{Path: path, Rule: rule, Reason: reason}
}

// gitTree is the tree of a commit. Content comes from the packfile.
type gitTree struct {
	pack  *packed
	files []tree.File
	index []int32 // of files[i] in the pack
}

func (t *gitTree) Files() []tree.File            { return t.files }
func (t *gitTree) Content(i int) ([]byte, error) { return t.pack.content(t.index[i]) }

// readTree lists the tree root as files within limits. Each tree object is
// parsed once, however often it occurs.
func readTree(ctx context.Context, p *packed, root plumbing.Hash, limits tree.Limits) (*gitTree, error) {
	w := treeWalk{ctx: ctx, limits: limits, parsed: map[plumbing.Hash][]treeEntry{}, out: &gitTree{pack: p}}
	if err := w.dir(root, "", 1); err != nil {
		return nil, err
	}
	return w.out, nil
}

type treeWalk struct {
	ctx    context.Context
	limits tree.Limits
	parsed map[plumbing.Hash][]treeEntry
	seen   int // entries, directories included
	out    *gitTree
}

func (w *treeWalk) dir(id plumbing.Hash, at string, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.limits.Depth > 0 && depth > w.limits.Depth {
		return refuse(at, tree.RuleLimit, fmt.Sprintf("its directories lie more than %d levels deep", w.limits.Depth))
	}
	entries, known := w.parsed[id]
	if !known {
		var err error
		if entries, err = w.parse(id, at); err != nil {
			return err
		}
		w.parsed[id] = entries
	}
	for _, e := range entries {
		path := join(at, e.name)
		// Directories count too: a bomb may consist of them alone.
		if w.seen++; w.limits.Files > 0 && w.seen > 2*w.limits.Files {
			return refuse("", tree.RuleLimit, fmt.Sprintf("it has more than the %d files that are allowed (%s)", w.limits.Files, tree.RaiseFiles))
		}
		if w.limits.PathBytes > 0 && len(path) > w.limits.PathBytes {
			return refuse(path, tree.RuleLimit, fmt.Sprintf("its path has %d bytes, %d are allowed", len(path), w.limits.PathBytes))
		}
		if e.mode == modeDir {
			if err := w.dir(e.id, path, depth+1); err != nil {
				return err
			}
			continue
		}
		if err := w.file(e, path); err != nil {
			return err
		}
	}
	return nil
}

func (w *treeWalk) parse(id plumbing.Hash, at string) ([]treeEntry, error) {
	index, err := w.out.pack.find(id)
	if err != nil {
		return nil, fmt.Errorf("directory %q: %w", at, err)
	}
	if kind := w.out.pack.list[index].kind; kind != plumbing.TreeObject {
		return nil, refuse(at, tree.RuleMalformed, fmt.Sprintf("it is listed as a directory and is a %s", kind))
	}
	raw, err := w.out.pack.content(index)
	if err != nil {
		return nil, err
	}
	entries, err := parseTree(raw)
	var refused *tree.RefusedError
	if errors.As(err, &refused) {
		return nil, refuse(join(at, refused.Path), refused.Rule, refused.Reason)
	}
	return entries, err
}

func (w *treeWalk) file(e treeEntry, path string) error {
	index, err := w.out.pack.find(e.id)
	if err != nil {
		return fmt.Errorf("file %q: %w", path, err)
	}
	object := w.out.pack.list[index]
	if object.kind != plumbing.BlobObject {
		return refuse(path, tree.RuleMalformed, fmt.Sprintf("it is listed as a file and is a %s", object.kind))
	}
	kind := tree.Regular
	switch e.mode {
	case modeExecutable:
		kind = tree.Executable
	case modeLink:
		kind = tree.Link
	}
	w.out.files = append(w.out.files, tree.File{Path: path, Kind: kind, Size: object.size})
	w.out.index = append(w.out.index, index)
	return nil
}

// subtree descends from the tree root to the directory subdir.
func subtree(o objects, root plumbing.Hash, subdir string) (plumbing.Hash, error) {
	if subdir == "" {
		return root, nil
	}
	at := root
	for name := range strings.SplitSeq(subdir, "/") {
		entries, err := entriesOf(o, at)
		if err != nil {
			return at, err
		}
		i := slices.IndexFunc(entries, func(e treeEntry) bool { return e.name == name && e.isDir() })
		if i < 0 {
			return at, &tree.NoSubdirError{Subdir: subdir, Packs: packDirs(o, root)}
		}
		at = entries[i].id
	}
	return at, nil
}

func entriesOf(o objects, id plumbing.Hash) ([]treeEntry, error) {
	kind, raw, err := o.get(id)
	if err != nil {
		return nil, err
	}
	if kind != plumbing.TreeObject {
		return nil, refuse("", tree.RuleMalformed, fmt.Sprintf("%s is listed as a directory and is a %s", id, kind))
	}
	return splitTree(raw)
}

// packDirs lists the directories of a root that hold a pack.yaml, to be offered
// where a subdir is wrong. What cannot be read is not offered.
func packDirs(o objects, root plumbing.Hash) []string {
	entries, err := entriesOf(o, root)
	if err != nil {
		return nil
	}
	var dirs []string
	for _, e := range entries {
		if !e.isDir() {
			continue
		}
		inside, err := entriesOf(o, e.id)
		if err == nil && slices.ContainsFunc(inside, func(e treeEntry) bool { return e.name == "pack.yaml" }) {
			dirs = append(dirs, e.name)
		}
	}
	return dirs
}

// closure lists the objects that make up one commit: itself, its trees and its
// blobs, each once. It judges no names and modes: readTree does, with whole paths.
func closure(ctx context.Context, o objects, commit plumbing.Hash, l Limits) ([]plumbing.Hash, error) {
	info, err := readCommit(o, commit)
	if err != nil {
		return nil, err
	}
	list := []plumbing.Hash{commit}
	seen := map[plumbing.Hash]bool{}
	var total int64
	take := func(id plumbing.Hash) (bool, error) {
		if seen[id] {
			return false, nil
		}
		seen[id] = true
		if list = append(list, id); int64(len(list)) > l.Objects {
			return false, limitError("it has more than the %d git objects that are allowed", l.Objects)
		}
		_, size, err := o.size(id)
		if err != nil {
			return false, err
		}
		if size > l.ObjectBytes {
			return false, limitError("it holds a file of %d bytes, %d are allowed (%s)", size, l.ObjectBytes, tree.RaiseBytes)
		}
		if total += size; total > l.DecodedBytes {
			return false, limitError("its content has more than the %d bytes that are allowed (%s)", l.DecodedBytes, tree.RaiseBytes)
		}
		return true, ctx.Err()
	}
	pending := []plumbing.Hash{info.tree}
	if _, err := take(info.tree); err != nil {
		return nil, err
	}
	for len(pending) > 0 {
		at := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		entries, err := entriesOf(o, at)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.mode == modeSubmodule {
				continue
			}
			fresh, err := take(e.id)
			if err != nil {
				return nil, err
			}
			if fresh && e.isDir() {
				pending = append(pending, e.id)
			}
		}
	}
	return list, nil
}

func join(dir, name string) string {
	switch {
	case dir == "":
		return name
	case name == "":
		return dir
	}
	return dir + "/" + name
}

func commitHash(c pack.Commit) plumbing.Hash { return plumbing.NewHash(string(c)) }
