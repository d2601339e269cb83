package gogit_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/source/gogit"
	"github.com/packsync/packsync/internal/testenv"
)

// sensible lists the revisions that are valid but make StackStorm fail, and what
// they mean here. Everything else must come out as it does there.
//
//	revision  why StackStorm fails                                     here
//	v9.0.0    the commit is on no branch: it runs "checkout vv9.0.0"   the tag
//	rel-9     the same                                                 the tag
//	HEAD~1    it makes a local branch of that name                     the parent of the default branch's tip
//	main~1    the same                                                 the same
//	(none)    over a path, with a detached HEAD: TypeError             HEAD
//	v1.0.0    with a detached HEAD: TypeError or AttributeError        the tag
var sensible = map[string]string{
	"v9.0.0":          "off",
	"rel-9":           "off",
	"HEAD~1":          "c2",
	"main~1":          "c2",
	"detached:":       "off",
	"detached:v1.0.0": "c1",
}

type recordedCase struct {
	Source    string  `json:"source"`
	Ref       *string `json:"ref"`
	OK        bool    `json:"ok"`
	Installed string  `json:"installed_commit"`
	ErrorType string  `json:"error_type"`
	Note      string  `json:"note"`
}

// TestResolveAsStackStorm builds the repository that StackStorm's code was run
// against and asks for every recorded revision.
func TestResolveAsStackStorm(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(testenv.Shared(t), "stackstorm", "golden", "ref_resolution.json"))
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Cases []recordedCase `json:"cases"`
	}
	if err := json.Unmarshal(raw, &recorded); err != nil {
		t.Fatal(err)
	}
	if len(recorded.Cases) < 20 {
		t.Fatalf("only %d cases were recorded", len(recorded.Cases))
	}
	root := t.TempDir()
	attached, ids := recordedRepo(t, root, "attached")
	detached, _ := recordedRepo(t, root, "detached")
	detached.Run("update-ref", "--no-deref", "HEAD", string(ids["off"]))

	opener := gogit.New(gogit.Options{})
	used := map[string]bool{}
	for _, c := range recorded.Cases {
		revision := ""
		if c.Ref != nil {
			revision = *c.Ref
		}
		repo, key := attached, revision
		if strings.Contains(c.Note, "detached HEAD") {
			repo, key = detached, "detached:"+revision
		}
		revision = strings.Replace(revision, "<c1 short sha>", string(ids["c1"])[:7], 1)
		want, differs := sensible[key]
		switch {
		case c.OK:
			want = regexp.MustCompile(`^\w+`).FindString(c.Installed)
		case differs:
			used[key] = true
		case c.ErrorType != "ValueError":
			t.Errorf("StackStorm fails on %q (%s) and the table does not say what it means here", key, c.ErrorType)
			continue
		}
		r, err := opener.Open(parse(t, "file://"+repo.Dir))
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Resolve(t.Context(), revision)
		var unknown *source.UnknownRevisionError
		switch {
		case want == "" && !errors.As(err, &unknown):
			t.Errorf("%q resolves to %v, %v; StackStorm knows no such revision", key, got, err)
		case want != "" && err != nil:
			t.Errorf("%q: %v", key, err)
		case want != "" && got.Commit != ids[want]:
			t.Errorf("%q is commit %s, want %s (%s)", key, got.Commit, want, ids[want])
		}
	}
	for key := range sensible {
		if !used[key] {
			t.Errorf("the table explains %q, on which StackStorm was not recorded to fail", key)
		}
	}
}

// recordedRepo is the repository of the recording: see its "repository".
func recordedRepo(t *testing.T, root, name string) (*gittest.TestRepo, map[string]pack.Commit) {
	t.Helper()
	repo := gittest.New(t, root, name)
	ids := map[string]pack.Commit{}
	commit := func(key, branch, from string) {
		ids[key] = pack.Commit(repo.CommitFrom(branch, from, key, gittest.Files{"pack.yaml": "version: " + key + "\n"}))
	}
	commit("c1", "main", "")
	commit("c2", "main", "")
	commit("c3", "main", "")
	commit("d1", "dev", string(ids["c2"]))
	commit("fx", "feature/x", string(ids["c2"]))
	commit("off", "off", string(ids["c2"]))
	repo.Branch("3.0.0", string(ids["d1"]))
	repo.Branch("deadbeef", string(ids["c1"]))
	for tag, key := range map[string]string{"v1.0.0": "c1", "v1.1.0": "c2", "v1.2.0": "d1", "devtag": "d1", "v9.0.0": "off", "rel-9": "off", "3.0.0": "c1"} {
		repo.Tag(tag, string(ids[key]))
	}
	repo.AnnotatedTag("v1.1.0-rc1", string(ids["c2"]))
	repo.Delete("refs/heads/off")
	return repo, ids
}
