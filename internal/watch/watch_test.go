package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/packsync/packsync/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// follower is a Watcher whose slow look never comes in a test: what it sees, it
// sees by events.
type follower struct {
	*Watcher
	t    *testing.T
	last Print
}

func newFollower(t *testing.T, targets ...Target) *follower {
	t.Helper()
	w := New(Options{Quiet: 50 * time.Millisecond, Limit: time.Second, Poll: time.Hour})
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	w.Follow(targets)
	f := &follower{Watcher: w, t: t}
	f.last = f.look()
	return f
}

func (f *follower) look() Print {
	f.t.Helper()
	p, err := f.Look(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// expect waits until the paths, below dir, have changed, and fails if others have
// or if it takes ten seconds.
func (f *follower) expect(dir string, want ...string) {
	f.t.Helper()
	changed := map[string]bool{}
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for {
		select {
		case <-f.Settled():
			now := f.look()
			for _, path := range Changed(f.last, now) {
				rel, err := filepath.Rel(dir, path)
				if err != nil {
					f.t.Fatal(err)
				}
				changed[rel] = true
			}
			f.last = now
			all := true
			for _, path := range want {
				all = all && changed[path]
				if changed[path] && len(changed) > len(want) {
					f.t.Fatalf("changed are %v, want only %v", changed, want)
				}
			}
			if all {
				return
			}
		case <-deadline.C:
			f.t.Fatalf("nobody told that %v changed; told was %v", want, changed)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func command(t *testing.T, dir string, argv ...string) {
	t.Helper()
	testenv.Need(t, argv[0])
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", argv, err, out)
	}
}

// TestSavePatterns: however a file is saved, its change is told, and told again
// the second time, when it is another inode.
func TestSavePatterns(t *testing.T) {
	patterns := map[string]func(t *testing.T, path string, round int){
		"write in place": func(t *testing.T, path string, round int) { write(t, path, fmt.Sprint("in place ", round)) },
		"rename over it": func(t *testing.T, path string, round int) {
			write(t, path+".tmp", fmt.Sprint("renamed ", round))
			must(t, os.Rename(path+".tmp", path))
		},
		"backup and rename, as vim does": func(t *testing.T, path string, round int) {
			must(t, os.Rename(path, path+"~"))
			write(t, path, fmt.Sprint("vim ", round))
			must(t, os.Remove(path+"~"))
		},
		"remove and make": func(t *testing.T, path string, round int) {
			must(t, os.Remove(path))
			write(t, path, fmt.Sprint("made ", round))
		},
		"sed -i": func(t *testing.T, path string, round int) {
			command(t, filepath.Dir(path), "sed", "-i", fmt.Sprintf("s/.*/sed %d/", round), path)
		},
		"cp": func(t *testing.T, path string, round int) {
			write(t, path+".new", fmt.Sprint("cp ", round))
			command(t, filepath.Dir(path), "cp", path+".new", path)
		},
		"vim": func(t *testing.T, path string, round int) {
			command(t, filepath.Dir(path), "vim", "-u", "NONE", "-N", "-e", "-s", "-c", fmt.Sprintf("normal ccvim %d", round), "-c", "wq", path)
		},
		"chmod": func(t *testing.T, path string, round int) { must(t, os.Chmod(path, os.FileMode(0o600+round))) },
	}
	for name, save := range patterns {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "packs.hcl")
			write(t, path, "at first\n")
			f := newFollower(t, Target{Path: path})
			for round := range 3 {
				save(t, path, round)
				f.expect(dir, "packs.hcl")
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestConfigMap turns the ..data link as the kubelet does.
func TestConfigMap(t *testing.T) {
	dir := t.TempDir()
	generation := func(n int) {
		name := fmt.Sprintf("..2026_%d", n)
		write(t, filepath.Join(dir, name, "packs.hcl"), fmt.Sprint("generation ", n))
		must(t, os.Symlink(name, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
		must(t, os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..2026_%d", n-1))))
	}
	generation(1)
	must(t, os.Symlink("..data/packs.hcl", filepath.Join(dir, "packs.hcl")))
	// A second link leads there from elsewhere: --file may be one.
	elsewhere := t.TempDir()
	must(t, os.Symlink(filepath.Join(dir, "packs.hcl"), filepath.Join(elsewhere, "link.hcl")))
	f := newFollower(t, Target{Path: filepath.Join(elsewhere, "link.hcl")})
	for n := 2; n < 5; n++ {
		generation(n)
		f.expect(elsewhere, "link.hcl")
	}
	must(t, os.Remove(filepath.Join(elsewhere, "link.hcl")))
	f.expect(elsewhere, "link.hcl")
}

// TestGitCheckout switches branches below a followed tree.
func TestGitCheckout(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) {
		command(t, dir, append([]string{"git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	}
	git("init", "-q", "-b", "main")
	write(t, filepath.Join(dir, "lab/pack.yaml"), "one")
	write(t, filepath.Join(dir, "lab/actions/deep/run.sh"), "one")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	git("checkout", "-q", "-b", "other")
	git("rm", "-q", "-r", "lab/actions")
	write(t, filepath.Join(dir, "lab/pack.yaml"), "two")
	write(t, filepath.Join(dir, "lab/rules/r.yaml"), "two")
	git("add", ".")
	git("commit", "-q", "-m", "two")
	f := newFollower(t, Target{Path: filepath.Join(dir, "lab"), Kind: Tree})
	for _, branch := range []string{"main", "other", "main"} {
		git("checkout", "-q", branch)
		f.expect(dir, "lab/pack.yaml", "lab/rules/r.yaml", "lab/actions/deep/run.sh")
	}
}

// TestTreesGrow: new directories are followed, and so is what was in them before
// anyone could watch them.
func TestTreesGrow(t *testing.T) {
	dir := t.TempDir()
	tree := filepath.Join(dir, "lab")
	f := newFollower(t, Target{Path: tree, Kind: Tree}) // not there yet
	write(t, filepath.Join(tree, "pack.yaml"), "one")
	f.expect(dir, "lab/pack.yaml")
	write(t, filepath.Join(tree, "a/b/c/d.py"), "one")
	f.expect(dir, "lab/a/b/c/d.py")
	write(t, filepath.Join(tree, "a/b/c/d.py"), "two")
	f.expect(dir, "lab/a/b/c/d.py")
	must(t, os.Rename(filepath.Join(tree, "a"), filepath.Join(tree, "z")))
	f.expect(dir, "lab/a/b/c/d.py", "lab/z/b/c/d.py")
	write(t, filepath.Join(tree, "z/b/c/d.py"), "three")
	f.expect(dir, "lab/z/b/c/d.py")
	// The tree itself is replaced by another one, as rsync and deploy scripts do.
	write(t, filepath.Join(dir, "new/pack.yaml"), "other")
	must(t, os.Rename(tree, filepath.Join(dir, "old")))
	must(t, os.Rename(filepath.Join(dir, "new"), tree))
	f.expect(dir, "lab/pack.yaml", "lab/z/b/c/d.py")
	write(t, filepath.Join(tree, "pack.yaml"), "last")
	f.expect(dir, "lab/pack.yaml")
	must(t, os.RemoveAll(tree))
	f.expect(dir, "lab/pack.yaml")
}

// TestNothingFallsBetweenListingAndWatching: a directory that was filled after it
// was listed and before it was watched is listed again.
func TestNothingFallsBetweenListingAndWatching(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "lab/deep"), 0o755))
	w := New(Options{Poll: time.Hour})
	t.Cleanup(func() { must(t, w.Close()) })
	w.Follow([]Target{{Path: filepath.Join(dir, "lab"), Kind: Tree}})
	filled := false
	w.between = func() {
		if !filled {
			filled = true
			write(t, filepath.Join(dir, "lab/deep/late.yaml"), "late")
		}
	}
	f := &follower{Watcher: w, t: t}
	if seen := f.look(); len(seen) != 1 {
		t.Errorf("the print is %v, want the late file", seen)
	}
}

// TestAnotherDirectoryOfTheSameName, which came while nobody looked, is watched in
// the place of the first.
func TestAnotherDirectoryOfTheSameName(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a/deep/lab/pack.yaml"), "one")
	write(t, filepath.Join(dir, "b/deep/lab/pack.yaml"), "one")
	f := newFollower(t, Target{Path: filepath.Join(dir, "a/deep/lab"), Kind: Tree})
	// Nobody tells that a parent's parent was moved.
	must(t, os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "c")))
	must(t, os.Rename(filepath.Join(dir, "b"), filepath.Join(dir, "a")))
	f.last = f.look()
	write(t, filepath.Join(dir, "a/deep/lab/pack.yaml"), "two")
	f.expect(dir, "a/deep/lab/pack.yaml")
}

func TestFolderTakesOnlyItsSuffix(t *testing.T) {
	dir := t.TempDir()
	f := newFollower(t, Target{Path: filepath.Join(dir, "configs"), Kind: Folder, Suffix: ".yaml"})
	write(t, filepath.Join(dir, "configs/aws.yaml"), "one")
	f.expect(dir, "configs/aws.yaml")
	write(t, filepath.Join(dir, "configs/.aws.yaml.swp"), "an editor's")
	write(t, filepath.Join(dir, "configs/.hidden.yaml"), "an editor's")
	write(t, filepath.Join(dir, "configs/sub/deep.yaml"), "not ours")
	write(t, filepath.Join(dir, "configs/jira.yaml"), "one")
	f.expect(dir, "configs/jira.yaml")
}

// TestEventsWithoutChange: what says the same afterwards did not change, however
// often it was written.
func TestEventsWithoutChange(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "packs.hcl")
	write(t, path, "same")
	f := newFollower(t, Target{Path: path})
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	for range 10_000 {
		_, err := file.WriteAt([]byte("same"), 0)
		must(t, err)
	}
	must(t, file.Close())
	settled := 0
	write(t, filepath.Join(dir, "packs.hcl~"), "not followed")
	for quiet := false; !quiet; {
		select {
		case <-f.Settled():
			if settled++; len(Changed(f.last, f.look())) > 0 {
				t.Fatal("a change was seen where there is none")
			}
		case <-time.NewTimer(time.Second).C:
			quiet = true
		}
	}
	if settled == 0 {
		t.Error("the events were not seen at all")
	}
	write(t, path, "other")
	f.expect(dir, "packs.hcl")
}

// TestSameLooks: a change that keeps size and time is seen, because an event was
// about it.
func TestSameLooks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "packs.hcl")
	write(t, path, "abc")
	at := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(path, at, at))
	f := newFollower(t, Target{Path: path})
	write(t, path, "xyz")
	must(t, os.Chtimes(path, at, at))
	f.expect(dir, "packs.hcl")
}

// TestLostEvents: after an overflow nothing that was known counts.
func TestLostEvents(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "packs.hcl")
	write(t, path, "abc")
	at := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(path, at, at))
	f := newFollower(t, Target{Path: path})
	must(t, f.notify.Remove(dir)) // the kernel tells nothing of what follows
	write(t, path, "xyz")
	must(t, os.Chtimes(path, at, at))
	if changed := Changed(f.last, f.look()); len(changed) > 0 {
		t.Fatalf("%v was seen without an event: the test tests nothing", changed)
	}
	f.notify.Errors <- errors.New("fsnotify: queue or buffer overflow")
	f.expect(dir, "packs.hcl")
}

// TestWithoutInotify: polling has to do, and an operator is told why.
func TestWithoutInotify(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "packs.hcl")
	write(t, path, "one")
	w := New(Options{Poll: 20 * time.Millisecond})
	must(t, w.notify.Close())
	w.notify, w.broken = nil, fmt.Errorf("inotify: %w", syscall.EMFILE)
	w.Follow([]Target{{Path: path}})
	f := &follower{Watcher: w, t: t}
	f.last = f.look()
	defer func() { must(t, w.Close()) }()
	if p := strings.Join(w.Problems(), "\n"); !strings.Contains(p, "max_user_instances") {
		t.Errorf("the problems are %q", p)
	}
	write(t, path, "another")
	f.expect(dir, "packs.hcl")
}

// TestOddFiles: what must not be read is not, and what cannot be is no reason to
// stop.
func TestOddFiles(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	must(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))
	f := newFollower(t, Target{Path: pipe}, Target{Path: filepath.Join(dir, "loop")}, Target{Path: filepath.Join(dir, "dangling")}, Target{Path: dir})
	if len(f.last) != 3 {
		t.Errorf("the print is %v", f.last)
	}
	write(t, filepath.Join(dir, "nowhere"), "now it is somewhere")
	f.expect(dir, "dangling")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Look(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Look without time gave %v", err)
	}
}
