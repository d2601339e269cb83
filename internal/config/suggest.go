package config

import (
	"github.com/packsync/packsync/internal/nearest"
)

// DidYouMean is didYouMean for names on the command line.
func DidYouMean(written string, known []string) string { return didYouMean(written, known) }

// didYouMean returns ` Did you mean "x"?` for the known name that is nearest to
// what was written, or "" if none is near.
func didYouMean(written string, known []string) string {
	near := nearest.Names(written, known)
	if len(near) == 0 || near[0] == written {
		return ""
	}
	return ` Did you mean "` + near[0] + `"?`
}
