package config

import (
	"slices"
	"strings"
)

// didYouMean returns ` Did you mean "x"?` for the known name that is nearest to
// what was written, or "" if none is near.
func didYouMean(written string, known []string) string {
	best, bestDistance := "", max(len(written)/3, 1)+1
	for _, name := range slices.Sorted(slices.Values(known)) {
		if d := distance(strings.ToLower(written), strings.ToLower(name)); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	if best == "" || best == written {
		return ""
	}
	return ` Did you mean "` + best + `"?`
}

// distance is the number of bytes to insert, delete, replace or swap with their
// neighbour to turn a into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
