package resolve

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/packsync/packsync/internal/nearest"
	"github.com/packsync/packsync/internal/pack"
)

// tagVersion is a tag that names a version.
type tagVersion struct {
	tag     string
	version *semver.Version
}

// versionsOf lists the tags that name versions, the highest first. Versions that
// are equal in order come by build metadata, and v1.0.0 before 1.0.0: the choice
// must not depend on the order of a map.
func versionsOf(tags map[string]pack.Commit) []tagVersion {
	var list []tagVersion
	for tag := range tags {
		if version, ok := pack.ParseTagVersion(tag); ok {
			list = append(list, tagVersion{tag, version})
		}
	}
	slices.SortFunc(list, func(a, b tagVersion) int {
		return cmp.Or(
			b.version.Compare(a.version),
			cmp.Compare(b.version.Metadata(), a.version.Metadata()),
			cmp.Compare(b.tag, a.tag),
		)
	})
	return list
}

// highest returns the tag of the highest version that a constraint allows.
func highest(tags map[string]pack.Commit, constraint pack.Constraint) (string, bool) {
	for _, tv := range versionsOf(tags) {
		if constraint.MatchesVersion(tv.version) {
			return tv.tag, true
		}
	}
	return "", false
}

// maxListed is how many names a message lists.
const maxListed = 10

// newest lists what a repository has to offer instead: its versions, the highest
// first, or its tags if none is a version.
func newest(tags map[string]pack.Commit) string {
	versions := versionsOf(tags)
	if len(versions) > 0 {
		names := make([]string, len(versions))
		for i, tv := range versions {
			names[i] = tv.tag
		}
		return "Its newest versions are " + few(names) + "."
	}
	if len(tags) > 0 {
		return "None of its tags is a version (X.Y.Z or vX.Y.Z); it has the tags " + few(slices.Sorted(maps.Keys(tags))) + "."
	}
	return "It has no tags."
}

// didYouMean suggests names that may have been meant; "" if none is near.
func didYouMean(word string, known map[string]pack.Commit) string {
	near := nearest.Names(word, slices.Sorted(maps.Keys(known)))
	if len(near) == 0 {
		return ""
	}
	for i, name := range near {
		near[i] = fmt.Sprintf("%q", name)
	}
	return "Did you mean " + strings.Join(near, " or ") + "? "
}

// few joins the first names of a list and counts the rest. The names are a
// server's: what is not printable is escaped.
func few(names []string) string {
	var shown []string
	for _, name := range names[:min(len(names), maxListed)] {
		shown = append(shown, printable(name))
	}
	text := strings.Join(shown, ", ")
	if rest := len(names) - len(shown); rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}
