package installed

import (
	"fmt"
	"testing"

	"github.com/packsync/packsync/internal/pack"
)

// lay1000 makes the thousand packs of performance.md: 40 small files each, in
// four directories.
func lay1000(b *testing.B) *host {
	h := newHost(b)
	for i := range 1000 {
		ref := fmt.Sprintf("p%04d", i)
		h.write(ref+"/pack.yaml", fmt.Sprintf("ref: %s\nname: %s\nversion: 1.0.0\ndescription: d\nauthor: a\nemail: a@example.com\n", ref, ref))
		for f := range 39 {
			h.write(fmt.Sprintf("%s/%s/f%02d.yaml", ref, []string{"actions", "lib", "tests", "rules"}[f%4], f), fmt.Sprintf("%0700d", i*f))
		}
		h.full(pack.Ref(ref))
	}
	return h
}

func BenchmarkInspectIndexed(b *testing.B) {
	h := lay1000(b)
	h.index()
	for b.Loop() {
		if o := h.inspect(h.req.Index); !o.indexed {
			b.Fatal("the index does not hold")
		}
	}
}

func BenchmarkInspectHashed(b *testing.B) {
	h := lay1000(b)
	for b.Loop() {
		h.inspect("")
	}
}
