package view

import (
	"testing"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/reconcile"
)

// TestCompareLink links to nothing but the forges that are known.
func TestCompareLink(t *testing.T) {
	a, b := pack.Commit("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), pack.Commit("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
	for _, c := range []struct {
		name, before, after string
		to                  pack.Commit
		want                string
	}{
		{"GitHub", "https://github.com/acme/st2-tools", "https://github.com/acme/st2-tools", b, "https://github.com/acme/st2-tools/compare/" + string(a) + "..." + string(b)},
		{"with .git", "https://github.com/acme/tools.git", "https://github.com/acme/tools.git", b, "https://github.com/acme/tools/compare/" + string(a) + "..." + string(b)},
		{"GitLab", "https://gitlab.com/acme/tools.git", "https://gitlab.com/acme/tools.git", b, "https://gitlab.com/acme/tools/-/compare/" + string(a) + "..." + string(b)},
		{"the same commit", "https://github.com/acme/tools", "https://github.com/acme/tools", a, ""},
		{"another source", "https://github.com/acme/tools", "https://github.com/emca/tools", b, ""},
		{"a forge of one's own", "https://git.acme.example/st2/tools", "https://git.acme.example/st2/tools", b, ""},
		{"something that looks like one", "https://github.com.evil.example/acme/tools", "https://github.com.evil.example/acme/tools", b, ""},
		{"a path that closes the link", "https://github.com/acme/to)ols", "https://github.com/acme/to)ols", b, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := reconcile.DiffedPack{Before: &reconcile.Pinned{Source: c.before, Commit: a}, After: &reconcile.Pinned{Source: c.after, Commit: c.to}}
			if got := compareLink(p); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
