package reconcile

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/gittest"
)

// cost is what one plan takes from memory.
type cost struct{ allocs, bytes float64 }

// fleet installs n packs from one repository, and returns a host on which a plan
// has nothing to do.
func fleet(t *testing.T, n int) *host {
	h := newHost(t)
	files := gittest.Files{}
	var blocks []string
	repo := gittest.New(t, h.path("git"), "fleet.git")
	for i := range n {
		ref := fmt.Sprintf("pack_%04d", i)
		files[ref+"/pack.yaml"] = fmt.Sprintf("ref: %s\nname: %s\nversion: 1.0.0\ndescription: d\nauthor: a\nemail: a@example.com\n", ref, ref)
		for f := range 9 {
			files[fmt.Sprintf("%s/lib/f%d.py", ref, f)] = strings.Repeat("# "+ref+"\n", f)
		}
		blocks = append(blocks, fmt.Sprintf("pack %q {\n  source = \"file://%s\"\n  subdir = %q\n  tag = \"v1.0.0\"\n  virtualenv = false\n}", ref, repo.Dir, ref))
	}
	repo.Commit("main", "Release", files)
	repo.Tag("v1.0.0", "main")
	h.declare(blocks...)
	h.mustApply()
	return h
}

// noOp measures a plan with nothing to do, at its cheapest: the first ones may
// still read files that are too young for their fingerprints to be trusted.
func (h *host) noOp() cost {
	h.t.Helper()
	opts := h.options(nil)
	best := cost{math.Inf(1), math.Inf(1)}
	for range 20 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		planned, err := Plan(context.Background(), opts, Callbacks{})
		runtime.ReadMemStats(&after)
		if err != nil {
			h.t.Fatal(err)
		}
		if !planned.Plan.Empty() {
			h.t.Fatalf("the plan is not empty: %+v", planned.Plan.Changes)
		}
		best.allocs = min(best.allocs, float64(after.Mallocs-before.Mallocs))
		best.bytes = min(best.bytes, float64(after.TotalAlloc-before.TotalAlloc))
	}
	return best
}

// TestNoOpPlanIsCheapAndGrowsLinearly holds the cost of a plan with nothing to do
// to what it was measured to be, with room for a quarter more. Time on shared
// machines says nothing; what is allocated says the same everywhere.
func TestNoOpPlanIsCheapAndGrowsLinearly(t *testing.T) {
	const n = 40
	small, middle, large := fleet(t, n).noOp(), fleet(t, 2*n).noOp(), fleet(t, 4*n).noOp()
	allocs, bytes := (middle.allocs-small.allocs)/n, (middle.bytes-small.bytes)/n
	laterAllocs, laterBytes := (large.allocs-middle.allocs)/(2*n), (large.bytes-middle.bytes)/(2*n)
	t.Logf("one more pack of 10 files costs %.0f allocations and %.0f bytes, among %d packs %.0f and %.0f", allocs, bytes, 2*n, laterAllocs, laterBytes)
	const maxAllocs, maxBytes = 350, 75_000
	if laterAllocs > maxAllocs || laterBytes > maxBytes {
		t.Errorf("one more pack costs %.0f allocations and %.0f bytes, more than %d and %d: see what a plan does for every pack (docs/performance.md)", laterAllocs, laterBytes, maxAllocs, maxBytes)
	}
	if laterAllocs > 1.3*allocs || laterBytes > 1.5*bytes {
		t.Errorf("a pack costs %.0f allocations and %.0f bytes among few, %.0f and %.0f among many: something grows faster than the number of packs", allocs, bytes, laterAllocs, laterBytes)
	}
}

// TestALookAtAnotherRootDoesNotCount: the guess at the root is only a guess.
func TestALookAtAnotherRootDoesNotCount(t *testing.T) {
	other, h := fleet(t, 2), fleet(t, 3)
	other.noOp() // its index is written, and holds
	text, err := os.ReadFile(h.path("packs.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	h.write("packs.hcl", fmt.Sprintf("/*\nroot = %q\n*/\n%s", other.path("root"), text))
	if guess := config.ProbableRoot(h.path("packs.hcl")); guess != other.path("root") {
		t.Fatalf("the guess is %s", guess)
	}
	planned, err := Plan(context.Background(), h.options(nil), Callbacks{})
	if err != nil || !planned.Plan.Empty() {
		t.Fatalf("%+v, %v", planned, err)
	}
	for _, seen := range planned.Observed.Packs {
		if !strings.HasPrefix(seen.Dir, h.path("root")+"/") {
			t.Errorf("saw %s", seen.Dir)
		}
	}
	if err := os.WriteFile(h.path("root/packs/pack_0001/lib/f1.py"), []byte("edited\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if planned, err = Plan(context.Background(), h.options(nil), Callbacks{}); planned == nil || len(planned.Plan.Drift) != 1 {
		t.Errorf("an edit goes unnoticed: %v", err)
	}
}
