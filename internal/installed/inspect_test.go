package installed_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/packsync/packsync/internal/installed"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/testenv"
	"github.com/packsync/packsync/internal/tree"
)

const metaText = "ref: %s\nname: %s\nversion: %s\ndescription: d\nauthor: a\nemail: a@example.com\n"

func meta(ref, version string) string { return fmt.Sprintf(metaText, ref, ref, version) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lay writes one file; "→x" makes a link to x.
func lay(t testing.TB, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	if target, isLink := strings.CutPrefix(content, "→"); isLink {
		must(t, os.Symlink(target, path))
		return
	}
	must(t, os.WriteFile(path, []byte(content), 0o644))
	must(t, os.Chmod(path, 0o644))
}

func layPack(t testing.TB, base, ref string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(base, ref)
	for path, content := range files {
		lay(t, filepath.Join(dir, path), content)
	}
	return dir
}

func addr(base, ref string) pack.Addr { return pack.Addr{BasePath: base, Ref: pack.Ref(ref)} }

func request(base string, full ...string) installed.Request {
	r := installed.Request{BasePaths: []installed.BasePath{{Name: "default", Path: base}}, Full: map[pack.Addr]bool{}, GID: -1}
	for _, ref := range full {
		r.Full[addr("default", ref)] = true
	}
	return r
}

func inspect(t testing.TB, r installed.Request) *installed.Observed {
	t.Helper()
	o, err := installed.Inspect(t.Context(), r)
	must(t, err)
	return o
}

var ignoreHidden = cmpopts.IgnoreUnexported(installed.Observed{}, installed.Pack{})

func TestInspect(t *testing.T) {
	base, team := t.TempDir(), t.TempDir()
	aws := layPack(t, base, "aws", map[string]string{
		"pack.yaml": meta("aws", "2.0.2"), "actions/run.sh": "#!/bin/sh\n", "link": "→pack.yaml",
		"actions/lib/__pycache__/x.pyc": "bytecode", "actions/y.pyc": "bytecode", ".git/HEAD": "ref: x",
	})
	must(t, os.Chmod(aws+"/actions/run.sh", 0o755))
	layPack(t, base, "jira", map[string]string{"pack.yaml": meta("jira", "3.3.0")})
	layPack(t, base, "core", map[string]string{"README.md": "comes with StackStorm"})
	layPack(t, team, "aws", map[string]string{"README.md": "no metadata"})
	lay(t, base+"/linked", "→jira")
	lay(t, base+"/dangling", "→nothing")
	lay(t, base+"/file", "not a pack")
	for _, name := range []string{".packsync", "Upper", "with-dash", "_global"} {
		must(t, os.Mkdir(filepath.Join(base, name), 0o755))
	}
	r := request(base, "aws", "absent", "linked")
	r.BasePaths = append(r.BasePaths, installed.BasePath{Name: "team", Path: team}, installed.BasePath{Name: "gone", Path: team + "/gone"})

	sum := func(text string) [32]byte { return sha256.Sum256([]byte(text)) }
	m := tree.Manifest{Files: []tree.FileSum{
		{File: tree.File{Path: "actions/run.sh", Kind: tree.Executable}, Sum: sum("#!/bin/sh\n")},
		{File: tree.File{Path: "link", Kind: tree.Link}, Sum: sum("pack.yaml")},
		{File: tree.File{Path: "pack.yaml", Kind: tree.Regular}, Sum: sum(meta("aws", "2.0.2"))},
	}}
	files := []installed.File{
		{Path: "actions/run.sh", Mode: 0o755, Size: 10, Sum: sum("#!/bin/sh\n")},
		{Path: "link", Mode: fs.ModeSymlink | 0o777, Size: 9, Sum: sum("pack.yaml")},
		{Path: "pack.yaml", Mode: 0o644, Size: int64(len(meta("aws", "2.0.2"))), Sum: sum(meta("aws", "2.0.2"))},
	}
	want := &installed.Observed{
		Packs: map[pack.Addr]installed.Pack{
			addr("default", "aws"): {
				Addr: addr("default", "aws"), Dir: aws, Version: "2.0.2", Full: true, Tree: m.Tree(), Content: m.Content(), Modes: installed.ModesPacksync,
			},
			addr("default", "jira"):     {Addr: addr("default", "jira"), Dir: base + "/jira", Version: "3.3.0"},
			addr("default", "core"):     {Addr: addr("default", "core"), Dir: base + "/core"},
			addr("default", "linked"):   {Addr: addr("default", "linked"), Dir: base + "/linked", Link: true},
			addr("default", "dangling"): {Addr: addr("default", "dangling"), Dir: base + "/dangling", Link: true},
			addr("team", "aws"):         {Addr: addr("team", "aws"), Dir: team + "/aws"},
		},
		Configs:          map[pack.Ref]installed.Config{},
		MissingBasePaths: []string{"gone"},
	}
	got := inspect(t, r)
	if diff := cmp.Diff(want, got, ignoreHidden); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(files, got.Packs[addr("default", "aws")].Files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if found, there := got.At(aws); !there || found.Addr != addr("default", "aws") {
		t.Errorf("at %s: %+v, %t", aws, found, there)
	}
	if found, there := got.At(base + "/gone"); there {
		t.Errorf("found what is not there: %+v", found)
	}
}

// The hashes must be those of package tree, for packs larger than a chunk and
// files larger than a buffer too.
func TestInspectAgreesWithTree(t *testing.T) {
	base := t.TempDir()
	sizes := []int{0, 1, 1 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200_000, 128 << 10}
	files := map[string]string{"a-b": "sorts", "a/b": "awkwardly", "a.b": "around /"}
	for i, size := range sizes {
		files[fmt.Sprintf("big/%d", i)] = strings.Repeat(fmt.Sprint(i), size)
	}
	for i := range 300 {
		files[fmt.Sprintf("many/%d/f%d", i%7, i)] = fmt.Sprint(i)
	}
	layPack(t, base, "large", files)
	must(t, os.Mkdir(base+"/empty", 0o755))
	for _, workers := range []int{0, 1, 2, 7} {
		r := request(base, "large", "empty")
		r.Parallel = workers
		o := inspect(t, r)
		for _, ref := range []string{"large", "empty"} {
			onDisk, err := tree.ReadDir(t.Context(), filepath.Join(base, ref))
			must(t, err)
			m, err := tree.HashOf(onDisk)
			must(t, err)
			got := o.Packs[addr("default", ref)]
			if got.Tree != m.Tree() || got.Content != m.Content() || len(got.Files()) != len(m.Files) {
				t.Errorf("%s with %d workers: %s with %d files, package tree says %s with %d", ref, workers, got.Tree, len(got.Files()), m.Tree(), len(m.Files))
			}
		}
	}
}

func TestModes(t *testing.T) {
	type modes struct{ dir, file, exec fs.FileMode }
	for name, test := range map[string]struct {
		modes   modes
		change  func(dir string) error
		profile installed.ModeProfile
		odd     []string
	}{
		"packsync":       {modes{0o755, 0o644, 0o755}, nil, installed.ModesPacksync, nil},
		"group-writable": {modes{0o775, 0o664, 0o775}, nil, installed.ModesGroupWritable, nil},
		"st2":            {modes{0o775, 0o775, 0o775}, nil, installed.ModesST2, nil},
		"one file open to all": {
			modes{0o755, 0o644, 0o755}, func(dir string) error { return os.Chmod(dir+"/pack.yaml", 0o666) }, "", []string{"pack.yaml"},
		},
		"setuid": {
			modes{0o755, 0o644, 0o755}, func(dir string) error { return os.Chmod(dir+"/actions/run", 0o755|fs.ModeSetuid) }, "", []string{"actions/run"},
		},
		"setgid directory of a group-writable pack": {
			modes{0o775, 0o664, 0o775}, func(dir string) error { return os.Chmod(dir+"/actions", 0o775|fs.ModeSetgid) }, "", []string{"actions"},
		},
		"the pack's own directory": {
			modes{0o755, 0o644, 0o755}, func(dir string) error { return os.Chmod(dir, 0o700) }, "", []string{"."},
		},
		"one more executable": {
			modes{0o755, 0o644, 0o755}, func(dir string) error { return os.Chmod(dir+"/pack.yaml", 0o755) }, installed.ModesPacksync, nil,
		},
		"bytecode does not count": {
			modes{0o755, 0o644, 0o755}, func(dir string) error {
				return errors.Join(os.MkdirAll(dir+"/actions/__pycache__", 0o700), os.WriteFile(dir+"/a.pyc", nil, 0o600))
			}, installed.ModesPacksync, nil,
		},
		"an empty directory counts": {
			modes{0o755, 0o644, 0o755}, func(dir string) error { return os.Mkdir(dir+"/empty", 0o700) }, "", []string{"empty"},
		},
	} {
		base := t.TempDir()
		dir := layPack(t, base, "p", map[string]string{"pack.yaml": "x", "actions/run": "x", "link": "→pack.yaml"})
		must(t, errors.Join(os.Chmod(dir, test.modes.dir), os.Chmod(dir+"/actions", test.modes.dir), os.Chmod(dir+"/pack.yaml", test.modes.file), os.Chmod(dir+"/actions/run", test.modes.exec)))
		if test.change != nil {
			must(t, test.change(dir))
		}
		got := inspect(t, request(base, "p")).Packs[addr("default", "p")]
		if got.Modes != test.profile || !cmp.Equal(got.Odd, test.odd) {
			t.Errorf("%s: profile %q, odd %q; want %q, %q", name, got.Modes, got.Odd, test.profile, test.odd)
		}
	}
}

func TestOwners(t *testing.T) {
	testenv.NeedRoot(t)
	base := t.TempDir()
	dir := layPack(t, base, "p", map[string]string{"pack.yaml": "x", "a": "x", "link": "→a"})
	for _, path := range []string{"", "/pack.yaml", "/a", "/link"} {
		must(t, os.Lchown(dir+path, 0, 4711))
	}
	r := request(base, "p")
	odd := func() []string { return inspect(t, r).Packs[addr("default", "p")].Odd }
	if got := odd(); len(got) > 0 {
		t.Errorf("any group: odd %q", got)
	}
	if r.GID = 4711; len(odd()) > 0 {
		t.Errorf("the right group: odd %q", odd())
	}
	must(t, os.Lchown(dir+"/link", 0, 4712))
	must(t, os.Chown(dir+"/a", 1, 4711))
	if diff := cmp.Diff([]string{"a", "link"}, odd()); diff != "" {
		t.Errorf("odd (-want +got):\n%s", diff)
	}
	if r.GID = 4713; len(odd()) != 4 {
		t.Errorf("the wrong group: odd %q", odd())
	}
}

func TestOddIsCutShort(t *testing.T) {
	base := t.TempDir()
	dir := layPack(t, base, "p", map[string]string{"pack.yaml": "x"})
	for i := range 100 {
		lay(t, fmt.Sprintf("%s/%03d", dir, i), "")
		if i < 50 {
			must(t, os.Chmod(fmt.Sprintf("%s/%03d", dir, i), 0o600))
		}
	}
	if got := inspect(t, request(base, "p")).Packs[addr("default", "p")].Odd; len(got) != 20 || got[19] != "019" {
		t.Errorf("odd %q", got)
	}
}

func TestVersion(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a number with a patch":      {map[string]string{"pack.yaml": meta("p", "1.2.3")}, "1.2.3"},
		"no pack.yaml":               {map[string]string{"README": ""}, ""},
		"not YAML":                   {map[string]string{"pack.yaml": "version: [1.2.3\n"}, ""},
		"a list":                     {map[string]string{"pack.yaml": "- 1.2.3\n"}, ""},
		"empty":                      {map[string]string{"pack.yaml": ""}, ""},
		"a link inside the pack":     {map[string]string{"pack.yaml": "→meta/pack.yaml", "meta/pack.yaml": meta("p", "4.5.6")}, "4.5.6"},
		"a link out of the pack":     {map[string]string{"pack.yaml": "→../secret.yaml"}, ""},
		"a link that leads nowhere":  {map[string]string{"pack.yaml": "→nothing"}, ""},
		"a link to a directory":      {map[string]string{"pack.yaml": "→d", "d/x": ""}, ""},
		"a link to the outside root": {map[string]string{"pack.yaml": "→/etc/passwd"}, ""},
	} {
		base := t.TempDir()
		lay(t, base+"/secret.yaml", meta("p", "6.6.6"))
		layPack(t, base, "p", test.files)
		if got := inspect(t, request(base)).Packs[addr("default", "p")].Version; got != test.want {
			t.Errorf("%s: version %q, want %q", name, got, test.want)
		}
	}
	base := t.TempDir()
	must(t, errors.Join(os.Mkdir(base+"/p", 0o755), syscall.Mkfifo(base+"/p/pack.yaml", 0o644)))
	if got := inspect(t, request(base)).Packs[addr("default", "p")].Version; got != "" {
		t.Errorf("a pipe: version %q", got)
	}
}

func TestConfigs(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir+"/jira.yaml", "password: secret\n")
	must(t, os.Chmod(dir+"/jira.yaml", 0o640))
	lay(t, dir+"/real", "linked")
	lay(t, dir+"/linked.yaml", "→real")
	lay(t, dir+"/other.yaml", "nobody asked")
	r := installed.Request{ConfigsDir: dir, Configs: []pack.Ref{"jira", "linked", "absent"}}
	want := map[pack.Ref]installed.Config{
		"jira":   {Path: dir + "/jira.yaml", Bytes: []byte("password: secret\n"), Mode: 0o640, UID: os.Getuid(), GID: os.Getgid()},
		"linked": {Path: dir + "/linked.yaml", Bytes: []byte("linked"), Mode: 0o644, UID: os.Getuid(), GID: os.Getgid()},
	}
	if diff := cmp.Diff(want, inspect(t, r).Configs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r.ConfigsDir = dir + "/missing"
	if got := inspect(t, r).Configs; len(got) > 0 {
		t.Errorf("configs in a directory that is not there: %v", got)
	}
}

// fails expects an error that names the path.
func fails(t *testing.T, what string, r installed.Request, path string) {
	t.Helper()
	o, err := installed.Inspect(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%s: got %v, %v; want an error that names %s", what, o, err, path)
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	base := t.TempDir()
	lay(t, base+"/file", "x")
	lay(t, base+"/link", "→nothing")
	fails(t, "a file as base path", request(base+"/file"), base+"/file")
	fails(t, "a dangling link as base path", request(base+"/link"), base+"/link")

	dir := layPack(t, base, "p", map[string]string{"pack.yaml": "x", "d/f": "x"})
	must(t, syscall.Mkfifo(dir+"/d/pipe", 0o644))
	fails(t, "a pipe in a pack", request(base, "p"), dir+"/d/pipe")
	if _, err := installed.Inspect(t.Context(), request(base)); err != nil {
		t.Errorf("a pipe in a pack that nobody asked for in full: %v", err)
	}

	configs := t.TempDir()
	lay(t, configs+"/dangling.yaml", "→nothing")
	must(t, errors.Join(os.Mkdir(configs+"/dir.yaml", 0o755), syscall.Mkfifo(configs+"/pipe.yaml", 0o644)))
	for _, ref := range []pack.Ref{"dangling", "dir", "pipe"} {
		fails(t, "config", installed.Request{ConfigsDir: configs, Configs: []pack.Ref{ref}}, configs+"/"+string(ref)+".yaml")
	}
}

const nobodyEnv = "PACKSYNC_INSTALLED_NOBODY"

// TestAsNobody runs in a process of an ordinary user, started by the test below.
func TestAsNobody(t *testing.T) {
	dir := os.Getenv(nobodyEnv)
	if dir == "" {
		return
	}
	fails(t, "an unreadable base path", request(dir+"/base-path"), dir+"/base-path")
	fails(t, "an unreadable directory", request(dir+"/b1", "dir"), dir+"/b1/dir/sub")
	fails(t, "an unreadable file", request(dir+"/b2", "file"), dir+"/b2/file/secret")
	fails(t, "an unreadable pack", request(dir+"/b3", "whole"), dir+"/b3/whole")
	fails(t, "an unreadable pack.yaml", request(dir+"/metas"), dir+"/metas/p/pack.yaml")
	fails(t, "an unreadable config", installed.Request{ConfigsDir: dir, Configs: []pack.Ref{"c"}}, dir+"/c.yaml")
	fails(t, "a config in an unreadable directory", installed.Request{ConfigsDir: dir + "/base-path", Configs: []pack.Ref{"c"}}, dir+"/base-path/c.yaml")
}

func TestUnreadableIsAnError(t *testing.T) {
	dir, err := os.MkdirTemp("", "packsync-installed")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	for _, path := range []string{"base-path/x", "b1/dir/sub/f", "b2/file/secret", "b3/whole/f", "metas/p/pack.yaml", "c.yaml"} {
		lay(t, dir+"/"+path, "x")
	}
	for _, path := range []string{"base-path", "b1/dir/sub", "b2/file/secret", "b3/whole", "metas/p/pack.yaml", "c.yaml"} {
		must(t, os.Chmod(dir+"/"+path, 0))
	}
	t.Cleanup(func() { // so that an ordinary user can remove them
		for _, path := range []string{"base-path", "b1/dir/sub", "b3/whole"} {
			must(t, os.Chmod(dir+"/"+path, 0o755))
		}
	})
	// The test binary lies where only root can reach it; this name reaches it all
	// the same.
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestAsNobody$", "-test.v")
	cmd.Env = append(os.Environ(), nobodyEnv+"="+dir)
	cmd.Dir = "/"
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestAsNobody") {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestInspectStopsWhenCancelled(t *testing.T) {
	base := t.TempDir()
	layPack(t, base, "p", map[string]string{"pack.yaml": "x"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := installed.Inspect(ctx, request(base, "p")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
