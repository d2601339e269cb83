package st2

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// countedAs maps the registration types to the words that StackStorm counts by
// (reference.md 2.5).
var countedAs = map[string]string{
	"trigger": "triggers", "sensor": "sensors", "action": "actions", "rule": "rules",
	"alias": "aliases", "policy": "policies", "config": "configs",
}

// contentKinds is what a pack can have, in the order of StackStorm's registrars.
var contentKinds = []string{"triggers", "sensors", "actions", "rules", "aliases", "policies", "configs"}

// requested returns which kinds of content a request is about: its types in the
// words of the counts, without the prerequisites.
func requested(types []string) []string {
	if slices.Contains(types, "all") {
		return contentKinds
	}
	var kinds []string
	for _, kind := range contentKinds {
		if slices.ContainsFunc(types, func(t string) bool { return t == kind || countedAs[t] == kind }) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// checkCounts makes an error of a success that left out what was due: StackStorm
// answers 200 with a smaller count where it did not see a file.
func checkCounts(req Request, counts map[string]int) error {
	kinds := requested(req.Types)
	for _, due := range req.Due {
		if !slices.Contains(kinds, due) || counts[due] > 0 {
			continue
		}
		return &Error{
			Op:   "register " + string(req.Ref),
			Text: fmt.Sprintf("StackStorm registered no %s although the pack has some (it counted %s)", due, describeCounts(counts)),
			Hint: visibilityHint,
		}
	}
	return nil
}

func describeCounts(counts map[string]int) string {
	if len(counts) == 0 {
		return "nothing"
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, counts[kind]))
	}
	return strings.Join(parts, ", ")
}
