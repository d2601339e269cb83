package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/cli"
	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/testenv"
)

// digests differ with every port that the test's server gets.
var digests = regexp.MustCompile(`d1:[0-9a-f]{64}`)

// TestReadmePlanIsReal plans the declaration of README.md, with the hosts
// replaced by a server on this machine, and wants the plan that README.md shows.
// UPDATE_SCRIPTS=1 writes it.
func TestReadmePlanIsReal(t *testing.T) {
	testenv.Need(t, "git", "python3") // the plan names the virtualenvs that it would build
	page := filepath.Join(testenv.Root(t), "README.md")
	readme, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	repos := filepath.Join(dir, "git")
	server := gittest.ServeHTTPRepos(t, repos)
	jira := gittest.New(t, repos, "StackStorm-Exchange/stackstorm-jira.git")
	for _, version := range []string{"3.2.3", "3.3.0"} {
		jira.Commit("main", "Release "+version, gittest.Files{
			"pack.yaml":          "{ref: jira, name: jira, version: " + version + ", description: a, author: a, email: a@example.com}\n",
			"config.schema.yaml": "url: {type: string}\npassword: {type: string, secret: true}\n",
		})
		jira.Tag("v"+version, "main")
	}
	gittest.New(t, repos, "st2/acme_tools.git").Commit("main", "Restart the web tier one host at a time", gittest.Files{
		"pack.yaml": "{ref: acme_tools, name: acme_tools, version: 1.8.0, description: a, author: a, email: a@example.com}\n",
	})
	index := filepath.Join(dir, "index.json")
	root := filepath.Join(dir, "stackstorm")
	write(t, index, `{"packs": {"jira": {"ref": "jira", "name": "jira", "version": "3.3.0", "repo_url": "`+
		server.URL+`/StackStorm-Exchange/stackstorm-jira.git"}}}`)
	write(t, filepath.Join(dir, "packs.hcl"), strings.NewReplacer(
		"/opt/stackstorm", root,
		"https://index.stackstorm.org/v1/index.json", "file://"+index,
		"https://git.example.com", server.URL,
	).Replace(block(t, readme, "hcl")))
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}

	var out, problems bytes.Buffer
	exit := cli.Main(context.Background(), []string{"plan"}, cli.Streams{
		In: strings.NewReader(""), Out: &out, Err: &problems, Dir: dir,
		Environ: []string{"PACKSYNC_VAR_jira_password=secret", "PACKSYNC_CACHE_DIR=" + filepath.Join(dir, "cache")},
	})
	if exit != cli.ExitOK {
		t.Fatalf("plan: exit code %d: %s", exit, problems.String())
	}
	got := strings.NewReplacer(
		server.URL+"/StackStorm-Exchange", "https://github.com/StackStorm-Exchange",
		server.URL, "https://git.example.com", root, "/opt/stackstorm",
	).Replace(digests.ReplaceAllString(out.String(), "d1:…"))
	want := block(t, readme, "text")
	if got == want {
		return
	}
	if os.Getenv("UPDATE_SCRIPTS") == "1" {
		write(t, page, strings.Replace(string(readme), want, got, 1))
		return
	}
	t.Errorf("README.md shows another plan (-README.md +real):\n%s", cmp.Diff(want, got))
}

// block returns the first fenced block of a kind.
func block(t *testing.T, page []byte, kind string) string {
	t.Helper()
	_, rest, found := strings.Cut(string(page), "\n```"+kind+"\n")
	text, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatalf("README.md has no ```%s block", kind)
	}
	return text
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
