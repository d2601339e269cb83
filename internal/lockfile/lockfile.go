// Package lockfile reads and writes packs.lock.json: the one commit and tree
// hash chosen for each pack (design.md 4). The file is canonical: the same pins
// give the same bytes everywhere.
//
// It is not for choosing pins (package resolve); it does not touch the network.
package lockfile

import (
	"encoding/json"

	"github.com/packsync/packsync/internal/pack"
)

// FormatVersion is the lock format that this packsync writes.
const FormatVersion = 1

// File is the content of a lock. The zero File is an empty lock.
type File struct {
	Packs map[pack.Ref]Entry
	extra map[string]json.RawMessage // unknown top-level keys, kept
}

// Entry is the pin of one pack. A plain directory has only Source and Direct.
type Entry struct {
	Source     string        // canonical URL without credential, before rewrite; for a directory its path relative to the lock
	Index      string        // URL of the index a short name was found in
	Subdir     string        // "" for the root of the source
	Constraint pack.Selector // kind and text of the selector it was chosen under
	Ref        string        // full name, refs/tags/v1.1.0; "" for a bare commit
	Commit     pack.Commit
	Tree       pack.TreeHash
	Version    string   // from pack.yaml
	Title      string   // first line of the commit message, quoted, at most 120 characters
	Requires   []string // pack.yaml dependencies
	Direct     bool     // declared, not only required by another pack

	extra map[string]json.RawMessage // unknown and reserved keys, kept
}
