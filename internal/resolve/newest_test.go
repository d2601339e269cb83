package resolve_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/resolve"
)

func TestFindNewest(t *testing.T) {
	for _, c := range []struct {
		name, world string
		want        string // in the constraint; overall; where the locked tag went
	}{
		{"a newer one in the constraint and one outside", "tags slack v1.0.0 aa, v1.2.0 bb, v2.0.0 cc\nwant slack version ~> 1.0", "1.2.0 bb; 2.0.0 cc; "},
		{"a pre-release is no newest release", "tags slack v1.0.0 aa, v2.0.0-rc1 bb\nwant slack version ~> 1.0", "1.0.0 aa; 1.0.0 aa; "},
		{"a branch", "branches slack main bb\ntags slack v1.0.0 aa\nwant slack branch main", " bb; 1.0.0 aa; "},
		{"a branch without tags", "branches slack main bb\nwant slack", " bb;  bb; "},
		{"the index knows better than the tags", "index slack 1.0.1\ntags slack v1.0.1 aa, v1.8.0 bb\nwant slack short", "1.0.1 aa; 1.0.1 aa; "},
		{"unless the constraint takes more", "index slack 1.0.1\ntags slack v1.0.1 aa, v1.8.0 bb\nwant slack short, version >= 1.0", "1.8.0 bb; 1.8.0 bb; "},
		{"a moved tag", "tags slack v1.0.0 bb\nwant slack version ~> 1.0\npin slack tag v1.0.0 aa by version ~> 1.0", "1.0.0 bb; 1.0.0 bb; bb"},
		{"a tag that went away was not moved", "tags slack v1.1.0 bb\nwant slack version ~> 1.0\npin slack tag v1.0.0 aa by version ~> 1.0", "1.1.0 bb; 1.1.0 bb; "},
		{"a commit", "tags slack v1.0.0 aa\nwant slack commit aa", " aa; 1.0.0 aa; "},
		{"nothing in the constraint", "tags slack v1.0.0 aa\nwant slack version ~> 2.0", "No version satisfies the constraint"},
		{"a directory has nothing to ask about", "want slack dir ./slack", ""},
		{"what others require", "tags slack v1.0.0 aa, v1.1.0 bb\npin slack tag v1.0.0 aa by version >=1.0 indirect", "1.1.0 bb; 1.1.0 bb; "},
	} {
		w := newWorld()
		for line := range strings.SplitSeq(c.world, "\n") {
			key, rest, _ := strings.Cut(line, " ")
			w.tell(t, key, rest)
		}
		packs := append(w.packs, resolve.Indirect(w.lock)...)
		found, _ := resolve.FindNewest(t.Context(), resolve.Request{Packs: packs, Lock: w.lock, LockDir: "/work"}, w.repos, w.names)
		got := ""
		for _, n := range found {
			moved := string(n.MovedTo)
			if moved != "" {
				moved = moved[:2]
			}
			if got = fmt.Sprintf("%s %.2s; %s %.2s; %s", n.InConstraint.Version, n.InConstraint.Commit, n.Overall.Version, n.Overall.Commit, moved); n.Problem != nil {
				got = n.Problem.Summary
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		for _, call := range w.repos.Calls() {
			if strings.HasPrefix(call, "fetch") {
				t.Errorf("%s: it fetches: %s", c.name, call)
			}
		}
	}
}
