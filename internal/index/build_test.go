package index

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/testenv"
)

func packOf(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestNewEntry(t *testing.T) {
	ref, raw, err := NewEntry(packOf(map[string]string{
		"pack.yaml":           "name: Jira & Co\nref: jira\nversion: 1.10.0\ndescription: d\nauthor: a\nemail: a@b.example\nkeywords: [a]\nextra: {x: 1}\n",
		"actions/b.yaml":      "name: b\nrunner_type: noop\nenabled: true\n",
		"actions/a.yaml":      "name: a\nrunner_type: noop\nenabled: true\n",
		"rules/r.yaml":        "name: r\ntrigger: {type: core.st2.webhook}\naction: {ref: core.noop}\n",
		"actions/ignored.txt": "x",
	}), "https://h.example/jira", []string{"v1.9.0", "v1.10.0", "1.2.0", "nightly", "v1.2.0"})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"name": "Jira & Co", "ref": "jira", "version": "1.10.0", "description": "d", "author": "a", "email": "a@b.example",
		"keywords": []any{"a"}, "extra": map[string]any{"x": 1.0}, "repo_url": "https://h.example/jira",
		"versions": []any{"1.10.0", "1.9.0", "1.2.0"},
		"content": map[string]any{
			"actions": map[string]any{"count": 2.0, "resources": []any{"a", "b"}},
			"rules":   map[string]any{"count": 1.0, "resources": []any{"r"}},
		},
	}
	if diff := cmp.Diff(want, got); ref != "jira" || diff != "" {
		t.Errorf("%s (-want +got):\n%s", ref, diff)
	}
	if _, _, err := NewEntry(packOf(map[string]string{"README.md": "x"}), "https://h.example/x", nil); err == nil {
		t.Error("what is no pack gets an entry")
	}
}

// An index that was built is read by what reads indexes, and the same entries give
// the same bytes.
func TestBuiltIndexIsRead(t *testing.T) {
	shared := testenv.Shared(t)
	document, err := os.ReadFile(filepath.Join(shared, "corpus", "exchange-index.json"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := ParseEntries(document)
	if err != nil {
		t.Fatal(err)
	}
	built, err := Document(entries)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseEntries(built)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := Document(again)
	if err != nil || string(twice) != string(built) {
		t.Errorf("the same entries give other bytes (%v)", err)
	}
	if diff := cmp.Diff(read(t, string(document)).All(), read(t, string(built)).All(), cmp.AllowUnexported(Details{}), cmp.Comparer(sameTexts), cmp.FilterPath(isIndexURL, cmp.Ignore())); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(string(built), "{\n  \"metadata\": {\n    \"hash\": \"") {
		t.Errorf("it begins with %.60s", built)
	}
}

func isIndexURL(p cmp.Path) bool {
	return p.Last().String() == ".IndexURL" || p.Last().String() == ".other"
}

func sameTexts(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }
