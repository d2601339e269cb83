package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/ptytest"
	"github.com/packsync/packsync/internal/st2/st2test"
	"github.com/packsync/packsync/internal/testenv"
)

// await waits for something that happens in another process.
func await(t *testing.T, what string, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(time.Minute):
		t.Fatalf("waited a minute for %s", what)
	}
}

// poll asks until the answer is yes.
func poll(t *testing.T, what string, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !yes(); {
		if time.Now().After(end) {
			t.Fatalf("waited a minute until %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestSignalBeforeTheIntent sends SIGINT or SIGTERM while a git server says
// nothing: everything is taken back, and a plain sentence says so.
func TestSignalBeforeTheIntent(t *testing.T) {
	for signal, name := range map[syscall.Signal]string{syscall.SIGINT: "interrupt", syscall.SIGTERM: "terminated"} {
		t.Run(name, func(t *testing.T) {
			s := newBox(t, t.TempDir())
			repos := s.path("repos")
			server := gittest.ServeHTTPRepos(t, repos)
			gittest.New(t, repos, "a.git").Commit("main", "One", gittest.Files{"pack.yaml": "{ref: a, name: a, version: 1.0.0, description: d, author: a, email: a@example.com}\n"})
			s.declare("", fmt.Sprintf("pack \"a\" {\n  source = %q\n  virtualenv = false\n}", server.URL+"/a.git"))
			asked := make(chan struct{}, 100)
			server.Configure(gittest.Settings{Fault: func(n int, _ *http.Request) *gittest.Fault {
				if n < 2 {
					return nil // the list of refs; the fetch hangs
				}
				asked <- struct{}{}
				return &gittest.Fault{Hang: true}
			}})
			p := s.start(nil, "apply", "--auto-approve")
			await(t, "the fetch", asked)
			if err := p.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if code := p.exit(t); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if want := "Error: stopped before anything was changed ("; !strings.Contains(p.err.String(), want) || !strings.Contains(p.err.String(), name) {
				t.Errorf("it says %q, want %q and %q", p.err.String(), want, name)
			}
			s.untouched("packs.lock.json", "root/packs/a", "root/.packsync/stage", "root/.packsync/journal", "root/.packsync/state.json")
			server.Configure(gittest.Settings{})
			s.mustRun(0, "apply", "--auto-approve")
		})
	}
}

func (s *box) untouched(names ...string) {
	s.t.Helper()
	for _, name := range names {
		if _, err := os.Lstat(s.path(name)); !os.IsNotExist(err) {
			s.t.Errorf("%s is there (%v)", name, err)
		}
	}
}

// TestSignalAfterTheIntent sends a signal while StackStorm says nothing, first to
// a registration, then to an unload: the files are finished, what StackStorm
// could not be told is pending, and the next apply tells it.
func TestSignalAfterTheIntent(t *testing.T) {
	s := newBox(t, t.TempDir())
	double, url := st2test.Start(t, st2test.Options{BasePaths: []string{s.path("root/packs")}, ConfigsDir: s.path("root/configs"), OverridesDir: s.path("root/overrides")})
	registration := fmt.Sprintf("registration \"api\" {\n    url = %q\n  }", url)
	interrupt := func(path string) {
		t.Helper()
		asked := make(chan struct{}, 100)
		double.Inject(st2test.Fault{Path: path, Hang: true, Meanwhile: func() { asked <- struct{}{} }})
		p := s.start(nil, "apply", "--auto-approve", "--allow-removals=1")
		await(t, "a call to StackStorm", asked)
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := p.exit(t); code != 6 {
			t.Errorf("exit code %d, want 6", code)
		}
		if said := p.out.String() + p.err.String(); !strings.Contains(said, "pending") || !strings.Contains(said, "stopped before StackStorm had answered") || strings.Contains(said, "context canceled") {
			t.Errorf("it says %q", said)
		}
		double.Heal()
	}
	for _, ref := range []string{"a", "b"} {
		s.pack(ref, "1.0.0")
	}
	s.declare(registration, packBlock("a"), packBlock("b"))
	interrupt("/v1/packs/register")
	for _, name := range []string{"root/packs/a/pack.yaml", "root/packs/b/pack.yaml"} {
		if _, err := os.Stat(s.path(name)); err != nil {
			t.Error(err)
		}
	}
	s.mustRun(0, "apply", "--auto-approve")
	if known := strings.Join(double.Refs("actions"), " "); !strings.Contains(known, "a.run") || !strings.Contains(known, "b.run") {
		t.Errorf("StackStorm knows the actions %s", known)
	}

	s.declare(registration, packBlock("a"))
	interrupt("/v1/executions")
	if _, err := os.Stat(s.path("root/packs/b/pack.yaml")); err != nil {
		t.Errorf("the files went before StackStorm was told: %v", err)
	}
	s.mustRun(0, "apply", "--auto-approve", "--allow-removals=1")
	s.untouched("root/packs/b")
	s.mustRun(0, "apply", "--auto-approve", "--detailed-exitcode")
}

// TestSecondSignalKills fills the pipe that the program writes to, so that it
// hangs where no context reaches. The first signal cannot end it; one more does.
func TestSecondSignalKills(t *testing.T) {
	s := newBox(t, t.TempDir())
	s.declare("")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	fill(t, writer)
	p := s.prepare(nil, "plan")
	p.Stdout = writer
	p.launch(t)
	poll(t, "it writes", func() bool { return isWriting(t, p.Process.Pid) })
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	poll(t, "a second signal ends it", func() bool {
		select {
		case <-p.ended:
			return true
		default:
			_ = p.Process.Signal(syscall.SIGINT) // it may have ended this moment
			return false
		}
	})
	writer.Close()
	if code := p.exit(t); code != 128+int(syscall.SIGINT) {
		t.Errorf("exit code %d, want death by SIGINT", code)
	}
}

// fill writes to a pipe until nothing more fits.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	fd := int(pipe.Fd()) // makes it block again for whoever inherits it
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{4096, 1} {
		for {
			if _, err := unix.Write(fd, make([]byte, size)); err == unix.EAGAIN {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
}

// isWriting reports whether some thread of a process waits in write(1, …).
func isWriting(t *testing.T, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range threads {
		call, err := os.ReadFile(path)
		if os.IsPermission(err) {
			testenv.Skip(t, "needs to see what another process waits for: "+err.Error())
		}
		if strings.HasPrefix(string(call), strconv.Itoa(unix.SYS_WRITE)+" 0x1 ") {
			return true
		}
	}
	return false
}

// TestSignalAtTheQuestion interrupts the program while it waits for a person.
func TestSignalAtTheQuestion(t *testing.T) {
	s := newBox(t, t.TempDir())
	s.pack("a", "1.0.0")
	s.declare("", packBlock("a"))
	terminal, peer := ptytest.Open(t, 80, 24)
	p := s.prepare(nil, "apply")
	p.Stdin, p.Stdout, p.Stderr = peer, peer, peer
	p.launch(t)
	peer.Close()
	said := make(chan string, 1)
	asked := make(chan struct{})
	go func() {
		var all strings.Builder
		buf := make([]byte, 4096)
		for open := true; ; {
			n, err := terminal.Read(buf)
			all.Write(buf[:n])
			if open && strings.Contains(all.String(), "Only yes is taken") {
				close(asked)
				open = false
			}
			if err != nil {
				said <- all.String()
				return
			}
		}
	}()
	await(t, "the question", asked)
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if text := <-said; !strings.Contains(text, "stopped before anything was changed") {
		t.Errorf("it says %q", text)
	}
	s.untouched("root/packs/a", "packs.lock.json")
}
