package review_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/review"
	"github.com/packsync/packsync/internal/testenv"
)

// TestUpgrades reviews every step between consecutive releases of the git
// repositories below PACKSYNC_PACKS, and prints what it found: all of it with -v,
// and figures (make upgrades). It fails where a review fails, contradicts itself,
// or finds a difference between a release and itself. Without that folder it
// reviews the two releases of a repository that it makes.
func TestUpgrades(t *testing.T) {
	dir := os.Getenv("PACKSYNC_PACKS")
	own := dir == ""
	if own {
		dir = twoReleases(t)
	}
	f := figures{ids: map[string]int{}, steps: map[string]int{}}
	for _, repository := range repositories(t, dir) {
		f.repository(t, repository)
	}
	f.print(t)
	if own && (f.packs != 1 || f.upgrades != 1 || f.ids["PS-ACTION-REMOVED"] != 1 || f.breaking["minor"] != 1) {
		t.Errorf("of one minor release that drops an action: %d packs, %d upgrades, changes %v, breaking %v", f.packs, f.upgrades, f.ids, f.breaking)
	}
}

// twoReleases makes a folder with the repository of one pack, whose second
// release drops an action.
func twoReleases(t *testing.T) (dir string) {
	t.Helper()
	testenv.Need(t, "git")
	dir = t.TempDir()
	work := filepath.Join(dir, "lab")
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", work, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(work, "actions"), 0o755); err != nil {
		t.Fatal(err)
	}
	run("init", "--quiet")
	for _, version := range []string{"1.0.0", "1.1.0"} {
		write("pack.yaml", "ref: lab\nname: lab\ndescription: x\nversion: "+version+"\nauthor: a\nemail: a@example.com\n")
		write("actions/stays.yaml", "name: stays\nrunner_type: local-shell-cmd\n")
		if version == "1.0.0" {
			write("actions/goes.yaml", "name: goes\nrunner_type: local-shell-cmd\nparameters: {host: {type: string}}\n")
		} else {
			run("rm", "--quiet", "actions/goes.yaml")
		}
		run("add", ".")
		run("commit", "--quiet", "-m", version)
		run("tag", "v"+version)
	}
	return dir
}

// figures is what TestUpgrades counts.
type figures struct {
	packs, upgrades int
	unchanged       int            // nothing to tell
	breaking        map[string]int // upgrades by what the number promises
	sameVersion     int
	ids             map[string]int // changes
	steps           map[string]int // upgrades that have at least one such change
	read, compared  time.Duration  // CPU
	slowest         time.Duration
	slowestName     string
	peak            uint64
}

// repository reviews the releases of one repository in the order of their
// versions.
func (f *figures) repository(t *testing.T, dir string) {
	tags := releases(t, dir)
	if len(tags) < 2 || len(git(t, dir, "ls-tree", tags[len(tags)-1], content.MetaFile)) == 0 {
		return // no releases, or no pack
	}
	f.packs++
	name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(strings.TrimSuffix(strings.TrimSuffix(dir, "/.git"), "/repo")), "StackStorm-Exchange+stackstorm-"), ".git")
	before := f.inventory(t, dir, tags[0])
	for i, tag := range tags[1:] {
		after := f.inventory(t, dir, tag)
		f.upgrade(t, upgrade{name + " " + tags[i] + " " + tag, before, after})
		before = after
	}
}

func (f *figures) inventory(t *testing.T, dir, tag string) *content.Inventory {
	files := checkout(t, dir, tag)
	start := cpu()
	inv, err := content.Read(files)
	if err != nil {
		t.Fatalf("read %s %s: %v", dir, tag, err)
	}
	f.read += cpu() - start
	return inv
}

func (f *figures) upgrade(t *testing.T, u upgrade) {
	f.upgrades++
	start := cpu()
	result := review.Review(review.World{Packs: []review.Pack{{Ref: "it", Before: u.before, After: u.after}}})
	took := cpu() - start
	if f.compared += took; took > f.slowest {
		f.slowest, f.slowestName = took, u.name
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	f.peak = max(f.peak, memory.HeapSys)

	changes := result.Changes["it"]
	if same := review.Compare(u.after, u.after); len(same) > 0 {
		t.Errorf("%s: compared with itself the later one changes: %v", u.name, same)
	}
	if len(changes) == 0 {
		f.unchanged++
	}
	seen := map[string]bool{}
	breaks := false
	var b strings.Builder
	for _, c := range changes {
		finding := c.Finding()
		breaks = breaks || c.Grade == pack.Breaking
		f.ids[c.ID]++
		seen[c.ID] = true
		fmt.Fprintf(&b, "  %s %s %s: %s (%s)\n", finding.Grade, finding.ID, finding.Resource, finding.Message, strings.Join(finding.At, ", "))
	}
	for id := range seen {
		f.steps[id]++
	}
	if breaks {
		if f.breaking == nil {
			f.breaking = map[string]int{}
		}
		f.breaking[promise(u.name)]++
	}
	if len(changes) > 0 && u.before.Meta.Version == u.after.Meta.Version {
		f.sameVersion++
	}
	if testing.Verbose() {
		fmt.Printf("%s\n%s", u.name, b.String())
	}
}

// promise is which number of the version an upgrade raises.
func promise(name string) string {
	parts := strings.Fields(name)
	was, _ := pack.ParseTagVersion(parts[1])
	is, _ := pack.ParseTagVersion(parts[2])
	switch {
	case was.Major() != is.Major():
		return "major"
	case was.Minor() != is.Minor():
		return "minor"
	}
	return "patch"
}

func (f *figures) print(t *testing.T) {
	total := 0
	for _, n := range f.breaking {
		total += n
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d upgrades of %d packs; %d change nothing that StackStorm reads, %d change it under the same version\n", f.upgrades, f.packs, f.unchanged, f.sameVersion)
	fmt.Fprintf(&b, "%d break something: %d in a patch, %d in a minor, %d in a major release\n", total, f.breaking["patch"], f.breaking["minor"], f.breaking["major"])
	fmt.Fprintf(&b, "CPU: %v to read all releases, %v to compare them; the slowest %v (%s); heap at most %d MiB\n",
		f.read.Round(time.Millisecond), f.compared.Round(time.Millisecond), f.slowest.Round(time.Millisecond), f.slowestName, f.peak>>20)
	for _, id := range slices.Sorted(maps.Keys(f.ids)) {
		fmt.Fprintf(&b, "  %-28s %5d in %3d upgrades\n", id, f.ids[id], f.steps[id])
	}
	fmt.Print(b.String())
	if f.upgrades == 0 {
		t.Error("there was nothing to review")
	}
}

// repositories finds git directories up to two levels below a folder.
func repositories(t *testing.T, dir string) (found []string) {
	for _, pattern := range []string{"*", "*/repo", "*/.git", "*/repo/.git"} {
		candidates, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, candidate := range candidates {
			if _, err := os.Stat(filepath.Join(candidate, "objects")); err == nil {
				found = append(found, candidate)
			}
		}
	}
	slices.Sort(found)
	return found
}

// releases lists the tags that name versions, in their order.
func releases(t *testing.T, dir string) (tags []string) {
	for tag := range strings.FieldsSeq(string(git(t, dir, "tag"))) {
		if _, ok := pack.ParseTagVersion(tag); ok {
			tags = append(tags, tag)
		}
	}
	slices.SortFunc(tags, func(a, b string) int {
		x, _ := pack.ParseTagVersion(a)
		y, _ := pack.ParseTagVersion(b)
		return x.Compare(y)
	})
	return tags
}

// checkout reads the files of a release.
func checkout(t *testing.T, dir, tag string) fstest.MapFS {
	files := fstest.MapFS{}
	for archive := tar.NewReader(bytes.NewReader(git(t, dir, "archive", "--format=tar", tag))); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatalf("read %s of %s: %v", tag, dir, err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		file := &fstest.MapFile{Mode: 0o644}
		if file.Data, err = io.ReadAll(archive); err != nil {
			t.Fatalf("read %s of %s: %v", tag, dir, err)
		}
		files[header.Name] = file
	}
}

func git(t *testing.T, dir string, args ...string) []byte {
	out, err := exec.Command("git", append([]string{"--git-dir", dir}, args...)...).Output()
	if err != nil {
		t.Fatalf("git %s in %s: %v", strings.Join(args, " "), dir, err)
	}
	return out
}

// cpu is how long this process has computed.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
