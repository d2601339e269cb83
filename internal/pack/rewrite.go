package pack

import (
	"fmt"
	"strings"
)

// Rewrite sends what begins with Prefix to another address, as git's
// url.<base>.insteadOf does.
type Rewrite struct {
	Prefix string // with a lower-case scheme and host, as canonical sources have them
	To     string
}

// Rewrites are tried together: the longest prefix wins, and its result is not
// rewritten again. What is recorded keeps the address from before.
type Rewrites []Rewrite

// Apply returns the address to ask instead of address.
func (rs Rewrites) Apply(address string) string {
	best := Rewrite{}
	for _, r := range rs {
		if strings.HasPrefix(address, r.Prefix) && len(r.Prefix) > len(best.Prefix) {
			best = r
		}
	}
	return best.To + strings.TrimPrefix(address, best.Prefix)
}

// Source returns the source to open instead of src. The error is about an address
// that is none after the rewrite.
func (rs Rewrites) Source(src Source) (Source, error) {
	if src.Kind != SourceGit {
		return src, nil
	}
	address := rs.Apply(src.URL)
	if address == src.URL {
		return src, nil
	}
	there, err := ParseSource(address)
	if err != nil {
		return Source{}, fmt.Errorf("rewrite %s: %w", src.URL, err)
	}
	src.URL = there.URL
	return src, nil
}
