package resolve_test

import (
	"fmt"
	"testing"

	"github.com/packsync/packsync/internal/resolve"
)

// A run in which nothing is due: what every plan pays for each pack.
func BenchmarkNothingToChoose1000(b *testing.B) {
	w := newWorld()
	for i := range 1000 {
		name := fmt.Sprintf("pack_%d", i)
		w.tell(b, "want", name+" version ~> 1.0")
		w.tell(b, "pin", name+" tag v1.2.0 aa by version ~> 1.0")
	}
	req := resolve.Request{Packs: w.packs, Lock: w.lock, LockDir: "/work"}
	for b.Loop() {
		if result, diags := resolve.Resolve(b.Context(), req, w.repos, w.names); diags.HasErrors() || len(result.Changes) > 0 {
			b.Fatal(result, diags)
		}
	}
}
