package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/testenv"
)

var realPacks = []string{
	"ansible", "aoscx", "check_mk", "cloudflare", "cohesity", "consul", "docker", "elasticsearch", "email", "git", "github", "jenkins", "jira",
	"kafka", "msexchange", "nagios", "napalm", "nexus3", "rabbitmq", "reviewboard", "sensu", "terraform", "trello", "vault", "zabbix",
}

// TestKillLoopOfRealPacks installs 25 real packs and then updates them, and kills
// each run with SIGKILL after a little longer than the one before, until one gets
// to its end. Whatever is visible is whole at every kill; then one apply, and then
// nothing to do.
func TestKillLoopOfRealPacks(t *testing.T) {
	testenv.Need(t, "tar", "cp", "diff")
	corpus := filepath.Join(testenv.Shared(t), "corpus", "exchange-packs.tar.gz")
	x := newBox(t, shm(t))
	unpacked := shm(t)
	if out, err := exec.Command("tar", "-xzf", corpus, "-C", unpacked).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var blocks []string
	for _, ref := range realPacks {
		versions, err := filepath.Glob(filepath.Join(unpacked, "packs", ref, "*"))
		if err != nil || len(versions) == 0 {
			t.Fatalf("the corpus has no pack %s (%v)", ref, err)
		}
		copyDir(t, versions[0], x.path("sources/"+ref))
		blocks = append(blocks, packBlock(ref))
	}
	x.declare("", blocks...)
	old := shm(t) + "/none"
	kills := x.killLoop(old)
	old = filepath.Join(shm(t), "old")
	copyDir(t, x.path("sources"), old)
	for _, ref := range realPacks {
		x.write("sources/"+ref+"/actions/new.yaml", "name: new\nrunner_type: local-shell-cmd\nentry_point: ''\n")
	}
	kills += x.killLoop(old)
	t.Logf("figures: %d kills of an apply of %d real packs", kills, len(realPacks))
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// killLoop kills applies until one ends by itself; old holds the sources of what
// was installed before.
func (s *box) killLoop(old string) (kills int) {
	s.t.Helper()
	step := 40 * time.Millisecond
	if longRun() {
		step = 3 * time.Millisecond
	}
	for delay := step; ; delay += step {
		p := s.start(nil, "apply", "--auto-approve")
		select {
		case <-p.ended:
		case <-time.After(delay):
			_ = p.Process.Signal(syscall.SIGKILL) // it may have ended this moment
		}
		code := p.exit(s.t)
		s.wholePacks(old)
		if code == 0 {
			break
		}
		if code != 128+int(syscall.SIGKILL) {
			s.t.Fatalf("after %d kills an apply ends with %d\n%s%s", kills, code, p.out.String(), p.err.String())
		}
		kills++
	}
	s.mustRun(0, "apply", "--auto-approve", "--detailed-exitcode")
	for _, ref := range realPacks {
		if !s.same(s.path("root/packs/"+ref), s.path("sources/"+ref)) {
			s.t.Errorf("%s is not as declared", ref)
		}
	}
	return kills
}

// wholePacks wants every visible pack to be the old or the new one.
func (s *box) wholePacks(old string) {
	s.t.Helper()
	entries, err := os.ReadDir(s.path("root/packs"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		dir := s.path("root/packs/" + e.Name())
		if !slices.Contains(realPacks, e.Name()) {
			if !strings.HasPrefix(e.Name(), ".packsync-") {
				s.t.Errorf("%s is not of the declaration", dir)
			}
			continue
		}
		if !s.same(dir, s.path("sources/"+e.Name())) && !s.same(dir, filepath.Join(old, e.Name())) {
			s.t.Fatalf("%s is neither the old nor the new pack", dir)
		}
	}
	if _, err := os.Stat(old); err == nil && len(entries) < len(realPacks) {
		s.t.Fatalf("only %d packs are there while they are updated", len(entries))
	}
}

// same compares two directories file by file; empty directories, and bytecode,
// which packsync does not install, do not count.
func (s *box) same(a, b string) bool {
	return exec.Command("diff", "-rq", "-x", "*.pyc", "-x", "__pycache__", "-x", ".git", a, b).Run() == nil
}
