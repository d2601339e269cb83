package gogit

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/testenv"
	"github.com/packsync/packsync/internal/tree"
)

func TestParseSSH(t *testing.T) {
	for text, want := range map[string]sshAddress{
		"git@git.acme.example:st2/x.git":            {"git", "git.acme.example:22", "st2/x.git"},
		"git@[2001:db8::1]:st2/x.git":               {"git", "[2001:db8::1]:22", "st2/x.git"},
		"ssh://git.acme.example/st2/x.git":          {"git", "git.acme.example:22", "/st2/x.git"},
		"ssh://jane@git.acme.example:2222/st2/x":    {"jane", "git.acme.example:2222", "/st2/x"},
		"ssh://git@[2001:db8::1]:2222/st2/x":        {"git", "[2001:db8::1]:2222", "/st2/x"},
		"ssh://git@git.acme.example/~jane/x%20y":    {"git", "git.acme.example:22", "~jane/x y"},
		"git@git.acme.example:~/x; touch /tmp/evil": {"git", "git.acme.example:22", "~/x; touch /tmp/evil"},
	} {
		if got, err := parseSSH(text); err != nil || got != want {
			t.Errorf("parseSSH(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
}

// FuzzShellQuote compares with a real shell.
func FuzzShellQuote(f *testing.F) {
	for _, seed := range []string{"", "a", "it's", "!x!", "a b;c|d$(e)`f`\\n\"", "-x", "\n'\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if bytes.IndexByte([]byte(text), 0) >= 0 {
			t.Skip("no argument can hold NUL")
		}
		testenv.Need(t, "sh")
		out, err := exec.Command("sh", "-c", "printf %s "+shellQuote(text)).Output()
		if err != nil || string(out) != text {
			t.Errorf("the shell makes %q of %q (%v)", out, text, err)
		}
	})
}

func TestParseTree(t *testing.T) {
	type entries = []gittest.Entry
	for _, c := range []struct {
		name    string
		entries entries
		rule    tree.Rule // "" if it is accepted
		path    string
	}{
		{"empty", nil, "", ""},
		{"as git sorts", entries{{Mode: "100644", Name: "a.b"}, {Mode: "40000", Name: "a"}, {Mode: "100755", Name: "a0"}, {Mode: "120000", Name: "b"}}, "", ""},
		{"as names sort", entries{{Mode: "40000", Name: "a"}, {Mode: "100644", Name: "a.b"}}, tree.RuleMalformed, "a.b"},
		{"backwards", entries{{Mode: "100644", Name: "b"}, {Mode: "100644", Name: "a"}}, tree.RuleMalformed, "a"},
		{"twice", entries{{Mode: "100644", Name: "a"}, {Mode: "100644", Name: "a"}}, tree.RuleMalformed, "a"},
		{"file and directory", entries{{Mode: "100644", Name: "a"}, {Mode: "100644", Name: "a.b"}, {Mode: "40000", Name: "a"}}, tree.RuleMalformed, "a"},
		{"submodule", entries{{Mode: "160000", Name: "a"}}, tree.RuleSubmodule, "a"},
		{"directory with a zero", entries{{Mode: "040000", Name: "a"}}, tree.RuleMalformed, "a"},
		{"old group-writable mode", entries{{Mode: "100664", Name: "a"}}, tree.RuleMode, "a"},
		{"no mode", entries{{Mode: "", Name: "a"}}, tree.RuleMode, "a"},
		{"bad name", entries{{Mode: "100644", Name: ".git"}}, tree.RuleGit, ".git"},
	} {
		got, err := parseTree(rawTree(c.entries))
		var refused *tree.RefusedError
		switch errors.As(err, &refused); {
		case c.rule == "" && (err != nil || len(got) != len(c.entries)):
			t.Errorf("%s: %v, %v", c.name, got, err)
		case c.rule != "" && (refused == nil || refused.Rule != c.rule || refused.Path != c.path):
			t.Errorf("%s: error is %v, want a refusal of %q by rule %s", c.name, err, c.path, c.rule)
		}
	}
	for _, raw := range []string{"100644", "100644 a", "100644 a\x00too short", "\x00", " "} {
		var refused *tree.RefusedError
		if _, err := parseTree([]byte(raw)); !errors.As(err, &refused) || refused.Rule != tree.RuleMalformed {
			t.Errorf("%q: error is %v, want a refusal as malformed", raw, err)
		}
	}
}

// FuzzParseTree wants what is accepted to be what go-git reads, and written the
// one way that git writes it.
func FuzzParseTree(f *testing.F) {
	var o gittest.Objects
	id := o.Blob("x")
	for _, entries := range [][]gittest.Entry{
		nil,
		{{Mode: "100644", Name: "a", ID: id}, {Mode: "40000", Name: "a.b", ID: id}, {Mode: "120000", Name: "b", ID: id}},
		{{Mode: "0100644", Name: "a", ID: id}},
		{{Mode: "100644", Name: "b", ID: id}, {Mode: "100644", Name: "a", ID: id}},
	} {
		f.Add(rawTree(entries))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		entries, err := parseTree(raw)
		var refused *tree.RefusedError
		if err != nil {
			if !errors.As(err, &refused) {
				t.Errorf("error %v is no refusal", err)
			}
			return
		}
		var again bytes.Buffer
		theirs := &object.Tree{}
		for _, e := range entries {
			fmt.Fprintf(&again, "%s %s\x00", e.mode, e.name)
			again.Write(e.id[:])
			mode, err := filemode.New(e.mode)
			if err != nil {
				t.Fatal(err)
			}
			theirs.Entries = append(theirs.Entries, object.TreeEntry{Name: e.name, Mode: mode, Hash: e.id})
		}
		if !bytes.Equal(again.Bytes(), raw) {
			t.Errorf("%q is read as %q", raw, again.Bytes())
		}
		encoded := &plumbing.MemoryObject{}
		encoded.SetType(plumbing.TreeObject)
		if err := theirs.Encode(encoded); err != nil {
			t.Fatalf("go-git does not write what was accepted: %v", err)
		}
		if content := readAll(t, encoded); !bytes.Equal(content, raw) {
			t.Errorf("git writes %q as %q", raw, content)
		}
	})
}

func rawTree(entries []gittest.Entry) []byte {
	var raw bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&raw, "%s %s\x00", e.Mode, e.Name)
		raw.Write(e.ID[:])
	}
	return raw.Bytes()
}

func readAll(t testing.TB, o plumbing.EncodedObject) []byte {
	t.Helper()
	r, err := o.Reader()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestParseCommit(t *testing.T) {
	const id = "0123456789012345678901234567890123456789"
	for _, c := range []struct {
		raw     string
		ok      bool
		parents int
		title   string
	}{
		{"tree " + id + "\nauthor x\n\nTitle\n\nBody", true, 0, "Title"},
		{"tree " + id + "\nparent " + id + "\nparent " + id + "\nauthor x\n\nTitle", true, 2, "Title"},
		{"tree " + id + "\nauthor x\nparent " + id + "\n\nTitle", true, 0, "Title"}, // not where parents stand
		{"tree " + id + "\nauthor x\n\n", true, 0, ""},
		{"tree " + id + "\nauthor x", true, 0, ""},
		{"author x\ntree " + id + "\n\nTitle", false, 0, ""},
		{"tree 0123\n\nTitle", false, 0, ""},
		{"tree " + id + "0\n\nTitle", false, 0, ""},
		{"", false, 0, ""},
	} {
		got, err := parseCommit([]byte(c.raw))
		if (err == nil) != c.ok || err == nil && (len(got.parents) != c.parents || got.title != c.title) {
			t.Errorf("parseCommit(%q) = %+v, %v, want %+v", c.raw, got, err, c)
		}
	}
}

// samplePack is a packfile as git makes it, with chains of deltas.
func samplePack(t testing.TB, commits int, args ...string) []byte {
	t.Helper()
	repo := gittest.New(t, t.TempDir(), "repo")
	files := gittest.Files{}
	for i := range 40 {
		files[fmt.Sprintf("actions/a%02d.py", i)] = fmt.Sprintf("# action %d\n%s", i, bytes.Repeat([]byte("value = compute(some, arguments)\n"), 50+i))
	}
	for n := range commits {
		files["pack.yaml"] = fmt.Sprintf("version: 0.0.%d\n", n)
		files[fmt.Sprintf("actions/a%02d.py", n%40)] += fmt.Sprintf("change = %d\n", n)
		repo.Commit("main", fmt.Sprintf("Commit %d", n), files)
	}
	repo.AnnotatedTag("v1", "main")
	repo.Repack()
	cmd := exec.Command("git", append([]string{"pack-objects", "--all", "--stdout", "-q"}, args...)...)
	cmd.Dir, cmd.Env = repo.Dir, gittest.Env()
	data, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestDecodeAsGoGit compares with go-git's own parser, with everything kept and
// with nothing kept.
func TestDecodeAsGoGit(t *testing.T) {
	for name, args := range map[string][]string{"offset deltas": {"--delta-base-offset"}, "reference deltas": {}} {
		t.Run(name, func(t *testing.T) {
			data := samplePack(t, 60, args...)
			oracle := memory.NewStorage()
			if err := packfile.UpdateObjectStorage(oracle, bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			got, err := decode(t.Context(), bytes.NewReader(data), DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			if len(got.byID) != len(oracle.Objects) {
				t.Fatalf("%d objects, want %d", len(got.byID), len(oracle.Objects))
			}
			deltas := 0
			for _, o := range got.list {
				if o.depth > 0 {
					deltas++
				}
			}
			if deltas < 50 {
				t.Fatalf("the pack has only %d deltas", deltas)
			}
			for _, forget := range []bool{false, true} {
				for id, want := range oracle.Objects {
					if forget {
						got.kept = &shelf{limit: 1 << 10}
					}
					kind, content, err := got.get(id)
					if err != nil || kind != want.Type() || !bytes.Equal(content, readAll(t, want)) {
						t.Fatalf("object %s differs (%v)", id, err)
					}
					if _, size, err := got.size(id); err != nil || size != want.Size() {
						t.Fatalf("object %s has size %d (%v), want %d", id, size, err, want.Size())
					}
				}
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	var good gittest.Objects
	good.Commit(good.Tree(gittest.Entry{Mode: "100644", Name: "a", ID: good.Blob("x")}), "m")
	f.Add(good.Pack())
	var deltas gittest.PackWriter
	deltas.Add(3, nil, []byte("base"))
	deltas.Add(6, gittest.OffsetBase(deltas.Offset()-12), gittest.Delta(4, 3))
	f.Add(deltas.Bytes())
	limits := DefaultLimits()
	limits.ObjectBytes, limits.DecodedBytes, limits.Objects = 1<<20, 4<<20, 1000
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decode(t.Context(), bytes.NewReader(data), limits)
		if err != nil {
			return
		}
		// What is accepted holds what its ids say.
		for id := range got.byID {
			kind, content, err := got.get(id)
			if err != nil || plumbing.ComputeHash(kind, content) != id {
				t.Errorf("object %s: %v", id, err)
			}
		}
	})
}

func TestSuggestions(t *testing.T) {
	a := &advertised{own: map[string]plumbing.Hash{}}
	for _, name := range []string{"refs/tags/v1.2.0", "refs/tags/v1.10.0", "refs/tags/1.9.0", "refs/tags/rel-9", "refs/heads/main", "refs/heads/dev", "refs/tags/V2.0.0"} {
		a.own[name] = plumbing.ZeroHash
	}
	for revision, want := range map[string]string{
		"2.0.0": "[V2.0.0 v1.10.0 1.9.0 v1.2.0 rel-9 dev main]",
		"1.2":   "[v1.2.0 v1.10.0 1.9.0 V2.0.0 rel-9 dev main]",
		"mainn": "[main v1.10.0 1.9.0 v1.2.0 V2.0.0 rel-9 dev]",
	} {
		if got := fmt.Sprint(a.suggestions(revision)); got != want {
			t.Errorf("%s: %s, want %s", revision, got, want)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	data := samplePack(b, 200, "--delta-base-offset")
	b.Run("own", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decode(b.Context(), bytes.NewReader(data), DefaultLimits()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-git", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if err := packfile.UpdateObjectStorage(memory.NewStorage(), bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
