// Package pack is the vocabulary that every other package shares: what a pack
// is called, where it comes from, which version is wanted, and which commit and
// tree that means. Values are parsed once, at the edge, and trusted afterwards.
//
// It is not for doing anything: no files, no network, no printing, and it
// imports nothing of ours.
package pack

import (
	"fmt"
	"slices"
)

// Ref is a pack's identity in StackStorm (reference.md 1.3): the name of its
// directory, of its config file and of its virtualenv.
type Ref string

// maxRefLen keeps every path that is built from a Ref below the limits of file
// systems, suffixes included.
const maxRefLen = 64

// systemRefs are the packs that belong to StackStorm itself: they cannot be
// unloaded (reference.md 1.3, 3.13), so packsync never manages them.
var systemRefs = []Ref{"chatops", "core", "default", "linux", "packs"}

// InvalidRefError says why a text cannot be a pack ref.
type InvalidRefError struct {
	Text   string
	Reason string
}

func (e *InvalidRefError) Error() string {
	return fmt.Sprintf("invalid pack ref %q: %s", e.Text, e.Reason)
}

// ParseRef checks text against StackStorm's rule for pack refs and refuses the
// names that StackStorm reserves and the packs that come with it. The error is
// an *InvalidRefError.
func ParseRef(text string) (Ref, error) {
	ref := Ref(text)
	switch {
	case text == "":
		return "", &InvalidRefError{text, "it is empty"}
	case !isRefText(text):
		return "", &InvalidRefError{text, "only lower-case letters, digits and _ are allowed"}
	case len(text) > maxRefLen:
		return "", &InvalidRefError{text, fmt.Sprintf("it is longer than %d characters", maxRefLen)}
	case ref == GlobalOverrides:
		return "", &InvalidRefError{text, "StackStorm reserves this name for overrides"}
	case ref.IsSystem():
		return "", &InvalidRefError{text, "this pack comes with StackStorm and is never managed by packsync"}
	}
	return ref, nil
}

// GlobalOverrides stands where a ref stands for what belongs to all packs: the
// override file _global.yaml. It is never the ref of a pack.
const GlobalOverrides Ref = "_global"

// isRefText reports whether a text has the characters that refs are made of, and
// only those.
func isRefText(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return text != ""
}

// IsSystem reports whether the ref is one of the packs that come with
// StackStorm.
func (r Ref) IsSystem() bool { return slices.Contains(systemRefs, r) }

// DefaultBasePath is the name of the base path <root>/packs, which is searched
// first and needs no base_path block.
const DefaultBasePath = "default"

// Addr is where a pack is installed: a base path by name, and the pack's ref.
type Addr struct {
	BasePath string
	Ref      Ref
}

func (a Addr) String() string { return a.BasePath + "/" + string(a.Ref) }
