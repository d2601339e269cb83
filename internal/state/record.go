// Package state is what packsync itself remembers about one StackStorm root: the
// record of what it applied (<root>/.packsync/state.json), the key that its
// digests are made with, and the lock that keeps a second run out.
//
// It is not for what is on disk now (package installed) and not for what is
// wanted (packages config and lockfile).
package state

import "github.com/packsync/packsync/internal/pack"

// FormatVersion is the state format that this packsync writes. A newer one is
// refused, never guessed at.
const FormatVersion = 1

// Record is what packsync applied last. The zero Record, with Serial 0, stands
// for a root that packsync has never touched.
type Record struct {
	FormatVersion int               `json:"format_version"`
	Lineage       string            `json:"lineage"`  // random, made once for a root
	Name          string            `json:"name"`     // packsync.name of the declaration; "" if it has none
	Serial        uint64            `json:"serial"`   // plus one with every write
	Previous      string            `json:"previous"` // checksum of the record before; "" for the first
	Packs         map[pack.Ref]Pack `json:"packs"`
	Overrides     *Overrides        `json:"overrides,omitempty"` // the override file of all packs, if packsync owns it
	History       *HistoryLink      `json:"history,omitempty"`   // the newest history entry
	Checksum      string            `json:"checksum"`

	// Notes tells people what Read found odd: that the record was recovered, that
	// others may write to its file. Nothing branches on them.
	Notes []string `json:"-"`
}

// Pack is the record of one managed pack.
type Pack struct {
	BasePath  string        `json:"base_path"`
	Path      string        `json:"path"` // absolute directory
	Source    string        `json:"source"`
	Subdir    string        `json:"subdir,omitempty"`
	Commit    pack.Commit   `json:"commit,omitempty"` // "" for a plain directory
	Ref       string        `json:"ref,omitempty"`    // full name under which the commit was found: some servers give it out only so
	Tree      pack.TreeHash `json:"tree"`
	Content   pack.TreeHash `json:"content"` // t1 with every x written as f, from the fetched tree
	Version   string        `json:"version"`
	Modes     string        `json:"modes"` // mode profile: packsync, group-writable or st2
	Config    *Config       `json:"config,omitempty"`
	Venv      *Venv         `json:"venv,omitempty"`
	Overrides *Overrides    `json:"overrides,omitempty"` // nil if packsync owns no override file of the pack
	// HeldBack names, by kind of content, what came new with some version and is
	// disabled until somebody enables it. What the present version lacks stays in
	// it: nobody has approved that either, should it come back.
	HeldBack   map[string][]string `json:"held_back,omitempty"`
	DependsOn  []pack.Ref          `json:"depends_on,omitempty"` // orders the removal of packs that are no longer declared
	Registered Registered          `json:"registered"`
	Hold       *Hold               `json:"hold,omitempty"`
	// PurgeConfig: the config file goes when the pack is removed. The block that
	// says so is gone then.
	PurgeConfig bool `json:"purge_config,omitempty"`
}

// Config records a config file that packsync owns, or handed back.
type Config struct {
	Owned bool   `json:"owned"`
	HMAC  string `json:"hmac"` // of the bytes, under the key of this root
}

// Overrides records an override file that packsync owns.
type Overrides struct {
	HMAC string `json:"hmac"` // of the bytes, under the key of this root
}

// Venv records the virtualenv of a pack.
type Venv struct {
	Key string `json:"key"`
}

// Registered records what StackStorm was told. Pending lists what it still has
// to be told: registration types ("all", "configs"), "purge" where it still has to
// lose what older versions registered, or "unload" for a pack whose removal waits
// for StackStorm.
type Registered struct {
	Digest string `json:"digest,omitempty"`
	// Config is the HMAC of the config file that StackStorm read then, where packsync
	// does not own it. Overrides says, by kind of content, what the override files
	// said then, whoever wrote them: "rules=d1:…".
	Config    string   `json:"config,omitempty"`
	Overrides string   `json:"overrides,omitempty"`
	Pending   []string `json:"pending,omitempty"`
	// Stale tells that StackStorm has objects of older versions, which
	// registered/REF.json names: a plan without changes then reads that file, and
	// otherwise need not.
	Stale bool `json:"stale,omitempty"`
}

// Hold keeps a pack where a rollback put it, until the pin is no longer the one
// that was rolled back from.
type Hold struct {
	Commit pack.Commit   `json:"commit,omitempty"` // of that pin; "" for a plain directory
	Tree   pack.TreeHash `json:"tree"`             // of that pin
	Config bool          `json:"config,omitempty"` // the config file was brought back too, and is kept
}
