package lockfile

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/testenv"
)

func whole(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/whole.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func mustParse(t testing.TB, text string) *File {
	t.Helper()
	file, diags := Parse([]byte(text), "packs.lock.json")
	if diags.HasErrors() {
		t.Fatalf("%v in\n%s", diags, text)
	}
	return file
}

func TestAWholeLock(t *testing.T) {
	file := mustParse(t, whole(t))
	want := map[pack.Ref]Entry{
		"acme_tools": {
			Source: "git@git.acme.example:st2/acme_tools.git", Subdir: "packs/tools",
			Constraint: pack.Selector{Kind: pack.SelectBranch, Text: "main"}, Ref: "refs/heads/main",
			Commit: "1111111111111111111111111111111111111111",
			Tree:   "t1:a6bb25dc7a05f2528017f6c4c6181a4467f41fcfa8807974111a823d0a525242",
			Title:  `Speak "plainly" \u202e`, Version: "0.1.0", Requires: []string{"aws>=2.0"}, Direct: true,
		},
		"aws": {
			Source: "https://github.com/StackStorm-Exchange/stackstorm-aws", Index: "https://index.stackstorm.org/v1/index.json",
			Constraint: pack.Selector{Kind: pack.SelectVersion, Text: "~> 2.0"}, Ref: "refs/tags/v2.1.0",
			Commit: "2222222222222222222222222222222222222222",
			Tree:   "t1:b6bb25dc7a05f2528017f6c4c6181a4467f41fcfa8807974111a823d0a525242",
			Title:  "Release 2.1.0", Version: "2.1.0", Direct: true,
			extra: map[string]json.RawMessage{"signer": json.RawMessage(`{"key":"ed25519"}`)},
		},
		"lab": {Source: "./packs/lab", Direct: true},
	}
	if diff := cmp.Diff(want, file.Packs, cmp.AllowUnexported(Entry{})); diff != "" {
		t.Errorf("parsed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(whole(t), string(file.Bytes())); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

func TestOtherWaysToWriteTheSameLock(t *testing.T) {
	want := whole(t)
	var value any
	if err := json.Unmarshal([]byte(strings.Replace(want, "1.50", `"1.50"`, 1)), &value); err != nil {
		t.Fatal(err)
	}
	compact, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"with a byte order mark": "\ufeff" + want,
		"with CRLF":              strings.ReplaceAll(want, "\n", "\r\n"),
		"with tabs":              strings.ReplaceAll(want, "  ", "\t"),
		"in one line":            strings.Replace(string(compact), `"1.50"`, "1.50", 1),
		"without a last newline": strings.TrimSuffix(want, "\n"),
	} {
		if diff := cmp.Diff(want, string(mustParse(t, text).Bytes())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Each case changes the whole lock in one place and says which line must be
// pointed at, and what must be said.
func TestMistakes(t *testing.T) {
	cases := []struct {
		name, old, new, at, says string
	}{
		{"conflict markers", "      \"direct\": true,\n      \"index\"", "<<<<<<< HEAD\n      \"direct\": true,\n=======\n      \"direct\": false,\n>>>>>>> main\n      \"index\"", `<<<<<<<`, "packsync lock"},
		{"newer format", `"format_version": 1`, `"format_version": 2`, `format_version`, "left as it is: upgrade"},
		{"newer format, whatever else it holds", "\"format_version\": 1,\n", "\"format_version\": 2, \"packs\": 7, \"x\": 0,\n", `"packs": {`, "Key stands twice"},
		{"no format", "  \"format_version\": 1,\n", "", `{`, "no format_version"},
		{"format as text", `"format_version": 1`, `"format_version": "1"`, `format_version`, "whole number"},
		{"format zero", `"format_version": 1`, `"format_version": 0`, `format_version`, "whole number"},
		{"cut off", "\n  }\n}\n", "", "}", "not a whole JSON text"},
		{"something behind", "  }\n}\n", "  }\n}\n{}\n", `{}`, "after top-level value"},
		{"no packs", `"packs": {`, `"packages": {`, ``, `no "packs"`},
		{"packs is a list", "", `{"format_version": 1, "packs": []}`, `[]`, `"packs" must be a JSON object`},
		{"a pack twice", `"lab": {`, `"aws": {`, `"aws"`, `"aws" stands at line`},
		{"a key twice", `"ref": "refs/tags/v2.1.0"`, `"commit": "2222222222222222222222222222222222222222"`, `"commit"`, `"commit" stands at line`},
		{"an unknown key twice, deep down", "\"key\": \"ed25519\"", "\"key\": [{\"a\": 1, \"a\": 2}]", `"key"`, `"a" stands at line`},
		{"bad ref of a pack", `"aws": {`, `"../aws": {`, `../aws`, `invalid pack ref "../aws"`},
		{"a pack of StackStorm's own", `"aws": {`, `"core": {`, `"core"`, "comes with StackStorm"},
		{"an entry that is no object", "\"lab\": {\n      \"direct\": true,\n      \"source\": \"./packs/lab\"\n    }", `"lab": null`, `"lab"`, "entry of pack lab must be a JSON object"},
		{"short commit", `"2222222222222222222222222222222222222222"`, `"2222222"`, `"commit"`, "Pack aws, commit"},
		{"commit in capitals", `"1111111111111111111111111111111111111111"`, `"ABCDEF1111111111111111111111111111111111"`, `"commit": "ABC`, "Pack acme_tools, commit"},
		{"commit as number", `"2222222222222222222222222222222222222222"`, `2`, `"commit": 2`, "text in quotes"},
		{"weaker tree hash", `"t1:b6bb`, `"h1:b6bb`, `h1:`, "Pack aws, tree"},
		{"no commit", "      \"commit\": \"2222222222222222222222222222222222222222\",\n", "", `"aws": {`, "cannot be known"},
		{"no tree", "      \"tree\": \"t1:b6bb25dc7a05f2528017f6c4c6181a4467f41fcfa8807974111a823d0a525242\",\n", "", `"aws": {`, "cannot be known"},
		{"no source", `"source": "./packs/lab"`, `"extra": 1`, `"lab"`, "no source"},
		{"a directory with a tree", `"source": "./packs/lab"`, `"source": "./packs/lab", "tree": "t1:b6bb25dc7a05f2528017f6c4c6181a4467f41fcfa8807974111a823d0a525242"`, `"lab"`, "plain directory"},
		{"credential in source", `"https://github.com/`, `"https://user:hunter2@github.com/`, `"source": "https`, "must not carry a credential"},
		{"credential in index", `"https://index.`, `"https://user:hunter2@index.`, `"index"`, "must not carry a credential"},
		{"source of no kind", `"git@git.acme.example:st2/acme_tools.git"`, `"acme tools"`, `"source": "acme`, "Pack acme_tools, source"},
		{"subdir that leaves", `"packs/tools"`, `"../tools"`, `"subdir"`, "must lie inside"},
		{"subdir not clean", `"packs/tools"`, `"./packs/tools/"`, `"subdir"`, `write it as "packs/tools"`},
		{"two constraints", `"branch": "main"`, `"branch": "main", "tag": "v1"`, `"constraint"`, "one key"},
		{"constraint of another kind", `"branch": "main"`, `"brunch": "main"`, `"constraint"`, "want version, branch, tag, commit or revision"},
		{"short git ref", `"refs/heads/main"`, `"main"`, `"ref": "main"`, "full name"},
		{"requires a text", "[\n        \"aws>=2.0\"\n      ]", `"aws"`, `"requires"`, "list of texts"},
		{"requires numbers", `"aws>=2.0"`, `2`, `"requires"`, "text in quotes"},
		{"direct as text", "\"direct\": true,\n      \"source\"", "\"direct\": \"yes\",\n      \"source\"", `"yes"`, "true or false"},
		{"a title that steers the terminal", `"Release 2.1.0"`, `"Release \u001b[2J"`, `"title"`, "not printable"},
		{"a title that reverses the line", `"Release 2.1.0"`, "\"Release \u202e\"", `"title"`, "not printable"},
		{"not UTF-8", `"Release 2.1.0"`, "\"Release \xff\"", `"title"`, "not UTF-8"},
		{"empty", "", " ", ``, "not a whole JSON text"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := c.new
			if c.old != "" {
				text = strings.Replace(whole(t), c.old, c.new, 1)
				if text == whole(t) {
					t.Fatal("the case changes nothing")
				}
			}
			file, diags := Parse([]byte(text), "packs.lock.json")
			if file != nil || len(diags) == 0 {
				t.Fatalf("parsed to %v with %v", file, diags)
			}
			d := diags[0]
			line := strings.Split(text, "\n")[d.Subject.Start.Line-1]
			if !strings.Contains(d.Summary+": "+d.Detail, c.says) || !strings.Contains(line, c.at) {
				t.Errorf("got line %q: %s: %s\nwant line … %s …: … %s …", line, d.Summary, d.Detail, c.at, c.says)
			}
			if strings.Contains(diags.Error(), "hunter2") {
				t.Errorf("the password is shown: %v", diags)
			}
		})
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	text := strings.NewReplacer(
		`"2222222222222222222222222222222222222222"`, `"beef"`,
		`"t1:b6bb`, `"b6bb`,
		`"refs/heads/main"`, `"main"`,
		`"lab": {`, `"LAB": {`,
	).Replace(whole(t))
	_, diags := Parse([]byte(text), "packs.lock.json")
	if len(diags) != 4 {
		t.Errorf("%d mistakes reported, want 4:\n%v", len(diags), diags)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	file, diags := Read(filepath.Join(dir, "absent.json"))
	if len(diags) != 0 || len(file.Packs) != 0 {
		t.Errorf("a missing lock: %v, %v", file, diags)
	}
	if file, diags := Read(dir); file != nil || !diags.HasErrors() {
		t.Errorf("a directory in its place: %v, %v", file, diags)
	}
	empty := filepath.Join(dir, "empty.json")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if file, diags := Read(empty); file != nil || !diags.HasErrors() {
		t.Errorf("an empty file: %v, %v", file, diags)
	}
}

// recordingDisk writes plainly and counts.
type recordingDisk struct {
	safefs.Disk
	writes int
	owner  safefs.Owner
}

func (d *recordingDisk) WriteFile(path string, data []byte, owner safefs.Owner) error {
	d.writes++
	d.owner = owner
	return os.WriteFile(path, data, owner.Mode)
}

func TestWriteOnlyWhatDiffers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "packs.lock.json")
	file := mustParse(t, whole(t))
	disk := &recordingDisk{}
	for range 2 {
		if err := Write(disk, path, file); err != nil {
			t.Fatal(err)
		}
	}
	want := safefs.Owner{Mode: 0o644, UID: -1, GID: -1}
	if os.Geteuid() == 0 {
		want.UID, want.GID = 0, os.Getegid()
	}
	if disk.writes != 1 || disk.owner != want {
		t.Errorf("%d writes, the last with %+v", disk.writes, disk.owner)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(disk, path, file.With(nil)); err != nil {
		t.Fatal(err)
	}
	if disk.writes != 2 || disk.owner.Mode != 0o600 {
		t.Errorf("a changed lock: %d writes, mode %v", disk.writes, disk.owner.Mode)
	}
	again, diags := Read(path)
	if diags.HasErrors() || len(again.Packs) != 0 || !bytes.Contains(again.Bytes(), []byte("from_the_future")) {
		t.Errorf("read back: %s, %v", again.Bytes(), diags)
	}
	if err := Write(disk, t.TempDir(), file); err == nil {
		t.Error("a directory in the way is no error")
	}
}

// Root, as configuration management runs, must not take the lock away from whoever
// commits it.
func TestRootKeepsTheOwner(t *testing.T) {
	testenv.NeedRoot(t)
	dir := t.TempDir()
	if err := os.Chown(dir, 1234, 1235); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "packs.lock.json")
	owner := func() [2]int {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		uid, gid := safefs.OwnerOf(info)
		return [2]int{uid, gid}
	}
	file := mustParse(t, whole(t))
	if err := Write(safefs.OS(), path, file); err != nil {
		t.Fatal(err)
	}
	if owner() != [2]int{1234, 1235} {
		t.Errorf("a new lock belongs to %v, not to the owner of its directory", owner())
	}
	if err := os.Chown(path, 4321, 4322); err != nil {
		t.Fatal(err)
	}
	if err := Write(safefs.OS(), path, file.With(nil)); err != nil {
		t.Fatal(err)
	}
	if owner() != [2]int{4321, 4322} {
		t.Errorf("a changed lock belongs to %v, not to its owner", owner())
	}
}

func TestDirSource(t *testing.T) {
	for _, c := range []struct{ lockDir, dir, declared, want string }{
		{"/work", "/work/packs/lab", "./packs/lab", "./packs/lab"},
		{"/work/locks", "/work/packs/lab", "./packs/lab", "../packs/lab"},
		{"/work", "/work", "./", "."},
		{"/work", "/", "..", ".."},
		{"/work", "/opt/lab", "/opt/lab/", "/opt/lab"},
		{"/work", "/work/..lab", "./..lab", "./..lab"},
	} {
		got, err := DirSource(c.lockDir, c.dir, c.declared)
		if err != nil || got != c.want || !(Entry{Source: got}).IsDir() {
			t.Errorf("%s from %s is %q, %v, want %q", c.dir, c.lockDir, got, err, c.want)
		}
	}
}

func TestQuote(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"Release 2.1.0", 120, "Release 2.1.0"},
		{`"quoted" \n é 世`, 120, `"quoted" \n é 世`},
		{"a\tb\x1b[2J\u202e\u200b", 120, `a\tb\x1b[2J\u202e\u200b`},
		{"bad \xff", 120, "bad �"},
		{"abcdef", 6, "abcdef"},
		{"abcdefg", 6, "abcdef…"},
		{"abc\u202edef", 6, "abc…"},
	} {
		if got := Quote(c.text, c.limit); got != c.want {
			t.Errorf("Quote(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func drawEntry(t *rapid.T) Entry {
	printable := rapid.Custom(func(t *rapid.T) string { return Quote(rapid.String().Draw(t, "text"), 120) })
	hex := func(n int) string { return rapid.StringMatching(`[0-9a-f]{`+itoa(n)+`}`).Draw(t, "hex") }
	direct := rapid.Bool().Draw(t, "direct")
	if rapid.Bool().Draw(t, "directory") {
		return Entry{Source: rapid.SampledFrom([]string{".", "./a", "../b/c", "/srv/pack"}).Draw(t, "dir"), Direct: direct}
	}
	kind := rapid.SampledFrom([]pack.SelectorKind{pack.SelectNone, pack.SelectVersion, pack.SelectBranch, pack.SelectTag, pack.SelectCommit, pack.SelectRevision}).Draw(t, "kind")
	e := Entry{
		Source: rapid.SampledFrom([]string{"https://h.example/a", "git@h.example:a/b.git", "file:///srv/a"}).Draw(t, "source"),
		Index:  rapid.SampledFrom([]string{"", "https://i.example/index.json", "file:///i.json"}).Draw(t, "index"),
		Subdir: rapid.SampledFrom([]string{"", "packs/a"}).Draw(t, "subdir"),
		Ref:    rapid.SampledFrom([]string{"", "refs/tags/v1.0.0", "refs/heads/main"}).Draw(t, "ref"),
		Commit: pack.Commit(hex(40)), Tree: pack.TreeHash("t1:" + hex(64)),
		Version: printable.Draw(t, "version"), Title: printable.Draw(t, "title"), Direct: direct, Unreachable: rapid.Bool().Draw(t, "unreachable"),
	}
	if kind != pack.SelectNone {
		e.Constraint = pack.Selector{Kind: kind, Text: printable.Draw(t, "constraint")}
	}
	if list := rapid.SliceOfN(printable, 0, 3).Draw(t, "requires"); len(list) > 0 {
		e.Requires = list
	}
	return e
}

func itoa(n int) string {
	text, _ := json.Marshal(n)
	return string(text)
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		refs := rapid.MapOf(rapid.StringMatching(`pack_[a-z0-9_]{1,8}`), rapid.Custom(drawEntry)).Draw(t, "packs")
		file := &File{Packs: map[pack.Ref]Entry{}}
		for ref, entry := range refs {
			file.Packs[pack.Ref(ref)] = entry
		}
		text := file.Bytes()
		again, diags := Parse(text, "packs.lock.json")
		if diags.HasErrors() {
			t.Fatalf("%v in\n%s", diags, text)
		}
		if diff := cmp.Diff(file.Packs, again.Packs, cmp.AllowUnexported(Entry{})); diff != "" {
			t.Fatalf("read back (-written +read):\n%s", diff)
		}
		for ref, entry := range file.Packs {
			if !entry.Equal(again.Packs[ref]) {
				t.Fatalf("pack %s is not equal to itself", ref)
			}
		}
	})
}

func TestRequiredBy(t *testing.T) {
	const host = "https://h.example/"
	file := &File{Packs: map[pack.Ref]Entry{
		"acme":  {Source: host + "acme", Requires: []string{"tools>=1.0", host + "odd", "core", "not a dependency", "acme"}},
		"more":  {Source: host + "more", Requires: []string{"tools", "elsewhere/stackstorm-base", host + "mono"}},
		"tools": {Source: host + "tools", Requires: []string{"absent"}},
		"other": {Source: host + "odd"},
		"base":  {Source: host + "base"},
		"mono":  {Source: host + "mono", Subdir: "packs/mono"},
		"lab":   {Source: "./lab"},
	}}
	want := map[pack.Ref][]pack.Ref{"tools": {"acme", "more"}, "other": {"acme"}, "base": {"more"}, "mono": {"more"}}
	if diff := cmp.Diff(want, file.RequiredBy()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEqualSeesEveryField(t *testing.T) {
	base := mustParse(t, whole(t)).Packs["aws"]
	changes := map[string]func(*Entry){
		"source":     func(e *Entry) { e.Source += "x" },
		"index":      func(e *Entry) { e.Index = "" },
		"subdir":     func(e *Entry) { e.Subdir = "x" },
		"constraint": func(e *Entry) { e.Constraint.Text = "~> 2.1" },
		"ref":        func(e *Entry) { e.Ref = "" },
		"commit":     func(e *Entry) { e.Commit = "" },
		"tree":       func(e *Entry) { e.Tree = "" },
		"version":    func(e *Entry) { e.Version = "" },
		"title":      func(e *Entry) { e.Title = "" },
		"requires":   func(e *Entry) { e.Requires = []string{"x"} },
		"direct":     func(e *Entry) { e.Direct = false },
		"reachable":  func(e *Entry) { e.Unreachable = true },
		"unknown":    func(e *Entry) { e.extra = map[string]json.RawMessage{"signer": json.RawMessage(`{}`)} },
	}
	for name, change := range changes {
		other := base
		change(&other)
		if base.Equal(other) {
			t.Errorf("a changed %s is not seen", name)
		}
	}
}

// What Check accepts can be read back, and what it refuses cannot.
func TestCheckAgreesWithParse(t *testing.T) {
	base := mustParse(t, whole(t)).Packs["acme_tools"]
	changes := map[string]func(*Entry, string){
		"source":     func(e *Entry, bad string) { e.Source += bad },
		"index":      func(e *Entry, bad string) { e.Index = "https://i.example/" + bad },
		"subdir":     func(e *Entry, bad string) { e.Subdir += bad },
		"constraint": func(e *Entry, bad string) { e.Constraint.Text += bad },
		"ref":        func(e *Entry, bad string) { e.Ref += bad },
		"version":    func(e *Entry, bad string) { e.Version += bad },
		"title":      func(e *Entry, bad string) { e.Title += bad },
		"requires":   func(e *Entry, bad string) { e.Requires = []string{"aws", bad} },
	}
	for name, change := range changes {
		for _, text := range []string{"ä", "\u202e", "\u200b"} {
			entry := base
			change(&entry, text)
			_, diags := Parse((&File{Packs: map[pack.Ref]Entry{"a": entry}}).Bytes(), "l.json")
			if err := entry.Check(); (err != nil) != diags.HasErrors() || (err == nil) != (text == "ä") {
				t.Errorf("%s with %q: %v, but %v", name, text, err, diags)
			}
		}
	}
}

// What parses is JSON, and writing it is a fixed point that keeps every key.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole(f)))
	f.Add([]byte(`{"format_version":1,"packs":{}}`))
	f.Add([]byte("\ufeff{\"format_version\":1,\r\n\"packs\":{\"a\":{\"source\":\"./a\",\"x\":[1e999,{\"y\":\"\\ud800\"}]}},\"z\":-0}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, diags := Parse(data, "l.json")
		if (file == nil) != diags.HasErrors() {
			t.Fatalf("file %v with %v", file, diags)
		}
		for _, d := range diags {
			if d.Subject == nil || d.Subject.Start.Line < 1 || d.Subject.Start.Byte > len(data) || !utf8.ValidString(d.Summary) {
				t.Fatalf("a mistake without a place: %+v", d)
			}
		}
		if file == nil {
			return
		}
		trimmed := bytes.TrimPrefix(data, []byte("\ufeff"))
		if !json.Valid(trimmed) {
			t.Fatalf("accepted what is not JSON: %q", data)
		}
		once := file.Bytes()
		again, diags := Parse(once, "l.json")
		if diags.HasErrors() {
			t.Fatalf("%v in\n%s", diags, once)
		}
		if twice := again.Bytes(); !bytes.Equal(once, twice) {
			t.Fatalf("written\n%s\nthen\n%s", once, twice)
		}
		var before, after map[string]any
		if json.Unmarshal(trimmed, &before) == nil && json.Unmarshal(once, &after) == nil && len(before) != len(after) {
			t.Fatalf("keys were lost:\n%s\n%s", trimmed, once)
		}
	})
}

func BenchmarkParse1000Packs(b *testing.B) {
	file := mustParse(b, whole(b))
	for i := range 999 {
		file.Packs[pack.Ref("pack_"+itoa(i))] = file.Packs["aws"]
	}
	text := file.Bytes()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, diags := Parse(text, "l.json"); diags.HasErrors() {
			b.Fatal(diags)
		}
	}
}
