package vendored

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/testenv"
)

func fill(t *testing.T, dir string, files map[string]string) *Writer {
	t.Helper()
	w, err := Create(safefs.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := w.Add(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bundle")
	w := fill(t, dir, map[string]string{"packs/ab/abcd.pack": "PACK", "index/x.json": "{}"})
	if w.Bytes() != 6 {
		t.Errorf("%d bytes", w.Bytes())
	}
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"packs/ab/abcd.pack": "PACK", "index/x.json": "{}", "packs/absent": ""} {
		if got, err := b.Read(name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got := b.Names("packs"); len(got) != 1 || got[0] != "packs/ab/abcd.pack" {
		t.Errorf("names %q", got)
	}
	if got := append(b.Names("pack"), (*Bundle)(nil).Names("packs")...); len(got) != 0 {
		t.Errorf("names %q of nothing", got)
	}
	if got, err := (*Bundle)(nil).Read("x"); got != nil || err != nil {
		t.Errorf("no bundle: %q, %v", got, err)
	}
}

// TestAnyoneCanCheckIt: with what every Linux has.
func TestAnyoneCanCheckIt(t *testing.T) {
	testenv.Need(t, "sha256sum")
	dir := t.TempDir()
	fill(t, dir, map[string]string{"packs/ab/abcd.pack": "PACK", "packs.lock.json": "{}"})
	cmd := exec.Command("sha256sum", "--check", "--strict", sumsName)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "abcd.pack: OK") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestANewBundleReplacesTheOld(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, map[string]string{"packs/old": "old", "packs/same": "same"})
	before, err := os.Stat(filepath.Join(dir, "packs/same"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	fill(t, dir, map[string]string{"packs/new": "new", "packs/same": "same"})
	if exists(filepath.Join(dir, "packs/old")) || !exists(filepath.Join(dir, "packs/new")) || !exists(filepath.Join(dir, "notes.txt")) {
		t.Error("want new and the foreign file, and not old")
	}
	after, err := os.Stat(filepath.Join(dir, "packs/same"))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("what did not change was written again (%v)", err)
	}
}

func TestAnInterruptedRunIsFinishedByTheNext(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(safefs.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add("packs/a", []byte("a")); err != nil {
		t.Fatal(err)
	}
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Read("packs/a"); got != nil || err != nil {
		t.Errorf("half a bundle has %q, %v", got, err)
	}
	left := filepath.Join(dir, safefs.TempName())
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	fill(t, dir, map[string]string{"packs/a": "a"})
	if exists(left) {
		t.Error("what a killed run left is still there")
	}
}

func TestForeignDirectoriesAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(safefs.OS(), dir); err == nil || !strings.Contains(err.Error(), "empty or not there") {
		t.Errorf("error is %v", err)
	}
	if _, err := Create(safefs.OS(), filepath.Join(dir, "precious")); err == nil {
		t.Error("a file is taken for a directory")
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "not made by packsync vendor") {
		t.Errorf("error is %v", err)
	}
}

func TestDamageIsSeen(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, map[string]string{"packs/a": "aaaa", "packs/b": "bbbb"})
	if err := os.WriteFile(filepath.Join(dir, "packs/a"), []byte("aaab"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "packs/b")); err != nil {
		t.Fatal(err)
	}
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"packs/a": "not as it was written", "packs/b": "no such file"} {
		if data, err := b.Read(name); data != nil || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "copy the bundle again") {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	good := marker + "\n" + strings.Repeat("0", 64) + "  packs/a\n"
	for text, want := range map[string]string{
		good:                               "",
		"":                                 "not written by packsync vendor",
		"# packsync vendor 2\n":            "does not know its format",
		"# packsync vendor 12\n":           "does not know its format",
		good + "x\n":                       "damaged",
		good[:len(good)-9]:                 "damaged",
		strings.Replace(good, "0", "G", 1): "damaged",
		strings.Replace(good, "packs/", "../", 1):   "damaged",
		strings.Replace(good, "packs/", "/etc/", 1): "damaged",
	} {
		if err := os.WriteFile(filepath.Join(dir, sumsName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestBadNames(t *testing.T) {
	w, err := Create(safefs.OS(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "../x", "/x", "a\nb", "a b", sumsName, "a/../../b"} {
		if err := w.Add(name, nil); err == nil {
			t.Errorf("the name %q is taken", name)
		}
	}
}
