package content_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/testenv"
)

// corpus reads the real packs: by "pack/tag" what is in them.
func corpus(t testing.TB) map[string]fstest.MapFS {
	t.Helper()
	archive, err := os.Open(filepath.Join(testenv.Shared(t), "corpus", "exchange-packs.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	packs := map[string]fstest.MapFS{}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return packs
		}
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.SplitN(header.Name, "/", 4) // packs/NAME/TAG/FILE
		if header.Typeflag != tar.TypeReg || len(parts) != 4 {
			continue
		}
		data, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		name := parts[1] + "/" + parts[2]
		if packs[name] == nil {
			packs[name] = fstest.MapFS{}
		}
		packs[name][parts[3]] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
}

// What the corpus holds that StackStorm refuses, and nothing else: counts that
// StackStorm's own code gives for the same files.
var refusedInTheExchange = map[string]int{
	content.FindingYAML:    2,  // jenkins v0.7.2
	content.FindingRunner:  19, // mistral-v2 and run-python, of former releases
	content.FindingTrigger: 2,  // kubernetes v1.8.0 has rules for a trigger type that it dropped
}

func TestTheExchange(t *testing.T) {
	packs := corpus(t)
	inventories, files := map[string]*content.Inventory{}, 0
	for name, fsys := range packs {
		files += len(fsys)
		inv, err := content.Read(fsys)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if inv.Meta.Ref == "" {
			t.Errorf("%s has no pack.yaml", name)
		}
		inventories[name] = inv
	}
	if files != 12505 {
		t.Errorf("read %d files, the corpus has 12505", files)
	}
	t.Run("refused", func(t *testing.T) {
		refused := map[string]int{}
		for _, inv := range inventories {
			for _, f := range content.Refused(inv.Findings) {
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
func checkRoundTrip(t *testing.T, name string, inv *content.Inventory) {
	t.Helper()
	data, err := json.Marshal(inv)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	again := &content.Inventory{}
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
func compareWithIndex(t *testing.T, inventories map[string]*content.Inventory) {
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

func namesOf(inv *content.Inventory) map[string][]string {
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
