package tree_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/testenv"
	"github.com/packsync/packsync/internal/tree"
)

var plainProfile = tree.Profile{DirMode: 0o755, FileMode: 0o644, ExecMode: 0o755, UID: -1, GID: -1}

// privateDir makes an empty directory that only its owner may touch.
func privateDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// quickDirs gives directories like privateDir to tests that fill hundreds: in
// memory, where the machine has that.
func quickDirs(t *testing.T) func() string {
	t.Helper()
	base, err := os.MkdirTemp("/dev/shm", "packsync-tree")
	if err != nil {
		return func() string { return privateDir(t) }
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(base); err != nil {
			t.Error(err)
		}
	})
	return func() string {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
}

// withUmask runs f under a umask. The umask belongs to the whole process, so
// tests that use it must not be parallel.
func withUmask(mask int, f func()) {
	old := syscall.Umask(mask)
	defer syscall.Umask(old)
	f()
}

func write(t *testing.T, dir string, tr tree.Tree) tree.Manifest {
	t.Helper()
	m, err := tree.Write(t.Context(), dir, tr, plainProfile)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// genTree draws trees that Check takes, with directories that sort awkwardly
// around each other.
func genTree() *rapid.Generator[tree.Tree] {
	name := rapid.SampledFrom([]string{"a", "b", "a-b", "a.b", "a0", ".x", "--help", "é", "aa"})
	return rapid.Custom(func(t *rapid.T) tree.Tree {
		var entries []tree.Entry
		taken := map[string]bool{}
		for range rapid.IntRange(0, 12).Draw(t, "files") {
			parts := rapid.SliceOfN(name, 1, 4).Draw(t, "path")
			path := strings.Join(parts, "/")
			if taken[path] || taken[path+"/"] {
				continue
			}
			clash := false
			for i := 1; i < len(parts); i++ {
				clash = clash || taken[strings.Join(parts[:i], "/")]
			}
			if clash {
				continue
			}
			taken[path] = true
			for i := 1; i < len(parts); i++ {
				taken[strings.Join(parts[:i], "/")+"/"] = true
			}
			kind := rapid.SampledFrom([]tree.Kind{tree.Regular, tree.Executable}).Draw(t, "kind")
			content := string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "content"))
			entries = append(entries, tree.Entry{Path: path, Kind: kind, Content: content})
			if link := path + ".link"; rapid.Bool().Draw(t, "link") && !taken[link] {
				taken[link] = true
				entries = append(entries, tree.Entry{Path: link, Kind: tree.Link, Content: filepath.Base(path)})
			}
		}
		return tree.Build(entries...)
	})
}

func TestWriteThenReadGivesTheSameTree(t *testing.T) {
	newDir := quickDirs(t)
	rapid.Check(t, func(rt *rapid.T) {
		tr := genTree().Draw(rt, "tree")
		dir := newDir()
		var written tree.Manifest
		var err error
		withUmask(rapid.SampledFrom([]int{0, 0o022, 0o777}).Draw(rt, "umask"), func() {
			written, err = tree.Write(t.Context(), dir, tr, plainProfile)
		})
		if err != nil {
			rt.Fatal(err)
		}
		back, err := tree.ReadDir(t.Context(), dir)
		if err != nil {
			rt.Fatal(err)
		}
		want := manifest(t, tr)
		if diff := cmp.Diff(want, written); diff != "" {
			rt.Fatalf("manifest of the writer (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, manifest(t, back)); diff != "" {
			rt.Fatalf("manifest of what was read (-want +got):\n%s", diff)
		}
		if err := tree.Verify(t.Context(), dir, want); err != nil {
			rt.Fatal(err)
		}
	})
}

// genHostile draws trees as an attacker would make them.
func genHostile() *rapid.Generator[tree.Tree] {
	name := rapid.SampledFrom([]string{"a", "b", "A", "..", ".", "", ".git", ".GIT", "a ", "a.", "é", "e\u0301", "a\x00", "c:d", "..\\x"})
	target := rapid.SampledFrom([]string{"a", "b", "..", "../..", "../a", "a/b", "a/..", "a/../..", "/etc", "", ".", "a/", "./a", "b/../../a", ".git/x", "a\x00"})
	return rapid.Custom(func(t *rapid.T) tree.Tree {
		var entries []tree.Entry
		for range rapid.IntRange(1, 6).Draw(t, "files") {
			e := tree.Entry{Path: strings.Join(rapid.SliceOfN(name, 1, 3).Draw(t, "path"), "/"), Content: "content"}
			// Mostly tame, or hardly any tree would pass.
			if rapid.IntRange(0, 9).Draw(t, "tame") > 1 {
				e.Path = rapid.StringMatching(`[ab](/[ab]){0,2}`).Draw(t, "tame path")
			}
			if rapid.Bool().Draw(t, "link") {
				e.Kind, e.Content = tree.Link, target.Draw(t, "target")
			}
			entries = append(entries, e)
		}
		return tree.Build(entries...)
	})
}

// What passes Check is written as it is, and no program that follows its links
// leaves the pack.
func TestWhatPassesCheckStaysInsideThePack(t *testing.T) {
	newDir := quickDirs(t)
	passed := 0
	rapid.Check(t, func(rt *rapid.T) {
		tr := genHostile().Draw(rt, "tree")
		if tree.Check(tr, tree.DefaultLimits()) != nil {
			if _, err := tree.Write(t.Context(), newDir(), tr, plainProfile); err == nil {
				rt.Fatal("Check refuses what Write writes")
			}
			return
		}
		passed++
		dir := newDir()
		m, err := tree.Write(t.Context(), dir, tr, plainProfile)
		if err != nil {
			rt.Fatal(err)
		}
		if err := tree.Verify(t.Context(), dir, m); err != nil {
			rt.Fatal(err)
		}
		for _, f := range tr.Files() {
			end, err := filepath.EvalSymlinks(filepath.Join(dir, f.Path))
			if err != nil || !strings.HasPrefix(end, dir+"/") {
				rt.Fatalf("%s leads to %s, %v", f.Path, end, err)
			}
			shown, err := fs.Stat(tree.FS(tr), f.Path)
			if err != nil {
				rt.Fatal(err)
			}
			if real, err := os.Stat(end); err != nil || real.IsDir() != shown.IsDir() {
				rt.Fatalf("%s is shown as %v, is %v, %v", f.Path, shown, real, err)
			}
		}
	})
	if passed == 0 {
		t.Error("no tree passed: the test tests nothing")
	}
}

func modes(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	out := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if info.Mode()&fs.ModeSymlink == 0 { // the mode of a link means nothing
			out[rel] = info.Mode()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWriteSetsModesWhateverTheUmask(t *testing.T) {
	profile := tree.Profile{DirMode: 0o775, FileMode: 0o664, ExecMode: 0o775, UID: -1, GID: -1}
	want := map[string]fs.FileMode{
		".": fs.ModeDir | 0o775, "actions": fs.ModeDir | 0o775, "actions/run.sh": 0o775, "pack.yaml": 0o664,
	}
	for _, mask := range []int{0, 0o022, 0o777} {
		dir := privateDir(t)
		withUmask(mask, func() {
			if _, err := tree.Write(t.Context(), dir, designTree(), profile); err != nil {
				t.Fatal(err)
			}
		})
		if diff := cmp.Diff(want, modes(t, dir)); diff != "" {
			t.Errorf("umask %#o, modes (-want +got):\n%s", mask, diff)
		}
	}
}

// An ordinary user cannot enter a directory that the umask left without any
// permission; the writer must not depend on root's privilege.
func TestWriteUnderHostileUmaskAsOrdinaryUser(t *testing.T) {
	base := publicDir(t)
	if os.Getuid() == 0 {
		if err := os.Chown(base, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	asNobody(t)
	withUmask(0o777, func() {
		if _, err := tree.Write(t.Context(), base, designTree(), plainProfile); err != nil {
			t.Error(err)
		}
	})
	if err := tree.Verify(t.Context(), base, manifest(t, designTree())); err != nil {
		t.Error(err)
	}
}

func TestWriteSetsOwnerOfEverythingIncludingLinks(t *testing.T) {
	testenv.NeedRoot(t)
	dir := privateDir(t)
	profile := plainProfile
	profile.UID, profile.GID = nobody, nobody-1
	if _, err := tree.Write(t.Context(), dir, designTree(), profile); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{".", "pack.yaml", "link", "actions", "actions/run.sh"} {
		info, err := os.Lstat(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != nobody || st.Gid != nobody-1 {
			t.Errorf("%s belongs to %d:%d", path, st.Uid, st.Gid)
		}
	}
}

func TestWriteRefusesBeforeTheFirstByte(t *testing.T) {
	for name, tr := range map[string]tree.Tree{
		"a path out of the pack": tree.Build(tree.Entry{Path: "a"}, tree.Entry{Path: "b/../../c"}),
		"an absolute link":       tree.Build(tree.Entry{Path: "a"}, tree.Entry{Path: "l", Kind: tree.Link, Content: "/etc"}),
		"a link and a directory": tree.Build(tree.Entry{Path: "d", Kind: tree.Link, Content: "e"}, tree.Entry{Path: "d/x"}, tree.Entry{Path: "e/x"}),
		"bytecode":               tree.Memory(map[string]string{"a/__pycache__/b": ""}),
		"unsorted":               &rawTree{files: []tree.File{{Path: "b", Kind: 'f'}, {Path: "a", Kind: 'f'}}, content: []string{"", ""}},
	} {
		dir := privateDir(t)
		var refused *tree.RefusedError
		if _, err := tree.Write(t.Context(), dir, tr, plainProfile); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("%s: written %v, %v", name, entries, err)
		}
	}
}

func TestWriteRefusesTheDirectory(t *testing.T) {
	full := privateDir(t)
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := privateDir(t)
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(privateDir(t), "link")
	if err := os.Symlink(privateDir(t), link); err != nil {
		t.Fatal(err)
	}
	for want, dir := range map[string]string{"not empty": full, "others may write": open, "not a directory": link, "no such file": link + "x"} {
		if _, err := tree.Write(t.Context(), dir, designTree(), plainProfile); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("want %q and the path, got: %v", want, err)
		}
	}
}

func TestWriteRefusesPointerOfLFS(t *testing.T) {
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("0", 64) + "\nsize 12345\n"
	_, err := tree.Write(t.Context(), privateDir(t), tree.Memory(map[string]string{"a.bin": pointer}), plainProfile)
	var refused *tree.RefusedError
	if !errors.As(err, &refused) || refused.Rule != tree.RuleLFS {
		t.Errorf("got %v", err)
	}
}

// plantingTree does, while it is written, what an attacker would who got into
// the staging directory after all.
type plantingTree struct {
	tree.Tree
	at    int
	plant func()
}

func (p *plantingTree) Content(i int) ([]byte, error) {
	if i == p.at {
		p.plant()
	}
	return p.Tree.Content(i)
}

func TestWriteFollowsNothingThatIsPlantedMeanwhile(t *testing.T) {
	base := tree.Memory(map[string]string{"a": "a", "b": "planted over", "d/c": "planted into"})
	for name, at := range map[string]int{"b": 1, "d": 2} {
		dir, outside := privateDir(t), privateDir(t)
		canary := filepath.Join(outside, "canary")
		if err := os.WriteFile(canary, []byte("untouched"), 0o600); err != nil {
			t.Fatal(err)
		}
		target := map[string]string{"b": canary, "d": outside}[name]
		planting := &plantingTree{Tree: base, at: at, plant: func() {
			if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
		}}
		if _, err := tree.Write(t.Context(), dir, planting, plainProfile); !errors.Is(err, fs.ErrExist) {
			t.Errorf("link planted as %s: %v", name, err)
		}
		if content, err := os.ReadFile(canary); err != nil || string(content) != "untouched" {
			t.Errorf("link planted as %s: the canary holds %q, %v", name, content, err)
		}
		if got := modes(t, outside); got["canary"] != 0o600 || len(got) != 2 {
			t.Errorf("link planted as %s: outside holds %v", name, got)
		}
	}
}

func TestWriteStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tree.Write(ctx, privateDir(t), designTree(), plainProfile); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestVerifyNoticesEveryChange(t *testing.T) {
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for want, change := range map[string]func(dir string){
		`"pack.yaml" differs`:                     func(dir string) { do(os.WriteFile(dir+"/pack.yaml", []byte("ref: q\n"), 0o644)) },
		`"pack.yaml" is missing`:                  func(dir string) { do(os.Remove(dir + "/pack.yaml")) },
		`"actions/new" is too much`:               func(dir string) { do(os.WriteFile(dir+"/actions/new", nil, 0o644)) },
		`"actions/x.pyc" is too much`:             func(dir string) { do(os.WriteFile(dir+"/actions/x.pyc", nil, 0o644)) },
		`".git" is too much`:                      func(dir string) { do(os.WriteFile(dir+"/.git", nil, 0o644)) },
		`"actions/run.sh" differs in its mode`:    func(dir string) { do(os.Chmod(dir+"/actions/run.sh", 0o644)) },
		`"pack.yaml" differs in its mode`:         func(dir string) { do(os.Chmod(dir+"/pack.yaml", 0o755)) },
		`"link" differs`:                          func(dir string) { do(os.Remove(dir + "/link")); do(os.Symlink("actions", dir+"/link")) },
		`it is neither a file, a directory nor a`: func(dir string) { do(syscall.Mkfifo(dir+"/pipe", 0o644)) },
	} {
		dir := privateDir(t)
		m := write(t, dir, designTree())
		change(dir)
		if err := tree.Verify(t.Context(), dir, m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
}

// TestVerifyReadsEveryPartOfALargePack: parts of it are read side by side, and a
// changed file is found in each.
func TestVerifyReadsEveryPartOfALargePack(t *testing.T) {
	files := map[string]string{"big": strings.Repeat("x", 200_000)}
	for i := range 3000 {
		files[fmt.Sprintf("d%d/f%04d", i%7, i)] = fmt.Sprint(i)
	}
	dir := privateDir(t)
	m := write(t, dir, tree.Memory(files))
	if err := tree.Verify(t.Context(), dir, m); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	for _, f := range m.Files {
		if strings.HasPrefix(f.Path, "d") && !strings.HasSuffix(f.Path, "500") && !strings.HasSuffix(f.Path, "999") {
			continue
		}
		path := filepath.Join(dir, f.Path)
		if err := os.WriteFile(path, []byte(strings.Repeat("?", int(f.Size))), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := tree.Verify(t.Context(), dir, m); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q differs", f.Path)) {
			t.Errorf("%s was changed: %v", f.Path, err)
		}
		if err := os.WriteFile(path, []byte(files[f.Path]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
