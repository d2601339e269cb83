package gogit

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
)

// The name spaces of refs that are looked at. Others (pull requests, notes) are
// ignored: anybody may put commits there.
const (
	branchPrefix = "refs/heads/"
	tagPrefix    = "refs/tags/"
)

// advertised is what a repository offers.
type advertised struct {
	head   string // full name of the branch that HEAD is, "" if detached or unknown
	headID plumbing.Hash
	own    map[string]plumbing.Hash // full ref name → the object it names, a tag object for an annotated tag
	peeled map[string]plumbing.Hash // full ref name → commit, for annotated tags
	bare   bool                     // any commit may be asked for
}

// fromServer keeps the branches and tags whose names are valid for git.
func fromServer(adv *packp.AdvRefs) *advertised {
	a := &advertised{own: map[string]plumbing.Hash{}, peeled: map[string]plumbing.Hash{}}
	for name, id := range adv.References {
		if validRef(name) {
			a.own[name] = id
			if to, ok := adv.Peeled[name]; ok {
				a.peeled[name] = to
			}
		}
	}
	if adv.Head != nil {
		a.headID = *adv.Head
	}
	for _, link := range adv.Capabilities.Get(capability.SymRef) {
		if target, found := strings.CutPrefix(link, "HEAD:"); found && validRef(target) {
			a.head = target
		}
	}
	if a.head == "" {
		a.head = guessHead(a)
	}
	a.bare = adv.Capabilities.Supports("allow-reachable-sha1-in-want") ||
		adv.Capabilities.Supports("allow-any-sha1-in-want") || adv.Capabilities.Supports("allow-tip-sha1-in-want")
	return a
}

// guessHead is for servers before git 1.8.4, which do not say which branch HEAD
// is: as git does, main or master if it fits, else nothing.
func guessHead(a *advertised) string {
	for _, name := range []string{"refs/heads/main", "refs/heads/master"} {
		if id, ok := a.own[name]; ok && id == a.headID {
			return name
		}
	}
	return ""
}

func validRef(name string) bool {
	return (strings.HasPrefix(name, branchPrefix) || strings.HasPrefix(name, tagPrefix)) &&
		plumbing.ReferenceName(name).Validate() == nil
}

// commit returns the commit that a ref names, by full name.
func (a *advertised) commit(name string) (plumbing.Hash, bool) {
	if id, ok := a.peeled[name]; ok {
		return id, true
	}
	id, ok := a.own[name]
	return id, ok
}

// tip returns the object to ask for in order to get a commit that a ref names.
// The ref called preferred comes first, so that the request says what is meant.
func (a *advertised) tip(commit plumbing.Hash, preferred string) (plumbing.Hash, bool) {
	names := append([]string{preferred}, slices.Sorted(maps.Keys(a.own))...)
	for _, name := range names {
		if id, ok := a.commit(name); ok && id == commit {
			return a.own[name], true
		}
	}
	return plumbing.ZeroHash, false
}

// all returns the objects that branches and tags name, each once.
func (a *advertised) all() []plumbing.Hash {
	ids := slices.Collect(maps.Values(a.own))
	plumbing.HashesSort(ids)
	return slices.Compact(ids)
}

// public is the form that other packages see.
func (a *advertised) public() *source.Refs {
	refs := &source.Refs{
		Head:     a.head,
		Branches: map[string]pack.Commit{},
		Tags:     map[string]pack.Commit{},
	}
	if !a.headID.IsZero() {
		refs.HeadHash = pack.Commit(a.headID.String())
	}
	for name := range a.own {
		id, _ := a.commit(name)
		if short, ok := strings.CutPrefix(name, branchPrefix); ok {
			refs.Branches[short] = pack.Commit(id.String())
		} else if short, ok := strings.CutPrefix(name, tagPrefix); ok {
			refs.Tags[short] = pack.Commit(id.String())
		}
	}
	return refs
}
