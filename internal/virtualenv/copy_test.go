package virtualenv

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/tree"
)

var testProfile = tree.Profile{DirMode: 0o755, FileMode: 0o644, ExecMode: 0o755, UID: -1, GID: -1}

// copyCase is a build directory and the stage that it is copied to.
type copyCase struct {
	t           *testing.T
	from, stage string
	c           copier
}

const final = "/opt/stackstorm/virtualenvs/acme"

func newCopyCase(t *testing.T) *copyCase {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	k := &copyCase{t: t, from: dir + "/build/acme", stage: dir + "/stage"}
	k.put("python3.11", "the interpreter")
	k.c = copier{from: k.from, to: final, python: k.from + "/../python3.11", profile: testProfile}
	k.c.python = filepath.Clean(k.c.python)
	if err := errors.Join(os.Rename(k.from+"/python3.11", k.c.python), os.Mkdir(k.stage, 0o700)); err != nil {
		t.Fatal(err)
	}
	return k
}

// put writes a file of the build; FROM stands for the build directory.
func (k *copyCase) put(name, text string) {
	k.t.Helper()
	file := filepath.Join(k.from, name)
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = os.WriteFile(file, []byte(strings.ReplaceAll(text, "FROM", k.from)), 0o600)
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *copyCase) link(name, target string) {
	k.t.Helper()
	file := filepath.Join(k.from, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.Symlink(strings.ReplaceAll(target, "FROM", k.from), file)); err != nil {
		k.t.Fatal(err)
	}
}

func (k *copyCase) copy() error { return k.c.copy(context.Background(), k.stage) }

func (k *copyCase) want(name, text string) {
	k.t.Helper()
	got, err := os.ReadFile(filepath.Join(k.stage, name))
	if err != nil || string(got) != text {
		k.t.Errorf("%s holds %q (%v), want %q", name, got, err, text)
	}
}

func (k *copyCase) wantAbsent(name string) {
	k.t.Helper()
	if _, err := os.Lstat(filepath.Join(k.stage, name)); !errors.Is(err, fs.ErrNotExist) {
		k.t.Errorf("%s: %v, want it absent", name, err)
	}
}

func TestCopyRewritesThePathsOfText(t *testing.T) {
	t.Parallel()
	k := newCopyCase(t)
	k.put("pyvenv.cfg", "home = /usr/bin\ncommand = python -m venv FROM\n")
	k.put("bin/activate", "VIRTUAL_ENV='FROM'\n")
	k.put("bin/tool", "#!FROM/bin/python\nimport x\n")
	k.put("lib/python3.11/site-packages/__editable__.acme.pth", "FROM/src/acme\n")
	k.put("lib/python3.11/site-packages/latin1.py", "# -*- latin-1 -*- \xe9 FROM\n")
	k.put("share/other", "/some/where/else\x00")
	if err := k.copy(); err != nil {
		t.Fatal(err)
	}
	k.want("pyvenv.cfg", "home = /usr/bin\ncommand = python -m venv "+final+"\n")
	k.want("bin/activate", "VIRTUAL_ENV='"+final+"'\n")
	k.want("bin/tool", "#!"+final+"/bin/python\nimport x\n")
	k.want("lib/python3.11/site-packages/__editable__.acme.pth", final+"/src/acme\n")
	k.want("lib/python3.11/site-packages/latin1.py", "# -*- latin-1 -*- \xe9 "+final+"\n")
	k.want("share/other", "/some/where/else\x00")
	if err := verify(t.Context(), k.stage, k.from); err != nil {
		t.Error(err)
	}
}

func TestCopyRefusesABinaryThatHoldsItsPath(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"small":                  "\x7fELF\x00FROM/lib\x00",
		"large":                  "\x7fELF" + strings.Repeat("\x00", wholeFile) + "FROM/lib",
		"large, across a border": strings.Repeat("\x00", 33<<20-10) + "FROM" + strings.Repeat("\x00", 1<<20),
	} {
		k := newCopyCase(t)
		k.put("lib/x.so", text)
		if err := k.copy(); err == nil || !strings.Contains(err.Error(), "require a wheel") || !strings.Contains(err.Error(), "lib/x.so") {
			t.Errorf("%s: error is %v, want one that names the file and the way out", name, err)
		}
	}
	k := newCopyCase(t)
	large := strings.Repeat("\x00", wholeFile+5)
	k.put("lib/x.so", large)
	if err := k.copy(); err != nil {
		t.Fatal(err)
	}
	k.want("lib/x.so", large)
}

func TestCopyKeepsRecordsTrue(t *testing.T) {
	t.Parallel()
	k := newCopyCase(t)
	site := "lib/python3.11/site-packages/"
	k.put("bin/tool", "#!FROM/bin/python\n")
	k.put(site+"acme.py", "x = 1\n")
	k.put(site+"where.py", "here = 'FROM'\n")
	k.put(site+"__pycache__/acme.cpython-311.pyc", "\x00bytecode")
	k.put(site+"__pycache__/where.cpython-311.pyc", "\x00bytecode")
	k.put(site+"__pycache__/where.cpython-311.opt-1.pyc", "\x00bytecode")
	k.put(site+"__pycache__/path.cpython-311.pyc", "\x00FROM")
	k.put(site+"acme-1.dist-info/RECORD", "../../../bin/tool,sha256=old,9\nacme.py,sha256=same,6\n"+
		"\"a,b\",,\n__pycache__/acme.cpython-311.pyc,,\n__pycache__/where.cpython-311.pyc,,\n__pycache__/path.cpython-311.pyc,sha256=x,3\nacme-1.dist-info/RECORD,,\n")
	k.put(site+"other-1.dist-info/RECORD", "untouched.py,sha256=x,1\r\n") // as some tools write it
	if err := k.copy(); err != nil {
		t.Fatal(err)
	}
	tool := "#!" + final + "/bin/python\n"
	sum := sha256.Sum256([]byte(tool))
	k.want(site+"acme-1.dist-info/RECORD", fmt.Sprintf("../../../bin/tool,sha256=%s,%d\nacme.py,sha256=same,6\n", base64.RawURLEncoding.EncodeToString(sum[:]), len(tool))+
		"\"a,b\",,\n__pycache__/acme.cpython-311.pyc,,\nacme-1.dist-info/RECORD,,\n")
	k.want(site+"other-1.dist-info/RECORD", "untouched.py,sha256=x,1\r\n")
	k.want(site+"__pycache__/acme.cpython-311.pyc", "\x00bytecode")
	k.wantAbsent(site + "__pycache__/where.cpython-311.pyc")
	k.wantAbsent(site + "__pycache__/where.cpython-311.opt-1.pyc")
	k.wantAbsent(site + "__pycache__/path.cpython-311.pyc")
}

func TestCopyGivesItsOwnModesAndKeepsTimes(t *testing.T) {
	t.Parallel()
	k := newCopyCase(t)
	k.put("lib/a.py", "")
	k.put("bin/tool", "")
	k.put("bin/hard", "")
	when := time.Unix(1_500_000_000, 0)
	for name, mode := range map[string]fs.FileMode{"lib": 0o777, "bin": 0o700 | fs.ModeSetgid | fs.ModeSticky, "lib/a.py": 0o466, "bin/tool": 0o700 | fs.ModeSetuid | fs.ModeSetgid} {
		if err := os.Chmod(filepath.Join(k.from, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chtimes(k.from+"/lib/a.py", when, when), os.Link(k.from+"/bin/tool", k.from+"/bin/second")); err != nil {
		t.Fatal(err)
	}
	k.c.profile = tree.Profile{DirMode: 0o775, FileMode: 0o664, ExecMode: 0o775, UID: os.Getuid(), GID: os.Getgid()}
	if err := k.copy(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{".": 0o775, "lib": 0o775, "bin": 0o775, "lib/a.py": 0o664, "bin/tool": 0o775, "bin/second": 0o775} {
		info, err := os.Lstat(filepath.Join(k.stage, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode() &^ fs.ModeDir; got != want {
			t.Errorf("%s has mode %v, want %v", name, got, want)
		}
		if n := info.Sys().(*syscall.Stat_t).Nlink; !info.IsDir() && n != 1 {
			t.Errorf("%s has %d names", name, n)
		}
		if name == "lib/a.py" && !info.ModTime().Equal(when) {
			t.Errorf("time is %v, want that of the build: bytecode refers to it", info.ModTime())
		}
	}
}

func TestCopyLinks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, target, want string }{
		{"lib64", "lib", "lib"},
		{"lib/a", "../share/x", "../share/x"},
		{"lib/b", "FROM/share/x", final + "/share/x"},
		{"bin/python3", "FROM/../python3.11", ""}, // leads there, but by the build directory
		{"bin/python", "INTERPRETER", "INTERPRETER"},
		{"lib/c", "/etc/passwd", ""},
		{"lib/d", "../../outside", ""},
		{"lib/e", "FROM/../outside", ""},
		{"lib/f", "FROM", ""},
		{"bin/python3.11", "/bin/sh", ""},
		{"bin/python3", "missing", ""},
		{"bin/python3", "../../python3.11", ""},
	} {
		k := newCopyCase(t)
		c.target = strings.ReplaceAll(c.target, "INTERPRETER", k.c.python)
		c.want = strings.ReplaceAll(c.want, "INTERPRETER", k.c.python)
		k.link(c.name, c.target)
		err := k.copy()
		got, _ := os.Readlink(filepath.Join(k.stage, c.name))
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s -> %s gives %q (%v), want %q", c.name, c.target, got, err, c.want)
		}
	}
}

func TestCopyRefusesWhatIsNoFile(t *testing.T) {
	t.Parallel()
	k := newCopyCase(t)
	k.put("lib/x", "")
	if err := syscall.Mkfifo(k.from+"/lib/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.copy(); err == nil || !strings.Contains(err.Error(), "lib/pipe") {
		t.Errorf("a pipe: error is %v", err)
	}
	k = newCopyCase(t)
	k.put("bin/python3", "not Python")
	if err := k.copy(); err == nil || !strings.Contains(err.Error(), "bin/python3") {
		t.Errorf("a file in the interpreter's place: error is %v", err)
	}
	k = newCopyCase(t)
	k.put(strings.Repeat("d/", maxDepth+5)+"x", "")
	if err := k.copy(); err == nil || !strings.Contains(err.Error(), "nested") {
		t.Errorf("deep directories: error is %v", err)
	}
}

func TestLongShebangBecomesACommandOfTheShell(t *testing.T) {
	t.Parallel()
	k := newCopyCase(t)
	k.c.to = "/opt/" + strings.Repeat("long", 40) + "/acme"
	k.put("bin/tool", "#!FROM/bin/python\nprint(1)\n")
	k.put("bin/activate", "VIRTUAL_ENV=FROM\n")
	if err := k.copy(); err != nil {
		t.Fatal(err)
	}
	k.want("bin/tool", "#!/bin/sh\n'''exec' "+k.c.to+"/bin/python \"$0\" \"$@\"\n' '''\nprint(1)\n")
	k.want("bin/activate", "VIRTUAL_ENV="+k.c.to+"\n")
}

func TestVerifyFindsWhatWasLeft(t *testing.T) {
	t.Parallel()
	const needle = "/var/tmp/build/acme"
	for name, plant := range map[string]func(dir string) error{
		"a file": func(dir string) error { return os.WriteFile(dir+"/x", []byte("\x00"+needle+"\x00"), 0o600) },
		"a link": func(dir string) error { return os.Symlink(needle+"/lib", dir+"/x") },
	} {
		dir := t.TempDir()
		if err := verify(t.Context(), dir, needle); err != nil {
			t.Fatal(err)
		}
		if err := plant(dir); err != nil {
			t.Fatal(err)
		}
		if err := verify(t.Context(), dir, needle); err == nil || !strings.Contains(err.Error(), "x") {
			t.Errorf("%s: error is %v, want one that names it", name, err)
		}
	}
}
