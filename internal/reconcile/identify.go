package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/installed"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/tree"
)

// Identified is an installed pack of which it is known where it came from.
type Identified struct {
	Ref      pack.Ref      `json:"ref"`
	BasePath string        `json:"base_path"`
	Path     string        `json:"path"`
	Source   string        `json:"source"` // "" where the index names it
	Selector pack.Selector `json:"-"`
	// Constraint is the selector as the lock writes it: {"version": "= 1.0.0"}.
	Constraint map[string]string `json:"constraint"`
	Commit     pack.Commit       `json:"commit"`
	Version    string            `json:"version"`
	Modes      string            `json:"modes"`
	Virtualenv bool              `json:"virtualenv"`          // there is one, which is taken over too
	Credential bool              `json:"credential_left_out"` // the remote in .git/config carries one
}

// maxTries is how many commits are fetched to find the one that is installed.
const maxTries = 100

// identify finds the commit that an installed pack is: what .git says, proven by
// the content, or else the first of the tags and the default branch whose content
// is the same. from is the source that the user names, "" for none. The error
// says why not, and what to do.
func (w *world) identify(ctx context.Context, seen installed.Pack, from string, lookup *index.Lazy) (*Identified, error) {
	id := &Identified{Ref: seen.Addr.Ref, BasePath: seen.Addr.BasePath, Path: seen.Dir, Version: seen.Version, Modes: string(seen.Modes)}
	if seen.Link {
		return nil, errors.New("it is a symbolic link, which packsync does not follow: put the directory itself there")
	}
	venv, _, err := w.venvThere(seen.Addr.Ref)
	if err != nil {
		return nil, err
	}
	id.Virtualenv = venv != ""
	checkout, err := installed.ReadCheckout(seen.Dir)
	if err != nil {
		return nil, fmt.Errorf("%w: repair it, or name where the pack came from with --source URL after moving .git away", err)
	}
	if checkout != nil {
		id.Credential = checkout.Credential
	}
	origin, err := w.originOf(ctx, id, checkout, from, lookup)
	if err != nil {
		return nil, err
	}
	remote, err := w.sources.Open(origin)
	if err != nil {
		return nil, err
	}
	refs, err := remote.Refs(ctx)
	if err != nil {
		if id.Credential {
			return nil, fmt.Errorf("%w\n  The URL in its .git/config carries a credential, which is neither used nor stored: declare it in a credentials block", withHint(err))
		}
		return nil, withHint(err)
	}
	if checkout != nil {
		err = proveHead(ctx, remote, refs, checkout.Head, seen, id)
	} else {
		err = findByContent(ctx, remote, refs, seen, id)
	}
	if err != nil {
		return nil, err
	}
	id.Constraint = map[string]string{string(id.Selector.Kind): id.Selector.Text}
	return id, nil
}

// originOf finds out where a pack came from: what the user says, else its remote,
// else the index.
func (w *world) originOf(ctx context.Context, id *Identified, checkout *installed.Checkout, from string, lookup *index.Lazy) (pack.Source, error) {
	switch {
	case from != "":
		id.Source = from
	case checkout != nil && checkout.Remote != "":
		id.Source = checkout.Remote
	case checkout != nil:
		return pack.Source{}, errors.New("its .git has no remote that could be used: name where it came from with --source URL")
	default:
		found, err := lookup.Find(ctx, string(id.Ref))
		if err != nil {
			return pack.Source{}, fmt.Errorf("it has no .git, and %w: name where it came from with --source URL", err)
		}
		return pack.ParseSource(found.RepoURL)
	}
	src, err := pack.ParseSource(id.Source)
	if err != nil {
		return src, fmt.Errorf("%w: name where it came from with --source URL", err)
	}
	id.Source = src.URL
	return src, nil
}

// proveHead checks that the files are those of the commit that .git names.
func proveHead(ctx context.Context, remote source.Remote, refs *source.Refs, head pack.Commit, seen installed.Pack, id *Identified) error {
	selector, ref := selectorOf(refs, head)
	manifest, err := contentOf(ctx, remote, head, ref)
	if err != nil {
		return fmt.Errorf("its .git says that it is commit %s, but: %w", head.Short(), withHint(err))
	}
	if manifest.Content() != seen.Content {
		return fmt.Errorf("it was edited since commit %s was installed (%s): undo that; or declare the pack with replace = true, then what is there goes to pen/",
			head.Short(), strings.Join(fewEdits(manifest, seen), ", "))
	}
	id.Commit, id.Selector = head, selector
	return nil
}

func fewEdits(before tree.Manifest, seen installed.Pack) []string {
	const most = 3
	edits := editsOf(before, seen)
	if more := len(edits) - most; more > 0 {
		return append(edits[:most:most], fmt.Sprintf("and %d more", more))
	}
	return edits
}

// findByContent looks for the installed content among the tags, the likely ones
// first, and the default branch.
func findByContent(ctx context.Context, remote source.Remote, refs *source.Refs, seen installed.Pack, id *Identified) error {
	tried := map[pack.Commit]bool{}
	for _, commit := range likely(refs, seen.Version) {
		if tried[commit] {
			continue
		}
		if len(tried) == maxTries {
			break
		}
		tried[commit] = true
		selector, ref := selectorOf(refs, commit)
		manifest, err := contentOf(ctx, remote, commit, ref)
		var refused *tree.RefusedError
		switch {
		case errors.As(err, &refused): // that tag is no pack; another may be
		case err != nil:
			return withHint(err)
		case manifest.Content() == seen.Content:
			id.Commit, id.Selector = commit, selector
			return nil
		}
	}
	return fmt.Errorf("none of %d tags and branches of its source has its content: it was edited, or came from elsewhere. Name that with --source URL; or declare the pack with replace = true, then what is there goes to pen/", len(tried))
}

// likely lists the commits that may be installed: the tags of the version that
// pack.yaml gives, the default branch, then all other tags.
func likely(refs *source.Refs, version string) []pack.Commit {
	var out []pack.Commit
	for _, tag := range []string{"v" + version, version} {
		if commit, ok := refs.Tags[tag]; ok {
			out = append(out, commit)
		}
	}
	if refs.HeadHash != "" {
		out = append(out, refs.HeadHash)
	}
	tags := slices.SortedFunc(maps.Keys(refs.Tags), func(a, b string) int { return strings.Compare(b, a) })
	for _, tag := range tags {
		out = append(out, refs.Tags[tag])
	}
	return out
}

// selectorOf finds the words that select a commit: its version, another tag, the
// branch whose tip it is, or itself.
func selectorOf(refs *source.Refs, commit pack.Commit) (selector pack.Selector, ref string) {
	tag := ""
	for _, name := range slices.Sorted(maps.Keys(refs.Tags)) {
		if refs.Tags[name] != commit {
			continue
		}
		version, ok := pack.ParseTagVersion(name)
		if !ok || version.Prerelease() != "" {
			tag = name
			continue
		}
		bare := strings.TrimPrefix(name, "v")
		if other, both := refs.Tags[map[bool]string{true: bare, false: "v" + bare}[name != bare]]; both && other != commit {
			tag = name // two tags of one version: only the tag itself says which
			continue
		}
		return pack.Selector{Kind: pack.SelectVersion, Text: "= " + bare}, "refs/tags/" + name
	}
	if tag != "" {
		return pack.Selector{Kind: pack.SelectTag, Text: tag}, "refs/tags/" + tag
	}
	branches := slices.Sorted(maps.Keys(refs.Branches))
	if head, ok := strings.CutPrefix(refs.Head, "refs/heads/"); ok {
		branches = append([]string{head}, branches...)
	}
	for _, name := range branches {
		if refs.Branches[name] == commit {
			return pack.Selector{Kind: pack.SelectBranch, Text: name}, "refs/heads/" + name
		}
	}
	return pack.Selector{Kind: pack.SelectCommit, Text: string(commit)}, ""
}

func contentOf(ctx context.Context, remote source.Remote, commit pack.Commit, ref string) (tree.Manifest, error) {
	snapshot, err := remote.Fetch(ctx, commit, ref)
	if err != nil {
		return tree.Manifest{}, err
	}
	return tree.HashOf(tree.Filter(snapshot.Tree))
}
