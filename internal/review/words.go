package review

import (
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/lazyregexp"
)

// token is a word of an alias, or a part that may be left out.
type token struct {
	text     string // parameters without their names
	optional bool
}

var (
	// leftOut is what StackStorm's parser lets a person leave out: a group with a
	// question mark, and a parameter with a default.
	leftOut = lazyregexp.New(`\([^()]*\)\?|\{\{[^{}]*=(?:[^{}]|\{[^{}]*\})*\}\}`)
	slot    = lazyregexp.New(`\{\{\s*[^{}=\s]+\s*(=(?:[^{}]|\{[^{}]*\})*)?\}\}`)
)

// tokens takes a representation apart.
func tokens(text string) (out []token) {
	plain := func(part string) string { return slot().ReplaceAllString(part, "{{}}") }
	for {
		at := leftOut().FindStringIndex(text)
		head := text
		if at != nil {
			head = text[:at[0]]
		}
		for word := range strings.FieldsSeq(plain(head)) {
			out = append(out, token{text: word})
		}
		if at == nil {
			return out
		}
		out = append(out, token{text: strings.Join(strings.Fields(plain(text[at[0]:at[1]])), " "), optional: true})
		text = text[at[1]:]
	}
}

// takes tells whether everything that one representation takes is taken by
// another: it may have more that can be left out, and call its parameters
// otherwise.
func takes(is, was string) bool {
	after, before := tokens(is), tokens(was)
	for _, t := range before {
		for len(after) > 0 && after[0] != t && after[0].optional {
			after = after[1:]
		}
		if len(after) == 0 || after[0] != t {
			return false
		}
		after = after[1:]
	}
	return !slices.ContainsFunc(after, func(t token) bool { return !t.optional })
}

// reworded returns those words of an alias that nothing takes any more, and those
// that are taken by others of the new ones, under other names of parameters.
func reworded(before, after []string) (gone, come, otherwise []string) {
	come = missing(after, before)
	for _, was := range missing(before, after) {
		i := slices.IndexFunc(after, func(is string) bool { return takes(is, was) })
		if i < 0 {
			gone = append(gone, was)
			continue
		}
		if lost := missing(parametersOf(was), parametersOf(after[i])); len(lost) > 0 {
			otherwise = append(otherwise, lost...)
		}
	}
	slices.Sort(otherwise)
	return gone, come, slices.Compact(otherwise)
}

func parametersOf(text string) (names []string) {
	for _, m := range named().FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}
