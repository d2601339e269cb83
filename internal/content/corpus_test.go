package content

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/testenv"
)

// What the corpus holds that StackStorm refuses, and nothing else: counts that
// StackStorm's own code gives for the same files.
var refusedInTheExchange = map[string]int{
	FindingYAML:    2,  // jenkins v0.7.2
	FindingRunner:  19, // mistral-v2 and run-python, of former releases
	FindingTrigger: 2,  // kubernetes v1.8.0 has rules for a trigger type that it dropped
}

func TestTheExchangeInventories(t *testing.T) {
	inventories, files := map[string]*Inventory{}, 0
	for _, dir := range readCorpus(t) {
		inv, err := Read(dir.files)
		if err != nil {
			t.Fatalf("%s: %v", dir.name, err)
		}
		if inv.Meta.Ref == "" {
			t.Errorf("%s has no pack.yaml", dir.name)
		}
		inventories[dir.name] = inv
		files += len(dir.files.(fstest.MapFS))
	}
	if files != 12505 {
		t.Errorf("read %d files, the corpus has 12505", files)
	}
	t.Run("refused", func(t *testing.T) {
		refused := map[string]int{}
		for _, inv := range inventories {
			for _, f := range Refused(inv.Findings) {
				refused[f.ID]++
			}
		}
		if diff := cmp.Diff(refusedInTheExchange, refused); diff != "" {
			t.Errorf("what StackStorm would refuse (-want +got):\n%s", diff)
		}
	})
	t.Run("stored", func(t *testing.T) {
		for name, inv := range inventories {
			checkRoundTrip(t, name, inv)
		}
	})
	t.Run("index", func(t *testing.T) { compareWithIndex(t, inventories) })
}

// checkRoundTrip wants an inventory to survive the cache.
func checkRoundTrip(t *testing.T, name string, inv *Inventory) {
	t.Helper()
	data, err := json.Marshal(inv)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	again := &Inventory{}
	if err := json.Unmarshal(data, again); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if !reflect.DeepEqual(inv, again) {
		t.Errorf("%s changes when it is stored:\n%s", name, cmp.Diff(inv, again))
	}
}

// compareWithIndex holds the index of the Exchange against the packs at the
// versions that it names. Another program made it, so it shows whether anything
// is lost or added.
func compareWithIndex(t *testing.T, inventories map[string]*Inventory) {
	data, err := os.ReadFile(filepath.Join(testenv.Shared(t), "corpus", "exchange-index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Packs map[string]struct {
			Version string
			Content map[string]struct{ Resources []string }
		}
	}
	if err := json.Unmarshal(data, &index); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for ref, entry := range index.Packs {
		inv := inventories[ref+"/v"+entry.Version]
		if inv == nil {
			continue
		}
		compared++
		for kind, names := range namesOf(inv) {
			want := entry.Content[kind].Resources
			slices.Sort(want)
			slices.Sort(names)
			if !slices.Equal(want, names) {
				t.Errorf("%s %s: %s", ref, kind, cmp.Diff(want, names))
			}
		}
	}
	if compared < 38 {
		t.Errorf("compared %d packs, want the 38 of the corpus", compared)
	}
}

func namesOf(inv *Inventory) map[string][]string {
	names := map[string][]string{"actions": nil, "sensors": nil, "rules": nil, "aliases": nil, "triggers": nil, "policies": nil}
	for _, a := range inv.Actions {
		names["actions"] = append(names["actions"], a.Name)
	}
	for _, s := range inv.Sensors {
		names["sensors"] = append(names["sensors"], s.ClassName)
	}
	for _, r := range inv.Rules {
		names["rules"] = append(names["rules"], r.Name)
	}
	for _, a := range inv.Aliases {
		names["aliases"] = append(names["aliases"], a.Name)
	}
	for _, t := range inv.Triggers {
		// The index does not look into sensors.
		if t.Sensor != "" {
			continue
		}
		names["triggers"] = append(names["triggers"], t.Name)
	}
	for _, p := range inv.Policies {
		names["policies"] = append(names["policies"], p.Name)
	}
	return names
}
