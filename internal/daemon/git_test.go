package daemon

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/reconcile"
)

func packFiles(ref, version string) gittest.Files {
	return gittest.Files{"pack.yaml": fmt.Sprintf(meta, ref, version)}
}

// installed is the version of a pack on disk, "" if it is not there.
func (w *world) installed(ref string) string {
	data, err := os.ReadFile(w.path("root/packs/" + ref + "/pack.yaml"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if version, ok := strings.CutPrefix(line, "version: "); ok {
			return strings.TrimSpace(version)
		}
	}
	return ""
}

// TestBranches: newer revisions are reported, and only --update-lock moves pins.
func TestBranches(t *testing.T) {
	for _, update := range []bool{false, true} {
		t.Run(fmt.Sprintf("update %t", update), func(t *testing.T) {
			w := newWorld(t)
			root := t.TempDir()
			repo := gittest.New(t, root, "app.git")
			repo.Commit("main", "one", packFiles("app", "1.0.0"))
			tagged := gittest.New(t, root, "tool.git")
			tagged.Commit("main", "one", packFiles("tool", "1.0.0"))
			tagged.Tag("v1.0.0", "main")
			server := gittest.ServeHTTPRepos(t, root)
			w.write("packs.hcl", fmt.Sprintf(lab, w.url)+fmt.Sprintf(`
pack "app" {
  source     = "%[1]s/app.git"
  branch     = "main"
  virtualenv = false
}
pack "tool" {
  source     = "%[1]s/tool.git"
  version    = "~> 1.0"
  virtualenv = false
}
`, server.URL))
			w.opts.Interval, w.opts.UpdateLock = 100*time.Millisecond, update
			w.start()
			w.awaitRegistration("tool all")
			repo.Commit("main", "two", packFiles("app", "1.1.0"))
			tagged.Commit("main", "two", packFiles("tool", "1.1.0"))
			tagged.Tag("v1.1.0", "main")
			w.await("the news of tool", func() bool { return w.log.has(`"msg":"newer","pack":"tool"`) })
			if update {
				w.await("the update", func() bool { return w.installed("app") == "1.1.0" })
			} else {
				w.await("the news of app", func() bool { return w.log.has(`"msg":"newer","pack":"app"`) })
			}
			w.pokes <- struct{}{}
			w.await("a calm pass", func() bool { return slices.Contains(w.log.passes(), "poke in-sync") })
			if want := map[bool]string{false: "1.0.0", true: "1.1.0"}[update]; w.installed("app") != want || w.installed("tool") != "1.0.0" {
				t.Errorf("app is %s and tool %s", w.installed("app"), w.installed("tool"))
			}
			if n := strings.Count(w.log.String(), `"msg":"newer","pack":"tool"`); n != 1 {
				t.Errorf("the same news were told %d times", n)
			}
		})
	}
}

// TestDeclarationFromGit is pull-based GitOps: a commit is the declaration, a lock
// that does not fit is reported, and a repository that is away changes nothing.
func TestDeclarationFromGit(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	repo := gittest.New(t, root, "decl.git")
	declaration := func(version string) gittest.Files {
		return gittest.Files{
			"prod/packs.hcl":                    strings.Replace(fmt.Sprintf(lab, w.url), "./root", w.path("root"), 1),
			"prod/lab.yaml":                     "level: 1\n",
			"prod/packs/lab/pack.yaml":          fmt.Sprintf(meta, "lab", version),
			"prod/packs/den/pack.yaml":          fmt.Sprintf(meta, "den", version),
			"prod/packs.lock.json":              `{"format_version": 1, "packs": {"den": {"source": "./packs/den", "direct": true}, "lab": {"source": "./packs/lab", "direct": true}}}`,
			"prod/packs/lab/config.schema.yaml": "level:\n  type: integer\n",
		}
	}
	repo.Commit("main", "one", declaration("1.0.0"))
	server := gittest.ServeHTTPRepos(t, root)
	src, err := pack.ParseSource(server.URL + "/decl.git")
	must(t, err)
	w.opts.Git = &reconcile.GitDeclaration{Source: src, File: "prod/packs.hcl"}
	w.opts.GitInterval, w.opts.Run.Locked = 100*time.Millisecond, true
	w.opts.Run.Config.File, w.opts.Run.LockFile = "", ""
	w.start()
	w.await("the first commit", func() bool { return w.installed("lab") == "1.0.0" })
	repo.Commit("main", "two", declaration("2.0.0"))
	w.await("the second commit", func() bool { return w.installed("lab") == "2.0.0" && w.installed("den") == "2.0.0" })

	unlocked := declaration("3.0.0")
	unlocked["prod/packs.lock.json"] = `{"format_version": 1, "packs": {}}`
	repo.Commit("main", "three", unlocked)
	w.await("a stale pass", func() bool { return slices.Contains(w.log.passes(), "declaration stale") })
	if !w.log.has("lock change that is not made") || w.installed("lab") != "2.0.0" {
		t.Errorf("a commit with a lock that does not fit was applied:\n%s", w.log)
	}

	server.Configure(gittest.Settings{Fault: dead})
	w.await("a repository that is away", func() bool { return w.log.has("the declaration could not be fetched") })
	w.stop()
	if err := os.RemoveAll(w.path("root/packs/lab")); err != nil {
		t.Fatal(err)
	}
	w.start() // without the repository, with what was checked out
	w.await("the stale pass of the last check-out", func() bool { return len(w.log.passes()) > 0 })
	server.Configure(gittest.Settings{})
	repo.Commit("main", "four", declaration("4.0.0"))
	w.await("the fourth commit", func() bool { return w.installed("lab") == "4.0.0" })
}

func TestParseGitDeclaration(t *testing.T) {
	for text, want := range map[string]string{
		"https://git.example.com/a/decl.git":             "https://git.example.com/a/decl.git ",
		"https://git.example.com/a/decl.git@main":        "https://git.example.com/a/decl.git main",
		"https://git.example.com/a/decl@feature/x":       "https://git.example.com/a/decl feature/x",
		"ssh://git@git.example.com/decl.git":             "ssh://git@git.example.com/decl.git ",
		"ssh://git@git.example.com/decl.git@prod":        "ssh://git@git.example.com/decl.git prod",
		"git@git.example.com:st2/decl.git":               "git@git.example.com:st2/decl.git ",
		"git@git.example.com:st2/decl.git@prod":          "git@git.example.com:st2/decl.git prod",
		"https://git.example.com/a/decl.git@":            "error",
		"https://user:secret@git.example.com/a/decl.git": "error",
		"http://git.example.com/a/decl.git":              "error",
		"":                                               "error",
		"./decl":                                         "error",
	} {
		got := "error"
		if g, err := reconcile.ParseGitDeclaration(text); err == nil {
			got = g.Source.URL + " " + g.Branch
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%v shows a secret", err)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func dead(int, *http.Request) *gittest.Fault { return &gittest.Fault{Status: http.StatusNotFound} }
