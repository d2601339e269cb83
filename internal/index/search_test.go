package index

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/testenv"
)

func read(t *testing.T, document string) *Set {
	t.Helper()
	path := filepath.Join(t.TempDir(), "index.json")
	if err := os.WriteFile(path, []byte(document), 0o644); err != nil {
		t.Fatal(err)
	}
	set, problems := Load(t.Context(), []config.Index{{Name: "own", URL: "file://" + path}}, Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return set
}

func refs(list []Details) string {
	var names []string
	for _, d := range list {
		names = append(names, d.Ref)
	}
	return strings.Join(names, " ")
}

func TestSearch(t *testing.T) {
	set := read(t, `{"packs": {
		"zabbix":    {"author": "Jira Smith", "description": "Monitoring", "keywords": ["alerts"], "name": "zabbix"},
		"jira":      {"description": "Tickets", "keywords": ["issue tracker"], "name": "jira", "content": {"actions": {"count": 2, "resources": ["create_issue", "close"]}}},
		"jira_sync": {"description": "More tickets", "name": "Jira sync", "version": 1.10},
		"my_jira":   {"description": "Own", "name": "my_jira"},
		"github":    {"description": "Code", "keywords": ["jira", "git"], "name": "github"},
		"gitlab":    {"description": "Code, with jira links", "keywords": ["not jira"], "name": "gitlab"},
		"mail":      {"description": "Sends to JIRA", "name": "mail"},
		"broken":    [1, 2],
		"odd":       {"name": 7, "keywords": "jira-ish", "description": null, "dependencies": ["jira=1.0"]}
	}}`)
	all := set.All()
	for query, want := range map[string]string{
		"jira":         "jira jira_sync my_jira github gitlab odd mail zabbix",
		"JIRA":         "jira jira_sync my_jira github gitlab odd mail zabbix",
		"jira tickets": "jira jira_sync",
		"jira sync":    "jira_sync",
		"create_issue": "jira",
		"actions":      "jira",
		"1.10":         "jira_sync",
		"git jira":     "github gitlab",
		"nothing":      "",
		"  ":           "",
		"broken":       "broken",
	} {
		if got := refs(Search(all, query)); got != want {
			t.Errorf("%q finds %s, want %s", query, got, want)
		}
	}
}

func TestDetails(t *testing.T) {
	set := read(t, `{"packs": {"acos": {"name": "acos", "version": "1.10.0", "versions": ["1.6.0", "1.10.0", "x", "0.2.6"], "python_versions": ["3"],
		"repo_url": "https://h.example/acos", "content": {"actions": {"count": 35, "resources": []}, "aliases": {"resources": ["a"]}}}}}`)
	d, ok := set.Details("acos")
	if got := strings.Join(d.Versions, " "); !ok || got != "1.10.0 1.6.0 0.2.6 x" || d.PythonVersions[0] != "3" || d.RepoURL != "https://h.example/acos" {
		t.Errorf("%+v", d)
	}
	if got := ContentLine(d.Content); got != "35 actions, 1 alias" {
		t.Error(got)
	}
	if _, ok := set.Details("Acos"); ok {
		t.Error("names are compared in any case")
	}
}

func TestHealth(t *testing.T) {
	good, bad := serve(t, text(packs("a", "b"))), serve(t, text("<html>"))
	down := serve(t, status(http.StatusNotFound))
	set, _ := Load(t.Context(), []config.Index{{Name: "g", URL: good.URL}, {Name: "b", URL: bad.URL}, {Name: "d", URL: down.URL}}, options(t))
	h := set.Health()
	if h.Indexes.Count != 3 || h.Indexes.Valid != 1 || h.Indexes.Invalid != 2 || h.Packs.Count != 2 {
		t.Errorf("%+v", h)
	}
	if h.Indexes.Errors[Malformed] != 1 || h.Indexes.Errors[Unresponsive] != 1 {
		t.Errorf("%v", h.Indexes.Errors)
	}
	if s := h.Indexes.Status; s[0].Message != "Success." || s[0].Error != nil || s[1].Error == nil || *s[1].Error != Malformed || s[1].URL != bad.URL {
		t.Errorf("%+v", s)
	}
}

// An index that is optional lets the next ones answer; the others decide.
func TestOptional(t *testing.T) {
	down := serve(t, status(http.StatusNotFound))
	good := serve(t, text(packs("jira")))
	for _, c := range []struct {
		name     string
		indexes  []config.Index
		pack     string
		missing  bool
		problems int
	}{
		{"a mirror that is away", []config.Index{{Name: "m", URL: down.URL, Optional: true}, {Name: "g", URL: good.URL}}, "jira", false, 1},
		{"an index that must be there", []config.Index{{Name: "m", URL: down.URL}, {Name: "g", URL: good.URL}}, "jira", true, 1},
		{"found before it matters", []config.Index{{Name: "g", URL: good.URL}, {Name: "m", URL: down.URL}}, "jira", false, 1},
		{"nobody knows", []config.Index{{Name: "m", URL: down.URL, Optional: true}, {Name: "g", URL: good.URL}}, "slack", true, 1},
	} {
		set, problems := Load(t.Context(), c.indexes, options(t))
		_, err := set.Find(c.pack)
		var missing *MissingError
		if got := errors.As(err, &missing); got != c.missing || len(problems) != c.problems {
			t.Errorf("%s: %v, %v", c.name, err, problems)
		}
	}
}

// Searching finds a pack by any word of its own, in any case.
func TestSearchFindsByAnyWord(t *testing.T) {
	shared := testenv.Shared(t)
	document, err := os.ReadFile(filepath.Join(shared, "corpus", "exchange-index.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := read(t, string(document)).All()
	if len(all) != 169 {
		t.Fatalf("%d packs", len(all))
	}
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(all).Draw(t, "pack")
		texts := append([]string{d.Ref, d.Name, d.Description, d.Author}, append(d.Keywords, d.other...)...)
		words := strings.Fields(rapid.SampledFrom(texts).Draw(t, "text"))
		if len(words) == 0 {
			return
		}
		word := rapid.SampledFrom(words).Draw(t, "word")
		if rapid.Bool().Draw(t, "upper") {
			word = strings.ToUpper(word)
		}
		found := Search(all, word)
		for i, other := range found {
			if other.Ref == d.Ref {
				return
			}
			if i > 0 && found[i-1].rank(strings.ToLower(word)) > other.rank(strings.ToLower(word)) {
				t.Fatalf("%s stands before %s", found[i-1].Ref, other.Ref)
			}
		}
		t.Fatalf("%q does not find %s", word, d.Ref)
	})
}
