package virtualenv_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/virtualenv"
)

// fakePython is a file that is named as Python is. To run it would fail.
func fakePython(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "python"+version), "")
	link := filepath.Join(dir, "python")
	if err := os.Symlink("python"+version, link); err != nil {
		t.Fatal(err)
	}
	return link
}

func TestKey(t *testing.T) {
	t.Parallel()
	py := fakePython(t, "3.11")
	base := func() (virtualenv.Options, virtualenv.Request) {
		return virtualenv.Options{Python: py, PipOptions: []string{"--pre"}},
			virtualenv.Request{Ref: "acme", Stage: "/stage", Final: "/opt/stackstorm/virtualenvs/acme", Pack: fstest.MapFS{
				"requirements.txt": {Data: []byte("-r more.txt\n")}, "more.txt": {Data: []byte("requests\n")}, "other.txt": {Data: []byte("1")},
			}}
	}
	key := func(change func(*virtualenv.Options, *virtualenv.Request)) string {
		o, r := base()
		change(&o, &r)
		key, err := virtualenv.New(o).Key(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	want := key(func(*virtualenv.Options, *virtualenv.Request) {})
	if len(want) != len("v1:")+64 || want[:3] != "v1:" {
		t.Errorf("key is %q, want v1: and a SHA-256", want)
	}

	for name, change := range map[string]func(o *virtualenv.Options, r *virtualenv.Request){
		"nothing":           func(*virtualenv.Options, *virtualenv.Request) {},
		"the stage":         func(_ *virtualenv.Options, r *virtualenv.Request) { r.Stage = "/other" },
		"a file not used":   func(_ *virtualenv.Options, r *virtualenv.Request) { delete(r.Pack.(fstest.MapFS), "other.txt") },
		"the index":         func(o *virtualenv.Options, _ *virtualenv.Request) { o.IndexURL = pack.NewSecret("https://x/") },
		"the way to it":     func(o *virtualenv.Options, _ *virtualenv.Request) { o.HTTPSProxy = pack.NewSecret("http://p:1") },
		"vendored wheels":   func(o *virtualenv.Options, r *virtualenv.Request) { o.Offline, r.Wheels = true, offer(hello) },
		"time and user":     func(o *virtualenv.Options, _ *virtualenv.Request) { o.Timeout, o.BuildUser = time.Hour, "x" },
		"the default spelt": func(o *virtualenv.Options, _ *virtualenv.Request) { o.BaseRequirements = []string{"six>=1.9.0,<2.0"} },
	} {
		if key(change) != want {
			t.Errorf("the key changes with %s", name)
		}
	}

	seen := map[string]string{want: "nothing"}
	for name, change := range map[string]func(o *virtualenv.Options, r *virtualenv.Request){
		"the interpreter's path": func(o *virtualenv.Options, _ *virtualenv.Request) { o.Python = fakePython(t, "3.11") },
		"st2's packages":         func(o *virtualenv.Options, _ *virtualenv.Request) { o.ST2Site = "/st2/site-packages" },
		"base requirements":      func(o *virtualenv.Options, _ *virtualenv.Request) { o.BaseRequirements = []string{"six"} },
		"no base requirements":   func(o *virtualenv.Options, _ *virtualenv.Request) { o.BaseRequirements = []string{} },
		"pip options":            func(o *virtualenv.Options, _ *virtualenv.Request) { o.PipOptions = nil },
		"the wheel policy":       func(o *virtualenv.Options, _ *virtualenv.Request) { o.OnlyBinary = true },
		"the final place":        func(_ *virtualenv.Options, r *virtualenv.Request) { r.Final = "/srv/acme" },
		"no requirements":        func(_ *virtualenv.Options, r *virtualenv.Request) { r.Pack = nil },
		"an included file": func(_ *virtualenv.Options, r *virtualenv.Request) {
			r.Pack.(fstest.MapFS)["more.txt"].Data = []byte("x\n")
		},
		"the order of lines": func(_ *virtualenv.Options, r *virtualenv.Request) {
			r.Pack.(fstest.MapFS)["more.txt"].Data = []byte("y\nx\n")
		},
	} {
		got := key(change)
		if other, ok := seen[got]; ok {
			t.Errorf("the key is the same for %s and %s", name, other)
		}
		seen[got] = name
	}

	// The same path is another Python after an upgrade of the system.
	if err := os.Remove(py); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(fakePython(t, "3.12"), py); err != nil {
		t.Fatal(err)
	}
	if key(func(*virtualenv.Options, *virtualenv.Request) {}) == want {
		t.Error("the key does not change with Python's version")
	}
}

func TestKeyOfAPythonWhoseNameHasNoVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "#!/bin/sh\necho 3.7\n", "b": "#!/bin/sh\necho 3.8\n", "broken": "#!/bin/sh\nexit 3\n"} {
		write(t, filepath.Join(dir, name), text)
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	keyOf := func(name string) (string, error) {
		return virtualenv.New(virtualenv.Options{Python: filepath.Join(dir, name)}).Key(context.Background(), virtualenv.Request{Ref: "acme", Final: "/x"})
	}
	a, errA := keyOf("a")
	b, errB := keyOf("b")
	if errA != nil || errB != nil || a == b {
		t.Errorf("keys are %s (%v) and %s (%v), want different ones", a, errA, b, errB)
	}
	if _, err := keyOf("broken"); err == nil {
		t.Error("an interpreter that fails has a key")
	}
}
