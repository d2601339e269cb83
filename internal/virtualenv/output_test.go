package virtualenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/testenv"
)

func TestOutputHidesSecretsWhateverTheWrites(t *testing.T) {
	t.Parallel()
	secrets := secretTexts(pack.NewSecret("https://deploy:s%2Fcret@index.example/simple"), pack.NewSecret("http://tokenalone@proxy.example:1"),
		pack.NewSecret("https://index.example/simple?key=abcdef"), pack.NewSecret(""))
	const text = "get https://deploy:s%2Fcret@index.example/simple\n" +
		"password s/cret, written s%2Fcret\r" +
		"tokenalone and key=abcdef\n\n" +
		"other https://u:p@host/ and git+https://u@host/\n" +
		"\x1b[31mred\u202e\ttab\n" +
		"no end of line"
	want := []string{
		"get https://***@index.example/simple", "password ***, written ***", "*** and ***",
		"other https://***@host/ and git+https://***@host/", "\uFFFD[31mred\uFFFD tab", "no end of line",
	}
	for size := range len(text) {
		var shown []string
		o := &output{hidden: secrets, progress: func(line string) { shown = append(shown, line) }}
		for chunk := range slices.Chunk([]byte(text), size+1) {
			if n, err := o.Write(chunk); n != len(chunk) || err != nil {
				t.Fatal(n, err)
			}
		}
		o.flush()
		if !slices.Equal(shown, want) || !slices.Equal(o.lines, want) {
			t.Fatalf("in writes of %d bytes: shows %q and keeps %q, want %q", size+1, shown, o.lines, want)
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	o := &output{hidden: []string{"secret"}}
	for i := range 100 {
		_, _ = fmt.Fprintf(o, "line %d\n", i)
	}
	if len(o.lines) != tailLines || o.lines[tailLines-1] != "line 99" {
		t.Errorf("keeps %q, want the last %d", o.lines, tailLines)
	}
	_, _ = fmt.Fprintf(o, "%s%s\n%s\n", strings.Repeat("x", maxLineSize-3), "secret", strings.Repeat("ä", 1000))
	got := o.lines[tailLines-2:]
	if got[0] != "(a line of more than 64 KiB)" || got[1] != strings.Repeat("ä", shownRunes)+"…" {
		t.Errorf("long lines are shown as %.60q", got)
	}
}

func TestBuildAccount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		self  int
		want  string // "" for nobody else
		fails string
	}{
		{"", 0, DefaultBuildUser, ""},
		{"nobody", 0, "nobody", ""},
		{"65534", 0, "nobody", ""},
		{"root", 0, "", ""},
		{"0", 0, "", ""},
		{"", 1000, "", ""},
		{"65534", 65534, "", ""},
		{"root", 1000, "", "packsync is not root"},
		{"nobody", 1000, "", "packsync is not root"},
		{"no-such-user", 0, "", "python.build_user"},
	} {
		got, err := buildAccount(c.name, c.self)
		name := ""
		if got != nil {
			name = got.name
		}
		if name != c.want || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("build user %q of uid %d: %q (%v), want %q (%s)", c.name, c.self, name, err, c.want, c.fails)
		}
		if got != nil && got.uid == 0 {
			t.Errorf("build user %q is root", c.name)
		}
	}
}

func TestUnreadableHostConfigIsNotPassedOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open, closed := filepath.Join(dir, "open.conf"), filepath.Join(dir, "closed.conf")
	for file, mode := range map[string]os.FileMode{open: 0o644, closed: 0o640} {
		if err := errors.Join(os.WriteFile(file, nil, mode), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
	}
	other := &workshop{user: &account{name: "nobody", uid: 65534}}
	if err := other.checkHostConfig([]string{open, filepath.Join(dir, "absent.conf")}); err != nil {
		t.Error(err)
	}
	if err := other.checkHostConfig([]string{open, closed}); err == nil || !strings.Contains(err.Error(), closed) {
		t.Errorf("error is %v, want one that names the file", err)
	}
	if err := (&workshop{}).checkHostConfig([]string{closed}); err != nil {
		t.Errorf("as our own user: %v", err)
	}
}

func TestSweepRemovesWhatKilledRunsLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{workshopPrefix + "old": 48 * time.Hour, workshopPrefix + "young": time.Hour, "other": 48 * time.Hour} {
		path := filepath.Join(dir, name)
		when := time.Now().Add(-age)
		if err := errors.Join(os.MkdirAll(path, 0o700), os.WriteFile(path+"/file", nil, 0o600), os.Chtimes(path, when, when)); err != nil {
			t.Fatal(err)
		}
	}
	if err := (&workshop{disk: safefs.OS(), opts: Options{Timeout: DefaultTimeout}}).sweep(dir); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(dir + "/*")
	if want := []string{filepath.Join(dir, "other"), filepath.Join(dir, workshopPrefix+"young")}; err != nil || !slices.Equal(left, want) {
		t.Errorf("left are %q (%v), want %q", left, err, want)
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "/usr/bin/python3")
	make := func(t *testing.T) string {
		dir := filepath.Join(t.TempDir(), "venv")
		p := process{argv: []string{"/usr/bin/python3", "-I", "-m", "venv", "--without-pip", dir}, dir: "/"}
		if err := p.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, c := range []struct {
		name  string
		harm  func(dir string) error
		wants string
	}{
		{"as it was made", func(string) error { return nil }, ""},
		{"removed", func(dir string) error { return os.RemoveAll(dir) }, "no such file"},
		{"without pyvenv.cfg", func(dir string) error { return os.Remove(dir + "/pyvenv.cfg") }, "no complete virtualenv"},
		{"with a Python that is gone", func(dir string) error {
			return errors.Join(os.Remove(dir+"/bin/python3"), os.Symlink("/gone/python3.11", dir+"/bin/python3"))
		}, "its Python is gone"},
		{"whose home is gone", func(dir string) error { return os.WriteFile(dir+"/pyvenv.cfg", []byte("home = /gone/bin\n"), 0o600) }, `in "/gone/bin"`},
		{"of another version", func(dir string) error {
			libs, err := filepath.Glob(dir + "/lib/python*")
			if err != nil || len(libs) != 1 {
				return fmt.Errorf("%q: %w", libs, err)
			}
			return os.Rename(libs[0], dir+"/lib/python3.2")
		}, "made for Python 3.2"},
		{"without packages", func(dir string) error { return os.RemoveAll(dir + "/lib") }, "no site-packages"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := make(t)
			if err := c.harm(dir); err != nil {
				t.Fatal(err)
			}
			for name, err := range map[string]error{"Inspect": Inspect(dir), "Check": Check(t.Context(), dir)} {
				if (err == nil) != (c.wants == "") || err != nil && !strings.Contains(err.Error(), c.wants) {
					t.Errorf("%s: %v, want %q", name, err, c.wants)
				}
			}
		})
	}
}

func TestCheckRunsThePython(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "/usr/bin/python3")
	dir := filepath.Join(t.TempDir(), "venv")
	if err := errors.Join(os.MkdirAll(dir+"/bin", 0o700), os.MkdirAll(dir+"/lib/python3.11/site-packages", 0o700),
		os.WriteFile(dir+"/pyvenv.cfg", []byte("home = /bin\n"), 0o600), os.Symlink("/bin/false", dir+"/bin/python")); err != nil {
		t.Fatal(err)
	}
	if err := Inspect(dir); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), dir); err == nil {
		t.Error("a Python that fails passes the check")
	}
}
