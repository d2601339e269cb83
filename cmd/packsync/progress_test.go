package main

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/ptytest"
)

// onTerminal starts the program on a terminal and returns what that shows.
func (s *box) onTerminal(env []string, columns int, args ...string) (*process, *ptytest.Screen, func(columns int)) {
	s.t.Helper()
	terminal, peer := ptytest.Open(s.t, columns, 24)
	screen := ptytest.NewScreen(columns, 24)
	p := s.prepare(nil, args...)
	p.Env = append(p.Env, env...)
	p.Stdin, p.Stdout, p.Stderr = peer, peer, peer
	p.launch(s.t)
	peer.Close()
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := terminal.Read(buf)
			screen.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	s.t.Cleanup(func() { <-read })
	return p, screen, func(columns int) {
		screen.Resize(columns, 24)
		ptytest.Resize(s.t, terminal, columns, 24)
	}
}

func textOf(t *testing.T, screen *ptytest.Screen) string {
	t.Helper()
	text, err := screen.Text()
	if err != nil {
		t.Error(err)
	}
	return text
}

// slowServer serves two packs. The fetch of one hangs.
func (s *box) slowServer() {
	repos := s.path("repos")
	server := gittest.ServeHTTPRepos(s.t, repos)
	var blocks []string
	for _, ref := range []string{"quick", "slow"} {
		gittest.New(s.t, repos, ref+".git").Commit("main", "One", gittest.Files{"pack.yaml": fmt.Sprintf("{ref: %s, name: %s, version: 1.0.0, description: d, author: a, email: a@example.com}\n", ref, ref)})
		blocks = append(blocks, fmt.Sprintf("pack %q {\n  source = %q\n  virtualenv = false\n}", ref, server.URL+"/"+ref+".git"))
	}
	s.declare("", blocks...)
	server.Configure(gittest.Settings{Fault: func(_ int, r *http.Request) *gittest.Fault {
		if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/slow") {
			return &gittest.Fault{Hang: true}
		}
		return nil
	}})
}

// TestProgressOnATerminal watches a fetch that hangs on a real terminal, in windows
// of several widths, and interrupts it: nothing of the progress stays.
func TestProgressOnATerminal(t *testing.T) {
	s := newBox(t, t.TempDir())
	s.slowServer()
	p, screen, resize := s.onTerminal([]string{"TERM=xterm", "CI="}, 80, "apply", "--auto-approve")
	shows := func(columns int, parts ...string) {
		poll(t, fmt.Sprintf("%d columns show %q", columns, parts), func() bool {
			text := textOf(t, screen)
			for _, part := range parts {
				if !strings.Contains(text, part) {
					return false
				}
			}
			return true
		})
	}
	shows(80, "resolve  1 pack done  ", "slow  receiving")
	resize(40)
	shows(40, "slow  receiving   1.")
	resize(12)
	shows(12, "\n  slow")
	resize(200)
	shows(200, "slow  receiving   2.")
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	poll(t, "the error is printed", func() bool { return strings.Contains(textOf(t, screen), "stopped before") })
	if text := textOf(t, screen); !strings.HasPrefix(text, "Error: stopped before anything was changed") || strings.Contains(text, "receiving") {
		t.Errorf("the terminal shows\n%s", text)
	}
	if n := screen.Wrapped(); n > 1 { // the error is longer than some windows
		t.Errorf("%d lines went on in the next row", n)
	}
}

// TestNoProgress: a terminal that CI gives its jobs, and one that cannot move its
// cursor, get plain lines.
func TestNoProgress(t *testing.T) {
	for _, env := range [][]string{{"TERM=xterm", "CI=true"}, {"TERM=dumb", "CI="}} {
		t.Run(strings.Join(env, " "), func(t *testing.T) {
			s := newBox(t, t.TempDir())
			s.slowServer()
			p, screen, _ := s.onTerminal(env, 80, "apply", "--auto-approve")
			poll(t, "the quick one is done", func() bool { return strings.Contains(textOf(t, screen), "resolve quick: done") })
			if err := p.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			p.exit(t)
			poll(t, "the error is printed", func() bool { return strings.Contains(textOf(t, screen), "stopped before") })
			if text := textOf(t, screen); strings.Contains(text, "receiving") {
				t.Errorf("the terminal shows\n%s", text)
			}
		})
	}
}
