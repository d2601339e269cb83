package index

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/content"
)

// Details is what an index says about one pack, as far as people are shown it.
// Fields of another type than StackStorm's are left out: an index is foreign.
type Details struct {
	Ref               string         `json:"ref"` // the key in the index
	Name              string         `json:"name"`
	Version           string         `json:"version"`
	Description       string         `json:"description"`
	Author            string         `json:"author"`
	Keywords          []string       `json:"keywords"`
	RepoURL           string         `json:"repo_url"`
	IndexURL          string         `json:"index_url"`
	Versions          []string       `json:"versions"` // the newest first
	Content           map[string]int `json:"content"`  // how many actions, sensors and so on
	PythonVersions    []string       `json:"python_versions"`
	StackStormVersion string         `json:"stackstorm_version,omitempty"`
	Dependencies      []string       `json:"dependencies"`

	other []string // every other text of the entry, for searching
}

// All returns the packs of all indexes that could be read, sorted by ref. The
// first index that has a pack wins, with its whole entry.
func (s *Set) All() []Details {
	found := map[string]Details{}
	for _, index := range s.indexes {
		for name, raw := range index.packs {
			if _, has := found[name]; !has {
				found[name] = details(name, index.url, raw)
			}
		}
	}
	all := make([]Details, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		all = append(all, found[name])
	}
	return all
}

// Details returns what the first index that has a name says about it; false if
// none has it.
func (s *Set) Details(name string) (Details, bool) {
	for _, index := range s.indexes {
		if raw, has := index.packs[name]; has {
			return details(name, index.url, raw), true
		}
	}
	return Details{}, false
}

// details reads an entry. What cannot be read is absent.
func details(name, indexURL string, raw json.RawMessage) Details {
	d := Details{Ref: name, IndexURL: indexURL, Content: map[string]int{}}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return d
	}
	known := map[string]*string{
		"name": &d.Name, "version": &d.Version, "description": &d.Description, "author": &d.Author,
		"repo_url": &d.RepoURL, "stackstorm_version": &d.StackStormVersion,
	}
	lists := map[string]*[]string{
		"keywords": &d.Keywords, "versions": &d.Versions, "python_versions": &d.PythonVersions, "dependencies": &d.Dependencies,
	}
	for key, value := range fields {
		switch {
		case known[key] != nil:
			if texts := textsIn(value); len(texts) == 1 {
				*known[key] = texts[0]
			}
		case lists[key] != nil:
			*lists[key] = textsIn(value)
		case key == "content":
			d.content(value)
		default:
			d.other = append(d.other, textsIn(value)...)
		}
	}
	for _, list := range lists {
		if *list == nil {
			*list = []string{}
		}
	}
	slices.SortFunc(d.Versions, newestFirst)
	return d
}

func (d *Details) content(raw json.RawMessage) {
	var types map[string]struct {
		Count     int      `json:"count"`
		Resources []string `json:"resources"`
	}
	if json.Unmarshal(raw, &types) != nil {
		return
	}
	for kind, list := range types {
		d.Content[kind] = max(list.Count, len(list.Resources))
		d.other = append(d.other, list.Resources...)
	}
}

// textsIn lists the texts in a value: itself, or the items of a list. A number
// keeps its text, as a version that was not quoted in pack.yaml has it.
func textsIn(raw json.RawMessage) []string {
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return nil
	}
	items, isList := value.([]any)
	if !isList {
		items = []any{value}
	}
	var texts []string
	for _, item := range items {
		switch item := item.(type) {
		case string:
			texts = append(texts, item)
		case json.Number:
			texts = append(texts, item.String())
		}
	}
	return texts
}

// ContentLine sums up what a pack holds, in the order of StackStorm's registrars:
// "35 actions, 2 sensors".
func ContentLine(counts map[string]int) string {
	kinds := []string{"actions", "sensors", "triggers", "rules", "aliases", "policies", "workflows", "runners", "tests"}
	var parts []string
	for _, kind := range kinds {
		if n := counts[kind]; n > 0 {
			word := kind
			if n == 1 {
				word = map[string]string{"aliases": "alias", "policies": "policy"}[kind]
				if word == "" {
					word = strings.TrimSuffix(kind, "s")
				}
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	return strings.Join(parts, ", ")
}

// Count says how many of each kind a pack holds, by the words of an index.
func Count(inv *content.Inventory) map[string]int {
	counts := map[string]int{}
	for kind, names := range resources(inv) {
		counts[kind] = len(names)
	}
	return counts
}

// resources names what a pack holds, by kind, sorted. Kinds of which it has none
// are left out.
func resources(inv *content.Inventory) map[string][]string {
	lists := map[string][]string{}
	add := func(kind, name string) { lists[kind] = append(lists[kind], name) }
	for _, x := range inv.Actions {
		add("actions", x.Name)
	}
	for _, x := range inv.Sensors {
		add("sensors", x.ClassName)
	}
	for _, x := range inv.Triggers {
		if x.Sensor == "" { // those of sensors come with them
			add("triggers", x.Name)
		}
	}
	for _, x := range inv.Rules {
		add("rules", x.Name)
	}
	for _, x := range inv.Aliases {
		add("aliases", x.Name)
	}
	for _, x := range inv.Policies {
		add("policies", x.Name)
	}
	for _, names := range lists {
		slices.Sort(names)
	}
	return lists
}
