package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/packsync/packsync/internal/cli"
	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/testenv"
)

// TestExamples runs testdata/examples/*.txtar: each folder of examples/ against
// servers on this machine. To the commands of TestScript it adds
//
//	example NAME [OLD NEW]…   copy examples/NAME here, with each OLD in its *.hcl replaced by NEW
//	sshd                      start a server for the repositories that commit makes:
//	                          $SSH is its URL, $SSH_HOST its host, $SSH_KEY, $SSH_HOSTS, $REPOS
//	https USER TOKEN          the same over TLS and with a password: $HTTPS_HOST, $HTTPS_CA
func TestExamples(t *testing.T) {
	testenv.Need(t, "git")
	root := testenv.Root(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/examples",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("MODULE", root)
			return setup(env)
		},
		Condition: func(cond string) (bool, error) {
			if cond != "sshd" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			// Where all tests must run, the sshd command fails instead.
			_, err := os.Stat("/usr/sbin/sshd")
			return err == nil || os.Getenv("PACKSYNC_TEST_ALL") == "1", nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"commit": commit, "exit": exit, "example": example, "sshd": sshd, "https": https,
			"remember": remember, "untouched": untouched,
		},
	})
}

func example(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args)%2 != 1 {
		ts.Fatalf("usage: example NAME [OLD NEW]…")
	}
	from := filepath.Join(ts.Getenv("MODULE"), "examples", args[0])
	to := ts.MkAbs(".")
	ts.Check(os.CopyFS(to, os.DirFS(from)))
	declared, err := filepath.Glob(filepath.Join(to, "*.hcl"))
	ts.Check(err)
	for _, path := range declared {
		text, err := os.ReadFile(path)
		ts.Check(err)
		for i := 1; i < len(args); i += 2 {
			if !bytes.Contains(text, []byte(args[i])) {
				ts.Fatalf("the example does not say %s", args[i])
			}
			text = bytes.ReplaceAll(text, []byte(args[i]), []byte(args[i+1]))
		}
		ts.Check(os.WriteFile(path, text, 0o644))
	}
}

func sshd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: sshd")
	}
	dir := ts.MkAbs(".ssh")
	ts.Check(os.MkdirAll(dir, 0o700))
	server, err := gittest.StartSSH(dir)
	ts.Check(err)
	ts.Defer(server.Close)
	ts.Setenv("SSH", server.URL)
	ts.Setenv("SSH_HOST", server.Addr)
	ts.Setenv("SSH_KEY", server.KeyFile)
	ts.Setenv("SSH_HOSTS", server.KnownHosts)
	ts.Setenv("REPOS", worldOf(ts).repos)
}

func https(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: https USER TOKEN")
	}
	server, err := gittest.StartHTTP(worldOf(ts).repos, true)
	ts.Check(err)
	ts.Defer(server.Close)
	server.Configure(gittest.Settings{User: args[0], Password: args[1]})
	ca := ts.MkAbs("ca.pem")
	ts.Check(os.WriteFile(ca, server.CA, 0o644))
	ts.Setenv("HTTPS_HOST", strings.TrimPrefix(server.URL, "https://"))
	ts.Setenv("HTTPS_CA", ca)
}

// TestDocumentedCommandsExist reads every packsync command that a Markdown file
// or a comment of packs.hcl.example shows, and wants the program to know the
// command, its flags and the number of its arguments.
func TestDocumentedCommandsExist(t *testing.T) {
	root := testenv.Root(t)
	pages := []string{"README.md", "docs/*.md", "docs/decisions/*.md", "examples/*.md", "examples/*/README.md"}
	seen := 0
	for _, pattern := range pages {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			for n, line := range shellLines(t, path) {
				seen++
				if err := parses(line); err != nil {
					t.Errorf("%s, command %d: %s: %v", path, n+1, line, err)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("found only %d commands: are they still in ```sh blocks?", seen)
	}
}

// shellLines returns the packsync commands of the ```sh blocks of a page.
func shellLines(t *testing.T, path string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	shell := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		switch {
		case line == "```sh":
			shell = true
		case strings.HasPrefix(line, "```"):
			shell = false
		case shell && (line == "packsync" || strings.HasPrefix(line, "packsync ")):
			lines = append(lines, line)
		}
	}
	return lines
}

func parses(line string) error {
	line, _, _ = strings.Cut(line, " #")
	cmd, args, err := cli.Tree().Find(strings.Fields(line)[1:])
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(args); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}
