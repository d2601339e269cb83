package gogit_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/source/gogit"
	"github.com/packsync/packsync/internal/testenv"
)

// checkout is a repository with a work tree, made by git itself.
type checkout struct {
	t   *testing.T
	dir string
}

func newCheckout(t *testing.T) *checkout {
	testenv.Need(t, "git")
	c := &checkout{t, filepath.Join(t.TempDir(), "repo")}
	if _, err := gittest.Git("", nil, "init", "--quiet", "--initial-branch=main", c.dir); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *checkout) git(args ...string) string {
	c.t.Helper()
	out, err := gittest.Git(c.dir, nil, args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

func (c *checkout) write(name, content string) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c *checkout) commit(message string) string {
	c.t.Helper()
	c.git("add", "--all")
	c.git("commit", "--quiet", "--allow-empty", "-m", message)
	return c.git("rev-parse", "HEAD")
}

func (c *checkout) open(revision string) *gogit.Checkout {
	c.t.Helper()
	got, err := gogit.OpenCheckout(c.t.Context(), c.dir, revision)
	if err != nil {
		c.t.Fatalf("%s: %v", revision, err)
	}
	return got
}

// TestCheckoutFindsRevisions asks for every form and holds the answer against
// git's.
func TestCheckoutFindsRevisions(t *testing.T) {
	c := newCheckout(t)
	c.write("packs.hcl", "one")
	first := c.commit("one")
	c.git("tag", "v1")
	c.git("tag", "-m", "annotated", "v1a")
	c.write("packs.hcl", "two")
	c.commit("two")
	c.git("branch", "old")
	c.git("update-ref", "refs/remotes/origin/main", first)
	c.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
	c.git("checkout", "--quiet", "-b", "side", first)
	c.write("other", "x")
	c.commit("side")
	c.git("merge", "--quiet", "--no-ff", "-m", "merge", "main")
	c.git("pack-refs", "--all")
	c.git("repack", "-a", "-d", "-q")
	for _, revision := range []string{
		"HEAD", "@", "HEAD~1", "HEAD^2", "HEAD^", "HEAD~1^1", "HEAD^2~1", "v1", "v1a", "v1^{}", "v1^{commit}", "tags/v1", "refs/tags/v1a",
		first, first[:7], "origin/main~0",
	} {
		if got, want := string(c.open(revision).Commit), c.git("rev-parse", revision+"^{commit}"); got != want {
			t.Errorf("%s is %s, git says %s", revision, got, want)
		}
	}
	for _, branch := range []string{"main", "old", "side", "origin/main", "origin", "heads/main", "refs/heads/main", "refs/remotes/origin/main"} {
		got := c.open(branch)
		if want := c.git("merge-base", "HEAD", branch); string(got.Commit) != want {
			t.Errorf("the merge base with %s is %s, git says %s", branch, got.Commit, want)
		}
	}
	for _, revision := range []string{"nothing", "HEAD~99", "v2", "", "0000000", "../x", "HEAD@{1}", "main~x"} {
		_, err := gogit.OpenCheckout(t.Context(), c.dir, revision)
		var problem *gogit.CheckoutError
		if !errors.As(err, &problem) || !strings.Contains(err.Error(), "no such revision") {
			t.Errorf("%q: %v, want that there is no such revision", revision, err)
		}
	}
	if _, err := gogit.OpenCheckout(t.Context(), t.TempDir(), "HEAD"); err == nil || !strings.Contains(err.Error(), "lies in no git repository") {
		t.Errorf("outside of a repository: %v", err)
	}
}

// TestCheckoutReadsFiles compares with what git takes out.
func TestCheckoutReadsFiles(t *testing.T) {
	c := newCheckout(t)
	c.write("deploy/packs.hcl", "one")
	c.write("deploy/packs/lab/pack.yaml", "ref: lab")
	c.write("shared/common.hcl", "two")
	if err := os.Symlink("../shared/common.hcl", filepath.Join(c.dir, "deploy/common.hcl")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../shared", filepath.Join(c.dir, "deploy/all")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(c.dir, "deploy/away")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", filepath.Join(c.dir, "deploy/loop")); err != nil {
		t.Fatal(err)
	}
	c.commit("one")
	c.write("deploy/packs.hcl", "changed in the work tree")
	files := c.open("HEAD").Files
	for name, want := range map[string]string{
		"deploy/packs.hcl": "one", "deploy/common.hcl": "two", "deploy/all/common.hcl": "two", "deploy/packs/lab/pack.yaml": "ref: lab",
	} {
		if got, err := fs.ReadFile(files, name); err != nil || string(got) != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"deploy/away", "deploy/none", "deploy/packs.hcl/below", "../x"} {
		if _, err := fs.ReadFile(files, name); err == nil {
			t.Errorf("%s can be read", name)
		}
	}
	if _, err := fs.ReadFile(files, "deploy/loop"); err == nil || !strings.Contains(err.Error(), "links") {
		t.Errorf("a loop of links: %v", err)
	}
	for _, name := range []string{"deploy/away", "deploy/loop"} {
		if err := os.Remove(filepath.Join(c.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(c.dir, "deploy/all")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(c.dir, "deploy/common.hcl")); err != nil {
		t.Fatal(err)
	}
	c.commit("without links")
	if err := fstest.TestFS(c.open("HEAD").Files, "deploy/packs.hcl", "deploy/packs/lab/pack.yaml", "shared/common.hcl"); err != nil {
		t.Error(err)
	}
}

// TestMergeBaseAsGit builds histories with many merges, whose dates are all the
// same, and compares the answers.
func TestMergeBaseAsGit(t *testing.T) {
	c := newCheckout(t)
	tree := c.git("hash-object", "-t", "tree", "-w", "--stdin")
	r := rand.New(rand.NewSource(6))
	var all []string
	for i := range 60 {
		args := []string{"commit-tree", tree, "-m", fmt.Sprint(i)}
		for range min(len(all), 1+r.Intn(2)) {
			if parent := all[max(0, len(all)-1-r.Intn(6))]; args[len(args)-1] != parent {
				args = append(args, "-p", parent)
			}
		}
		all = append(all, c.git(args...))
	}
	for range 60 {
		head, other := all[r.Intn(len(all))], all[r.Intn(len(all))]
		c.git("update-ref", "--no-deref", "HEAD", head)
		c.git("update-ref", "refs/remotes/origin/x", other)
		got := string(c.open("origin/x").Commit)
		if want := strings.Fields(c.git("merge-base", "--all", "HEAD", "origin/x")); !strings.Contains(strings.Join(want, " "), got) {
			t.Errorf("the merge base of %s and %s is %s, git says %s", head, other, got, want)
		}
	}
}

// TestCheckoutOfManyKinds opens what actions/checkout and people leave.
func TestCheckoutOfManyKinds(t *testing.T) {
	c := newCheckout(t)
	for i := range 5 {
		c.write("packs.hcl", fmt.Sprint(i))
		c.commit(fmt.Sprint(i))
	}
	clone := func(args ...string) *checkout {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "clone")
		if _, err := gittest.Git("", nil, append(append([]string{"clone", "--quiet"}, args...), "file://"+c.dir, dir)...); err != nil {
			t.Fatal(err)
		}
		return &checkout{t, dir}
	}
	want := c.git("rev-parse", "HEAD~1")

	t.Run("linked work tree", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "linked")
		c.git("worktree", "add", "--quiet", "--detach", dir, "HEAD~2")
		linked := &checkout{t, dir}
		if got := string(linked.open("main").Commit); got != c.git("rev-parse", "main~2") {
			t.Errorf("the merge base of a linked work tree is %s", got)
		}
		if got := string(linked.open("HEAD~1").Commit); got != c.git("rev-parse", "main~3") {
			t.Errorf("HEAD~1 of a linked work tree is %s", got)
		}
	})
	t.Run("sparse, with a config of its own", func(t *testing.T) {
		sparse := clone()
		sparse.git("sparse-checkout", "set", "--no-cone", "/nothing")
		sparse.git("config", "extensions.worktreeConfig", "true")
		if got := string(sparse.open("HEAD~1").Commit); got != want {
			t.Errorf("HEAD~1 is %s, want %s", got, want)
		}
	})
	t.Run("the parent is there", func(t *testing.T) {
		if got := string(clone("--depth=2").open("HEAD^").Commit); got != want {
			t.Errorf("HEAD^ is %s, want %s", got, want)
		}
	})
	t.Run("too shallow", func(t *testing.T) {
		shallow := clone("--depth=1")
		for _, revision := range []string{"HEAD~1", "elsewhere"} {
			_, err := gogit.OpenCheckout(t.Context(), shallow.dir, revision)
			if err == nil || !strings.Contains(err.Error(), "shallow") || !strings.Contains(err.Error(), "fetch-depth: 0") || !strings.Contains(err.Error(), "packsync diff ../base") {
				t.Errorf("%s: %v, want a word about how shallow it is", revision, err)
			}
		}
	})
	t.Run("too shallow for a merge base", func(t *testing.T) {
		c.git("checkout", "--quiet", "-b", "feature", "HEAD~3")
		c.commit("feature")
		c.git("checkout", "--quiet", "main")
		shallow := clone("--depth=1", "--no-single-branch", "--branch=feature")
		_, err := gogit.OpenCheckout(t.Context(), shallow.dir, "origin/main")
		if err == nil || !strings.Contains(err.Error(), "where HEAD left origin/main") {
			t.Errorf("%v, want that the merge base is not here", err)
		}
	})
	t.Run("nothing in common", func(t *testing.T) {
		other := newCheckout(t)
		other.commit("a")
		other.git("checkout", "--quiet", "--orphan", "b")
		other.commit("b")
		_, err := gogit.OpenCheckout(t.Context(), other.dir, "main")
		if err == nil || !strings.Contains(err.Error(), "no commit in common") {
			t.Errorf("%v, want that there is nothing in common", err)
		}
	})
}
