package gogit

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestShelf: what is on the shelf is what was put there, never more than fits,
// and what came last is there.
func TestShelf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(0, 50).Draw(t, "limit")
		s := &shelf{limit: limit}
		size := rapid.SliceOfN(rapid.IntRange(0, 60), 1, 20).Draw(t, "sizes")
		text := func(i int32) string { return strings.Repeat(string(rune('a'+i)), size[i]) }
		for range rapid.IntRange(1, 60).Draw(t, "puts") {
			last := int32(rapid.IntRange(0, len(size)-1).Draw(t, "index"))
			s.put(last, []byte(text(last)))
			total := 0
			for i := range int32(len(size)) {
				content, found := s.get(i)
				if found && string(content) != text(i) {
					t.Fatalf("object %d is %q, want %q", i, content, text(i))
				}
				total += len(content)
			}
			if total > limit || total != s.bytes {
				t.Fatalf("%d bytes are kept, %d counted, %d allowed", total, s.bytes, limit)
			}
			if _, found := s.get(last); found != (size[last] <= limit) {
				t.Fatalf("object %d with %d bytes, just put, is there: %t", last, size[last], found)
			}
		}
	})
}
