package review_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/review"
	"github.com/packsync/packsync/internal/testenv"
)

// corpus reads the real packs: by name and tag what is in them.
func corpus(t testing.TB) map[string]map[string]fstest.MapFS {
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
	packs := map[string]map[string]fstest.MapFS{}
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
		if packs[parts[1]] == nil {
			packs[parts[1]] = map[string]fstest.MapFS{}
		}
		if packs[parts[1]][parts[2]] == nil {
			packs[parts[1]][parts[2]] = fstest.MapFS{}
		}
		packs[parts[1]][parts[2]][parts[3]] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
}

// upgrade is one step between two releases of a real pack.
type upgrade struct {
	name          string // "vsphere v1.3.2 v1.3.3"
	before, after *content.Inventory
}

// upgrades reads every pair of consecutive releases of the corpus.
func upgrades(t testing.TB) (all []upgrade) {
	t.Helper()
	for name, tags := range corpus(t) {
		var versions []string
		inventories := map[string]*content.Inventory{}
		for tag, fsys := range tags {
			if _, ok := pack.ParseTagVersion(tag); !ok {
				continue
			}
			inv, err := content.Read(fsys)
			if err != nil {
				t.Fatalf("%s %s: %v", name, tag, err)
			}
			versions, inventories[tag] = append(versions, tag), inv
		}
		slices.SortFunc(versions, func(a, b string) int {
			x, _ := pack.ParseTagVersion(a)
			y, _ := pack.ParseTagVersion(b)
			return x.Compare(y)
		})
		for i := 1; i < len(versions); i++ {
			all = append(all, upgrade{name + " " + versions[i-1] + " " + versions[i], inventories[versions[i-1]], inventories[versions[i]]})
		}
	}
	slices.SortFunc(all, func(a, b upgrade) int { return strings.Compare(a.name, b.name) })
	return all
}

// TestTheExchange reviews every upgrade of the real packs, and holds some of what
// it says against what a person counts in git diff.
func TestTheExchange(t *testing.T) {
	all := upgrades(t)
	if len(all) < 70 {
		t.Errorf("reviewed %d upgrades, the corpus has 70", len(all))
	}
	breaking := 0
	found := map[string]map[string]int{}
	for _, u := range all {
		changes := review.Compare(u.before, u.after)
		found[u.name] = ids(changes)
		if slices.ContainsFunc(changes, func(c review.Change) bool { return c.Grade == pack.Breaking }) {
			breaking++
		}
		if same := review.Compare(u.after, u.after); len(same) > 0 {
			t.Errorf("%s: compared with itself the later one changes: %v", u.name, same)
		}
		if !slices.EqualFunc(changes, review.Compare(u.before, u.after), func(a, b review.Change) bool { return a.Finding().Message == b.Finding().Message }) {
			t.Errorf("%s: a second review says something else", u.name)
		}
	}
	if breaking != 13 {
		t.Errorf("%d upgrades break something, not 13", breaking)
	}
	for _, want := range []struct {
		upgrade, id string
		n           int
	}{
		{"openstack v0.7.0 v1.0.0", review.ActionRenamed, 253},
		{"pagerduty v0.5.0 v1.0.2", review.ActionRemoved, 8},
		{"pagerduty v0.5.0 v1.0.2", review.AliasRemoved, 1},
		{"github v0.8.4 v2.1.4", "PS-CONFIG-REMOVED", 1},
		{"github v2.1.4 v2.1.5", "PS-PARAM-DEFAULT", 1},
	} {
		if got := found[want.upgrade][want.id]; got != want.n {
			t.Errorf("%s: %d times %s, want %d", want.upgrade, got, want.id, want.n)
		}
	}
}

// BenchmarkReview reviews the largest real upgrade: aws, 3,581 actions.
func BenchmarkReview(b *testing.B) {
	all := upgrades(b)
	i := slices.IndexFunc(all, func(u upgrade) bool { return u.name == "aws v3.4.3 v3.4.4" })
	if i < 0 {
		b.Skip("the corpus has no aws v3.4.4")
	}
	b.ReportAllocs()
	for b.Loop() {
		review.Compare(all[i].before, all[i].after)
	}
}
