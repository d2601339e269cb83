// Package lazyregexp makes regular expressions that are compiled when they are
// first asked for: a run of packsync needs few of the many that it knows, and
// compiling all was a tenth of the time of a short one. It is not for expressions
// that only a run knows, nor a place for them: each stands where it is used, and
// archtest compiles them all.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns what compiles expr when it is first called, once, and panics
// then if expr is no regular expression.
func New(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
