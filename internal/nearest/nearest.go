// Package nearest finds what a person may have meant by a name that nobody knows.
//
// It is not for deciding anything: what it finds is a suggestion in a message.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// maxNear is how many suggestions help: more are noise.
const maxNear = 3

// Names returns up to three of the known names that a person may have meant by
// word, the nearest first: few typing mistakes away, or one contained in the
// other. The order of known does not matter.
func Names(word string, known []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	word = strings.ToLower(word)
	limit := max(1, min(3, len(word)/3))
	var candidates []candidate
	for _, name := range known {
		lower := strings.ToLower(name)
		d := distance(word, lower)
		if d > limit && (len(word) < 3 || len(lower) < 3 || !strings.Contains(lower, word) && !strings.Contains(word, lower)) {
			continue
		}
		candidates = append(candidates, candidate{name, d})
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	var near []string
	for _, c := range candidates[:min(len(candidates), maxNear)] {
		near = append(near, c.name)
	}
	return near
}

// distance is the number of bytes to insert, delete, replace or swap with their
// neighbour to make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
