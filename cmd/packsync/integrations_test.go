package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/pyyaml"
)

// fakeGH answers as gh does, as far as comment.sh asks, and writes down what it was
// asked to do.
const fakeGH = `#!/bin/sh
echo "$*" >> "$LOG"
case "$*" in
*--paginate*) printf '%s' "$HAS" ;;
*--field*) test -s "${COMMENT}" && exit "$POSTS" ;;
esac
`

// fakeDiff prints a comment and exits as it is told.
const fakeDiff = `#!/bin/sh
echo "packsync $*" >> "$LOG"
printf '%s' "$SAYS"
exit "$CODE"
`

// TestGitHubComment runs the script of the action with what a runner has.
func TestGitHubComment(t *testing.T) {
	script, err := filepath.Abs("../../integrations/github/comment.sh")
	if err != nil {
		t.Fatal(err)
	}
	says := "<!-- packsync diff -->\n### Packs\n\nDesired digest: `d1:0123`\n"
	for _, c := range []struct {
		name, says, has, number, code, posts string
		log, summary                         string
		exit                                 int
	}{
		{"the first comment", says, "", "7", "0", "0", "--method POST repos/acme/stack/issues/7/comments", says, 0},
		{"the comment is there", says, "99\n", "7", "0", "0", "--method PATCH repos/acme/stack/issues/comments/99", says, 0},
		{"something breaks", says, "99\n", "7", "3", "0", "--method PATCH repos/acme/stack/issues/comments/99", says, 3},
		{"a fork may not write", says, "", "7", "0", "1", "--method POST", says, 0},
		{"no pull request", says, "", "", "0", "0", "", says, 0},
		{"nothing could be compared", "", "", "7", "1", "0", "", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range map[string]string{"gh": fakeGH, "packsync": fakeDiff} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			at := func(name string) string { return filepath.Join(dir, name) }
			cmd := exec.Command("sh", script)
			cmd.Env = []string{
				"PATH=" + dir + ":" + os.Getenv("PATH"), "LOG=" + at("log"), "SAYS=" + c.says, "HAS=" + c.has, "CODE=" + c.code, "POSTS=" + c.posts,
				"BASE=HEAD^1", "CHDIR=deploy", "FAIL_ON=breaking", "REPOSITORY=acme/stack", "NUMBER=" + c.number, "COMMENT=" + at("comment"),
				"GITHUB_STEP_SUMMARY=" + at("summary"), "GITHUB_OUTPUT=" + at("output"),
			}
			out, _ := cmd.CombinedOutput() // the exit code is looked at below
			if got := cmd.ProcessState.ExitCode(); got != c.exit {
				t.Errorf("exit code %d, want %d\n%s", got, c.exit, out)
			}
			log := read(t, at("log"))
			if !strings.Contains(log, "packsync --chdir deploy diff HEAD^1 --format markdown --fail-on breaking") {
				t.Errorf("packsync was called otherwise:\n%s", log)
			}
			if posted := strings.Contains(log, "--method"); posted != (c.log != "") || !strings.Contains(log, c.log) {
				t.Errorf("want %q, was\n%s", c.log, log)
			}
			if got := strings.TrimSpace(read(t, at("summary"))); got != strings.TrimSpace(c.summary) {
				t.Errorf("the summary is %q", got)
			}
			if got := read(t, at("output")); c.says != "" && got != "digest=d1:0123\n" {
				t.Errorf("the output is %q", got)
			}
			if told := strings.Contains(string(out), "could not be written"); told != (c.posts == "1") {
				t.Errorf("about a comment that cannot be written: %s", out)
			}
		})
	}
}

// read returns the content of a file, "" if there is none.
func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(data)
}

// TestIntegrationsAreYAML reads what is there to be copied.
func TestIntegrationsAreYAML(t *testing.T) {
	for _, name := range []string{"github/action.yml", "github/workflow.yml", "gitlab/packsync.gitlab-ci.yml"} {
		doc, err := pyyaml.Unmarshal([]byte(read(t, "../../integrations/"+name)))
		if err != nil || doc.Root.Kind != pyyaml.Mapping || len(doc.Warnings) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// fakeGlab answers as glab does, as far as the job asks.
const fakeGlab = `#!/bin/sh
echo "glab $*" >> "$LOG"
echo "token $GITLAB_TOKEN host $GITLAB_HOST" >> "$LOG"
case "$*" in
*--paginate*) printf '%s' "$HAS" ;;
*--field*) test -s packsync.md && exit "$POSTS" ;;
esac
`

// gitlabSteps joins the steps of the job as a runner does: one shell that ends with
// the first that fails.
func gitlabSteps(t *testing.T) string {
	t.Helper()
	doc, err := pyyaml.Unmarshal([]byte(read(t, "../../integrations/gitlab/packsync.gitlab-ci.yml")))
	if err != nil {
		t.Fatal(err)
	}
	steps := []string{"set -e"}
	for _, part := range []string{"before_script", "script"} {
		for _, step := range doc.Root.Lookup("packsync diff", part).Items() {
			text, ok := step.Text()
			if !ok {
				t.Fatalf("a step of %s is no text: %v", part, step.Value())
			}
			steps = append(steps, text)
		}
	}
	if len(steps) < 7 {
		t.Fatalf("only %d steps", len(steps))
	}
	return strings.Join(steps, "\n") + "\n"
}

// TestGitLabJob runs the steps of the job with what a runner has.
func TestGitLabJob(t *testing.T) {
	script := gitlabSteps(t)
	says := "<!-- packsync diff -->\n### Packs\n\nDesired digest: `d1:0123`\n"
	// As GitLab answers: notes of others, with braces and markers in their text, around ours.
	notes := `[{"id":11,"type":null,"body":"{ why } <!-- packsync diff --> ?","attachment":null},` +
		`{"id":99,"type":null,"body":"\u003c!-- packsync diff --\u003e\n### Packs { x }","author":{"id":7}}]`
	for _, c := range []struct {
		name, says, has, token, code, posts string
		log                                 string // "" for nothing posted
		exit                                int
	}{
		{"the first note", says, "[]", "s3cr3t", "0", "0", "--method POST projects/5/merge_requests/7/notes --field", 0},
		{"the note is there", says, notes, "s3cr3t", "0", "0", "--method PUT projects/5/merge_requests/7/notes/99 --field", 0},
		{"something breaks", says, notes, "s3cr3t", "3", "0", "--method PUT projects/5/merge_requests/7/notes/99 --field", 3},
		{"the note cannot be written", says, "[]", "s3cr3t", "3", "1", "--method POST", 3},
		{"no token", says, "[]", "", "3", "0", "", 3},
		{"nothing could be compared", "", "[]", "s3cr3t", "1", "0", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range map[string]string{"glab": fakeGlab, "packsync": fakeDiff, "git": "#!/bin/sh\necho \"git $*\" >> \"$LOG\"\n", "go": "#!/bin/sh\nexit 1\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			work := t.TempDir()
			cmd := exec.Command("sh", "-c", script)
			cmd.Dir = work
			cmd.Env = []string{
				"PATH=" + dir + ":" + os.Getenv("PATH"), "LOG=" + filepath.Join(dir, "log"), "SAYS=" + c.says, "HAS=" + c.has, "CODE=" + c.code, "POSTS=" + c.posts,
				"FAIL_ON=breaking", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main", "CI_PROJECT_ID=5", "CI_MERGE_REQUEST_IID=7", "CI_SERVER_HOST=git.acme.example",
				"PACKSYNC_GITLAB_TOKEN=" + c.token,
			}
			out, _ := cmd.CombinedOutput() // the exit code is looked at below
			if got := cmd.ProcessState.ExitCode(); got != c.exit {
				t.Errorf("exit code %d, want %d\n%s", got, c.exit, out)
			}
			log := read(t, filepath.Join(dir, "log"))
			for _, want := range []string{"git fetch --quiet origin main", "packsync diff origin/main --format markdown --fail-on breaking"} {
				if !strings.Contains(log, want) {
					t.Errorf("want %q, was\n%s", want, log)
				}
			}
			if posted := strings.Contains(log, "--method"); posted != (c.log != "") || !strings.Contains(log, c.log) {
				t.Errorf("want %q, was\n%s", c.log, log)
			}
			if c.log != "" && !strings.Contains(log, "token s3cr3t host git.acme.example") {
				t.Errorf("glab does not know who and where:\n%s", log)
			}
			if !strings.Contains(string(out), c.says) {
				t.Errorf("the log of the job lacks the note:\n%s", out)
			}
			if told := strings.Contains(string(out), "could not be written"); told != (c.posts == "1") {
				t.Errorf("about a note that cannot be written: %s", out)
			}
			if strings.Contains(string(out), "s3cr3t") {
				t.Errorf("the token is in the log:\n%s", out)
			}
		})
	}
}
