package source

import (
	"fmt"

	"github.com/packsync/packsync/internal/pack"
)

// Rewritten opens sources where a rewrite says they are. Errors of its Remotes
// name the address that was asked.
type Rewritten struct {
	Opener
	Rules pack.Rewrites
}

// Open implements Opener.
func (r Rewritten) Open(src pack.Source) (Remote, error) {
	there, err := r.Rules.Source(src)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", src, err)
	}
	return r.Opener.Open(there)
}
