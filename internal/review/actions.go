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
	renamed := renames(before, after, gone, come)
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
	case was.RunnerType != is.RunnerType && content.SameRunner(was.RunnerType, is.RunnerType):
		add(ActionRunner, pack.Safe, "its runner is called %s instead of %s, and is the same", is.RunnerType, was.RunnerType)
	case was.RunnerType != is.RunnerType:
		add(ActionRunner, pack.Caution, "it runs with %s instead of %s", is.RunnerType, was.RunnerType)
	case was.EntryPoint != is.EntryPoint:
		add(ActionEntryPoint, pack.Safe, "it runs %s instead of %s", cmp.Or(is.EntryPoint, "nothing"), cmp.Or(was.EntryPoint, "nothing"))
	}
	if was.OutputSchema != is.OutputSchema {
		add(ActionOutput, pack.Caution, "what it returns is described in another way")
	}
	o := owner{kind: "action", name: is.Name, file: is.File, before: was.File, prefix: paramPrefix, giver: "callers", runner: is.RunnerType}
	c.parameters(o, was.Parameters, is.Parameters)
}

// renames finds which of the actions that came are those that went: first those
// that run the same with the same parameters, then those that run the same file
// and share most parameters. Where several actions do the same, as far as can be
// seen, their names have to be alike too. Of several the one with the most similar
// name.
func renames(before, after []content.Action, gone, come []*content.Action) map[*content.Action]*content.Action {
	several := shared(before, after)
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
				score := similarity(was.Name, is.Name)
				if sameParameters(was, is) && does(was) == does(is) && (!several[does(was)] || score >= alike) {
					matches = append(matches, match{was, is, score})
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

// alike is how similar the names of two actions must be that only their name
// tells apart.
const alike = 0.5

// shared finds what is done by more than one action, before or after.
func shared(sides ...[]content.Action) map[string]bool {
	several := map[string]bool{}
	for _, actions := range sides {
		seen := map[string]bool{}
		for i := range actions {
			key := does(&actions[i])
			several[key] = several[key] || seen[key]
			seen[key] = true
		}
	}
	return several
}

// does names what an action runs together with the values that nobody can give:
// they tell a file that serves several actions which of them it is to be.
func does(a *content.Action) string {
	var b strings.Builder
	b.WriteString(runs(a))
	for _, p := range a.Parameters {
		if p.Immutable {
			fmt.Fprintf(&b, "\n%s=%s", p.Name, p.Default)
		}
	}
	return b.String()
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
