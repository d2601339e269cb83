package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/testenv"
)

// built is the real program, built once for the tests of this process: main with
// its signals is not reached otherwise.
var built = struct {
	once sync.Once
	dir  string
	err  error
}{}

// tests are all tests of this process, with what they share to clean up.
type tests struct{ *testing.M }

func (t tests) Run() int {
	code := t.M.Run()
	if built.dir != "" {
		if err := os.RemoveAll(built.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// binary returns the path of the real program.
func binary(t *testing.T) string {
	t.Helper()
	testenv.Need(t, "go")
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "packsync-binary-"); built.err != nil {
			return
		}
		if built.err = os.Chmod(built.dir, 0o755); built.err != nil { // other users run it too
			return
		}
		// The overlay is a mutant of the product that the tests are to catch
		// (internal/reconcile/mutants_test.go).
		out, err := exec.Command("go", "build", "-overlay", os.Getenv("PACKSYNC_TEST_OVERLAY"), "-o", filepath.Join(built.dir, "packsync"), ".").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "packsync")
}

// box is a StackStorm root with a declaration, for the real program.
type box struct {
	t   *testing.T
	dir string
	env []string
}

func newBox(t *testing.T, dir string) *box {
	s := &box{t: t, dir: dir}
	s.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "NO_COLOR=1", "PACKSYNC_CACHE_DIR=" + filepath.Join(dir, "cache")}
	for _, name := range []string{"root/packs", "root/configs"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *box) path(name string) string { return filepath.Join(s.dir, name) }

func (s *box) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	write(s.t, s.path(name), text)
}

// pack writes a directory source with one version of a pack.
func (s *box) pack(ref, version string) {
	s.write("sources/"+ref+"/pack.yaml", fmt.Sprintf("ref: %s\nname: %s\nversion: %s\ndescription: d\nauthor: a\nemail: a@example.com\n", ref, ref, version))
	s.write("sources/"+ref+"/actions/run.sh", "#!/bin/sh\necho "+version+"\n")
	s.write("sources/"+ref+"/actions/run.yaml", "name: run\nrunner_type: local-shell-script\nentry_point: run.sh\n")
}

// declare writes packs.hcl; registration is its block, "" for none.
func (s *box) declare(registration string, blocks ...string) {
	if registration == "" {
		registration = `registration "none" {}`
	}
	s.write("packs.hcl", fmt.Sprintf("stackstorm {\n  root  = %q\n  group = \"\"\n  %s\n}\n%s\n", s.path("root"), registration, strings.Join(blocks, "\n")))
}

func packBlock(ref string, more ...string) string {
	return fmt.Sprintf("pack %q {\n  source = \"./sources/%s\"\n  virtualenv = false\n  %s\n}", ref, ref, strings.Join(more, "\n  "))
}

// process is a run of the real program.
type process struct {
	*exec.Cmd
	out, err bytes.Buffer
	ended    chan struct{}
}

// start runs the program; wrapper, if any, is the command line that it becomes
// the arguments of.
func (s *box) start(wrapper []string, args ...string) *process {
	s.t.Helper()
	p := s.prepare(wrapper, args...)
	p.launch(s.t)
	return p
}

func (s *box) prepare(wrapper []string, args ...string) *process {
	argv := append(append(append([]string{}, wrapper...), binary(s.t)), args...)
	p := &process{Cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.Dir, p.Env = s.dir, s.env
	p.Stdout, p.Stderr = &p.out, &p.err
	return p
}

func (p *process) launch(t *testing.T) {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		var exit *exec.ExitError
		if err := p.Wait(); err != nil && !errors.As(err, &exit) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill() // it ended as a rule
		<-p.ended
	})
}

// exit waits for the end and returns the exit code, or 128 and the signal.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		t.Fatalf("it does not end\n%s%s", p.out.String(), p.err.String())
	}
	if status := p.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return p.ProcessState.ExitCode()
}

// run runs the program to its end and returns the exit code and what it said.
func (s *box) run(args ...string) (int, string) {
	s.t.Helper()
	p := s.start(nil, args...)
	code := p.exit(s.t)
	return code, p.out.String() + p.err.String()
}

// mustRun wants an exit code.
func (s *box) mustRun(want int, args ...string) {
	s.t.Helper()
	if code, said := s.run(args...); code != want {
		s.t.Fatalf("packsync %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, said)
	}
}
