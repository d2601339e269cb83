package review_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/review"
)

// largePack is a pack of the size of aws: 3,581 actions with eight parameters
// each. Every tenth action of the later one has another parameter, and every
// hundredth another name.
func largePack(later bool) fstest.MapFS {
	files := fstest.MapFS{
		"pack.yaml":    {Data: []byte("ref: large\nname: large\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@example.com\n")},
		"actions/r.py": {},
	}
	for i := range 3581 {
		name := fmt.Sprintf("service_%d.do_something_%d", i%200, i)
		if later && i%100 == 0 {
			name = "renamed." + name
		}
		var text strings.Builder
		fmt.Fprintf(&text, "---\nname: %s\nrunner_type: python-script\nentry_point: r.py\ndescription: Does something\nparameters:\n", name)
		fmt.Fprintf(&text, "  action:\n    type: string\n    immutable: true\n    default: act_%d\n", i)
		for j := range 7 {
			parameter := fmt.Sprintf("Parameter%d", j)
			if later && j == 6 && i%10 == 0 {
				parameter = "Other"
			}
			fmt.Fprintf(&text, "  %s:\n    type: string\n    description: A parameter that says something\n", parameter)
		}
		files[fmt.Sprintf("actions/%s.yaml", name)] = &fstest.MapFile{Data: []byte(text.String())}
	}
	return files
}

// BenchmarkLargeUpgrade reads two versions of a large pack and reviews the upgrade
// in a world where it is used: the budget is 1 s on two cores and 200 MiB.
func BenchmarkLargeUpgrade(b *testing.B) {
	before, after := largePack(false), largePack(true)
	ops := &content.Inventory{}
	for i := range 500 {
		ops.Rules = append(ops.Rules, content.Rule{Place: place("rules", fmt.Sprint(i)), Name: fmt.Sprint(i), Action: fmt.Sprintf("large.service_%d.do_something_%d", i%200, i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		was, err := content.Read(before)
		if err != nil {
			b.Fatal(err)
		}
		is, err := content.Read(after)
		if err != nil {
			b.Fatal(err)
		}
		result := review.Review(review.World{Packs: []review.Pack{{Ref: "large", Before: was, After: is}, {Ref: "ops", Before: ops, After: ops}}})
		if n := len(result.Changes["large"]); n < 600 {
			b.Fatalf("only %d changes", n)
		}
	}
}

// BenchmarkLargeCompare is the review alone, with remembered inventories.
func BenchmarkLargeCompare(b *testing.B) {
	was, err := content.Read(largePack(false))
	if err != nil {
		b.Fatal(err)
	}
	is, err := content.Read(largePack(true))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		review.Compare(was, is)
	}
}
