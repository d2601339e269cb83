package gogit_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/source/gogit"
)

// run runs git below dir.
func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	if _, err := gittest.Git(dir, nil, args...); err != nil {
		t.Fatal(err)
	}
}

func TestFileURLs(t *testing.T) {
	root := t.TempDir()
	repo := gittest.New(t, root, "repo")
	files := gittest.Files{"pack.yaml": "x"}
	first := pack.Commit(repo.Commit("main", "First", files))
	at := func(name string) string { return filepath.Join(root, name) }

	run(t, root, "clone", "--quiet", repo.Dir, at("clone"))
	run(t, at("clone"), "worktree", "add", "--quiet", at("linked"))
	run(t, root, "clone", "--quiet", "--shared", "--bare", repo.Dir, at("borrowing"))
	run(t, root, "init", "--quiet", "--bare", "--object-format=sha256", at("sha256"))
	run(t, root, "init", "--quiet", "--bare", at("reftable"))
	for _, dir := range []string{at("reftable/reftable"), at("plain/sub")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	// A clone in which nothing is committed that the remote has not, and which
	// has changes that are not committed.
	if err := os.WriteFile(at("clone/pack.yaml"), []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct{ name, text, hint string }{
		{"repo", "", ""},
		{"clone", "", ""},
		{"clone/.git", "", ""},
		{"borrowing", "", ""}, // objects in another repository
		{"linked", "linked work tree", ""},
		{"sha256", "SHA-1", ""},
		{"reftable", "reftable", ""},
		{"plain", "not a git repository", `source = "` + at("plain") + `"`},
		{"clone/absent", "no such file", "check the path"},
		{"file", "a file", ""},
	} {
		opener := gogit.New(gogit.Options{})
		snapshot, err := fetchFrom(t, opener, "file://"+at(c.name), first, "")
		if c.text == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			} else if content, err := snapshot.Tree.Content(0); err != nil || string(content) != "x" {
				t.Errorf("%s: pack.yaml is %q, %v", c.name, content, err)
			}
			continue
		}
		var unreachable *source.UnreachableError
		if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), c.text) || !strings.Contains(unreachable.Hint, c.hint) {
			t.Errorf("%s: error is %v, want %q and hint %q", c.name, err, c.text, c.hint)
		}
	}
}

// TestTagsOfOtherThings: a tag of a file is not a version.
func TestTagsOfOtherThings(t *testing.T) {
	repo := gittest.New(t, t.TempDir(), "repo")
	commit := repo.Commit("main", "First", gittest.Files{"pack.yaml": "x"})
	repo.AnnotatedTag("v1", commit)
	repo.Run("tag", "key", commit+":pack.yaml")
	repo.Run("tag", "--annotate", "--message", "of a tree", "root", commit+"^{tree}")
	repo.Run("tag", "--annotate", "--message", "of a tag", "v2", "v1")
	r, err := gogit.New(gogit.Options{}).Open(parse(t, "file://"+repo.Dir))
	if err != nil {
		t.Fatal(err)
	}
	refs, err := r.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(refs.Tags) != 2 || string(refs.Tags["v1"]) != commit || string(refs.Tags["v2"]) != commit {
		t.Errorf("tags are %v", refs.Tags)
	}
}

// TestDamagedObjectIsNamed: whoever has to mend a repository wants to know where.
func TestDamagedObjectIsNamed(t *testing.T) {
	for _, animal := range gittest.Zoo("/out") {
		if animal.Number != 36 {
			continue
		}
		repo := gittest.New(t, t.TempDir(), "repo")
		if err := animal.WriteTo(repo.Repo); err != nil {
			t.Fatal(err)
		}
		_, err := fetchFrom(t, gogit.New(gogit.Options{}), "file://"+repo.Dir, pack.Commit(animal.Commit.String()), "")
		if want := "object baad000000000000000000000000000000000000 is damaged"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q in it", err, want)
		}
	}
}

// TestReadingChangesNothing: a repository may be on a read-only disk, or watched.
func TestReadingChangesNothing(t *testing.T) {
	repo := gittest.New(t, t.TempDir(), "repo")
	commit := pack.Commit(repo.Commit("main", "First", gittest.Files{"pack.yaml": "x"}))
	list := func() string {
		var all strings.Builder
		err := filepath.Walk(repo.Dir, func(path string, info os.FileInfo, err error) error {
			if err == nil {
				all.WriteString(path + info.ModTime().String() + info.Mode().String() + "\n")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all.String()
	}
	before := list()
	if _, err := fetchFrom(t, gogit.New(gogit.Options{}), "file://"+repo.Dir, commit, ""); err != nil {
		t.Fatal(err)
	}
	if list() != before {
		t.Error("the repository changed")
	}
}

func TestOpenRefusesWhatIsNotForIt(t *testing.T) {
	for _, src := range []pack.Source{
		{Kind: pack.SourceDir, URL: "/srv/packs/x"},
		{Kind: pack.SourceGit, URL: "git://git.acme.example/x"},
		{Kind: pack.SourceGit, URL: "ext::sh -c id"},
		{Kind: pack.SourceGit, URL: "https://git.acme.example/x"}, // no HTTP client
	} {
		if _, err := gogit.New(gogit.Options{}).Open(src); err == nil {
			t.Errorf("%s is opened", src)
		}
	}
}
