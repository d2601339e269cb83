package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/st2/st2test"
	"github.com/packsync/packsync/internal/state"
)

// TestEditsAreLiveWithinASecond: a config_file, and a config that packsync does
// not own, each by one call. A busy machine may be slow once, so the best of
// three counts.
func TestEditsAreLiveWithinASecond(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.awaitRegistration("lab all")
	for _, edit := range []struct{ file, ref string }{{"lab.yaml", "lab"}, {"root/configs/den.yaml", "den"}} {
		best := time.Hour
		for level := 2; level < 5; level++ {
			w.st2.Forget()
			began := time.Now()
			w.write(edit.file, fmt.Sprintf("level: %d\n", level))
			w.await("the registration", func() bool { return w.level(edit.ref) == fmt.Sprint(level) })
			best = min(best, time.Since(began))
			settled := len(w.log.passes())
			w.pokes <- struct{}{} // one more pass finds nothing to do: one call was all
			w.await("a pass", func() bool { return slices.Contains(w.log.passes()[settled:], "poke in-sync") })
			if got := w.registrations(); !slices.Equal(got, []string{edit.ref + " configs"}) {
				t.Errorf("an edit of %s gave the calls %q", edit.file, got)
			}
		}
		t.Logf("%s: live after %s", edit.file, best.Round(time.Millisecond))
		if best > time.Second {
			t.Errorf("an edit of %s was live after %s at best", edit.file, best)
		}
	}
}

// TestMistakesDoNotEndIt: a declaration that is broken, a config that its schema
// forbids, a pack that is gone: each is told, the host stays, and it goes on.
func TestMistakesDoNotEndIt(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.awaitRegistration("lab all")
	good := fmt.Sprintf(lab, w.url)
	for name, breakIt := range map[string]func(){
		"syntax":    func() { w.write("packs.hcl", good+"pack \"broken {\n") },
		"empty":     func() { w.write("packs.hcl", "") },
		"gone":      func() { must(t, os.Remove(w.path("packs.hcl"))) },
		"no source": func() { w.write("packs.hcl", strings.Replace(good, "./packs/den", "./packs/nowhere", 1)) },
		"no config": func() { must(t, os.Remove(w.path("lab.yaml"))) },
	} {
		t.Run(name, func(t *testing.T) {
			before := len(w.log.passes())
			breakIt()
			w.await("a pass that does not succeed", func() bool {
				return slices.ContainsFunc(w.log.passes()[before:], func(p string) bool {
					return strings.HasSuffix(p, " failed") || strings.HasSuffix(p, " blocked")
				})
			})
			for _, ref := range []string{"lab", "den"} {
				if _, err := os.Stat(w.path("root/packs/" + ref + "/pack.yaml")); err != nil {
					t.Errorf("the last good state is gone: %v", err)
				}
			}
			before = len(w.log.passes())
			w.write("lab.yaml", "level: 1\n")
			w.write("packs.hcl", good)
			w.await("a pass that succeeds", func() bool {
				return slices.ContainsFunc(w.log.passes()[before:], func(p string) bool { return strings.HasSuffix(p, " in-sync") })
			})
		})
	}
	w.st2.Forget()
	w.write("lab.yaml", "level: 7\n")
	w.awaitRegistration("lab configs")
	if !w.log.has(`"at":"packs.hcl:`) {
		t.Errorf("no line of the log says where the mistake is:\n%s", w.log)
	}
}

// TestFollowsEverything that a declaration is made of, new names included.
func TestFollowsEverything(t *testing.T) {
	w := newWorld(t)
	w.write("vars.hcl", "level = 1\n")
	w.write("secret", "hunter2")
	w.opts.Run.Config.VarFiles = []string{w.path("vars.hcl")}
	w.write("packs.hcl", "variable \"level\" { type = number }\nvariable \"word\" {\n  type = string\n  file = \"./secret\"\n}\n"+
		strings.Replace(fmt.Sprintf(lab, w.url), `config_file = "./lab.yaml"`, `config = { level = var.level, word = var.word }`, 1))
	w.write("packs/lab/config.schema.yaml", "level:\n  type: integer\nword:\n  type: string\n")
	w.start()
	w.awaitRegistration("lab all")
	steps := []struct {
		name string
		edit func()
		want string
	}{
		{"var file", func() { w.write("vars.hcl", "level = 2\n") }, "lab configs"},
		{"file of a variable", func() { w.write("secret", "hunter3") }, "lab configs"},
		{"directory", func() { w.write("packs/den/actions/new/deep.sh", "#!/bin/sh\n") }, "den all"},
		{"override", func() { w.write("root/overrides/den.yaml", "actions:\n  defaults:\n    enabled: false\n") }, "den actions"},
		{"new pack", func() {
			w.write("packs/new/pack.yaml", fmt.Sprintf(meta, "new", "0.1.0"))
			old, err := os.ReadFile(w.path("packs.hcl"))
			must(t, err)
			w.write("packs.hcl", string(old)+"pack \"new\" {\n  source = \"./packs/new\"\n  virtualenv = false\n}\n")
		}, "new all"},
		{"the directory of the new pack", func() { w.write("packs/new/README.md", "new\n") }, "new all"},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			w.st2.Forget()
			step.edit()
			w.awaitRegistration(step.want)
		})
	}
	if w.log.has("hunter") {
		t.Errorf("a secret is in the log:\n%s", w.log)
	}
}

// TestReportsOnly: without approval nothing is written anywhere, and a block of
// the declaration sets the limit.
func TestReportsOnly(t *testing.T) {
	w := newWorld(t)
	w.opts.Approve = false
	w.start()
	w.await("the report", func() bool { return w.log.has("change that is not made") })
	if got := w.log.passes(); got[0] != "start waiting" {
		t.Errorf("the first pass is %q", got[0])
	}
	for _, path := range []string{"root/packs/lab", "root/.packsync", "packs.lock.json"} {
		if _, err := os.Lstat(w.path(path)); err == nil {
			t.Errorf("%s was made", path)
		}
	}
	if calls := w.st2.Calls(); len(calls) > 0 {
		t.Errorf("StackStorm was asked %v", calls)
	}

	block := "auto_approve {\n  actions = [\"install\", \"configure\"]\n}\n"
	w.write("packs.hcl", fmt.Sprintf(lab, w.url)+block)
	w.awaitRegistration("lab all")
	w.write("lab.yaml", "level: 5\n")
	w.awaitRegistration("lab configs")
	before := len(w.log.passes())
	w.write("packs/den/README.md", "an update\n")
	w.await("an update that waits", func() bool { return slices.Contains(w.log.passes()[before:], "edit waiting") })
	if !w.log.has(`it would update den, and auto_approve does not name`) {
		t.Errorf("the log does not say why:\n%s", w.log)
	}
}

// TestOutageOfStackStorm: what it was not told is told when it is back.
func TestOutageOfStackStorm(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.awaitRegistration("lab all")
	w.st2.Inject(st2test.Fault{Path: "/v1/packs/register", Status: 403, Body: `{"faultstring": "not now"}`})
	w.write("lab.yaml", "level: 3\n")
	w.await("a pass that could not register", func() bool { return slices.Contains(w.log.passes(), "edit partial") })
	w.await("another try", func() bool { return slices.Contains(w.log.passes(), "retry partial") })
	w.st2.Heal()
	w.await("the registration", func() bool { return w.level("lab") == "3" })
}

// TestAnotherRun holds the lock: the daemon waits for its turn.
func TestAnotherRun(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.awaitRegistration("lab all")
	store := state.Open(w.path("root/.packsync"), safefs.OS())
	lock, err := store.Lock(t.Context(), state.Holder{PID: os.Getpid(), Command: "test"}, 10*time.Second)
	must(t, err)
	w.write("lab.yaml", "level: 4\n")
	w.await("a busy pass", func() bool { return slices.Contains(w.log.passes(), "edit busy") })
	must(t, lock.Release())
	w.await("the registration", func() bool { return w.level("lab") == "4" })
}

// TestManyEventsAreOnePass: 10,000 files in about a second.
func TestManyEventsAreOnePass(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.awaitRegistration("den all")
	before := len(w.log.passes())
	began := time.Now()
	file, err := os.OpenFile(w.path("packs/den/notes.txt"), os.O_CREATE|os.O_WRONLY, 0o644)
	must(t, err)
	for i := range 10_000 {
		_, err := file.WriteAt(fmt.Appendf(nil, "%d", i), 0)
		must(t, err)
	}
	must(t, file.Close())
	// On a slow machine the writing outlasts the cap of the debounce: then a pass
	// may begin in the middle of it, and is tried again if the file changes under it.
	most := 1 + int(time.Since(began)/time.Second)
	w.await("the update", func() bool {
		data, err := os.ReadFile(w.path("root/packs/den/notes.txt"))
		return err == nil && string(data) == "9999"
	})
	w.pokes <- struct{}{}
	w.await("a last pass", func() bool { return slices.Contains(w.log.passes()[before:], "poke in-sync") })
	applied := 0
	for _, p := range w.log.passes()[before:] {
		if strings.HasSuffix(p, " applied") {
			applied++
		}
	}
	if applied < 1 || applied > most {
		t.Errorf("%d passes applied something: %v", applied, w.log.passes()[before:])
	}
}

// TestRestart: what was edited while nobody looked is seen at the start.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.awaitRegistration("lab all")
	w.stop()
	w.write("lab.yaml", "level: 6\n")
	w.start()
	w.await("the registration", func() bool { return w.level("lab") == "6" })
}

func TestServiceManager(t *testing.T) {
	w := newWorld(t)
	w.opts.Watchdog = 20 * time.Millisecond
	w.write("packs.hcl", "broken")
	w.start()
	w.await("a sign of life", func() bool { return w.said.has("WATCHDOG=1") })
	if w.said.has("READY=1") {
		t.Error("it was ready before there was a plan")
	}
	w.write("packs.hcl", fmt.Sprintf(lab, w.url))
	w.await("READY", func() bool { return w.said.has("READY=1") })
	w.await("STATUS", func() bool { return w.said.has("STATUS=applied: ") })
	w.stop()
	if !w.said.has("STOPPING=1") {
		t.Error("nobody was told that it stops")
	}
}

// TestHangingLoop: no sign of life from a loop that does not turn, nor from a
// pass beyond its time.
func TestHangingLoop(t *testing.T) {
	b := newBoard(Options{})
	now := time.Now()
	if !b.alive(now) || b.alive(now.Add(2*time.Minute)) {
		t.Error("an idle loop that does not beat counts as alive")
	}
	b.begin(now, now.Add(time.Hour))
	if !b.alive(now.Add(30*time.Minute)) || b.alive(now.Add(2*time.Hour)) {
		t.Error("a pass is judged by its deadline")
	}
	b.idle()
	if !b.alive(time.Now()) {
		t.Error("after a pass it is alive")
	}
}

func TestStopsWithinItsStep(t *testing.T) {
	w := newWorld(t)
	w.st2.Inject(st2test.Fault{Path: "/v1/packs/register", Hang: true})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, w.opts) }()
	w.await("a registration that hangs", func() bool { return len(w.registrations()) > 0 })
	cancel()
	select {
	case err := <-done:
		must(t, err)
	case <-time.NewTimer(10 * time.Second).C:
		t.Fatal("it waits for StackStorm for ever")
	}
	if entries, err := filepath.Glob(w.path("root/.packsync/journal/*")); err != nil || len(entries) > 0 {
		t.Errorf("the journal holds %v, %v", entries, err)
	}
}
