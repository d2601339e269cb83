package gogit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source/gogit"
	"github.com/packsync/packsync/internal/transport"
	"github.com/packsync/packsync/internal/tree"
)

// TestDeclaredLimits: a block raises and lowers each limit, from the server and
// from the cache, and the refusal says which argument.
func TestDeclaredLimits(t *testing.T) {
	root := t.TempDir()
	repo := gittest.New(t, root, "repo")
	files := gittest.Files{"pack.yaml": "x", "big": strings.Repeat("0123456789", 500)}
	for _, name := range strings.Split("abcdefgh", "") {
		files["d/"+name] = name
	}
	commit := pack.Commit(repo.Commit("main", "First", files))
	server := gittest.ServeHTTPRepos(t, root)
	opts := gogit.Options{Client: client(t, transport.Options{}), CacheDir: t.TempDir(), Limits: gogit.Limits{Tree: tree.DefaultLimits(), ObjectBytes: 4000, DecodedBytes: 1 << 20}}
	opts.Limits.Tree.Files, opts.Limits.Tree.FileBytes = 9, 4000
	for _, c := range []struct {
		name   string
		limits pack.Limits
		refuse string
	}{
		{"the default", pack.Limits{}, tree.RaiseBytes},
		{"more bytes alone", pack.Limits{Bytes: 6000}, tree.RaiseFiles},
		{"more files alone", pack.Limits{Files: 10}, tree.RaiseBytes},
		{"enough", pack.Limits{Files: 10, Bytes: 6000}, ""},
		{"from the cache", pack.Limits{Files: 10, Bytes: 6000}, ""},
		{"fewer files", pack.Limits{Files: 9, Bytes: 6000}, tree.RaiseFiles},
		{"fewer bytes in all", pack.Limits{Files: 10, Bytes: 5003}, tree.RaiseBytes},
		{"fewer bytes in one file", pack.Limits{Files: 10, Bytes: 4999}, tree.RaiseBytes},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := parse(t, server.URL+"/repo")
			src.Limits = c.limits
			r, err := gogit.New(opts).Open(src)
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.Fetch(t.Context(), commit, "")
			var refused *tree.RefusedError
			switch {
			case c.refuse == "" && err != nil:
				t.Error(err)
			case c.refuse != "" && (!errors.As(err, &refused) || refused.Rule != tree.RuleLimit || !strings.Contains(err.Error(), c.refuse)):
				t.Errorf("error is %v, want a refusal that says %q", err, c.refuse)
			}
		})
	}
}
