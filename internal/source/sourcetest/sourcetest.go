// Package sourcetest is the suite that every implementation of package source
// passes, over every transport.
//
// It is for tests only.
package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/tree"
)

// Subject is an implementation under test.
type Subject struct {
	Opener source.Opener
	Source func(dir string) pack.Source // the source of a repository or directory below root
	Plain  bool                         // sources are plain directories, not repositories
}

// Setup makes a Subject whose sources lie below root.
type Setup func(t *testing.T, root string) Subject

// Run runs the suite.
func Run(t *testing.T, setup Setup) {
	t.Run("a tree as it was committed", func(t *testing.T) { testTree(t, setup) })
	t.Run("a sub-directory", func(t *testing.T) { testSubdir(t, setup) })
	t.Run("a missing sub-directory names what there is", func(t *testing.T) { testNoSubdir(t, setup) })
	t.Run("bytecode is left out and told", func(t *testing.T) { testBytecode(t, setup) })
	t.Run("a link out of the pack is refused", func(t *testing.T) { testRefused(t, setup) })
	t.Run("a source that is not there", func(t *testing.T) { testAbsent(t, setup) })
	t.Run("a cancelled context ends every call", func(t *testing.T) { testCancelled(t, setup) })
	t.Run("concurrent use", func(t *testing.T) { testConcurrent(t, setup) })
	if !setup(t, t.TempDir()).Plain {
		t.Run("refs", func(t *testing.T) { testRefs(t, setup) })
		t.Run("resolve", func(t *testing.T) { testResolve(t, setup) })
		t.Run("what a branch or tag leads to", func(t *testing.T) { testReachable(t, setup) })
		t.Run("fetch whatever the server allows", func(t *testing.T) { testLadder(t, setup) })
		t.Run("a commit that is gone", func(t *testing.T) { testGone(t, setup) })
		t.Run("an empty repository", func(t *testing.T) { testEmpty(t, setup) })
	}
}

// Place puts files where the subject finds them, as a commit on main or as a
// directory, and returns the source and the commit.
func Place(t *testing.T, s Subject, root, name string, files gittest.Files) (pack.Source, pack.Commit) {
	t.Helper()
	dir := filepath.Join(root, name)
	if !s.Plain {
		repo := gittest.New(t, root, name)
		return s.Source(dir), pack.Commit(repo.Commit("main", "Say \"hello\"\n\nAnd more.", files))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, content := range files {
		err := writeFile(filepath.Join(dir, strings.TrimRight(path, "*@")), path, content)
		if err != nil {
			t.Fatal(err)
		}
	}
	return s.Source(dir), ""
}

func writeFile(name, marked, content string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch {
	case strings.HasSuffix(marked, "@"):
		return os.Symlink(content, name)
	case strings.HasSuffix(marked, "*"):
		return os.WriteFile(name, []byte(content), 0o755)
	}
	return os.WriteFile(name, []byte(content), 0o644)
}

func open(t *testing.T, s Subject, src pack.Source) source.Remote {
	t.Helper()
	r, err := s.Opener.Open(src)
	if err != nil {
		t.Fatalf("open %s: %v", src, err)
	}
	return r
}

func fetch(t *testing.T, s Subject, src pack.Source, commit pack.Commit, ref string) *source.Snapshot {
	t.Helper()
	snapshot, err := open(t, s, src).Fetch(t.Context(), commit, ref)
	if err != nil {
		t.Fatalf("fetch %s of %s: %v", commit, src, err)
	}
	if snapshot.Commit != commit {
		t.Errorf("the snapshot is of commit %q, want %q", snapshot.Commit, commit)
	}
	return snapshot
}

// contents reads a tree back into the form that gittest.Files has.
func contents(t *testing.T, files tree.Tree) gittest.Files {
	t.Helper()
	got := gittest.Files{}
	last := ""
	for i, f := range files.Files() {
		content, err := files.Content(i)
		if err != nil {
			t.Fatalf("content of %s: %v", f.Path, err)
		}
		if int64(len(content)) != f.Size {
			t.Errorf("%s has %d bytes, its size says %d", f.Path, len(content), f.Size)
		}
		if i > 0 && f.Path <= last {
			t.Errorf("%q stands after %q: not sorted", f.Path, last)
		}
		last = f.Path
		mark := map[tree.Kind]string{tree.Regular: "", tree.Executable: "*", tree.Link: "@"}[f.Kind]
		got[f.Path+mark] = string(content)
	}
	return got
}

func compare(t *testing.T, got, want gittest.Files) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("files are %q,\nwant %q", got, want)
	}
}

var sample = gittest.Files{
	"pack.yaml":              "ref: sample\n",
	"actions/run.sh*":        "#!/bin/sh\nexit 0\n",
	"actions/lib/deep/a.py":  strings.Repeat("value = 1\n", 2000),
	"actions.meta":           "sorts before the directory actions/\n",
	"empty":                  "",
	"link@":                  "actions/run.sh",
	"actions/up@":            "../pack.yaml",
	"äöü.txt":                "not ASCII\n",
	"requirements-tests.txt": "\x00\xff binary \r\n",
}

func testTree(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	src, commit := Place(t, s, root, "sample", sample)
	snapshot := fetch(t, s, src, commit, "refs/heads/main")
	compare(t, contents(t, snapshot.Tree), sample)
	if want := `Say "hello"`; !s.Plain && snapshot.Title != want {
		t.Errorf("title is %q, want %q", snapshot.Title, want)
	}
}

func testSubdir(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	files := gittest.Files{"README": "of the whole\n", "evil@": "/etc/passwd"}
	for path, content := range sample {
		files["packs/sample/"+path] = content
	}
	src, commit := Place(t, s, root, "mono", files)
	src.Subdir = "packs/sample"
	// What is wrong outside of the sub-directory does not matter.
	compare(t, contents(t, fetch(t, s, src, commit, "refs/heads/main").Tree), sample)
}

func testNoSubdir(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	src, commit := Place(t, s, root, "mono", gittest.Files{"one/pack.yaml": "", "two/pack.yaml": "", "docs/x": ""})
	src.Subdir = "three"
	_, err := open(t, s, src).Fetch(t.Context(), commit, "")
	var missing *tree.NoSubdirError
	if !errors.As(err, &missing) || !slices.Equal(missing.Packs, []string{"one", "two"}) {
		t.Errorf("error is %v, want a NoSubdirError that offers one and two", err)
	}
}

func testBytecode(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	src, commit := Place(t, s, root, "bytes", gittest.Files{"pack.yaml": "x", "a.pyc": "1", "lib/__pycache__/b.py": "2", "lib/c.py": "3"})
	snapshot := fetch(t, s, src, commit, "refs/heads/main")
	compare(t, contents(t, snapshot.Tree), gittest.Files{"pack.yaml": "x", "lib/c.py": "3"})
	if got := len(tree.DroppedFrom(snapshot.Tree).Bytecode); got != 2 {
		t.Errorf("%d things were left out, want 2", got)
	}
}

func testRefused(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	src, commit := Place(t, s, root, "evil", gittest.Files{"pack.yaml": "x", "lib/out@": "../../etc/passwd"})
	_, err := open(t, s, src).Fetch(t.Context(), commit, "refs/heads/main")
	var refused *tree.RefusedError
	if !errors.As(err, &refused) || refused.Path != "lib/out" || refused.Rule != tree.RuleLink {
		t.Fatalf("error is %v, want a refusal of the link lib/out", err)
	}
	if !strings.Contains(err.Error(), string(commit)) || !strings.Contains(err.Error(), src.URL) {
		t.Errorf("error %q does not name commit and source", err)
	}
}

func testAbsent(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	commit := pack.Commit(strings.Repeat("a", 40))
	if s.Plain {
		commit = ""
	}
	src := s.Source(filepath.Join(root, "absent"))
	_, err := open(t, s, src).Fetch(t.Context(), commit, "")
	var unreachable *source.UnreachableError
	if !errors.As(err, &unreachable) {
		t.Fatalf("error is %v, want an UnreachableError", err)
	}
	if unreachable.Source != src || unreachable.Hint == "" {
		t.Errorf("the error has source %v and hint %q", unreachable.Source, unreachable.Hint)
	}
}

func testCancelled(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	src, commit := Place(t, s, root, "sample", sample)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := open(t, s, src)
	if _, err := r.Fetch(ctx, commit, "refs/heads/main"); !errors.Is(err, context.Canceled) {
		t.Errorf("Fetch: error is %v, want context.Canceled", err)
	}
	if s.Plain {
		return
	}
	if _, err := r.Refs(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Refs: error is %v, want context.Canceled", err)
	}
	if _, err := r.Reachable(ctx, commit, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("Reachable: error is %v, want context.Canceled", err)
	}
	if _, err := r.Resolve(ctx, "main"); !errors.Is(err, context.Canceled) {
		t.Errorf("Resolve: error is %v, want context.Canceled", err)
	}
}

func testConcurrent(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	src, commit := Place(t, s, root, "sample", sample)
	r := open(t, s, src)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			snapshot, err := r.Fetch(t.Context(), commit, "refs/heads/main")
			if err != nil {
				t.Error(err)
				return
			}
			var readers sync.WaitGroup
			for range 2 {
				readers.Go(func() { compare(t, contents(t, snapshot.Tree), sample) })
			}
			readers.Wait()
		})
	}
	group.Wait()
}

// history is a repository with branches and tags: see its lines.
func history(t *testing.T, root, name string) (repo *gittest.TestRepo, c1, c2, c3 pack.Commit) {
	t.Helper()
	repo = gittest.New(t, root, name)
	commit := func(branch, from string, n int) pack.Commit {
		files := gittest.Files{"pack.yaml": fmt.Sprintf("version: 0.0.%d\n", n)}
		return pack.Commit(repo.CommitFrom(branch, from, fmt.Sprintf("Commit %d", n), files))
	}
	c1 = commit("main", "", 1)
	c2 = commit("main", "", 2)
	c3 = commit("side", string(c1), 3)
	repo.Tag("v1.0.0", string(c1))
	repo.AnnotatedTag("v2.0.0", string(c2))
	repo.Repack()
	return repo, c1, c2, c3
}

func testRefs(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	repo, c1, c2, c3 := history(t, root, "repo")
	repo.Run("update-ref", "refs/pull/1/head", string(c3))
	refs, err := open(t, s, s.Source(repo.Dir)).Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if refs.Head != "refs/heads/main" || refs.HeadHash != c2 {
		t.Errorf("HEAD is %q at %s, want refs/heads/main at %s", refs.Head, refs.HeadHash, c2)
	}
	if want := map[string]pack.Commit{"main": c2, "side": c3}; !maps.Equal(refs.Branches, want) {
		t.Errorf("branches are %v, want %v", refs.Branches, want)
	}
	if want := map[string]pack.Commit{"v1.0.0": c1, "v2.0.0": c2}; !maps.Equal(refs.Tags, want) {
		t.Errorf("tags are %v, want %v", refs.Tags, want)
	}

	repo.Run("update-ref", "--no-deref", "HEAD", string(c3))
	repo.Delete("refs/heads/side")
	if refs, err = open(t, s, s.Source(repo.Dir)).Refs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if refs.Head != "" || refs.HeadHash != c3 {
		t.Errorf("detached HEAD is %q at %s, want none at %s", refs.Head, refs.HeadHash, c3)
	}
}

func testResolve(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	repo, c1, c2, c3 := history(t, root, "repo")
	r := open(t, s, s.Source(repo.Dir))
	for revision, want := range map[string]source.Resolved{
		"":                {Ref: "refs/heads/main", Commit: c2},
		"side":            {Ref: "refs/heads/side", Commit: c3},
		"1.0.0":           {Ref: "refs/tags/v1.0.0", Commit: c1},
		"v2.0.0":          {Ref: "refs/tags/v2.0.0", Commit: c2},
		"refs/heads/side": {Ref: "refs/heads/side", Commit: c3},
		string(c1):        {Commit: c1},
		string(c3)[:9]:    {Commit: c3},
		"side~1":          {Commit: c1},
		"v2.0.0^{}":       {Commit: c2},
	} {
		got, err := r.Resolve(t.Context(), revision)
		if err != nil || got != want {
			t.Errorf("Resolve(%q) = %v, %v, want %v", revision, got, err, want)
		}
	}
	for _, revision := range []string{"1.0", "2.0.1", "sidee", strings.Repeat("0", 40), "main~9", "main^2", "main@{1}", "~1"} {
		_, err := r.Resolve(t.Context(), revision)
		var unknown *source.UnknownRevisionError
		if !errors.As(err, &unknown) || unknown.Revision != revision {
			t.Errorf("Resolve(%q): error is %v, want an UnknownRevisionError", revision, err)
			continue
		}
		if len(unknown.Known) != 4 {
			t.Errorf("Resolve(%q) offers %q, want all four refs", revision, unknown.Known)
		}
	}
}

func testReachable(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	repo, c1, c2, c3 := history(t, root, "repo")
	c4 := pack.Commit(repo.CommitFrom("main", string(c2), "Commit 4", gittest.Files{"pack.yaml": "version: 0.0.4\n"}))
	// A commit that the server has, as it has those of forks.
	fork := pack.Commit(repo.CommitFrom("fork", string(c4), "Of a fork", gittest.Files{"pack.yaml": "evil\n"}))
	repo.Run("update-ref", "refs/pull/1/head", string(fork))
	repo.Delete("refs/heads/fork")
	r := open(t, s, s.Source(repo.Dir))
	for _, c := range []struct {
		commit pack.Commit
		ref    string
		want   bool
	}{
		{c4, "refs/heads/main", true}, {c2, "refs/heads/main", true}, {c1, "refs/heads/main", true}, {c3, "refs/heads/main", false},
		{c1, "refs/heads/side", true}, {c2, "refs/heads/side", false}, {c2, "refs/tags/v2.0.0", true}, {c4, "refs/tags/v2.0.0", false},
		{c3, "", true}, {c1, "", true}, {fork, "", false}, {fork, "refs/heads/main", false}, {c1, "refs/heads/none", false},
		{pack.Commit(strings.Repeat("0", 40)), "", false},
	} {
		if got, err := r.Reachable(t.Context(), c.commit, c.ref); err != nil || got != c.want {
			t.Errorf("Reachable(%s, %q) = %v, %v, want %v", c.commit, c.ref, got, err, c.want)
		}
	}
}

func testLadder(t *testing.T, setup Setup) {
	for _, allow := range []string{"true", "false"} {
		t.Run("allowReachableSHA1InWant="+allow, func(t *testing.T) {
			root := t.TempDir()
			s := setup(t, root)
			repo, c1, c2, c3 := history(t, root, "repo")
			repo.Config("uploadpack.allowReachableSHA1InWant", allow)
			repo.Delete("refs/tags/v1.0.0") // c1 is no tip any more
			for _, c := range []struct {
				commit pack.Commit
				ref    string
				want   string
			}{
				{c2, "refs/tags/v2.0.0", "version: 0.0.2\n"},
				{c3, "", "version: 0.0.3\n"},
				{c1, "", "version: 0.0.1\n"},
				{c1, "refs/heads/main", "version: 0.0.1\n"}, // the branch moved on
			} {
				snapshot := fetch(t, s, s.Source(repo.Dir), c.commit, c.ref)
				compare(t, contents(t, snapshot.Tree), gittest.Files{"pack.yaml": c.want})
			}
		})
	}
}

func testGone(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	repo, _, _, c3 := history(t, root, "repo")
	repo.Delete("refs/heads/side")
	repo.Run("reflog", "expire", "--expire=now", "--all")
	repo.Run("gc", "--quiet", "--prune=now")
	_, err := open(t, s, s.Source(repo.Dir)).Fetch(t.Context(), c3, "refs/heads/main")
	var gone *source.CommitGoneError
	if !errors.As(err, &gone) || gone.Commit != c3 {
		t.Errorf("error is %v, want a CommitGoneError for %s", err, c3)
	}
}

func testEmpty(t *testing.T, setup Setup) {
	root := t.TempDir()
	s := setup(t, root)
	repo := gittest.New(t, root, "repo")
	r := open(t, s, s.Source(repo.Dir))
	refs, err := r.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if refs.HeadHash != "" || len(refs.Branches)+len(refs.Tags) != 0 {
		t.Errorf("an empty repository has refs: %v", refs)
	}
	_, err = r.Resolve(t.Context(), "")
	var unknown *source.UnknownRevisionError
	if !errors.As(err, &unknown) {
		t.Errorf("error is %v, want an UnknownRevisionError", err)
	}
}
