package resolve_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/resolve"
)

// drawRequiring makes packs p0…p5 that require each other as it comes, cycles
// included, of which some are declared; requirements of one pack agree, so that
// there is a solution.
func drawRequiring(t *rapid.T, tb *testing.T) *world {
	w := newWorld()
	const n = 6
	for i := range n {
		name := fmt.Sprintf("p%d", i)
		w.names.versions[name] = "1.1.0"
		for minor := range 3 {
			var needs []string
			for j := range n {
				if rapid.IntRange(0, 3).Draw(t, "requires") == 0 {
					form := rapid.SampledFrom([]string{"p%d", "p%d>=1.0", "p%d~>1.0", "p%d<=1.9,>=0.1", host + "p%d", host + "p%d=1.1.0"}).Draw(t, "form")
					if strings.HasPrefix(form, host) && j%2 == 0 { // an address is the same for all who name it
						form = strings.TrimPrefix(strings.TrimSuffix(form, "=1.1.0"), host)
					}
					needs = append(needs, fmt.Sprintf(form, j))
				}
			}
			line := fmt.Sprintf("%s v1.%d.0 %x%x", name, minor, i, minor)
			if len(needs) > 0 {
				line += " holds needs " + strings.Join(needs, "; ")
			}
			w.tell(tb, "tags", line)
		}
		w.repo(name).Branch("main", full(fmt.Sprintf("%x1", i)))
		if i == 0 || rapid.IntRange(0, 2).Draw(t, "declared") == 0 {
			w.packs = append(w.packs, w.declared(name, "version ~> 1.1"))
		}
	}
	return w
}

// What is required is there and fits, nothing else is, a second run changes
// nothing and asks nothing, and without the network the same is known.
func TestRequiredPacksAreThereAndNoOthers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawRequiring(rt, t)
		req := resolve.Request{Packs: w.packs, Lock: w.lock, LockDir: "/work"}
		result, diags := resolve.Resolve(rt.Context(), req, w.repos, w.names)
		if diags.HasErrors() {
			if strings.Contains(diags.Error(), "Dependencies") {
				return // two addresses, a revision against a higher pin: told as such
			}
			rt.Fatal(diags)
		}
		reached := map[pack.Ref]bool{}
		var reach func(pack.Ref)
		reach = func(ref pack.Ref) {
			if reached[ref] {
				return
			}
			reached[ref] = true
			for _, text := range result.Packs[ref].Entry.Requires {
				d, err := pack.ParseDependency(text)
				if err != nil {
					rt.Fatal(err)
				}
				target := d.Names()[0]
				if target == ref {
					continue // it is what it is
				}
				pin, is := result.Packs[target]
				if !is || !d.SatisfiedBy(pin.Version, pin.Entry.Ref, pin.Entry.Commit) {
					rt.Fatalf("%s requires %s, which is %+v", ref, text, pin.Entry)
				}
				reach(target)
			}
		}
		for _, p := range w.packs {
			reach(p.Ref)
		}
		for ref, e := range result.Lock.Packs {
			direct := slices.ContainsFunc(req.Packs, func(p config.Pack) bool { return p.Ref == ref })
			if !reached[ref] || e.Direct != direct {
				rt.Fatalf("%s is locked as direct = %v, required: %v", ref, e.Direct, reached[ref])
			}
		}
		if len(result.Indirect)+len(w.packs) != len(result.Packs) {
			rt.Fatalf("%d declared and %d indirect packs have %d pins", len(w.packs), len(result.Indirect), len(result.Packs))
		}
		calls := len(w.repos.Calls())
		req.Lock = result.Lock
		for _, mode := range []resolve.Mode{resolve.Missing, resolve.Locked} {
			req.Mode = mode
			again, diags := resolve.Resolve(rt.Context(), req, w.repos, w.names)
			if diags.HasErrors() || len(again.Changes) > 0 || len(w.repos.Calls()) != calls {
				rt.Fatalf("a second run: %v, %+v, asked %v", diags, again, w.repos.Calls()[calls:])
			}
		}
		slices.Reverse(req.Packs)
		req.Mode, req.Lock = resolve.Missing, w.lock
		reversed, _ := resolve.Resolve(rt.Context(), req, w.repos, w.names)
		if reversed == nil || string(reversed.Lock.Bytes()) != string(result.Lock.Bytes()) {
			rt.Fatalf("another order of the packs gives another lock:\n%s", cmp.Diff(string(result.Lock.Bytes()), string(reversed.Lock.Bytes())))
		}
		checkOrder(rt, result)
	})
}

// checkOrder makes sure that the links can be followed to an end.
func checkOrder(t *rapid.T, result *resolve.Result) {
	var visit func(ref pack.Ref, path []pack.Ref)
	visit = func(ref pack.Ref, path []pack.Ref) {
		if slices.Contains(path, ref) {
			t.Fatalf("a cycle: %v to %s", path, ref)
		}
		for _, target := range result.Requires[ref] {
			visit(target, append(path, ref))
		}
	}
	for ref := range result.Packs {
		visit(ref, nil)
	}
}
