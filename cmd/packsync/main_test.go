package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/testenv"
)

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){
		"packsync": main,
	})
}

// TestScript runs testdata/script/*.txtar: whole commands, with real git servers
// and the StackStorm test double. Every script has $GIT, a smart HTTP server over
// the repositories that its commit command makes, and these commands besides
// testscript's own:
//
//	commit REPO DIR MESSAGE [TAG…]   commit DIR as the whole tree of main, and tag it
//	branch REPO NAME REVISION        make or move a branch
//	tag REPO NAME REVISION           make or move a tag
//	fork REPO DIR MESSAGE            commit DIR where no branch or tag leads to it; sets $FORK
//	exit CODE packsync ARG…          run packsync and want this exit code
//	remember NAME PATH…              note names, content, modes and times below PATH
//	untouched NAME                   want them to be the same now
//	stackstorm KEY                   start the test double, or change the API key it wants
//	calls WANT…                      want exactly these register and unload calls since the last
//	disabled WANT…                   want exactly these objects of the test double to be disabled
//	asked N                          want exactly N reading requests since the last calls
//	behind lose COLLECTION REF       let StackStorm forget something by itself; more in behind
//	faulty [METHOD PATH GOOD]        let StackStorm fail such requests after some good ones; heal it
//	has PACK COLLECTION [NAME…]      want exactly these objects of a pack in StackStorm
//	byhand PACK TYPE                 have somebody else register what lies on disk
//	pypi NAME=VERSION…               serve these wheels; sets $PIP_INDEX_URL
//	await REGEXP FILE                wait until the file matches
//	fail STATUS                      the git server answers everything with this status; 0 heals it
//	requests N                       want exactly N requests to the git server since the last
//	agree DIR CODE packsync ARG…     run packsync twice from the same DIR: text, JSON, digest and code agree
func TestScript(t *testing.T) {
	testenv.Need(t, "git")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") == "1",
		Condition: func(name string) (bool, error) {
			if name == "venv" {
				return canBuildVenvs()
			}
			if tool, is := strings.CutPrefix(name, "tool:"); is {
				return hasTool(tool)
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"commit": commit, "branch": branch, "tag": tag, "fork": fork, "exit": exit, "remember": remember, "untouched": untouched,
			"stackstorm": stackstorm, "calls": calls, "disabled": disabled, "asked": asked, "behind": behind, "fail": fail, "await": awaitText, "requests": requests, "pypi": pypi, "agree": agree,
			"faulty": faulty, "has": has, "byhand": byhand,
		},
	})
}

// world is what a script has besides its files.
type world struct {
	repos    string
	git      *gittest.Server
	memories map[string]string
	double   *double
	proxy    *gittest.Proxy
}

type worldKey struct{}

func setup(env *testscript.Env) error {
	w := &world{repos: filepath.Join(env.WorkDir, ".repos"), memories: map[string]string{}}
	if err := os.Mkdir(w.repos, 0o755); err != nil {
		return err
	}
	server, err := gittest.StartHTTP(w.repos, false)
	if err != nil {
		return err
	}
	env.Defer(server.Close)
	w.git = server
	env.Values[worldKey{}] = w
	env.Setenv("GIT", server.URL)
	env.Setenv("PACKSYNC_VAR_git", server.URL)
	env.Setenv("PACKSYNC_VAR_api_key", "secret-api-key")
	env.Setenv("PACKSYNC_CACHE_DIR", filepath.Join(env.WorkDir, ".cache"))
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("NO_COLOR", "1")
	repo, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	env.Setenv("REPO", repo)
	return nil
}

func worldOf(ts *testscript.TestScript) *world {
	w, ok := ts.Value(worldKey{}).(*world)
	if !ok {
		ts.Fatalf("the script has no world")
	}
	return w
}

func commit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: commit REPO DIR MESSAGE [TAG…]")
	}
	dir := filepath.Join(worldOf(ts).repos, args[0]+".git")
	repo := &gittest.Repo{Dir: dir}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		made, err := gittest.Init(dir)
		ts.Check(err)
		repo = made
	}
	_, err := repo.Commit("main", "", args[2], filesBelow(ts, args[1]))
	ts.Check(err)
	for _, tag := range args[3:] {
		ts.Check(repo.Tag(tag, "main"))
	}
}

func filesBelow(ts *testscript.TestScript, dir string) gittest.Files {
	files := gittest.Files{}
	root := ts.MkAbs(dir)
	ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.HasSuffix(name, ".sh") {
			name += "*"
		}
		files[filepath.ToSlash(name)] = string(data)
		return err
	}))
	return files
}

func tag(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: tag REPO NAME REVISION")
	}
	repo := &gittest.Repo{Dir: filepath.Join(worldOf(ts).repos, args[0]+".git")}
	ts.Check(repo.Tag(args[1], args[2]))
}

// fork makes a commit as a forge has those of forks: the server gives it out, and
// nothing of the repository leads to it.
func fork(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: fork REPO DIR MESSAGE")
	}
	repo := &gittest.Repo{Dir: filepath.Join(worldOf(ts).repos, args[0]+".git")}
	id, err := repo.Commit("fork", "main", args[2], filesBelow(ts, args[1]))
	ts.Check(err)
	for _, command := range [][]string{
		{"update-ref", "refs/pull/1/head", id}, {"update-ref", "-d", "refs/heads/fork"}, {"config", "uploadpack.allowAnySHA1InWant", "true"},
	} {
		_, err := gittest.Git(repo.Dir, nil, command...)
		ts.Check(err)
	}
	ts.Setenv("FORK", id)
}

func branch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: branch REPO NAME REVISION")
	}
	repo := &gittest.Repo{Dir: filepath.Join(worldOf(ts).repos, args[0]+".git")}
	ts.Check(repo.Branch(args[1], args[2]))
}

func fail(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fail STATUS")
	}
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	var settings gittest.Settings
	if status != 0 {
		settings.Fault = func(int, *http.Request) *gittest.Fault { return &gittest.Fault{Status: status} }
	}
	worldOf(ts).git.Configure(settings)
}

func requests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: requests N")
	}
	if all := worldOf(ts).git.Requests(); fmt.Sprint(len(all)) != args[0] {
		ts.Fatalf("%d requests, want %s: %v", len(all), args[0], all)
	}
}

// exit runs packsync and wants an exact exit code: which one it is, is part of
// the contract.
func exit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE packsync ARG…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var status interface{ ExitCode() int }
	if errors.As(err, &status) {
		code = status.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func remember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: remember NAME PATH…")
	}
	var paths []string
	for _, arg := range args[1:] {
		paths = append(paths, ts.MkAbs(arg))
	}
	w := worldOf(ts)
	w.memories[args[0]] = picture(ts, paths)
	w.memories[args[0]+" paths"] = strings.Join(paths, "\n")
}

func untouched(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: untouched NAME")
	}
	w := worldOf(ts)
	now := picture(ts, strings.Split(w.memories[args[0]+" paths"], "\n"))
	if now == w.memories[args[0]] {
		return
	}
	before, after := strings.Split(w.memories[args[0]], "\n"), strings.Split(now, "\n")
	var diff []string
	for _, line := range before {
		if !slices.Contains(after, line) {
			diff = append(diff, "- "+line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			diff = append(diff, "+ "+line)
		}
	}
	ts.Fatalf("something was touched:\n%s", strings.Join(diff, "\n"))
}

// picture describes everything below paths: name, mode, owner, size, content,
// inode and change time, which no writer can avoid changing. The holder line of
// the run lock is the one exception that promise 3 makes.
func picture(ts *testscript.TestScript, paths []string) string {
	var lines []string
	for _, root := range paths {
		ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && path == root {
				lines = append(lines, path+" is not there")
				return nil
			}
			if err != nil || strings.HasSuffix(path, ".packsync/lock") || strings.HasSuffix(path, ".packsync/index") {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			line := fmt.Sprintf("%s %v", path, info.Mode())
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				line += fmt.Sprintf(" inode %d changed %d.%d", stat.Ino, stat.Ctim.Sec, stat.Ctim.Nsec)
			}
			if info.Mode().IsRegular() {
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				line += fmt.Sprintf(" %x", sha256.Sum256(data))
			}
			if strings.HasSuffix(path, ".packsync") {
				line = path // the index is a cache and may be renewed in it
			}
			lines = append(lines, line)
			return nil
		}))
	}
	return strings.Join(lines, "\n")
}
