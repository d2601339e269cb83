package apply_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/apply"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/testenv"
	"github.com/packsync/packsync/internal/tree"
)

// inMountNamespace runs the calling test again in a process with mounts of its
// own, and reports whether this is that process. A thread of its own would not
// do: the stage works on several.
func inMountNamespace(t *testing.T) bool {
	t.Helper()
	const mark = "PACKSYNC_TEST_NAMESPACE"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	testenv.NeedRoot(t)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		testenv.Skip(t, "needs a mount namespace: "+err.Error())
	case err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("in a mount namespace:\n%s", out)
	}
	return false
}

// site is a StackStorm root for one apply without a declaration around it.
type site struct {
	t      *testing.T
	root   string
	mounts []string
}

func newSite(t *testing.T) *site {
	dir, err := os.MkdirTemp("", "packsync-apply") // t.TempDir is for its owner only
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s := &site{t: t, root: filepath.Join(dir, "root")}
	s.mkdir("packs")
	s.mkdir("configs")
	t.Cleanup(func() {
		for _, path := range slices.Backward(s.mounts) {
			if err := unix.Unmount(path, 0); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.root, name) }

func (s *site) mkdir(name string) {
	if err := os.MkdirAll(s.path(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) write(name, text string) {
	s.mkdir(filepath.Dir(name))
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// mount mounts a file system, or with MS_BIND the source, at a path of the site.
func (s *site) mount(source, name, kind string, flags uintptr, data string) {
	s.t.Helper()
	if err := unix.Mount(source, s.path(name), kind, flags, data); err != nil {
		testenv.Skip(s.t, fmt.Sprintf("needs to mount %s: %v", kind, err))
	}
	if flags&unix.MS_REMOUNT == 0 {
		s.mounts = append(s.mounts, s.path(name))
	}
}

// picture describes all below the root: what a refusal must leave as it is. The
// times of W may move, since a file was tried there.
func (s *site) picture() map[string]string {
	out := map[string]string{}
	err := filepath.WalkDir(s.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		out[path] = fmt.Sprint(info.Mode(), info.ModTime())
		if d.IsDir() && strings.Contains(path, ".packsync") {
			out[path] = fmt.Sprint(info.Mode())
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *site) applier() *apply.Applier {
	disk := safefs.OS()
	store := state.Open(s.path(".packsync"), disk)
	if err := store.EnsureDir(); err != nil {
		s.t.Fatal(err)
	}
	key, err := store.EnsureKey()
	if err != nil {
		s.t.Fatal(err)
	}
	return &apply.Applier{
		Disk: disk, Store: store, Key: key, St2: st2.None(), Now: time.Now,
		Layout: apply.Layout{Work: s.path(".packsync"), ConfigsDir: s.path("configs"), VenvsDir: s.path("virtualenvs"), Dirs: []string{s.path("packs")}, GID: -1, ConfigUID: -1, ConfigGID: -1},
	}
}

// place is the plan to install the pack p, with a config, at packs/p.
func (s *site) place(files map[string]string) (*plan.Plan, apply.Content) {
	t := tree.Memory(files)
	manifest, err := tree.HashOf(t)
	if err != nil {
		s.t.Fatal(err)
	}
	change := plan.Change{
		Ref: "p", Action: plan.Install, Do: plan.Work{Place: true, Config: true},
		After: &plan.Side{Path: s.path("packs/p"), Tree: manifest.Tree(), Content: manifest.Content()},
	}
	return &plan.Plan{Changes: []plan.Change{change}}, apply.Content{
		Tree:   func(context.Context, pack.Ref) (tree.Tree, error) { return t, nil },
		Config: map[pack.Ref][]byte{"p": []byte("a: 1\n")},
	}
}

// small is a pack of 3 files in 2 directories: 6 inodes with its own directory.
var small = map[string]string{"pack.yaml": "ref: p\n", "actions/a.yaml": "a", "rules/r.yaml": "r"}

// TestRefusedBeforeAnythingIsChanged sets up what makes an apply fail half-way,
// and wants it refused first: with the reason, the path and the way out, and
// nothing changed.
func TestRefusedBeforeAnythingIsChanged(t *testing.T) {
	if !inMountNamespace(t) {
		return
	}
	big := maps.Clone(small)
	for i := range 300 {
		big[fmt.Sprintf("actions/%03d.py", i)] = strings.Repeat("x", 4096)
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		setup func(*site)
		want  []string
	}{
		{"a pack directory that is a mount point", small, func(s *site) {
			s.write("packs/p/canary", "untouched")
			s.mount("none", "packs/p", "tmpfs", 0, "")
		}, []string{"/packs/p cannot be replaced", "mount point", "unmount it"}},
		{"a pack directory that is bind-mounted from the same file system", small, func(s *site) {
			s.write("packs/p/canary", "untouched")
			s.write("elsewhere/canary", "untouched")
			s.mount(s.path("elsewhere"), "packs/p", "", unix.MS_BIND, "")
		}, []string{"/packs/p cannot be replaced", "mount point"}},
		{"a mount below a pack directory", small, func(s *site) {
			s.write("packs/p/data dir/canary", "untouched")
			s.mount("none", "packs/p/data dir", "tmpfs", 0, "")
		}, []string{"/packs/p cannot be replaced", "mounted below it at", "data dir"}},
		{"a config file that is bind-mounted", small, func(s *site) {
			s.write("configs/p.yaml", "a: 0\n")
			s.write("elsewhere/p.yaml", "a: 0\n")
			s.mount(s.path("elsewhere/p.yaml"), "configs/p.yaml", "", unix.MS_BIND, "")
		}, []string{"/configs/p.yaml cannot be replaced", "mount point"}},
		{"a packs directory that is mounted read-only", small, func(s *site) {
			s.mount("none", "packs", "tmpfs", 0, "")
			s.mount("none", "packs", "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, "")
		}, []string{"/packs cannot be written to", "read-only file system", "remount it writable"}},
		{"a configs directory that is mounted read-only", small, func(s *site) {
			s.mount(s.path("configs"), "configs", "", unix.MS_BIND, "")
			s.mount("none", "configs", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
		}, []string{"/configs cannot be written to", "read-only file system"}},
		{"a virtualenvs directory that is mounted read-only", small, func(s *site) {
			s.mkdir("virtualenvs")
			s.mount(s.path("virtualenvs"), "virtualenvs", "", unix.MS_BIND, "")
			s.mount("none", "virtualenvs", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
		}, []string{"/virtualenvs cannot be written to", "read-only file system"}},
		{"a virtualenv that is a mount point", small, func(s *site) {
			s.mkdir("virtualenvs/p")
			s.mount("none", "virtualenvs/p", "tmpfs", 0, "")
		}, []string{"/virtualenvs/p cannot be replaced", "mount point"}},
		{"a work folder that is mounted read-only", small, func(s *site) {
			s.applier()
			s.mount(s.path(".packsync"), ".packsync", "", unix.MS_BIND, "")
			s.mount("none", ".packsync", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
		}, []string{"the work folder", "/.packsync cannot be written to", "read-only file system"}},
		{"a file system with too little space for the pack", big, func(s *site) {
			s.mount("none", "packs", "tmpfs", 0, "size=1300k")
		}, []string{"too little space", "/packs:", "1.4 MiB needed, 1.3 MiB free", "make room"}},
		{"a file system with too few inodes for the pack", big, func(s *site) {
			s.mount("none", "packs", "tmpfs", 0, "nr_inodes=360")
		}, []string{"too few inodes", "/packs:", "367 needed, 359 free"}},
		{"several reasons at once", small, func(s *site) {
			s.mount("none", "packs", "tmpfs", 0, "")
			s.write("packs/p/canary", "untouched")
			s.mount("none", "packs/p", "tmpfs", 0, "")
			s.mount(s.path("configs"), "configs", "", unix.MS_BIND, "")
			s.mount("none", "configs", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
		}, []string{"/packs/p cannot be replaced", "/configs cannot be written to"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			c.setup(s)
			a := s.applier()
			p, content := s.place(c.files)
			p.Changes[0].Do.Venv = true
			before := s.picture()
			_, err := a.Stage(t.Context(), p, content)
			if err == nil {
				t.Fatal("it was staged")
			}
			for _, want := range append(c.want, "refused before anything was changed") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			if diff := cmp.Diff(before, s.picture()); diff != "" {
				t.Errorf("a refusal changed something (-before +after):\n%s", diff)
			}
		})
	}
}

// TestEnoughIsEnough is the other side: where just as much is free as is asked
// for, the apply goes through.
func TestEnoughIsEnough(t *testing.T) {
	if !inMountNamespace(t) {
		return
	}
	for name, options := range map[string]string{"space": "size=1100k,nr_inodes=1000", "inodes": "size=10m,nr_inodes=50"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.mount("none", "packs", "tmpfs", 0, options)
			p, content := s.place(small)
			a := s.applier()
			staged, err := a.Stage(t.Context(), p, content)
			if err != nil {
				t.Fatal(err)
			}
			if report, err := a.Run(t.Context(), staged); err != nil || report.Failed() {
				t.Errorf("run: %v, %+v", err, report)
			}
			if _, err := os.Stat(s.path("packs/p/actions/a.yaml")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUnwritableForThisUser is what somebody sees who forgot sudo.
func TestUnwritableForThisUser(t *testing.T) {
	s := newSite(t)
	a := s.applier()
	if err := os.Chmod(s.path("packs"), 0o555); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(s.root), 0o755); err != nil { // t.TempDir is for its owner only
		t.Fatal(err)
	}
	asNobody(t, s.path(".packsync"))
	p, content := s.place(small)
	_, err := a.Stage(t.Context(), p, content)
	if err == nil || !strings.Contains(err.Error(), "/packs cannot be written to") || !strings.Contains(err.Error(), "usually root") {
		t.Errorf("got %v", err)
	}
}

// asNobody makes the rest of a test access files as an ordinary user who owns
// dir, even where it runs as root. The user belongs to the thread.
func asNobody(t *testing.T, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	const nobody = 65534
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	if err := unix.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setfsuid(0); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
}
