package resolve_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/source/dir"
	"github.com/packsync/packsync/internal/source/gogit"
	"github.com/packsync/packsync/internal/transport"
	"github.com/packsync/packsync/internal/tree"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The tables run on memory; this runs on what git wrote and a web server serves:
// a sub-directory by constraint, a short name from an index file, a directory.
func TestRealRepositories(t *testing.T) {
	root := t.TempDir()
	server := gittest.ServeHTTPRepos(t, root)
	tools, jira := gittest.New(t, root, "tools"), gittest.New(t, root, "jira")
	for _, version := range []string{"1.0.0", "1.1.0"} {
		tools.AnnotatedTag("v"+version, tools.Commit("main", "Release "+version+"\n\nMore.", gittest.Files{
			"packs/slack/pack.yaml":       packYAML("slack", version),
			"packs/slack/actions/run.sh*": "#!/bin/sh\n",
			"outside":                     "x",
		}))
		jira.Tag(version, jira.Commit("main", "Release "+version, gittest.Files{"pack.yaml": packYAML("jira", version)}))
	}
	work := t.TempDir()
	write(t, filepath.Join(work, "lab", "pack.yaml"), packYAML("lab", "0.1.0"))
	write(t, filepath.Join(work, "index.json"), fmt.Sprintf(`{"packs": {"jira": {"repo_url": "%s/jira", "version": "1.0.0"}}}`, server.URL))

	client, err := transport.New(transport.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	open := source.ByKind{Git: gogit.New(gogit.Options{Client: client}), Dir: dir.New(tree.Limits{})}
	src, err := pack.ParseSource(server.URL + "/tools")
	if err != nil {
		t.Fatal(err)
	}
	src.Subdir = "packs/slack"
	req := resolve.Request{LockDir: work, Packs: []config.Pack{
		{Ref: "jira", ShortName: "jira"},
		{Ref: "lab", Source: pack.Source{Kind: pack.SourceDir, URL: filepath.Join(work, "lab")}, SourceText: "./lab"},
		{Ref: "slack", Source: src, Selector: pack.Selector{Kind: pack.SelectVersion, Text: "~> 1.0"}},
	}}
	run := func() *resolve.Result {
		t.Helper()
		lookup := index.NewLazy([]config.Index{{Name: "own", URL: "file://" + filepath.Join(work, "index.json")}}, index.Options{HTTP: client})
		result, diags := resolve.Resolve(t.Context(), req, open, lookup)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return result
	}

	first := run()
	for ref, want := range map[pack.Ref]string{
		"jira":  "refs/tags/1.0.0 1.0.0 Release 1.0.0 in " + server.URL + "/jira",
		"lab":   "   in ./lab",
		"slack": "refs/tags/v1.1.0 1.1.0 Release 1.1.0 in " + server.URL + "/tools",
	} {
		e := first.Lock.Packs[ref]
		if got := fmt.Sprintf("%s %s %s in %s", e.Ref, e.Version, e.Title, e.Source); got != want {
			t.Errorf("%s is %s, want %s", ref, got, want)
		}
	}
	slack := first.Packs["slack"]
	manifest, err := tree.HashOf(tree.Build(
		tree.Entry{Path: "pack.yaml", Content: packYAML("slack", "1.1.0")},
		tree.Entry{Path: "actions/run.sh", Kind: tree.Executable, Content: "#!/bin/sh\n"},
	))
	if err != nil || slack.Entry.Tree != manifest.Tree() || string(slack.Entry.Commit) != tools.Run("rev-parse", "main") {
		t.Errorf("slack is %+v, want the tree %s (%v)", slack.Entry, manifest.Tree(), err)
	}
	if first.Packs["lab"].Version != "0.1.0" || len(first.Findings) != 0 {
		t.Errorf("%+v, %v", first.Packs["lab"], first.Findings)
	}

	// The second run reads the lock from its bytes and asks nobody.
	locked, diags := lockfile.Parse(first.Lock.Bytes(), "packs.lock.json")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	req.Lock = locked
	if len(server.Requests()) == 0 {
		t.Error("the first run asked nothing")
	}
	second := run()
	if asked := server.Requests(); len(second.Changes) != 0 || len(asked) != 0 || string(second.Lock.Bytes()) != string(first.Lock.Bytes()) {
		t.Errorf("the second run: %v, %v", second.Changes, asked)
	}
}
