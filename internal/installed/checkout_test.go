package installed

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/testenv"
)

// clone makes a repository and a clone of it by git itself.
func clone(t *testing.T) (dir string, head string, repo *gittest.TestRepo) {
	t.Helper()
	testenv.Need(t, "git")
	repo = gittest.New(t, t.TempDir(), "jira.git")
	head = repo.Commit("main", "One", gittest.Files{"pack.yaml": "ref: jira\n"})
	repo.Tag("v1.0.0", "main")
	dir = filepath.Join(t.TempDir(), "jira")
	git(t, "", "clone", "--quiet", repo.Dir, dir)
	return dir, head, repo
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	if _, err := gittest.Git(dir, nil, args...); err != nil {
		t.Fatal(err)
	}
}

func TestReadCheckout(t *testing.T) {
	dir, head, repo := clone(t)
	check := func(what string) {
		t.Helper()
		c, err := ReadCheckout(dir)
		if err != nil || string(c.Head) != head || c.Remote != "file://"+repo.Dir || c.Credential {
			t.Errorf("%s: %+v, %v", what, c, err)
		}
	}
	check("on a branch")
	git(t, dir, "pack-refs", "--all", "--prune")
	check("with packed refs")
	git(t, dir, "checkout", "--quiet", "--detach", "v1.0.0")
	check("with a detached HEAD")

	git(t, dir, "remote", "set-url", "origin", "https://user:hunter2@git.example/st2/jira.git")
	c, err := ReadCheckout(dir)
	if err != nil || c.Remote != "https://git.example/st2/jira.git" || !c.Credential {
		t.Errorf("%+v, %v", c, err)
	}
	git(t, dir, "remote", "remove", "origin")
	if c, err = ReadCheckout(dir); err != nil || c.Remote != "" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestReadCheckoutOfNoCheckout(t *testing.T) {
	dir := t.TempDir()
	if c, err := ReadCheckout(dir); c != nil || err != nil {
		t.Errorf("%+v, %v", c, err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".git"), []byte("gitdir: /elsewhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := ReadCheckout(dir); c != nil || err != nil {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestHostileCheckouts: nothing outside of .git is read, and what cannot be read
// is an error, never "no checkout".
func TestHostileCheckouts(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no HEAD":          {"config": ""},
		"no such branch":   {"HEAD": "ref: refs/heads/main\n"},
		"outside":          {"HEAD": "ref: ../../secret\n"},
		"outside below":    {"HEAD": "ref: refs/../../secret\n"},
		"not a commit":     {"HEAD": "hello\n"},
		"branch of a link": {"HEAD": "ref: refs/heads/link\n", "refs/heads/link@": "../../../../secret"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(strings.Repeat("a", 40)), 0o600); err != nil {
			t.Fatal(err)
		}
		for file, text := range files {
			path := filepath.Join(dir, "pack", ".git", strings.TrimSuffix(file, "@"))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			err := error(nil)
			if strings.HasSuffix(file, "@") {
				err = os.Symlink(text, path)
			} else {
				err = os.WriteFile(path, []byte(text), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if c, err := ReadCheckout(filepath.Join(dir, "pack")); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestWithoutCredential(t *testing.T) {
	for remote, want := range map[string]string{
		"":                                    "",
		"https://github.com/x/y.git":          "https://github.com/x/y.git",
		"https://hunter2@github.com/x/y":      "https://github.com/x/y !",
		"https://u:hunter2@github.com/x/y":    "https://github.com/x/y !",
		"https://github.com/x/y?tok=hunter2":  "https://github.com/x/y !",
		"https://github.com/x/y#hunter2":      "https://github.com/x/y !",
		"ssh://git@github.com:2222/x/y":       "ssh://git@github.com:2222/x/y",
		"ssh://git:hunter2@github.com/x/y":    "ssh://git@github.com/x/y !",
		"git@github.com:x/y.git":              "git@github.com:x/y.git",
		"u:hunter2@github.com:x/y.git":        " !",
		"/srv/packs/jira":                     "file:///srv/packs/jira",
		"https://u:hunter2%zz@github.com/x/y": " !",
	} {
		got, removed := withoutCredential(remote)
		if removed {
			got += " !"
		}
		if got != want || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %q, want %q", remote, got, want)
		}
	}
}

// FuzzCheckout: no configuration crashes the reader, and a password between : and
// @ never comes out of a URL that it gives.
func FuzzCheckout(f *testing.F) {
	f.Add("[remote \"origin\"]\n\turl = https://u:hunter2@x/y\n")
	f.Add("[remote \"origin\"]\nurl=\"a\\\"b\"\n[core]\nurl = z")
	f.Fuzz(func(t *testing.T, config string) {
		clean, _ := withoutCredential(originOf(config))
		if strings.Contains(clean, "://") {
			authority, _, _ := strings.Cut(strings.SplitN(clean, "://", 2)[1], "/")
			if user, _, ok := strings.Cut(authority, "@"); ok && strings.Contains(user, ":") {
				t.Errorf("%q from %q", clean, config)
			}
		}
	})
}
