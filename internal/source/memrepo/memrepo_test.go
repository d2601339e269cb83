package memrepo_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/source/memrepo"
	"github.com/packsync/packsync/internal/source/sourcetest"
	"github.com/packsync/packsync/internal/testenv"
	"github.com/packsync/packsync/internal/tree"
)

// copying serves what lies on disk from memory: it copies a source when it is
// opened. So the one suite judges this package by what git does.
type copying struct {
	t   *testing.T
	mem *memrepo.Opener
}

func (c copying) Open(src pack.Source) (source.Remote, error) {
	dir := strings.TrimPrefix(src.URL, "file://")
	switch _, err := os.Stat(dir); {
	case err != nil:
	case src.Kind == pack.SourceDir:
		files, err := tree.ReadDir(c.t.Context(), dir)
		if err != nil {
			return nil, err
		}
		c.mem.AddDir(dir, files)
	default:
		c.copyRepo(src.URL, dir)
	}
	return c.mem.Open(src)
}

func (c copying) git(dir string, args ...string) []string {
	c.t.Helper()
	out, err := gittest.Git(dir, nil, args...)
	if err != nil {
		c.t.Fatal(err)
	}
	if out == "" {
		return nil
	}
	return strings.Split(out, "\n")
}

func (c copying) copyRepo(url, dir string) {
	repo := c.mem.Add(url)
	for _, object := range c.git(dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)") {
		id, kind, _ := strings.Cut(object, " ")
		if kind != "commit" {
			continue
		}
		info := append(c.git(dir, "log", "-1", "--format=%s%n%P", id), "")
		var parents []pack.Commit
		for _, parent := range strings.Fields(info[1]) {
			parents = append(parents, pack.Commit(parent))
		}
		repo.CommitAs(pack.Commit(id), info[0], c.files(dir, id), parents...)
	}
	for _, line := range c.git(dir, "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)") {
		words := strings.Fields(line)
		id := pack.Commit(words[len(words)-1])
		if name, ok := strings.CutPrefix(words[0], "refs/heads/"); ok {
			repo.Branch(name, id)
		} else if name, ok := strings.CutPrefix(words[0], "refs/tags/"); ok {
			repo.Tag(name, id)
		}
	}
	head, err := os.ReadFile(filepath.Join(dir, "HEAD"))
	if err != nil {
		c.t.Fatal(err)
	}
	repo.Head(strings.TrimPrefix(strings.TrimSpace(string(head)), "ref: refs/heads/"))
}

func (c copying) files(dir, commit string) tree.Tree {
	listing := strings.TrimSuffix(strings.Join(c.git(dir, "ls-tree", "-r", "-z", commit), "\n"), "\x00")
	var entries []tree.Entry
	for item := range strings.SplitSeq(listing, "\x00") {
		about, path, _ := strings.Cut(item, "\t")
		words := strings.Fields(about)
		kind := map[string]tree.Kind{"100644": tree.Regular, "100755": tree.Executable, "120000": tree.Link}[words[0]]
		entries = append(entries, tree.Entry{Path: path, Kind: kind, Content: c.blob(dir, words[2])})
	}
	return tree.Build(entries...)
}

// blob reads a file. The second question, about nothing, keeps gittest.Git from
// trimming the end of the file.
func (c copying) blob(dir, id string) string {
	answer, err := gittest.Git(dir, []byte(id+"\nnothing\n"), "cat-file", "--batch=%(objectsize)")
	if err != nil {
		c.t.Fatal(err)
	}
	size, content, _ := strings.Cut(answer, "\n")
	n, err := strconv.Atoi(size)
	if err != nil {
		c.t.Fatal(err)
	}
	return content[:n]
}

func TestRepositories(t *testing.T) {
	testenv.Need(t, "git")
	sourcetest.Run(t, func(t *testing.T, root string) sourcetest.Subject {
		return sourcetest.Subject{
			Opener: copying{t, memrepo.New()},
			Source: func(dir string) pack.Source { return pack.Source{Kind: pack.SourceGit, URL: "file://" + dir} },
		}
	})
}

func TestDirectories(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T, root string) sourcetest.Subject {
		return sourcetest.Subject{
			Opener: copying{t, memrepo.New()}, Plain: true,
			Source: func(dir string) pack.Source { return pack.Source{Kind: pack.SourceDir, URL: dir} },
		}
	})
}

func TestAChangedRepositoryIsServedChanged(t *testing.T) {
	mem := memrepo.New()
	repo := mem.Add("https://h.example/a")
	src := pack.Source{Kind: pack.SourceGit, URL: "https://h.example/a"}
	remote, err := mem.Open(src)
	if err != nil {
		t.Fatal(err)
	}
	one := repo.Commit("One", tree.Memory(map[string]string{"pack.yaml": "x"}))
	two := repo.Commit("Two", tree.Memory(map[string]string{"pack.yaml": "x"}), one)
	if one == two {
		t.Error("two commits have one id")
	}
	repo.Tag("v1", one)
	repo.Tag("v2", two)
	repo.Untag("v1")
	repo.Forget(one)
	refs, err := remote.Refs(t.Context())
	if err != nil || len(refs.Tags) != 1 || refs.Tags["v2"] != two {
		t.Errorf("%v, %v", refs, err)
	}
	if _, err := remote.Fetch(t.Context(), one, ""); err == nil {
		t.Error("a forgotten commit is served")
	}
	repo.Fail(os.ErrPermission)
	if _, err := remote.Refs(t.Context()); err != os.ErrPermission {
		t.Errorf("a failing repository: %v", err)
	}
	want := []string{"refs https://h.example/a", "fetch https://h.example/a " + string(one), "refs https://h.example/a"}
	if got := mem.Calls(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("calls %q", got)
	}
}
