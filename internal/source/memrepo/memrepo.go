// Package memrepo keeps repositories and plain directories in memory and serves
// them as package source promises: what tests build on when the way to a commit
// is not the matter.
//
// It is for tests only.
package memrepo

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/tree"
)

// Opener serves repositories by URL and directories by path.
type Opener struct {
	mu    sync.Mutex
	repos map[string]*Repo
	dirs  map[string]tree.Tree
	calls []string
}

// New returns an Opener that serves nothing yet.
func New() *Opener {
	return &Opener{repos: map[string]*Repo{}, dirs: map[string]tree.Tree{}}
}

// Add makes an empty repository whose HEAD names the branch main.
func (o *Opener) Add(url string) *Repo {
	o.mu.Lock()
	defer o.mu.Unlock()
	repo := &Repo{
		opener: o, src: pack.Source{Kind: pack.SourceGit, URL: url}, head: "main",
		commits: map[pack.Commit]commit{}, branches: map[string]pack.Commit{}, tags: map[string]pack.Commit{},
	}
	o.repos[url] = repo
	return repo
}

// AddDir makes a plain directory, or changes what it holds.
func (o *Opener) AddDir(path string, t tree.Tree) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dirs[path] = t
}

// Calls lists what was asked, in order: "refs URL", "resolve URL REVISION",
// "fetch URL COMMIT", "reach URL COMMIT", "read PATH".
func (o *Opener) Calls() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.calls)
}

// Open implements source.Opener. What is not there is found out by the first
// call on the Remote.
func (o *Opener) Open(src pack.Source) (source.Remote, error) {
	return &remote{opener: o, src: src}, nil
}

// Repo is one repository. Its methods may be called while it is served.
type Repo struct {
	opener   *Opener
	src      pack.Source
	head     string // branch name, or the commit of a detached HEAD
	commits  map[pack.Commit]commit
	branches map[string]pack.Commit
	tags     map[string]pack.Commit
	failure  error
}

type commit struct {
	title   string
	files   tree.Tree
	parents []pack.Commit
}

// Commit adds a commit. Its id follows from what it holds.
func (r *Repo) Commit(title string, files tree.Tree, parents ...pack.Commit) pack.Commit {
	h := sha1.New() // as git names commits; nothing rests on its strength here
	fmt.Fprintln(h, title, parents)
	for i, f := range files.Files() {
		content, err := files.Content(i)
		fmt.Fprintf(h, "%c %s %q %v\n", f.Kind, f.Path, content, err)
	}
	id := pack.Commit(hex.EncodeToString(h.Sum(nil)))
	r.CommitAs(id, title, files, parents...)
	return id
}

// CommitAs adds a commit under an id that the test chooses.
func (r *Repo) CommitAs(id pack.Commit, title string, files tree.Tree, parents ...pack.Commit) {
	r.change(func() { r.commits[id] = commit{title, files, parents} })
}

// Branch makes a branch, or moves it.
func (r *Repo) Branch(name string, id pack.Commit) { r.change(func() { r.branches[name] = id }) }

// Tag makes a tag, or moves it.
func (r *Repo) Tag(name string, id pack.Commit) { r.change(func() { r.tags[name] = id }) }

// Untag removes a tag.
func (r *Repo) Untag(name string) { r.change(func() { delete(r.tags, name) }) }

// Head names the default branch, or a commit for a detached HEAD.
func (r *Repo) Head(name string) { r.change(func() { r.head = name }) }

// Forget removes a commit, as a server does with one that nothing names.
func (r *Repo) Forget(id pack.Commit) { r.change(func() { delete(r.commits, id) }) }

// Fail makes every call fail with err; nil makes the repository work again.
func (r *Repo) Fail(err error) { r.change(func() { r.failure = err }) }

func (r *Repo) change(do func()) {
	r.opener.mu.Lock()
	defer r.opener.mu.Unlock()
	do()
}

type remote struct {
	opener *Opener
	src    pack.Source
}

// begin records a call and finds what it is about; the opener stays locked until
// end is called.
func (r *remote) begin(ctx context.Context, call ...string) (repo *Repo, end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if r.src.Kind == pack.SourceDir {
		return nil, nil, fmt.Errorf("%s: %w", r.src.URL, source.ErrNoRevisions)
	}
	r.opener.mu.Lock()
	r.opener.calls = append(r.opener.calls, strings.TrimRight(strings.Join(call, " "), " "))
	repo = r.opener.repos[r.src.URL]
	switch {
	case repo == nil:
		err = &source.UnreachableError{Source: r.src, Hint: "check the address", Err: errors.New("repository not found")}
	case repo.failure != nil:
		err = repo.failure
	}
	if err != nil {
		r.opener.mu.Unlock()
		return nil, nil, err
	}
	return repo, r.opener.mu.Unlock, nil
}

// Refs implements source.Remote.
func (r *remote) Refs(ctx context.Context) (*source.Refs, error) {
	repo, end, err := r.begin(ctx, "refs", r.src.URL)
	if err != nil {
		return nil, err
	}
	defer end()
	refs := &source.Refs{Branches: maps.Clone(repo.branches), Tags: maps.Clone(repo.tags)}
	if _, detached := repo.commits[pack.Commit(repo.head)]; detached {
		refs.HeadHash = pack.Commit(repo.head)
	} else if tip, has := repo.branches[repo.head]; has {
		refs.Head, refs.HeadHash = "refs/heads/"+repo.head, tip
	}
	return refs, nil
}

var (
	hexPattern  = regexp.MustCompile(`\A[0-9a-f]{4,40}\z`)
	stepPattern = regexp.MustCompile(`\A(?:~([0-9]+)|\^\{\})\z`)
)

// Resolve implements source.Remote. Of the suffixes it knows ~N and ^{}.
func (r *remote) Resolve(ctx context.Context, revision string) (source.Resolved, error) {
	repo, end, err := r.begin(ctx, "resolve", r.src.URL, revision)
	if err != nil {
		return source.Resolved{}, err
	}
	defer end()
	found, ok := repo.resolve(revision)
	if !ok {
		known := slices.Concat(slices.Sorted(maps.Keys(repo.tags)), slices.Sorted(maps.Keys(repo.branches)))
		return source.Resolved{}, &source.UnknownRevisionError{Source: r.src, Revision: revision, Known: known}
	}
	return found, nil
}

// resolve follows reference.md 3.4: a branch, a commit, a tag, the tag of a
// version.
func (r *Repo) resolve(revision string) (source.Resolved, bool) {
	if i := strings.IndexAny(revision, "~^"); i > 0 {
		start, ok := r.resolve(revision[:i])
		steps := stepPattern.FindStringSubmatch(revision[i:])
		if !ok || steps == nil {
			return source.Resolved{}, false
		}
		return r.back(start.Commit, steps[1])
	}
	name := strings.TrimPrefix(revision, "refs/")
	branch := strings.TrimPrefix(strings.TrimPrefix(name, "heads/"), "origin/")
	branch = cmp.Or(branch, r.head)
	if tip, has := r.branches[branch]; has {
		return source.Resolved{Ref: "refs/heads/" + branch, Commit: tip}, true
	}
	if hexPattern.MatchString(revision) {
		matches := func(id pack.Commit) bool { return strings.HasPrefix(string(id), revision) }
		found := slices.DeleteFunc(slices.Collect(maps.Keys(r.commits)), func(id pack.Commit) bool { return !matches(id) })
		if len(found) == 1 {
			return source.Resolved{Commit: found[0]}, true
		}
	}
	tags := []string{strings.TrimPrefix(name, "tags/")}
	if _, isVersion := pack.ParseTagVersion(revision); isVersion && !strings.HasPrefix(revision, "v") {
		tags = append(tags, "v"+revision)
	}
	for _, tag := range tags {
		if id, has := r.tags[tag]; has {
			return source.Resolved{Ref: "refs/tags/" + tag, Commit: id}, true
		}
	}
	return source.Resolved{}, false
}

// back goes from a commit to its first parent, so many times.
func (r *Repo) back(id pack.Commit, times string) (source.Resolved, bool) {
	n, err := strconv.Atoi(cmp.Or(times, "0"))
	for ; err == nil && n > 0; n-- {
		if len(r.commits[id].parents) == 0 {
			return source.Resolved{}, false
		}
		id = r.commits[id].parents[0]
	}
	return source.Resolved{Commit: id}, err == nil
}

// Fetch implements source.Remote.
func (r *remote) Fetch(ctx context.Context, id pack.Commit, _ string) (*source.Snapshot, error) {
	if r.src.Kind == pack.SourceDir {
		return r.read(ctx)
	}
	repo, end, err := r.begin(ctx, "fetch", r.src.URL, string(id))
	if err != nil {
		return nil, err
	}
	defer end()
	c, has := repo.commits[id]
	if !has {
		return nil, &source.CommitGoneError{Source: r.src, Commit: id, Err: errors.New("no such commit")}
	}
	files, err := accept(c.files, r.src.Subdir)
	if err != nil {
		return nil, fmt.Errorf("read commit %s of %s: %w", id, r.src, err)
	}
	return &source.Snapshot{Commit: id, Title: c.title, Tree: files}, nil
}

// Reachable implements source.Remote.
func (r *remote) Reachable(ctx context.Context, id pack.Commit, ref string) (bool, error) {
	repo, end, err := r.begin(ctx, "reach", r.src.URL, string(id))
	if err != nil {
		return false, err
	}
	defer end()
	var tips []pack.Commit
	for name, tip := range repo.branches {
		if ref == "" || ref == "refs/heads/"+name {
			tips = append(tips, tip)
		}
	}
	for name, tip := range repo.tags {
		if ref == "" || ref == "refs/tags/"+name {
			tips = append(tips, tip)
		}
	}
	for len(tips) > 0 {
		if tips[0] == id {
			return true, nil
		}
		tips = append(tips[1:], repo.commits[tips[0]].parents...)
	}
	return false, nil
}

// accept does what every source does with a tree before it hands it out.
func accept(files tree.Tree, subdir string) (tree.Tree, error) {
	files, err := tree.Sub(files, subdir)
	if err != nil {
		return nil, err
	}
	if err := tree.Check(files, tree.DefaultLimits()); err != nil {
		return nil, err
	}
	return tree.Filter(files), nil
}

func (r *remote) read(ctx context.Context) (*source.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.opener.mu.Lock()
	defer r.opener.mu.Unlock()
	r.opener.calls = append(r.opener.calls, "read "+r.src.URL)
	files, has := r.opener.dirs[r.src.URL]
	if !has {
		return nil, &source.UnreachableError{Source: r.src, Hint: "check the path", Err: errors.New("no such directory")}
	}
	files, err := accept(files, r.src.Subdir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", r.src, err)
	}
	return &source.Snapshot{Tree: files}, nil
}
