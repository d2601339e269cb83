package resolve_test

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/resolve"
)

// drawWorld makes repositories p0…p4 with versions, a declaration over some of
// them that can be resolved, and a lock that fits it more or less.
func drawWorld(t *rapid.T, tb *testing.T) *world {
	w := newWorld()
	for i := range rapid.IntRange(1, 5).Draw(t, "packs") {
		name := fmt.Sprintf("p%d", i)
		versions := map[string]string{}
		for j := range rapid.IntRange(1, 4).Draw(t, "versions") {
			version := fmt.Sprintf("v%d.%d.0", rapid.IntRange(0, 2).Draw(t, "major"), rapid.IntRange(0, 3).Draw(t, "minor"))
			if versions[version] == "" {
				versions[version] = fmt.Sprintf("%x%x", i, j)
			}
		}
		tags := slices.Sorted(maps.Keys(versions))
		for _, tag := range tags {
			w.tell(tb, "tags", name+" "+tag+" "+versions[tag])
			w.repo(name).Branch("main", full(versions[tag]))
		}
		chosen := rapid.SampledFrom(tags).Draw(t, "tag")
		if rapid.Bool().Draw(t, "locked") {
			constraint := rapid.SampledFrom([]string{"version >= 0.1", "version = " + chosen, "tag " + chosen, "branch main"}).Draw(t, "locked by")
			w.lock.Packs[pack.Ref(name)] = pinned(name, "tag "+chosen+" "+versions[chosen]+" by "+constraint)
		}
		if rapid.IntRange(0, 4).Draw(t, "undeclared") == 0 {
			continue
		}
		wanted := rapid.SampledFrom([]string{"version >= 0.0", "version <= " + chosen, "tag " + chosen, "branch main", "revision " + chosen, ""}).Draw(t, "wanted")
		w.packs = append(w.packs, w.declared(name, wanted))
	}
	return w
}

func (w *world) resolve(t *rapid.T, req resolve.Request) *resolve.Result {
	req.LockDir = "/work"
	result, diags := resolve.Resolve(t.Context(), req, w.repos, w.names)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return result
}

func want(p config.Pack) lockfile.Want {
	return lockfile.Want{Source: p.Source.URL, Subdir: p.Source.Subdir, Selector: p.Selector}
}

func sameEntries(a, b map[pack.Ref]lockfile.Entry) string {
	return cmp.Diff(a, b, cmp.AllowUnexported(lockfile.Entry{}))
}

func TestMissingNeverMovesAPinThatSatisfies(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt, t)
		result := w.resolve(rt, resolve.Request{Packs: w.packs, Lock: w.lock})
		kept := 0
		for _, p := range w.packs {
			before, locked := w.lock.Packs[p.Ref]
			ok, _, _ := before.Satisfies(want(p))
			if !locked || !ok {
				continue
			}
			kept++
			if after := result.Lock.Packs[p.Ref]; after.Commit != before.Commit || after.Tree != before.Tree || after.Ref != before.Ref {
				rt.Fatalf("the pin of %s moved: %+v → %+v", p.Ref, before, after)
			}
		}
		if kept == len(w.packs) && len(w.repos.Calls()) > 0 {
			rt.Fatalf("nothing was missing, and it asked %v", w.repos.Calls())
		}
	})
}

func TestEveryDeclaredPackIsPinnedAndNoOther(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt, t)
		mode := rapid.SampledFrom([]resolve.Mode{resolve.Missing, resolve.Update}).Draw(rt, "mode")
		result := w.resolve(rt, resolve.Request{Packs: w.packs, Lock: w.lock, Mode: mode})
		if len(result.Lock.Packs) != len(w.packs) || len(result.Packs) != len(w.packs) {
			rt.Fatalf("%d declared, %d locked, %d pins", len(w.packs), len(result.Lock.Packs), len(result.Packs))
		}
		for _, p := range w.packs {
			entry, pin := result.Lock.Packs[p.Ref], result.Packs[p.Ref]
			if ok, text, reason := entry.Satisfies(want(p)); !ok || text || !pin.Entry.Equal(entry) {
				rt.Fatalf("the entry of %s does not fit: %v %v %s", p.Ref, ok, text, reason)
			}
		}
	})
}

func TestTheOrderOfPacksDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt, t)
		mode := rapid.SampledFrom([]resolve.Mode{resolve.Missing, resolve.Update}).Draw(rt, "mode")
		one := w.resolve(rt, resolve.Request{Packs: w.packs, Lock: w.lock, Mode: mode, Parallel: 1})
		shuffled := slices.Clone(w.packs)
		rand.New(rand.NewSource(rapid.Int64().Draw(rt, "seed"))).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		two := w.resolve(rt, resolve.Request{Packs: shuffled, Lock: w.lock, Mode: mode})
		if diff := cmp.Diff(string(one.Lock.Bytes()), string(two.Lock.Bytes())); diff != "" {
			rt.Fatal(diff)
		}
		if diff := cmp.Diff(one.Changes, two.Changes, cmp.AllowUnexported(lockfile.Entry{})); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func TestResolvingTwiceChangesNothingMore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt, t)
		first := rapid.SampledFrom([]resolve.Mode{resolve.Missing, resolve.Update}).Draw(rt, "mode")
		once := w.resolve(rt, resolve.Request{Packs: w.packs, Lock: w.lock, Mode: first})
		for _, mode := range []resolve.Mode{resolve.Missing, first} {
			calls := len(w.repos.Calls())
			twice := w.resolve(rt, resolve.Request{Packs: w.packs, Lock: once.Lock, Mode: mode})
			if diff := sameEntries(once.Lock.Packs, twice.Lock.Packs); diff != "" || len(twice.Changes) != 0 {
				rt.Fatalf("it changed again: %v\n%s", twice.Changes, diff)
			}
			if asked := w.repos.Calls()[calls:]; mode == resolve.Missing && len(asked) > 0 {
				rt.Fatalf("it asked again: %v", asked)
			}
		}
	})
}

func TestUpdateOfOnePackMovesOnlyThatPack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt, t)
		if len(w.packs) == 0 {
			return
		}
		locked := w.resolve(rt, resolve.Request{Packs: w.packs, Lock: w.lock}).Lock
		one := rapid.SampledFrom(w.packs).Draw(rt, "updated").Ref
		result := w.resolve(rt, resolve.Request{Packs: w.packs, Lock: locked, Mode: resolve.Update, Update: map[pack.Ref]bool{one: true}})
		for _, c := range result.Changes {
			if c.Ref != one {
				rt.Fatalf("updating %s changed %s: %+v", one, c.Ref, c)
			}
		}
		all := w.resolve(rt, resolve.Request{Packs: w.packs, Lock: locked, Mode: resolve.Update})
		if a, b := result.Lock.Packs[one], all.Lock.Packs[one]; !a.Equal(b) {
			rt.Fatalf("updating %s alone gives %+v, with all others %+v", one, a, b)
		}
	})
}
