package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/testenv"
)

// traced is one apply of the real program that installs, updates, configures,
// repairs an edited pack and removes one, to be killed and failed by strace.
type traced struct {
	*box
	saved, after string
}

const somebodysWork = "#!/bin/sh\necho somebody's work\n"

// shm is a temporary directory in memory where there is one.
func shm(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("/dev/shm"); err != nil {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "packsync-strace-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func newTraced(t *testing.T) *traced {
	testenv.Need(t, "strace", "cp")
	x := &traced{box: newBox(t, shm(t)), saved: shm(t)}
	x.env = append(x.env, "GOMAXPROCS=1") // strace counts calls by thread
	if out, err := exec.Command("strace", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		testenv.Skip(t, fmt.Sprintf("needs to trace a process: %v %s", err, out))
	}
	for _, ref := range []string{"old", "edited", "gone"} {
		x.pack(ref, "1.0.0")
	}
	x.declare("", packBlock("old", "config = { level = 1 }"), packBlock("edited"), packBlock("gone"))
	x.mustRun(0, "apply", "--auto-approve")
	x.pack("fresh", "1.0.0")
	x.pack("old", "2.0.0")
	x.write("root/packs/edited/actions/run.sh", somebodysWork)
	x.declare("", packBlock("old", "config = { level = 2 }"), packBlock("edited", `on_drift = "repair"`), packBlock("fresh"))
	x.copy(x.dir, x.saved)
	x.mustRun(0, "apply", "--auto-approve", "--allow-removals=1")
	x.after = x.visible()
	return x
}

func (x *traced) copy(from, to string) {
	x.t.Helper()
	if err := os.RemoveAll(to); err != nil {
		x.t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		x.t.Fatalf("copy: %v\n%s", err, out)
	}
}

// visible describes packs and configs: names, modes, contents.
func (x *traced) visible() string {
	var out strings.Builder
	for _, dir := range []string{"root/packs", "root/configs"} {
		err := filepath.WalkDir(x.path(dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%s %v", path, info.Mode())
			if info.Mode().IsRegular() {
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				fmt.Fprintf(&out, " %q", data)
			}
			out.WriteString("\n")
			return nil
		})
		if err != nil {
			x.t.Fatal(err)
		}
	}
	return out.String()
}

// inject runs the apply with a fault at the k-th call of a kind, and checks what
// must be true at that point and after the next apply. It reports whether the
// fault struck at all. (With --seccomp-bpf, strace 6.1 finds no call but the
// first.) Calls are counted by thread; more arguments of strace narrow them down.
func (x *traced) inject(call, fault string, k int, narrow ...string) (struck bool) {
	x.t.Helper()
	when := fmt.Sprintf("%s at call %d of %s %s", fault, k, call, strings.Join(narrow, " "))
	x.copy(x.saved, x.dir)
	log := filepath.Join(x.saved, "..", filepath.Base(x.saved)+".log")
	defer os.Remove(log)
	strace := []string{"strace", "-f", "-qq", "-o", log, "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", call, fault, k)}
	p := x.start(append(strace, narrow...),
		"apply", "--auto-approve", "--allow-removals=1")
	code := p.exit(x.t)
	trace, err := os.ReadFile(log)
	if err != nil {
		x.t.Fatal(err)
	}
	struck = strings.Contains(string(trace), "(INJECTED)") || strings.Contains(string(trace), "killed by SIGKILL")
	if code == 0 && x.visible() != x.after {
		x.t.Fatalf("%s: exit code 0, but it is not done:\n%s%s", when, p.out.String(), p.err.String())
	}
	x.check(when)
	if code, said := x.run("apply", "--auto-approve", "--allow-removals=1"); code != 0 || x.visible() != x.after {
		x.t.Fatalf("%s: the next apply ends with %d:\n%s", when, code, said)
	}
	x.check(when + ", then an apply")
	if code, said := x.run("apply", "--auto-approve", "--detailed-exitcode"); code != 0 {
		x.t.Fatalf("%s: there is still something to do (%d):\n%s", when, code, said)
	}
	return struck
}

// check wants each pack whole and old or new, and nothing that a person wrote lost.
func (x *traced) check(when string) {
	x.t.Helper()
	for ref, wants := range map[string][]string{
		"old": {"echo 1.0.0", "echo 2.0.0"}, "edited": {"somebody's work", "echo 1.0.0"}, "gone": {"echo 1.0.0", ""}, "fresh": {"", "echo 1.0.0"},
	} {
		dir := x.path("root/packs/" + ref)
		script, err := os.ReadFile(filepath.Join(dir, "actions/run.sh"))
		if err != nil && !os.IsNotExist(err) {
			x.t.Fatal(err)
		}
		if _, err := os.Lstat(dir); (len(script) == 0) != os.IsNotExist(err) {
			x.t.Fatalf("%s: %s is there in part", when, ref)
		}
		version := ""
		if meta, err := os.ReadFile(filepath.Join(dir, "pack.yaml")); err == nil {
			version = string(meta)
		}
		fits := false
		for _, want := range wants {
			whole := len(script) == 0 && want == "" || want != "" && strings.Contains(string(script), want)
			if number, is := strings.CutPrefix(want, "echo "); is {
				whole = whole && strings.Contains(version, "version: "+number)
			}
			fits = fits || whole
		}
		if !fits {
			x.t.Fatalf("%s: %s is neither the old nor the new pack: %q %q", when, ref, script, version)
		}
	}
	if err := exec.Command("grep", "-rqF", "somebody's work", x.path("root")).Run(); err != nil {
		x.t.Fatalf("%s: what a person wrote is lost (%v)", when, err)
	}
}

// unlistable lets each directory below the root refuse to be listed, one a run.
func (x *traced) unlistable() (runs int) {
	x.t.Helper()
	var dirs []string
	err := filepath.WalkDir(filepath.Join(x.saved, "root"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, x.path(strings.TrimPrefix(path, x.saved)))
		}
		return err
	})
	if err != nil {
		x.t.Fatal(err)
	}
	for _, dir := range dirs {
		if x.inject("getdents64", "error=EIO", 1, "-P", dir) {
			runs++
		}
		// A listing of root/configs only spares looks at its files: it may fail.
		if strings.HasPrefix(dir, x.path("root/packs")) && x.planWithout(dir) {
			runs++
		}
	}
	if runs < 4 { // packs, a pack, configs, the work directory
		x.t.Errorf("only %d of %d directories were listed", runs, len(dirs))
	}
	return runs
}

// planWithout wants no plan while a directory that it needs cannot be listed:
// what apply would stumble upon before, or look at twice.
func (x *traced) planWithout(dir string) (struck bool) {
	x.t.Helper()
	x.copy(x.saved, x.dir)
	log := filepath.Join(x.saved, "..", filepath.Base(x.saved)+".log")
	defer os.Remove(log)
	p := x.start([]string{"strace", "-f", "-qq", "-o", log, "-e", "trace=getdents64", "-e", "inject=getdents64:error=EIO:when=1", "-P", dir}, "plan", "--allow-removals=1")
	code := p.exit(x.t)
	trace, err := os.ReadFile(log)
	if err != nil {
		x.t.Fatal(err)
	}
	if struck = strings.Contains(string(trace), "(INJECTED)"); struck && code != 1 {
		x.t.Fatalf("%s cannot be listed, and plan ends with %d:\n%s%s", dir, code, p.out.String(), p.err.String())
	}
	return struck
}

func longRun() bool { return os.Getenv("PACKSYNC_TEST_LONG") == "1" }

// sweep injects a fault at the calls of a kind, one a run, until it strikes no
// more: at every call in the long run, at every stride-th in the short one.
func (x *traced) sweep(call, fault string, stride int) (runs int) {
	if longRun() {
		stride = 1
	}
	for k := 1; ; k += stride {
		if !x.inject(call, fault, k) {
			return runs
		}
		runs++
	}
}

// mutating are the system calls by which the program changes the disk.
var mutating = []string{"renameat2", "renameat", "unlinkat", "mkdirat", "write", "pwrite64", "ftruncate", "fchmod", "fsync", "syncfs"}

// TestKilledAtEverySystemCall kills the real program right before system calls
// that change the disk.
func TestKilledAtEverySystemCall(t *testing.T) {
	x := newTraced(t)
	kills := 0
	for _, call := range mutating {
		kills += x.sweep(call, "signal=SIGKILL", 12)
	}
	if kills < 15 {
		t.Errorf("only %d kills: strace does not see the work", kills)
	}
	t.Logf("figures: %d kills of the real program", kills)
}

// TestErrorAtEverySystemCall lets system calls of the real program fail, those
// that read included: what cannot be read must never look like nothing there.
func TestErrorAtEverySystemCall(t *testing.T) {
	x := newTraced(t)
	errors := 0
	try := func(call string, stride int, errnos ...string) {
		t.Run(call, func(t *testing.T) {
			x.t = t
			for _, errno := range errnos {
				errors += x.sweep(call, "error="+errno, stride)
			}
		})
	}
	for i, call := range mutating {
		errnos := []string{"EIO", "ENOSPC", "EACCES", "EROFS"}
		if !longRun() {
			errnos = errnos[i%4 : i%4+1]
		}
		try(call, 29, errnos...)
	}
	for i, call := range []string{"openat", "read", "pread64", "newfstatat", "statx", "fstat"} {
		errnos := []string{"EIO", "EACCES"}
		if !longRun() {
			errnos = errnos[i%2 : i%2+1]
		}
		try(call, 97, errnos...)
	}
	t.Run("getdents64", func(t *testing.T) { // each: an empty directory is the worst that can be made of an error
		x.t = t
		errors += x.unlistable()
	})
	x.t = t
	if errors < 10 {
		t.Errorf("only %d errors: strace does not see the work", errors)
	}
	t.Logf("figures: %d errors injected into the real program", errors)
}

// systemCall is one line of a trace.
type systemCall struct{ name, args string }

var (
	callLine   = regexp.MustCompile(`^\d+\s+(\w+)\((.*)\)\s+= \d`)
	unfinished = regexp.MustCompile(`^(\d+)\s+(\w+)\((.*) <unfinished \.\.\.>$`)
	resumed    = regexp.MustCompile(`^(\d+)\s+<\.\.\. \w+ resumed>(.*)$`)
)

// trace returns the calls of one apply that succeeded, in the order of their ends.
func (x *traced) trace() (calls []systemCall) {
	x.t.Helper()
	x.copy(x.saved, x.dir)
	log := filepath.Join(x.saved, "trace")
	p := x.start([]string{"strace", "-f", "-y", "-qq", "-s", "0", "-o", log, "-e", "trace=write,fsync,syncfs,renameat,renameat2,unlinkat,mkdirat"},
		"apply", "--auto-approve", "--allow-removals=1")
	if code := p.exit(x.t); code != 0 {
		x.t.Fatalf("exit code %d\n%s%s", code, p.out.String(), p.err.String())
	}
	text, err := os.ReadFile(log)
	if err != nil {
		x.t.Fatal(err)
	}
	begun := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if m := unfinished.FindStringSubmatch(line); m != nil {
			begun[m[1]] = m[1] + " " + m[2] + "(" + m[3]
			continue
		}
		if m := resumed.FindStringSubmatch(line); m != nil {
			line = begun[m[1]] + m[2]
		}
		if m := callLine.FindStringSubmatch(line); m != nil {
			calls = append(calls, systemCall{m[1], m[2]})
		}
	}
	return calls
}

// TestEverythingIsDurableInTime reads the real system calls of an apply as a
// power cut would judge them: no name before its content, no swap before the
// intent, no record before the swaps, no end while the record or what was put
// away may still be lost.
func TestEverythingIsDurableInTime(t *testing.T) {
	x := newTraced(t)
	root := x.path("root")
	dirty := map[string]bool{}   // files with content that is not durable
	renamed := map[string]bool{} // directories with names that are not durable
	var order []string
	between := regexp.MustCompile(`\d+<([^>]*)>`)
	for _, c := range x.trace() {
		paths := between.FindAllStringSubmatch(c.args, -1)
		if len(paths) == 0 {
			continue
		}
		dir := paths[0][1]
		last := paths[len(paths)-1][1]
		switch {
		case !strings.HasPrefix(dir, root):
		case c.name == "write":
			dirty[dir] = true
		case c.name == "fsync":
			delete(dirty, dir)
			delete(renamed, dir)
		case c.name == "syncfs":
			clear(dirty)
			clear(renamed)
			order = append(order, "sync")
		case strings.HasPrefix(c.name, "rename"):
			names := quoted.FindAllStringSubmatch(c.args, -1)
			if len(names) != 2 {
				t.Fatalf("a rename that the test does not understand: %s", c.args)
			}
			from, to := filepath.Join(dir, names[0][1]), filepath.Join(last, names[1][1])
			if dirty[from] {
				t.Errorf("%s gets the name %s before its content is durable", from, to)
			}
			x.judge(strings.TrimPrefix(to, root+"/"), strings.Contains(c.args, "EXCHANGE"), &order, dirty, renamed)
			renamed[last] = true
			if strings.Contains(c.args, "EXCHANGE") || strings.Contains(to, "/keep/") || strings.Contains(to, "/pen/") {
				renamed[dir] = true
			}
		case c.name == "unlinkat" && strings.HasSuffix(dir, "/journal"):
			for at := range renamed {
				if strings.Contains(at, "/keep") || strings.Contains(at, "/pen") {
					t.Errorf("the intent goes while the names in %s are not durable", at)
				}
			}
			order = append(order, "end")
			renamed[dir] = true
		}
	}
	for dir := range renamed {
		if strings.HasSuffix(dir, "/packs") || strings.HasSuffix(dir, "/configs") || strings.HasSuffix(dir, "/journal") || strings.HasSuffix(dir, ".packsync") {
			t.Errorf("exit code 0 while the names in %s are not durable", dir)
		}
	}
	if got := strings.Join(order, " "); !regexp.MustCompile(`^(sync )+intent( swap)+( state)+ end( sync)*$`).MatchString(got) {
		t.Errorf("the order is: %s", got)
	}
}

var quoted = regexp.MustCompile(`"([^"]*)"`)

// judge holds one rename to what must be durable before it.
func (x *traced) judge(to string, exchange bool, order *[]string, dirty, renamed map[string]bool) {
	x.t.Helper()
	step := ""
	switch {
	case strings.HasPrefix(to, ".packsync/journal/"):
		step = "intent"
		for path := range dirty {
			if strings.Contains(path, "/.packsync/stage/") {
				x.t.Errorf("the intent is written while %s is not durable", path)
			}
		}
	case exchange, strings.HasPrefix(to, "packs/"), strings.HasPrefix(to, "configs/"), strings.Contains(to, "/stage/") && strings.HasSuffix(to, "/out"):
		step = "swap"
		if renamed[x.path("root/.packsync/journal")] {
			x.t.Errorf("%s is swapped before the intent is durable", to)
		}
	case strings.HasPrefix(to, ".packsync/state.json"):
		step = "state"
		for _, dir := range []string{"root/packs", "root/configs"} {
			if renamed[x.path(dir)] {
				x.t.Errorf("the record is written before the names in %s are durable", dir)
			}
		}
	}
	if step != "" {
		*order = append(*order, step)
	}
}
