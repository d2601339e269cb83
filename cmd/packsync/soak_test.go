package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/st2/st2test"
)

// soak is a host whose operators have a bad day.
type soak struct {
	*box
	st2    *st2test.Server
	git    *gittest.Server
	watch  *process
	rand   *rand.Rand
	packs  string // the declaration, when it is right
	level  int
	edits  int
	events map[string]int
}

// TestSoak runs watch through edits, mistakes, dead remotes, outages of StackStorm,
// and kills: what was valid ends up registered, and a process that goes on needs
// no more of anything at the end than at the beginning. It takes five seconds;
// PACKSYNC_SOAK=30m is the long form.
func TestSoak(t *testing.T) {
	length := 5 * time.Second
	if text := os.Getenv("PACKSYNC_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	s := newSoak(t)
	s.restart()
	s.edit("lab.yaml", "lab")
	troubles := []struct {
		name  string
		cause func()
	}{
		{"broken declaration", s.breakDeclaration}, {"dead remote", s.deadRemote}, {"outage", s.outage}, {"burst", s.burst},
	}
	began := time.Now()
	for time.Since(began) < length*2/5 { // processes that do not live long
		trouble := troubles[s.rand.IntN(len(troubles))]
		s.events[trouble.name]++
		trouble.cause()
		s.kill()
		s.edit("lab.yaml", "lab")
	}
	s.restart()
	for range 10 { // warm
		s.edit("lab.yaml", "lab")
	}
	before := s.figures()
	for time.Since(began) < length { // one that does
		trouble := troubles[s.rand.IntN(len(troubles))]
		s.events[trouble.name]++
		trouble.cause()
		s.edit("lab.yaml", "lab")
		s.edit("root/configs/den.yaml", "den")
	}
	after := s.figures()
	t.Logf("%s, %d edits, all registered; %v", length, s.edits, s.events)
	for name, most := range map[string]float64{"go_goroutines": before["go_goroutines"] + 3, "process_open_fds": before["process_open_fds"] + 3, "process_resident_memory_bytes": before["process_resident_memory_bytes"]*1.25 + 24<<20} {
		t.Logf("%s: %.0f, then %.0f", name, before[name], after[name])
		if after[name] > most || after[name] == 0 {
			t.Errorf("%s grew from %.0f to %.0f", name, before[name], after[name])
		}
	}
}

func newSoak(t *testing.T) *soak {
	dir := t.TempDir()
	s := &soak{box: newBox(t, dir), rand: rand.New(rand.NewPCG(1, 2)), events: map[string]int{}}
	s.st2 = st2test.New(st2test.Options{BasePaths: []string{s.path("root/packs")}, ConfigsDir: s.path("root/configs"), OverridesDir: s.path("root/overrides")})
	api := httptest.NewServer(s.st2)
	t.Cleanup(api.Close)
	repos := t.TempDir()
	tool := gittest.New(t, repos, "tool.git")
	tool.Commit("main", "one", gittest.Files{"pack.yaml": "ref: tool\nname: tool\nversion: 1.0.0\ndescription: d\nauthor: a\nemail: a@example.com\n"})
	tool.Tag("v1.0.0", "main")
	s.git = gittest.ServeHTTPRepos(t, repos)
	for _, ref := range []string{"lab", "den"} {
		s.pack(ref, "1.0.0")
		s.box.write("sources/"+ref+"/config.schema.yaml", "level:\n  type: integer\n")
	}
	s.box.write("lab.yaml", "level: 0\n")
	s.declare(fmt.Sprintf("registration \"api\" { url = %q }", api.URL), packBlock("lab", `config_file = "./lab.yaml"`), packBlock("den"),
		fmt.Sprintf("pack \"tool\" {\n  source = \"%s/tool.git\"\n  version = \"~> 1.0\"\n  virtualenv = false\n}", s.git.URL))
	data, err := os.ReadFile(s.path("packs.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	s.packs = string(data)
	return s
}

// save replaces a file as editors do.
func (s *soak) save(name, text string) {
	s.t.Helper()
	s.box.write(name+"~", text)
	if err := os.Rename(s.path(name+"~"), s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *soak) restart() {
	s.t.Helper()
	if s.watch != nil {
		if err := s.watch.Process.Signal(syscall.SIGTERM); err != nil {
			s.t.Fatal(err)
		}
		if code := s.watch.exit(s.t); code != 0 {
			s.t.Fatalf("watch ended with %d\n%s", code, s.watch.err.String())
		}
	}
	s.watch = s.start(nil, "watch", "--auto-approve", "--interval", "1s", "--sweep", "3s", "--listen", "unix:"+s.path("sock"))
}

// kill ends watch wherever it is.
func (s *soak) kill() {
	s.t.Helper()
	if err := s.watch.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	<-s.watch.ended
	s.watch = nil
	s.restart()
}

// edit changes a config and wants StackStorm to have it.
func (s *soak) edit(file, ref string) {
	s.t.Helper()
	s.level++
	s.edits++
	s.save(file, fmt.Sprintf("level: %d\n", s.level))
	want := strconv.Itoa(s.level)
	poll(s.t, "the edit of "+file+" is registered", func() bool {
		return fmt.Sprint(s.st2.Config(ref)["level"]) == want
	})
}

func (s *soak) breakDeclaration() {
	s.save("packs.hcl", s.packs[:s.rand.IntN(len(s.packs))])
	s.pause()
	s.save("packs.hcl", s.packs)
}

func (s *soak) deadRemote() {
	s.git.Configure(gittest.Settings{Fault: func(int, *http.Request) *gittest.Fault { return &gittest.Fault{Status: 503} }})
	s.pause()
	s.git.Configure(gittest.Settings{})
}

func (s *soak) outage() {
	s.st2.Inject(st2test.Fault{Path: "/v1", Status: 403, Body: `{"faultstring": "not now"}`})
	s.level++
	s.save("lab.yaml", fmt.Sprintf("level: %d\n", s.level))
	s.pause()
	s.st2.Heal()
}

func (s *soak) burst() {
	for i := range 1000 {
		s.save("sources/den/notes.txt", strconv.Itoa(i))
	}
}

// pause lets watch see what is wrong, or not.
func (s *soak) pause() {
	<-time.NewTimer(time.Duration(s.rand.IntN(600)) * time.Millisecond).C
}

// figures asks watch what it needs.
func (s *soak) figures() map[string]float64 {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.dir, "sock"))
		},
	}}
	resp, err := client.Get("http://localhost/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	out := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok {
			if n, err := strconv.ParseFloat(value, 64); err == nil {
				out[name] = n
			}
		}
	}
	return out
}
