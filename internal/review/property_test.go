package review_test

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/review"
)

// inventories draws packs that share many names, so that most of them differ in
// parts.
func inventories() *rapid.Generator[*content.Inventory] {
	value := rapid.SampledFrom([]content.Value{"", "null", `"x"`, "1"})
	parameter := rapid.Custom(func(t *rapid.T) content.Parameter {
		return content.Parameter{
			Name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"), Line: rapid.IntRange(1, 9).Draw(t, "line"),
			Type: rapid.SampledFrom([]string{"", "string", "integer", "number", "integer|string"}).Draw(t, "type"),
			Enum: rapid.SliceOfNDistinct(value, 0, 3, rapid.ID[content.Value]).Draw(t, "enum"), Default: value.Draw(t, "default"),
			Required: rapid.Bool().Draw(t, "required"), Immutable: rapid.Bool().Draw(t, "immutable"), Secret: rapid.Bool().Draw(t, "secret"),
			Position: value.Draw(t, "position"), Other: rapid.SampledFrom([]content.Value{"", `{"pattern":"x"}`}).Draw(t, "other"),
		}
	})
	parameters := rapid.SliceOfNDistinct(parameter, 0, 3, func(p content.Parameter) string { return p.Name })
	names := rapid.SampledFrom([]string{"one", "two", "two_more", "three.more"})
	target := rapid.SampledFrom([]string{"tools.one", "tools.two", "ops.one", "core.local", "<% 'tools.one' %>", "{{ x }}"})
	return rapid.Custom(func(t *rapid.T) *content.Inventory {
		inv := &content.Inventory{Meta: content.Meta{Version: rapid.SampledFrom([]string{"", "1.0.0", "2.0.0"}).Draw(t, "version")}}
		for _, name := range rapid.SliceOfDistinct(names, rapid.ID[string]).Draw(t, "actions") {
			inv.Actions = append(inv.Actions, content.Action{
				Place: place("actions", name), Name: name, RunnerType: "python-script", Enabled: rapid.Bool().Draw(t, "enabled"),
				EntryPoint: rapid.SampledFrom([]string{"", "a.py"}).Draw(t, "entry"), Parameters: parameters.Draw(t, "parameters"),
			})
		}
		for _, name := range rapid.SliceOfDistinct(names, rapid.ID[string]).Draw(t, "rules") {
			inv.Rules = append(inv.Rules, content.Rule{
				Place: place("rules", name), Name: name, Enabled: rapid.Bool().Draw(t, "enabled"), Action: target.Draw(t, "action"), Trigger: target.Draw(t, "trigger"),
			})
		}
		for _, name := range rapid.SliceOfDistinct(names, rapid.ID[string]).Draw(t, "triggers") {
			inv.Triggers = append(inv.Triggers, content.Trigger{Place: place("triggers", name), Name: name, PayloadSchema: value.Draw(t, "payload")})
		}
		for _, name := range rapid.SliceOfDistinct(names, rapid.ID[string]).Draw(t, "aliases") {
			inv.Aliases = append(inv.Aliases, content.Alias{
				Place: place("aliases", name), Name: name, Action: target.Draw(t, "action"), Enabled: rapid.Bool().Draw(t, "enabled"),
				Formats: []content.Format{{Representations: rapid.SliceOfN(names, 0, 2).Draw(t, "words")}},
			})
		}
		inv.Requirements = rapid.SliceOfDistinct(rapid.SampledFrom([]string{"six", "six==1", "Requests>2", "requests"}), rapid.ID[string]).Draw(t, "requirements")
		if rapid.Bool().Draw(t, "has config") {
			inv.ConfigSchema = &content.ConfigSchema{Attributes: parameters.Draw(t, "config")}
		}
		return inv
	})
}

// shuffled is an inventory whose lists are in another order.
func shuffled(inv *content.Inventory, seed int64) *content.Inventory {
	r := rand.New(rand.NewSource(seed))
	out := *inv
	out.Actions, out.Rules, out.Triggers, out.Aliases = slices.Clone(inv.Actions), slices.Clone(inv.Rules), slices.Clone(inv.Triggers), slices.Clone(inv.Aliases)
	r.Shuffle(len(out.Actions), func(i, j int) { out.Actions[i], out.Actions[j] = out.Actions[j], out.Actions[i] })
	r.Shuffle(len(out.Rules), func(i, j int) { out.Rules[i], out.Rules[j] = out.Rules[j], out.Rules[i] })
	r.Shuffle(len(out.Triggers), func(i, j int) { out.Triggers[i], out.Triggers[j] = out.Triggers[j], out.Triggers[i] })
	r.Shuffle(len(out.Aliases), func(i, j int) { out.Aliases[i], out.Aliases[j] = out.Aliases[j], out.Aliases[i] })
	for i := range out.Actions {
		p := slices.Clone(out.Actions[i].Parameters)
		r.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
		out.Actions[i].Parameters = p
	}
	return &out
}

func TestNothingChangesBetweenEquals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := inventories().Draw(t, "x")
		if changes := review.Compare(x, shuffled(x, rapid.Int64().Draw(t, "seed"))); len(changes) > 0 {
			t.Fatalf("a pack compared with itself: %v", changes)
		}
	})
}

func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := inventories().Draw(t, "x"), inventories().Draw(t, "y")
		seed := rapid.Int64().Draw(t, "seed")
		ops := inventories().Draw(t, "ops")
		want := review.Review(review.World{Packs: []review.Pack{{Ref: "tools", Before: x, After: y}, {Ref: "ops", Before: ops, After: ops}}})
		opsAgain := shuffled(ops, seed)
		got := review.Review(review.World{Packs: []review.Pack{{Ref: "ops", Before: opsAgain, After: opsAgain}, {Ref: "tools", Before: shuffled(x, seed), After: shuffled(y, seed)}}})
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(review.Reference{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("another order gives another review:\n%s", diff)
		}
	})
}

// TestWhatGoesComesBack compares both ways: what one way takes away the other
// brings.
func TestWhatGoesComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := inventories().Draw(t, "x"), inventories().Draw(t, "y")
		there, back := ids(review.Compare(x, y)), ids(review.Compare(y, x))
		for _, pair := range [][2]string{
			{"PS-ACTION-REMOVED", "PS-ACTION-ADDED"}, {"PS-ACTION-RENAMED", "PS-ACTION-RENAMED"}, {"PS-ACTION-DISABLED", "PS-ACTION-ENABLED"},
			{"PS-TRIGGER-REMOVED", "PS-TRIGGER-ADDED"},
		} {
			if there[pair[0]] != back[pair[1]] {
				t.Fatalf("%d times %s one way, %d times %s the other", there[pair[0]], pair[0], back[pair[1]], pair[1])
			}
		}
		// An alias that takes more words than one that goes is that one with another
		// name, and not the other way round.
		if gone, come := there["PS-ALIAS-REMOVED"]+there["PS-ALIAS-RENAMED"], back["PS-ALIAS-ADDED"]+back["PS-ALIAS-RENAMED"]; gone != come {
			t.Fatalf("%d names of aliases go one way, %d come the other", gone, come)
		}
	})
}

// TestRemovalsNameTheirUsers holds hits against a search by hand.
func TestRemovalsNameTheirUsers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y, ops := inventories().Draw(t, "x"), inventories().Draw(t, "y"), inventories().Draw(t, "ops")
		result := review.Review(review.World{Packs: []review.Pack{{Ref: "tools", Before: x, After: y}, {Ref: "ops", Before: ops, After: ops}}})
		for _, c := range result.Changes["tools"] {
			if c.ID != review.ActionRemoved && c.ID != review.ActionRenamed {
				continue
			}
			want := 0
			for _, inv := range []*content.Inventory{y, ops} {
				for _, r := range inv.Rules {
					if r.Action == "tools."+c.Name || r.Action == fmt.Sprintf("<%% 'tools.%s' %%>", c.Name) {
						want++
					}
				}
				for _, a := range inv.Aliases {
					if a.Action == "tools."+c.Name || a.Action == fmt.Sprintf("<%% 'tools.%s' %%>", c.Name) {
						want++
					}
				}
			}
			if len(c.Hits) != want {
				t.Fatalf("%s %s: %d users listed, there are %d", c.ID, c.Name, len(c.Hits), want)
			}
		}
	})
}

func ids(changes []review.Change) map[string]int {
	out := map[string]int{}
	for _, c := range changes {
		out[c.ID]++
	}
	return out
}

// TestEveryIDIsListed keeps the list of ids, which the documentation is checked
// against, complete.
func TestEveryIDIsListed(t *testing.T) {
	listed := review.IDs()
	rapid.Check(t, func(t *rapid.T) {
		for id := range ids(review.Compare(inventories().Draw(t, "x"), inventories().Draw(t, "y"))) {
			if !slices.Contains(listed, id) {
				t.Fatalf("%s is not in IDs()", id)
			}
		}
	})
	if len(slices.Compact(slices.Sorted(slices.Values(listed)))) != len(listed) {
		t.Errorf("an id is listed twice")
	}
}
