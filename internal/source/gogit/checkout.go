package gogit

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	gitcache "github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"

	"github.com/packsync/packsync/internal/pack"
)

// Checkout is the user's own repository at one commit.
type Checkout struct {
	Root      string // absolute directory of the work tree
	Commit    pack.Commit
	Title     string // first line of the commit's message, as it stands there: quote before printing
	MergeBase bool   // Commit is where HEAD left the branch that was asked for
	Files     fs.FS  // of the commit; Root is its root
}

// CheckoutError says why a revision of the user's own repository cannot be read.
// Advice says what to do.
type CheckoutError struct {
	Revision string
	Problem  string
	Advice   string
}

func (e *CheckoutError) Error() string {
	return fmt.Sprintf("read the declaration at %s: %s\n  %s", e.Revision, e.Problem, e.Advice)
}

// instead is what always works.
const instead = "Or compare with a directory that holds the other version: git worktree add ../base REVISION, then packsync diff ../base."

// OpenCheckout finds the repository around dir and reads revision in it: a branch,
// a remote's branch, a tag, a commit, each with ~N and ^N behind it. For a branch
// it is the commit where HEAD left it, so that what happened there since is not
// taken for a change of this side. Nothing is written and no network is used; the
// error is a *CheckoutError.
func OpenCheckout(ctx context.Context, dir, revision string) (*Checkout, error) {
	fail := func(problem, advice string) (*Checkout, error) {
		return nil, &CheckoutError{Revision: revision, Problem: problem, Advice: strings.TrimSpace(advice + " " + instead)}
	}
	root, repo, err := openAround(dir)
	if err != nil {
		return fail(err.Error(), "")
	}
	ref, commit, err := repo.named(ctx, revision)
	const tooShallow = "the checkout is too shallow: its history does not reach back that far"
	const shallow = "Fetch the history first: git fetch --unshallow, or fetch-depth: 0 in actions/checkout, or GIT_DEPTH: 0 in GitLab CI."
	switch {
	case errors.Is(err, errNoObject):
		return fail(tooShallow, shallow)
	case errors.Is(err, errUnknown) && len(repo.shallow) > 0:
		return fail("the repository has no such revision, and it is a shallow clone", shallow)
	case errors.Is(err, errUnknown):
		return fail("the repository has no such revision", "Fetch it first, for example: git fetch origin main.")
	case err != nil:
		return fail(err.Error(), "")
	}
	c := &Checkout{Root: root, Commit: pack.Commit(commit.String())}
	if strings.HasPrefix(ref, branchPrefix) || strings.HasPrefix(ref, "refs/remotes/") {
		base, err := repo.mergeBase(ctx, commit)
		switch {
		case errors.Is(err, errNoObject):
			return fail("the checkout is too shallow: it does not reach back to where HEAD left "+revision, shallow)
		case errors.Is(err, errUnknown):
			return fail("HEAD and "+revision+" have no commit in common", "Name a commit instead of a branch.")
		case err != nil:
			return fail(err.Error(), "")
		}
		c.MergeBase = base != commit
		commit, c.Commit = base, pack.Commit(base.String())
	}
	info, err := readCommit(repo, commit)
	if errors.Is(err, errNoObject) {
		return fail(tooShallow, shallow)
	}
	if err != nil {
		return fail(err.Error(), "")
	}
	c.Title, c.Files = info.title, &gitFS{repo: repo, root: info.tree}
	return c, nil
}

// checkoutRepo is a repository with a work tree.
type checkoutRepo struct {
	localRepo
	shallow map[plumbing.Hash]bool // commits whose parents are not here
}

// openAround finds the repository that dir lies in. Its .git may be a file: that
// of a linked work tree or a submodule.
func openAround(dir string) (root string, repo *checkoutRepo, err error) {
	for root = dir; ; root = filepath.Dir(root) {
		_, err := os.Lstat(filepath.Join(root, ".git"))
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, fmt.Errorf("look for the repository: %w", err)
		}
		if root == filepath.Dir(root) {
			return "", nil, fmt.Errorf("%s lies in no git repository", dir)
		}
	}
	gitDir, common, err := gitDirs(root)
	if err != nil {
		return "", nil, err
	}
	if err := checkObjectFormat(filepath.Join(common, "config")); err != nil {
		return "", nil, err
	}
	if _, err := os.Stat(filepath.Join(common, "reftable")); err == nil {
		return "", nil, errors.New("its refs are kept in the reftable format, which is not supported")
	}
	files := dotgit.NewRepositoryFilesystem(osfs.New(gitDir, osfs.WithBoundOS()), osfs.New(common, osfs.WithBoundOS()))
	limits := DefaultLimits()
	storage := filesystem.NewStorageWithOptions(files, gitcache.NewObjectLRU(keptBytes),
		filesystem.Options{AlternatesFS: osfs.New("/", osfs.WithBoundOS()), LargeObjectThreshold: limits.ObjectBytes})
	repo = &checkoutRepo{localRepo: localRepo{storage: storage, limits: limits}, shallow: map[plumbing.Hash]bool{}}
	cut, err := os.ReadFile(filepath.Join(common, "shallow"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("open repository: %w", err)
	}
	for line := range strings.Lines(string(cut)) {
		repo.shallow[plumbing.NewHash(strings.TrimSpace(line))] = true
	}
	return root, repo, nil
}

// gitDirs returns where the repository of a work tree keeps what is its own, and
// what it shares with other work trees.
func gitDirs(root string) (own, common string, err error) {
	own = filepath.Join(root, ".git")
	info, err := os.Stat(own)
	if err != nil {
		return "", "", fmt.Errorf("open repository: %w", err)
	}
	if !info.IsDir() {
		text, err := os.ReadFile(own)
		if err != nil {
			return "", "", fmt.Errorf("open repository: %w", err)
		}
		target, found := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir: ")
		if !found {
			return "", "", fmt.Errorf("%s is not what git writes there", own)
		}
		own = against(root, target)
	}
	text, err := os.ReadFile(filepath.Join(own, "commondir"))
	if errors.Is(err, fs.ErrNotExist) {
		return own, own, nil
	}
	if err != nil {
		return "", "", fmt.Errorf("open repository: %w", err)
	}
	return own, against(own, strings.TrimSpace(string(text))), nil
}

func against(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// named finds a revision as git does. ref is the full name of the branch or tag
// that it is, "" for anything else.
func (r *checkoutRepo) named(ctx context.Context, revision string) (ref string, commit plumbing.Hash, err error) {
	name, steps := revision, ""
	if i := strings.IndexAny(revision, "~^"); i >= 0 {
		name, steps = revision[:i], revision[i:]
	}
	if ref, commit, err = r.start(name); err != nil || steps == "" {
		return ref, commit, err
	}
	for steps != "" {
		m := stepPattern().FindStringSubmatch(steps)
		if m == nil {
			return "", commit, errUnknown
		}
		steps = steps[len(m[0]):]
		if m[1] == "" {
			continue
		}
		n, err := strconv.Atoi(cmp.Or(m[2], "1"))
		if err != nil {
			return "", commit, errUnknown
		}
		if commit, err = walk(ctx, r, commit, m[1], n); err != nil {
			return "", commit, err
		}
	}
	return "", commit, nil
}

func (r *checkoutRepo) start(name string) (string, plumbing.Hash, error) {
	if name == "@" {
		name = "HEAD"
	}
	for _, full := range []string{name, "refs/" + name, tagPrefix + name, branchPrefix + name, "refs/remotes/" + name, "refs/remotes/" + name + "/HEAD"} {
		if name == "" || full != "HEAD" && !strings.HasPrefix(full, "refs/") || strings.Contains(full, "..") {
			continue
		}
		if ref, id, ok := r.follow(full); ok {
			commit, _, err := peel(r, id)
			return ref, commit, err
		}
	}
	if !hexPattern().MatchString(name) {
		return "", plumbing.ZeroHash, errUnknown
	}
	candidates, err := r.withPrefix(name)
	if err != nil {
		return "", plumbing.ZeroHash, err
	}
	var found []plumbing.Hash
	for _, id := range candidates {
		if commit, kind, err := peel(r, id); err == nil && kind == plumbing.CommitObject {
			found = append(found, commit)
		}
	}
	switch len(found) {
	case 0:
		return "", plumbing.ZeroHash, errUnknown
	case 1:
		return "", found[0], nil
	}
	return "", plumbing.ZeroHash, fmt.Errorf("%q is the beginning of %d commits: write more of it", name, len(found))
}

// follow follows symbolic refs to what they name; a detached HEAD is no branch.
func (r *checkoutRepo) follow(full string) (string, plumbing.Hash, bool) {
	const deepest = 5
	for range deepest {
		ref, err := r.storage.Reference(plumbing.ReferenceName(full))
		if err != nil {
			return "", plumbing.ZeroHash, false
		}
		if ref.Type() == plumbing.HashReference {
			return full, ref.Hash(), true
		}
		full = ref.Target().String()
	}
	return "", plumbing.ZeroHash, false
}

// mergeBase finds the best commit that both HEAD and other come from, as git
// merge-base does. errNoObject says that the history that is here ends before.
func (r *checkoutRepo) mergeBase(ctx context.Context, other plumbing.Hash) (plumbing.Hash, error) {
	_, head, err := r.start("HEAD")
	if err != nil {
		return plumbing.ZeroHash, err
	}
	p := painter{repo: r, colours: map[plumbing.Hash]colour{}}
	if err := errors.Join(p.paint(head, fromHead), p.paint(other, fromOther)); err != nil {
		return plumbing.ZeroHash, err
	}
	common, err := p.common(ctx)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	// Dates lie, so that an ancestor of a common commit may be among them.
	for i, id := range common {
		older, err := false, error(nil)
		for j, from := range common {
			if i != j && !older {
				older, err = leadsTo(ctx, r, []plumbing.Hash{from}, id)
			}
			if err != nil {
				return plumbing.ZeroHash, err
			}
		}
		if !older {
			return id, nil
		}
	}
	if p.cut {
		return plumbing.ZeroHash, errNoObject
	}
	return plumbing.ZeroHash, errUnknown
}

// colour says from where a commit was reached.
type colour int

const (
	fromHead colour = 1 << iota
	fromOther
	stale // below a commit that was reached from both
	both  = fromHead | fromOther
)

// painter walks the history from two commits at once, the youngest first.
type painter struct {
	repo    *checkoutRepo
	colours map[plumbing.Hash]colour
	queue   dated
	cut     bool // a history ended because the clone is shallow
}

func (p *painter) paint(id plumbing.Hash, c colour) error {
	if p.colours[id]|c == p.colours[id] {
		return nil
	}
	p.colours[id] |= c
	date, parents, err := p.repo.ancestry(id)
	if err != nil {
		return err
	}
	heap.Push(&p.queue, visit{id, date, parents})
	return nil
}

// common returns the commits that were reached from both sides and that none of
// the others leads to, as far as dates tell.
func (p *painter) common(ctx context.Context) (found []plumbing.Hash, err error) {
	isStale := func(v visit) bool { return p.colours[v.id]&stale != 0 }
	for slices.ContainsFunc(p.queue, func(v visit) bool { return !isStale(v) }) {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		next, _ := heap.Pop(&p.queue).(visit)
		c := p.colours[next.id]
		if c == both && !slices.Contains(found, next.id) {
			found = append(found, next.id)
		}
		if c&both == both {
			c |= stale
		}
		if p.repo.shallow[next.id] {
			p.cut = true
			continue
		}
		for _, parent := range next.parents {
			if err := p.paint(parent, c); err != nil {
				return nil, err
			}
		}
	}
	return slices.DeleteFunc(found, func(id plumbing.Hash) bool { return p.colours[id]&stale != 0 }), nil
}

// ancestry returns when a commit was made, and its parents.
func (r *checkoutRepo) ancestry(id plumbing.Hash) (int64, []plumbing.Hash, error) {
	_, raw, err := r.get(id)
	if err != nil {
		return 0, nil, err
	}
	info, err := parseCommit(raw)
	if err != nil {
		return 0, nil, err
	}
	header, _, _ := bytes.Cut(raw, []byte("\n\n"))
	for line := range bytes.Lines(header) {
		if rest, isCommitter := bytes.CutPrefix(line, []byte("committer ")); isCommitter {
			words := strings.Fields(string(rest[bytes.LastIndexByte(rest, '>')+1:]))
			if len(words) > 0 {
				if date, err := strconv.ParseInt(words[0], 10, 64); err == nil {
					return date, info.parents, nil
				}
			}
		}
	}
	return 0, info.parents, nil
}

// visit is a commit that is to be looked at.
type visit struct {
	id      plumbing.Hash
	date    int64
	parents []plumbing.Hash
}

// dated is a heap of commits, the youngest first.
type dated []visit

func (d dated) Len() int           { return len(d) }
func (d dated) Less(i, j int) bool { return d[i].date > d[j].date }
func (d dated) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }

// Push implements heap.Interface.
func (d *dated) Push(x any) {
	if v, ok := x.(visit); ok {
		*d = append(*d, v)
	}
}

// Pop implements heap.Interface.
func (d *dated) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}
