package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/tree"
)

// host is a StackStorm root and a declaration of plain directories in one folder.
type host struct {
	t   *testing.T
	dir string
}

func newHost(t *testing.T) *host {
	h := &host{t: t, dir: ramDir(t)}
	h.mkdir("root")
	return h
}

// ramDir is a temporary directory in memory where there is one: thousands of
// syncs to a real disk would take minutes and prove nothing more.
func ramDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "packsync-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

func (h *host) mkdir(name string) {
	if err := os.MkdirAll(h.path(name), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) write(name, text string) {
	h.mkdir(filepath.Dir(name))
	if err := os.WriteFile(h.path(name), []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// pack writes a directory source with one version of a pack.
func (h *host) pack(ref, version string) {
	h.write("packs/"+ref+"/pack.yaml", fmt.Sprintf("ref: %s\nname: %s\nversion: %s\ndescription: d\nauthor: a\nemail: a@example.com\n", ref, ref, version))
	h.write("packs/"+ref+"/actions/run.sh", "#!/bin/sh\necho "+version+"\n")
	h.write("packs/"+ref+"/actions/run.yaml", "name: run\nrunner_type: local-shell-script\nentry_point: run.sh\n")
}

// declare writes packs.hcl over the given pack blocks.
func (h *host) declare(blocks ...string) {
	h.write("packs.hcl", fmt.Sprintf("packsync {\n  name = \"crash\"\n}\nstackstorm {\n  root  = %q\n  group = \"\"\n}\n%s\n", h.path("root"), strings.Join(blocks, "\n")))
}

func (h *host) options() Options {
	return Options{
		Config:   config.Request{File: h.path("packs.hcl"), Mode: config.Full, Version: "0.1.0"},
		LockFile: h.path("packs.lock.json"), AllowRemovals: -1, Version: "0.1.0",
	}
}

func (h *host) apply(disk safefs.Disk) (*Applied, error) {
	opts := h.options()
	opts.Disk = disk
	return Apply(context.Background(), opts, Callbacks{})
}

// save and restore copy the whole folder, links, modes and times included.
func (h *host) save(to string) {
	if out, err := exec.Command("cp", "-a", h.dir+"/.", to).CombinedOutput(); err != nil {
		h.t.Fatalf("save: %v\n%s", err, out)
	}
}

func (h *host) restore(from string) {
	if err := os.RemoveAll(h.dir); err != nil {
		h.t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", from, h.dir).CombinedOutput(); err != nil {
		h.t.Fatalf("restore: %v\n%s", err, out)
	}
}

// content returns the content digest of an installed pack, "" if it is not there.
func (h *host) content(ref string) string {
	h.t.Helper()
	dir := h.path("root/packs/" + ref)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	t, err := tree.ReadDir(context.Background(), dir)
	if err != nil {
		h.t.Fatalf("read the visible pack %s: %v", ref, err)
	}
	m, err := tree.HashOf(t)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(m.Content())
}

func (h *host) config(ref string) string {
	data, err := os.ReadFile(h.path("root/configs/" + ref + ".yaml"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.t.Fatal(err)
	}
	return string(data)
}

// everywhere reports whether some file below the root holds text.
func (h *host) everywhere(text string) bool {
	found := false
	err := filepath.WalkDir(h.path("root"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		found = found || strings.Contains(string(data), text)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

var refsInScenario = []string{"fresh", "old", "edited", "gone", "moved", "same"}

// crashHost is a host at the point before an apply, with what is visible then and
// after an undisturbed apply.
type crashHost struct {
	*host
	saved                     string
	before, after             map[string]string
	beforeConfig, afterConfig string
}

// scenario brings a host to the point where one apply installs, updates,
// configures, repairs an edited pack, and removes one.
func scenario(t *testing.T) *crashHost {
	h := &crashHost{host: newHost(t), before: map[string]string{}, after: map[string]string{}}
	block := func(ref, more string) string {
		return fmt.Sprintf("pack %q {\n  source = \"./packs/%s\"\n  virtualenv = false\n%s}", ref, ref, more)
	}
	for _, ref := range []string{"old", "edited", "gone", "same"} {
		h.pack(ref, "1.0.0")
	}
	h.declare(block("old", "  config = { level = 1 }\n"), block("edited", ""), block("gone", ""), block("same", ""))
	if _, err := h.apply(nil); err != nil {
		t.Fatalf("first apply: %v", err)
	}
	h.pack("fresh", "1.0.0")
	h.pack("old", "2.0.0")
	h.write("root/packs/edited/actions/run.sh", "#!/bin/sh\necho somebody's work\n")
	h.declare(block("old", "  config = { level = 2 }\n"), block("edited", "  on_drift = \"repair\"\n"), block("same", ""), block("fresh", "  depends_on = [pack.old]\n"))

	for _, ref := range refsInScenario {
		h.before[ref] = h.content(ref)
	}
	h.beforeConfig = h.config("old")
	h.saved = ramDir(t)
	h.save(h.saved)
	if _, err := h.apply(nil); err != nil {
		t.Fatalf("undisturbed apply: %v", err)
	}
	for _, ref := range refsInScenario {
		h.after[ref] = h.content(ref)
	}
	h.afterConfig = h.config("old")
	if h.before["old"] == h.after["old"] || h.before["edited"] == h.after["edited"] || h.after["gone"] != "" || h.after["fresh"] == "" || h.beforeConfig == h.afterConfig {
		t.Fatalf("the scenario does not do what it is for: %v → %v", h.before, h.after)
	}
	h.restore(h.saved)
	return h
}

var errStopped = errors.New("stopped here by the test")

// stopAt makes a disk on which the run ends before step n: every later step fails
// too, as after a kill.
func stopAt(n int) (safefs.Disk, *atomic.Int64) {
	var count atomic.Int64 // packs are staged side by side
	return safefs.WithHook(safefs.OS(), func(safefs.Step) error {
		if count.Add(1) >= int64(n) && n > 0 {
			return errStopped
		}
		return nil
	}), &count
}

// TestStopAtEveryStep stops an apply before each of its steps on the disk, and
// checks what an operator is promised: at the stop every visible pack is the old
// one or the new one, whole; nothing that a person wrote is lost; one further
// apply finishes the job; the one after that has nothing to do.
func TestStopAtEveryStep(t *testing.T) {
	h := scenario(t)
	disk, steps := stopAt(0)
	if _, err := h.apply(disk); err != nil {
		t.Fatal(err)
	}
	total := int(steps.Load())
	if total < 30 {
		t.Fatalf("only %d steps: the hook does not see the work", total)
	}
	for n := 1; n <= total; n++ {
		h.restore(h.saved)
		disk, _ := stopAt(n)
		_, err := h.apply(disk)
		if err == nil && n < total {
			// Only the last steps, cleaning up, may fail after the truth is durable.
			t.Fatalf("stopped before step %d of %d and it says success", n, total)
		}
		h.checkVisible(n)
		h.checkConverges(n)
	}
	t.Logf("%d stops", total)
}

// TestStopTwice stops an apply, and then its recovery, for pairs of steps.
func TestStopTwice(t *testing.T) {
	h := scenario(t)
	disk, steps := stopAt(0)
	if _, err := h.apply(disk); err != nil {
		t.Fatal(err)
	}
	stride := 5
	if os.Getenv("PACKSYNC_TEST_LONG") == "1" {
		stride = 1
	}
	pairs := 0
	for n := 1; n <= int(steps.Load()); n += stride {
		for m := 1 + n%stride; m <= int(steps.Load()); m += stride {
			h.restore(h.saved)
			first, _ := stopAt(n)
			if _, err := h.apply(first); err == nil {
				break
			}
			second, _ := stopAt(m)
			_, err := h.apply(second)
			h.checkVisible(n*1000 + m)
			h.checkConverges(n*1000 + m)
			pairs++
			if err == nil {
				break
			}
		}
	}
	t.Logf("%d pairs", pairs)
}

// TestFailAtEveryStep makes each step fail once with an error of the disk, and
// checks that success is only ever claimed when it is true.
func TestFailAtEveryStep(t *testing.T) {
	h := scenario(t)
	disk, steps := stopAt(0)
	if _, err := h.apply(disk); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= int(steps.Load()); n++ {
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
			h.restore(h.saved)
			var count atomic.Int64
			failing := safefs.WithHook(safefs.OS(), func(s safefs.Step) error {
				if count.Add(1) == int64(n) {
					return &fs.PathError{Op: string(s.Op), Path: s.Path, Err: errno}
				}
				return nil
			})
			_, err := h.apply(failing)
			h.checkVisible(n)
			if err == nil {
				for _, ref := range refsInScenario {
					if h.content(ref) != h.after[ref] {
						t.Fatalf("step %d failed with %v, apply says success, and %s is not as planned", n, errno, ref)
					}
				}
			}
			h.checkConverges(n)
		}
	}
}

func (h *crashHost) checkVisible(n int) {
	h.t.Helper()
	for _, ref := range refsInScenario {
		if got := h.content(ref); got != h.before[ref] && got != h.after[ref] {
			h.t.Fatalf("stop %d: %s is neither the old nor the new pack: %q", n, ref, got)
		}
	}
	if got := h.config("old"); got != h.beforeConfig && got != h.afterConfig {
		h.t.Fatalf("stop %d: the config is neither the old nor the new one: %q", n, got)
	}
	if !h.everywhere("somebody's work") {
		h.t.Fatalf("stop %d: what a person wrote is lost", n)
	}
}

func (h *crashHost) checkConverges(n int) {
	h.t.Helper()
	if _, err := h.apply(nil); err != nil {
		h.t.Fatalf("stop %d: the next apply fails: %v", n, err)
	}
	for _, ref := range refsInScenario {
		if got := h.content(ref); got != h.after[ref] {
			h.t.Fatalf("stop %d: after the next apply %s is not as declared", n, ref)
		}
	}
	if h.config("old") != h.afterConfig {
		h.t.Fatalf("stop %d: after the next apply the config is not as declared", n)
	}
	if !h.everywhere("somebody's work") {
		h.t.Fatalf("stop %d: what a person wrote is lost", n)
	}
	var steps atomic.Int64
	applied, err := h.apply(safefs.WithHook(safefs.OS(), func(s safefs.Step) error {
		if s.Path != h.path("root/.packsync/index") && s.Path != h.path("root/.packsync") { // a cache, which a no-op may renew
			steps.Add(1)
		}
		return nil
	}))
	if err != nil || applied.Changed() || !applied.Plan.Empty() {
		h.t.Fatalf("stop %d: there is still something to do: %v", n, err)
	}
	if took := steps.Load(); took != 0 {
		h.t.Fatalf("stop %d: an apply with nothing to do took %d steps on the disk", n, took)
	}
	left, err := os.ReadDir(h.path("root/packs"))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range left {
		if !slices.Contains(refsInScenario, e.Name()) {
			h.t.Fatalf("stop %d: %s was left in packs/", n, e.Name())
		}
	}
}
