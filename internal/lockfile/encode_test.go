package lockfile

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/pack"
)

// TestBytesAreThoseOfEncodingJSON: written by hand, the lock is what
// encoding/json makes of the same keys, unknown ones among them.
func TestBytesAreThoseOfEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := &File{Packs: map[pack.Ref]Entry{}, extra: drawExtra(t, "top")}
		for ref, entry := range rapid.MapOf(rapid.StringMatching(`[a-z]{1,3}`), rapid.Custom(drawAnyEntry)).Draw(t, "packs") {
			file.Packs[pack.Ref(ref)] = entry
		}
		if diff := cmp.Diff(string(throughMaps(file)), string(file.Bytes())); diff != "" {
			t.Fatalf("(-encoding/json +ours):\n%s", diff)
		}
	})
}

func drawExtra(t *rapid.T, what string) map[string]json.RawMessage {
	values := rapid.SampledFrom([]string{`1`, `"a\"b"`, `{}`, `[]`, `null`, `{"x":{"y":[1,{"z":"~> <&>"}]}}`, `[[],{}]`})
	extra := map[string]json.RawMessage{}
	for key, value := range rapid.MapOfN(rapid.StringMatching(`[ac-eg-oq-z_]{2}x`), values, 0, 3).Draw(t, what) {
		extra[key] = json.RawMessage(value)
	}
	return extra
}

func drawAnyEntry(t *rapid.T) Entry {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "~> 1.0", `a"b\c`, "é <&> \u2028\x7f\n"}))
	e := Entry{
		Source: rapid.SampledFrom([]string{"https://git.example/a.git", "./packs/a"}).Draw(t, "source"),
		Index:  text.Draw(t, "index"), Subdir: text.Draw(t, "subdir"), Ref: text.Draw(t, "ref"),
		Commit: pack.Commit(text.Draw(t, "commit")), Tree: pack.TreeHash(text.Draw(t, "tree")),
		Version: text.Draw(t, "version"), Title: text.Draw(t, "title"), Requires: rapid.SliceOf(text).Draw(t, "requires"),
		Direct: rapid.Bool().Draw(t, "direct"), Unreachable: rapid.Bool().Draw(t, "unreachable"), extra: drawExtra(t, "extra"),
	}
	if rapid.Bool().Draw(t, "constrained") {
		e.Constraint = pack.Selector{Kind: pack.SelectVersion, Text: text.Draw(t, "constraint")}
	}
	return e
}

// throughMaps is the lock as encoding/json writes it.
func throughMaps(f *File) []byte {
	withExtra := func(extra map[string]json.RawMessage) map[string]any {
		m := map[string]any{}
		for key, value := range extra {
			m[key] = value
		}
		return m
	}
	packs := map[pack.Ref]map[string]any{}
	for ref, e := range f.Packs {
		m := withExtra(e.extra)
		setText := func(key, value string) {
			if value != "" {
				m[key] = value
			}
		}
		packs[ref] = m
		m["source"], m["direct"] = e.Source, e.Direct
		setText("index", e.Index)
		setText("subdir", e.Subdir)
		if e.IsDir() {
			continue
		}
		if e.Constraint.Kind != pack.SelectNone {
			m["constraint"] = map[string]string{string(e.Constraint.Kind): e.Constraint.Text}
		}
		setText("ref", e.Ref)
		m["commit"], m["tree"], m["version"], m["title"] = e.Commit, e.Tree, e.Version, e.Title
		m["requires"] = append([]string{}, e.Requires...)
		if e.Unreachable {
			m["unreachable"] = true
		}
	}
	top := withExtra(f.extra)
	top["format_version"], top["packs"] = FormatVersion, packs
	return mustEncode(top, "  ")
}
