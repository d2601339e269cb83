package lockfile

import (
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/pack"
)

// The cases read: locked as …, wanted as …: keep, keep with a change of text,
// or choose anew because ….
func TestSatisfies(t *testing.T) {
	const (
		url    = "https://h.example/a"
		commit = "1111111111111111111111111111111111111111"
	)
	version := func(text string) pack.Selector { return pack.Selector{Kind: pack.SelectVersion, Text: text} }
	sel := func(kind pack.SelectorKind, text string) pack.Selector { return pack.Selector{Kind: kind, Text: text} }
	tagged := Entry{Source: url, Constraint: version("~> 1.0"), Ref: "refs/tags/v1.2.0", Commit: commit}
	with := func(e Entry, change func(*Entry)) Entry { change(&e); return e }

	cases := []struct {
		name    string
		entry   Entry
		want    Want
		verdict string // keep, text or anew
		because string
	}{
		{"the same constraint", tagged, Want{Source: url, Selector: version("~> 1.0")}, "keep", ""},
		{"another constraint that holds", tagged, Want{Source: url, Selector: version(">= 1.1")}, "text", ""},
		{"the same constraint written closer", tagged, Want{Source: url, Selector: version("~>1.0")}, "text", ""},
		{"a constraint that holds no more", tagged, Want{Source: url, Selector: version("~> 2.0")}, "anew", "tag v1.2.0 is not in ~> 2.0 (>= 2.0.0, < 3.0.0)"},
		{"the same text with an edited tag", with(tagged, func(e *Entry) { e.Ref = "refs/tags/v3.0.0" }), Want{Source: url, Selector: version("~> 1.0")}, "anew", "tag v3.0.0"},
		{"a version of a pin by branch", with(tagged, func(e *Entry) { e.Ref = "refs/heads/v1.2.0" }), Want{Source: url, Selector: version("~> 1.0")}, "anew", "no tag"},
		{"a version of a pin by tag", with(tagged, func(e *Entry) { e.Constraint = sel(pack.SelectTag, "v1.2.0") }), Want{Source: url, Selector: version("~> 1.0")}, "text", ""},
		{"a tag of a pin by version", tagged, Want{Source: url, Selector: sel(pack.SelectTag, "v1.2.0")}, "anew", "selected by tag v1.2.0, it was version ~> 1.0"},
		{"no selector any more", tagged, Want{Source: url}, "anew", "selected by (none), it was version ~> 1.0"},
		{"no selector, as before", with(tagged, func(e *Entry) { e.Constraint = pack.Selector{} }), Want{Source: url}, "keep", ""},
		{"the same branch", Entry{Source: url, Constraint: sel(pack.SelectBranch, "main"), Ref: "refs/heads/main", Commit: commit}, Want{Source: url, Selector: sel(pack.SelectBranch, "main")}, "keep", ""},
		{"another branch", Entry{Source: url, Constraint: sel(pack.SelectBranch, "main"), Ref: "refs/heads/main", Commit: commit}, Want{Source: url, Selector: sel(pack.SelectBranch, "dev")}, "anew", "branch dev"},
		{"an edited branch", Entry{Source: url, Constraint: sel(pack.SelectBranch, "main"), Ref: "refs/heads/dev", Commit: commit}, Want{Source: url, Selector: sel(pack.SelectBranch, "main")}, "anew", "is not branch main"},
		{"the same tag", Entry{Source: url, Constraint: sel(pack.SelectTag, "x"), Ref: "refs/tags/x", Commit: commit}, Want{Source: url, Selector: sel(pack.SelectTag, "x")}, "keep", ""},
		{"an edited tag", Entry{Source: url, Constraint: sel(pack.SelectTag, "x"), Ref: "refs/tags/y", Commit: commit}, Want{Source: url, Selector: sel(pack.SelectTag, "x")}, "anew", "is not tag x"},
		{"the same commit", Entry{Source: url, Constraint: sel(pack.SelectCommit, commit), Commit: commit}, Want{Source: url, Selector: sel(pack.SelectCommit, commit)}, "keep", ""},
		{"an edited commit", Entry{Source: url, Constraint: sel(pack.SelectCommit, commit), Commit: "2222222222222222222222222222222222222222"}, Want{Source: url, Selector: sel(pack.SelectCommit, commit)}, "anew", "is not commit"},
		{"the same revision, wherever it was found", Entry{Source: url, Constraint: sel(pack.SelectRevision, "1.0.0"), Ref: "refs/tags/v1.0.0", Commit: commit}, Want{Source: url, Selector: sel(pack.SelectRevision, "1.0.0")}, "keep", ""},
		{"another source", tagged, Want{Source: "https://h.example/b", Selector: version("~> 1.0")}, "anew", "the source is https://h.example/b, it was https://h.example/a"},
		{"another sub-directory", tagged, Want{Source: url, Subdir: "p", Selector: version("~> 1.0")}, "anew", `sub-directory is "p", it was ""`},

		{"a short name from an index", with(tagged, func(e *Entry) { e.Index = "https://i.example/" }), Want{Short: true, Selector: version("~> 1.0")}, "keep", ""},
		{"a short name that was a URL", tagged, Want{Short: true, Selector: version("~> 1.0")}, "anew", "looked up in the indexes"},
		{"a URL that was a short name, by version", with(tagged, func(e *Entry) { e.Index = "https://i.example/" }), Want{Source: url, Selector: version("~> 1.0")}, "text", ""},
		{"a URL that was a short name, without selector", with(tagged, func(e *Entry) { e.Index = "https://i.example/"; e.Constraint = pack.Selector{} }), Want{Source: url}, "anew", "default branch"},

		{"a directory", Entry{Source: "./lab"}, Want{Source: "./lab"}, "keep", ""},
		{"another directory", Entry{Source: "./lab"}, Want{Source: "./lib"}, "anew", "./lib"},
		{"a directory that becomes a repository", Entry{Source: "./lab"}, Want{Source: url}, "anew", url},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ok, textOnly, reason := c.entry.Satisfies(c.want)
			verdict := "anew"
			switch {
			case ok && textOnly:
				verdict = "text"
			case ok:
				verdict = "keep"
			}
			if verdict != c.verdict || !strings.Contains(reason, c.because) || (reason == "") != ok {
				t.Errorf("%s (%s), want %s (%s)", verdict, reason, c.verdict, c.because)
			}
		})
	}
}
