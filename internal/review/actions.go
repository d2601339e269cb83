package review

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
)

func (c *comparison) actions(before, after []content.Action) {
	var gone, come []*content.Action
	pairs(before, after, func(a *content.Action) string { return a.Name }, func(_ string, was, is *content.Action) {
		switch {
		case was == nil:
			come = append(come, is)
		case is == nil:
			gone = append(gone, was)
		default:
			c.action(was, is)
		}
	})
	renamed := renames(gone, come)
	taken := map[*content.Action]bool{}
	for _, was := range gone {
		is := renamed[was]
		if is == nil {
			c.add(Change{ID: ActionRemoved, Grade: pack.Breaking, Kind: "action", Name: was.Name, Message: "it is gone", At: was.Place, Gone: true})
			continue
		}
		taken[is] = true
		c.add(Change{ID: ActionRenamed, Grade: pack.Breaking, Kind: "action", Name: was.Name, Message: "it is called " + is.Name + " now", At: is.Place})
	}
	for _, is := range come {
		if !taken[is] {
			c.add(Change{ID: ActionAdded, Grade: pack.Safe, Kind: "action", Name: is.Name, Message: "it is new", At: is.Place})
		}
	}
}

func (c *comparison) action(was, is *content.Action) {
	add := func(id string, grade pack.Grade, format string, args ...any) {
		c.add(Change{ID: id, Grade: grade, Kind: "action", Name: is.Name, Message: fmt.Sprintf(format, args...), At: is.Place})
	}
	switch {
	case was.Enabled && !is.Enabled:
		add(ActionDisabled, pack.Breaking, "it is disabled: it cannot be run any more")
	case is.Enabled && !was.Enabled:
		add(ActionEnabled, pack.Safe, "it is enabled: it can be run now")
	}
	switch {
	case was.RunnerType != is.RunnerType:
		add(ActionRunner, pack.Caution, "it runs with %s instead of %s", is.RunnerType, was.RunnerType)
	case was.EntryPoint != is.EntryPoint:
		add(ActionEntryPoint, pack.Safe, "it runs %s instead of %s", cmp.Or(is.EntryPoint, "nothing"), cmp.Or(was.EntryPoint, "nothing"))
	}
	if was.OutputSchema != is.OutputSchema {
		add(ActionOutput, pack.Caution, "what it returns is described in another way")
	}
	o := owner{kind: "action", name: is.Name, file: is.File, before: was.File, prefix: paramPrefix, giver: "callers"}
	c.parameters(o, was.Parameters, is.Parameters)
}

// renames finds which of the actions that came are those that went: first those
// that run the same with the same parameters, then those that run the same file
// and share most parameters. Of several the one with the most similar name.
func renames(gone, come []*content.Action) map[*content.Action]*content.Action {
	found := map[*content.Action]*content.Action{}
	taken := map[*content.Action]bool{}
	for _, print := range []func(*content.Action) string{fingerprint, runs} {
		candidates := map[string][]*content.Action{}
		for _, a := range come {
			if key := print(a); key != "" && !taken[a] {
				candidates[key] = append(candidates[key], a)
			}
		}
		type match struct {
			was, is *content.Action
			score   float64
		}
		var matches []match
		for _, was := range gone {
			if found[was] != nil {
				continue
			}
			for _, is := range candidates[print(was)] {
				if sameParameters(was, is) {
					matches = append(matches, match{was, is, similarity(was.Name, is.Name)})
				}
			}
		}
		slices.SortFunc(matches, func(a, b match) int {
			return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.was.Name, b.was.Name), cmp.Compare(a.is.Name, b.is.Name))
		})
		for _, m := range matches {
			if found[m.was] == nil && !taken[m.is] {
				found[m.was], taken[m.is] = m.is, true
			}
		}
	}
	return found
}

// fingerprint is what two actions share that differ only in their names.
func fingerprint(a *content.Action) string {
	key := runs(a)
	if key == "" {
		return ""
	}
	for _, p := range a.Parameters {
		key += fmt.Sprintf("\n%s|%s|%t|%s|%s", p.Name, p.Type, p.Required, p.Default, p.Other)
	}
	return key
}

// runs names what an action runs; "" where that is nothing of its own.
func runs(a *content.Action) string {
	if a.EntryPoint == "" {
		return ""
	}
	return a.RunnerType + "|" + a.EntryPoint
}

// sameParameters tells whether two actions share at least half of the names of
// their parameters.
func sameParameters(a, b *content.Action) bool {
	shared := 0
	for _, p := range a.Parameters {
		if slices.ContainsFunc(b.Parameters, func(q content.Parameter) bool { return q.Name == p.Name }) {
			shared++
		}
	}
	return 2*shared >= max(len(a.Parameters), len(b.Parameters))
}

// similarity is the share of words that two names have in common, between 0 and
// 1.
func similarity(a, b string) float64 {
	words := func(name string) []string {
		return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '.' || r == '_' || r == '-' })
	}
	x, y := words(a), words(b)
	shared := 0
	for _, w := range x {
		if slices.Contains(y, w) {
			shared++
		}
	}
	return 2 * float64(shared) / float64(len(x)+len(y)+1)
}
