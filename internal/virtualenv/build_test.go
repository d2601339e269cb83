package virtualenv_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/testenv"
	"github.com/packsync/packsync/internal/virtualenv"
)

// python is the distribution's: its path can be reached by every user.
const python = "/usr/bin/python3"

func TestMain(m *testing.M) {
	syscall.Umask(0o077) // modes must not depend on it
	os.Exit(m.Run())
}

// bench is where one virtualenv is built.
type bench struct {
	t        testing.TB
	opts     virtualenv.Options
	req      virtualenv.Request
	mu       sync.Mutex
	progress []string
}

// newBench offers a place that every user can reach, an index, and requirements
// of a pack.
func newBench(t testing.TB, index *pypi, requirements string) *bench {
	t.Helper()
	testenv.Need(t, python)
	if out, err := exec.Command(python, "-I", "-c", "import ensurepip").CombinedOutput(); err != nil {
		testenv.Skip(t, "needs python3-venv: "+string(out))
	}
	dir := reachableDir(t)
	b := &bench{t: t}
	b.opts = virtualenv.Options{
		Python: python, BuildDir: filepath.Join(dir, "build"), BaseRequirements: []string{}, NoHostConfig: true,
		NoProxy: "127.0.0.1", Timeout: 5 * time.Minute,
	}
	b.req = virtualenv.Request{Ref: "acme", Stage: filepath.Join(dir, "stage"), Final: filepath.Join(dir, "virtualenvs/acme")}
	if requirements != "" {
		b.req.Pack = fstest.MapFS{"requirements.txt": {Data: []byte(requirements)}}
	}
	if index != nil {
		b.opts.IndexURL = pack.NewSecret(index.URL + "/simple/")
	} else {
		b.opts.Offline = true
	}
	for _, name := range []string{"build", "virtualenvs"} {
		mkdir(t, filepath.Join(dir, name))
	}
	return b
}

func reachableDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func mkdir(t testing.TB, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) build(ctx context.Context) (virtualenv.Built, error) {
	return virtualenv.New(b.opts).Build(ctx, b.req, func(line string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.progress = append(b.progress, line)
	})
}

// built builds, and moves the stage to its place.
func (b *bench) built() virtualenv.Built {
	b.t.Helper()
	built, err := b.build(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	b.wantClean()
	if err := os.Rename(b.req.Stage, b.req.Final); err != nil {
		b.t.Fatal(err)
	}
	return built
}

// fails builds, and wants an error that holds each of texts, and nothing left.
func (b *bench) fails(texts ...string) error {
	b.t.Helper()
	_, err := b.build(b.t.Context())
	if err == nil {
		b.t.Fatal("built, want an error")
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			b.t.Errorf("error does not hold %q:\n%v", text, err)
		}
	}
	if _, err := os.Lstat(b.req.Stage); !errors.Is(err, fs.ErrNotExist) {
		b.t.Errorf("the stage is left (%v)", err)
	}
	b.wantClean()
	return err
}

func (b *bench) wantClean() {
	b.t.Helper()
	left, err := os.ReadDir(b.opts.BuildDir)
	if err != nil || len(left) > 0 {
		b.t.Errorf("left in the build directory: %v (%v)", left, err)
	}
}

// run runs a program of the final virtualenv with nothing of our environment.
func (b *bench) run(name string, args ...string) string {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), filepath.Join(b.req.Final, "bin", name), args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/nonexistent", "PYTHONDONTWRITEBYTECODE=1"}
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

var hello = wheel("acme_hello", "1.2", map[string]string{
	"acme_hello.py":    "import sys\ndef main():\n    print('hello from', sys.prefix)\n",
	"entry_points.txt": "[console_scripts]\nacme-hello = acme_hello:main\n",
}, "acme_dep>=1")

var dep = wheel("acme_dep", "1.0", map[string]string{"acme_dep/__init__.py": "import inspect\nwhere = inspect.currentframe().f_code.co_filename\n"})

func TestBuiltVirtualenvWorksAtItsFinalPlace(t *testing.T) {
	t.Parallel()
	index := newPyPI(t, hello, dep, wheel("acme_base", "3.1", nil), wheel("acme_base", "4.0", nil))
	b := newBench(t, index, "")
	b.opts.BaseRequirements = []string{"acme_base>=3,<4"}
	b.req.Pack = fstest.MapFS{
		"requirements.txt":  {Data: []byte("# of the pack\n-r python/more.txt\n")},
		"python/more.txt":   {Data: []byte("-c limits.txt\nacme-hello  # >= 1\n")},
		"python/limits.txt": {Data: []byte("acme-hello<2\n")},
	}
	built := b.built()

	for _, want := range []string{"acme_base==3.1", "acme_dep==1.0", "acme_hello==1.2"} {
		if !slices.Contains(built.Packages, want) {
			t.Errorf("packages are %q, want %s among them", built.Packages, want)
		}
	}
	if got, want := b.run("acme-hello"), "hello from "+b.req.Final; got != want {
		t.Errorf("the console script says %q, want %q", got, want)
	}
	if got, want := b.run("python", "-c", "import acme_dep; print(acme_dep.where)"), b.req.Final+"/lib/"; !strings.HasPrefix(got, want) {
		t.Errorf("tracebacks name %q, want it to begin with %q", got, want)
	}
	// StackStorm updates a virtualenv by its own pip (reference.md 3.10).
	if got, want := b.run("pip", "--version"), b.req.Final+"/lib/"; !strings.Contains(got, want) {
		t.Errorf("pip --version says %q, want %q in it", got, want)
	}
	b.wantNoTrace(index)
	b.wantModes()
	b.wantRecords()

	b.run("pip", "uninstall", "--yes", "acme_hello") // RECORD names what there is
	if _, err := os.Stat(b.req.Final + "/bin/acme-hello"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after pip uninstall: %v, want the script gone", err)
	}
}

// wantNoTrace wants no file of the virtualenv to hold a path of where it was
// built.
func (b *bench) wantNoTrace(index *pypi) {
	b.t.Helper()
	for _, trace := range []string{b.opts.BuildDir, b.req.Stage} {
		out, _ := exec.CommandContext(b.t.Context(), "grep", "-rlF", trace, b.req.Final).CombinedOutput()
		if len(out) > 0 {
			b.t.Errorf("these hold %s:\n%s", trace, out)
		}
	}
	compiled, err := filepath.Glob(b.req.Final + "/lib/*/site-packages/__pycache__/acme_hello.*.pyc")
	if err != nil || len(compiled) != 1 {
		b.t.Errorf("bytecode of acme_hello: %q (%v), want one file", compiled, err)
	}
	if len(index.seen()) == 0 {
		b.t.Error("the index was not asked")
	}
}

func (b *bench) wantModes() {
	b.t.Helper()
	err := filepath.WalkDir(b.req.Final, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o644)
		if e.IsDir() || strings.Contains(path, "/bin/") && !strings.Contains(path, "ctivate") {
			want = 0o755
		}
		if info.Mode().Perm() != want {
			b.t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != os.Geteuid() || st.Nlink > 1 && !e.IsDir() {
			b.t.Errorf("%s belongs to uid %d and has %d names", path, st.Uid, st.Nlink)
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// wantRecords wants each RECORD to tell the truth.
func (b *bench) wantRecords() {
	b.t.Helper()
	out := b.run("python", "-c", `
import base64, csv, glob, hashlib, os, sys
site = glob.glob(sys.prefix + "/lib/*/site-packages")[0]
for record in glob.glob(site + "/*.dist-info/RECORD"):
    for path, digest, size in csv.reader(open(record)):
        path = os.path.join(site, path)
        if not os.path.exists(path):
            print("missing:", path)
        elif digest:
            data = open(path, "rb").read()
            want = "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            if digest != want or int(size) != len(data):
                print("differs:", path, record)
`)
	if out != "" {
		b.t.Errorf("RECORD and files differ:\n%s", out)
	}
}
