package index

import (
	"cmp"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// Search returns the packs in which every word of a query occurs, in any field and
// in any case. The best come first: those whose name it is, whose name begins with
// it or holds it, then keywords, description, author, and everything else. Unlike
// in StackStorm the order of fields in the file does not matter (reference.md 7.3).
// Of two equally good packs the one whose worst word fits better comes first.
func Search(all []Details, query string) []Details {
	words := strings.Fields(strings.ToLower(query))
	if len(words) == 0 {
		return nil
	}
	type hit struct {
		details     Details
		best, worst int
	}
	var hits []hit
	for _, d := range all {
		h := hit{details: d, best: nowhere}
		for _, word := range words {
			rank := d.rank(word)
			h.best, h.worst = min(h.best, rank), max(h.worst, rank)
		}
		h.best = min(h.best, d.rank(strings.Join(words, " ")))
		if h.worst < nowhere {
			hits = append(hits, h)
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.best, b.best), cmp.Compare(a.worst, b.worst), cmp.Compare(a.details.Ref, b.details.Ref))
	})
	found := make([]Details, len(hits))
	for i, h := range hits {
		found[i] = h.details
	}
	return found
}

// Where a word was found, from the best to none.
const (
	isName = iota
	beginsName
	inName
	isKeyword
	inKeyword
	inDescription
	inAuthor
	elsewhere
	nowhere
)

// rank says where a word in lower case occurs.
func (d Details) rank(word string) int {
	in := func(text string) bool { return strings.Contains(strings.ToLower(text), word) }
	ref, name := strings.ToLower(d.Ref), strings.ToLower(d.Name)
	switch {
	case ref == word, name == word:
		return isName
	case strings.HasPrefix(ref, word), strings.HasPrefix(name, word):
		return beginsName
	case in(d.Ref), in(d.Name):
		return inName
	case slices.ContainsFunc(d.Keywords, func(k string) bool { return strings.ToLower(k) == word }):
		return isKeyword
	case slices.ContainsFunc(d.Keywords, in):
		return inKeyword
	case in(d.Description):
		return inDescription
	case in(d.Author):
		return inAuthor
	case in(d.RepoURL), in(d.Version), in(d.StackStormVersion), slices.ContainsFunc(d.Dependencies, in), slices.ContainsFunc(d.other, in):
		return elsewhere
	}
	for kind, count := range d.Content {
		if count > 0 && kind == word {
			return elsewhere
		}
	}
	return nowhere
}

// newestFirst orders version texts; those that are no version come last. The
// Exchange sorts them as texts, which puts 1.6.0 before 1.10.0.
func newestFirst(a, b string) int {
	x, xOK := pack.ParseTagVersion(a)
	y, yOK := pack.ParseTagVersion(b)
	switch {
	case xOK && yOK:
		return y.Compare(x)
	case xOK:
		return -1
	case yOK:
		return 1
	}
	return strings.Compare(b, a)
}
