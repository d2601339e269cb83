package nearest

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNames(t *testing.T) {
	for _, c := range []struct{ word, known, want string }{
		{"verison", "version subdir config", "version"},
		{"Port", "port ports prot", "port ports prot"},
		{"stackstrom-aws", "aws stackstorm-aws", "stackstorm-aws aws"},
		{"pass", "username password", "password"},
		{"xyz", "version subdir", ""},
		{"ab", "cd", ""},
		{"a", "b", "b"},
		{"", "abc", ""},
		{"tag", "tag1 tag2 tag3 tag4", "tag1 tag2 tag3"},
		{"tag", "", ""},
	} {
		if got := strings.Join(Names(c.word, strings.Fields(c.known)), " "); got != c.want {
			t.Errorf("%q among %s: %q, want %q", c.word, c.known, got, c.want)
		}
	}
}

// A distance is none only between equals, is the same both ways, and going round
// by a third word is never shorter by more than a swap saves.
func TestDistance(t *testing.T) {
	words := rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := words.Draw(t, "a"), words.Draw(t, "b")
		d := distance(a, b)
		if d != distance(b, a) {
			t.Errorf("%q to %q is %d, back %d", a, b, d, distance(b, a))
		}
		if (d == 0) != (a == b) || d > max(len(a), len(b)) {
			t.Errorf("%q to %q is %d", a, b, d)
		}
		if i := rapid.IntRange(0, len(a)).Draw(t, "i"); distance(a, a[:i]+"x"+a[i:]) != 1 {
			t.Errorf("one letter more is not one")
		}
	})
	if distance("abcd", "acbd") != 1 {
		t.Error("two swapped letters are not one mistake")
	}
}

func TestTheOrderOfTheKnownDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		known := rapid.SliceOfDistinct(rapid.StringMatching("[ab]{1,4}"), rapid.ID[string]).Draw(t, "known")
		word := rapid.StringMatching("[ab]{1,4}").Draw(t, "word")
		shuffled := rapid.Permutation(known).Draw(t, "shuffled")
		if a, b := Names(word, known), Names(word, shuffled); !slices.Equal(a, b) {
			t.Errorf("%q and %q", a, b)
		}
	})
}
