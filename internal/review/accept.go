package review

import (
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// Accept is one finding that somebody vouches for.
type Accept struct {
	ID       string
	Pack     pack.Ref
	Resource string // with its parameters; "" for all of the pack
	Reason   string
}

// Findings turns the changes of each pack into findings, and marks those that are
// accepted.
func (r Result) Findings(accepts []Accept) map[pack.Ref][]pack.Finding {
	out := map[pack.Ref][]pack.Finding{}
	for ref, changes := range r.Changes {
		for _, c := range changes {
			f := c.Finding()
			for _, a := range accepts {
				if a.covers(ref, f) {
					f.Accepted = a.Reason
					break
				}
			}
			out[ref] = append(out[ref], f)
		}
	}
	return out
}

func (a Accept) covers(ref pack.Ref, f pack.Finding) bool {
	return a.ID == f.ID && a.Pack == ref &&
		(a.Resource == "" || a.Resource == f.Resource || strings.HasPrefix(f.Resource, a.Resource+", "))
}
