// Package plan compares what is desired (declared and locked) with what is
// recorded and what is observed, and says what to change. It is pure: no files,
// no network, no clock, and the plan is plain data that can be saved and shown.
//
// It is not for choosing commits (package resolve) and not for doing anything
// (package apply).
package plan

import (
	"cmp"
	"slices"

	"github.com/packsync/packsync/internal/pack"
)

// FormatVersion is the version of the saved plan and of its JSON form.
const FormatVersion = 1

// Action is what happens to one pack.
type Action string

// The actions, in the order of the summary. One pack has one action: the first
// of these that applies; what else changes stands in the reasons.
const (
	Install   Action = "install"   // not there yet
	Adopt     Action = "adopt"     // there, not managed, and exactly what the lock wants: only the record changes
	Move      Action = "move"      // to another base path
	Update    Action = "update"    // the pin moved
	Repair    Action = "repair"    // same pin, but tree, modes or an owned config differ or are missing
	Configure Action = "configure" // the declared config changed
	Register  Action = "register"  // StackStorm has to be told
	Remove    Action = "remove"    // no longer declared
	Forget    Action = "forget"    // no longer declared and already gone from disk
	NoOp      Action = "unchanged"
)

// Actions lists all actions in the order of the summary.
func Actions() []Action {
	return []Action{Install, Adopt, Move, Update, Repair, Configure, Register, Remove, Forget, NoOp}
}

// Symbol is the mark that stands before a change in the text form.
func (a Action) Symbol() string {
	switch a {
	case Install:
		return "+"
	case Remove:
		return "-"
	case Forget:
		return "."
	case NoOp:
		return " "
	case Configure:
		return "="
	case Register:
		return "*"
	default:
		return "~"
	}
}

// Plan is everything that an apply would do, in the order it would do it.
type Plan struct {
	Name        string         `json:"name,omitempty"`
	Digest      string         `json:"digest"`      // desired digest (design.md 8)
	PlanDigest  string         `json:"plan_digest"` // adds recorded and observed state
	Summary     map[Action]int `json:"summary"`
	Changes     []Change       `json:"changes"` // without NoOp, in the order of execution
	Drift       []Drift        `json:"drift"`
	LockChanges []LockChange   `json:"lock_changes"`
	Findings    []pack.Finding `json:"findings"`  // about the plan as a whole or about packs that do not change
	Unmanaged   []Unmanaged    `json:"unmanaged"` // listed, never touched
	// Untargeted counts the changes that --target and --exclude left out.
	Untargeted int `json:"untargeted,omitempty"`
	// Parts are the digests of what the plan rests on, by name, so that a stale
	// plan can say what moved.
	Parts map[string]string `json:"parts"`
}

// Change is what happens to one pack.
type Change struct {
	Ref      pack.Ref       `json:"ref"` // pack.GlobalOverrides for the override file of all packs
	BasePath string         `json:"base_path"`
	Action   Action         `json:"action"`
	Reasons  []string       `json:"reasons"` // sentences for people: nothing branches on them
	Before   *Side          `json:"before"`  // nil: not there before
	After    *Side          `json:"after"`   // nil: not there afterwards
	Findings []pack.Finding `json:"findings"`
	Do       Work           `json:"do"`
	// Stale is what StackStorm has of older versions and the one after the change
	// lacks, in the order in which it goes.
	Stale []Stale `json:"stale,omitempty"`
}

// Purges returns the stale objects about which StackStorm is told to do something.
func (c Change) Purges() []Stale {
	return slices.DeleteFunc(slices.Clone(c.Stale), func(s Stale) bool { return !s.Acts() })
}

// Side is a pack before or after a change.
type Side struct {
	BasePath     string        `json:"base_path"`
	Path         string        `json:"path"`
	Source       string        `json:"source"`
	Subdir       string        `json:"subdir,omitempty"`
	Commit       pack.Commit   `json:"commit,omitempty"`
	Ref          string        `json:"ref,omitempty"` // full name of the tag or branch
	Tree         pack.TreeHash `json:"tree,omitempty"`
	Content      pack.TreeHash `json:"content,omitempty"`
	Version      string        `json:"version,omitempty"`
	Title        string        `json:"title,omitempty"` // of the commit, quoted
	Config       string        `json:"config,omitempty"`
	Venv         string        `json:"venv,omitempty"`          // reuse key of the virtualenv; "" for none
	Modes        string        `json:"modes,omitempty"`         // mode profile (package installed); "" if none fits
	Unpinned     bool          `json:"unpinned,omitempty"`      // a plain directory
	Hold         Hold          `json:"hold,omitzero"`           // a rollback keeps the pack here
	OverrideFile string        `json:"override_file,omitempty"` // digest of the override file that packsync owns
	// ForeignConfig is the digest of the config file where packsync does not own it,
	// and Overrides says, by kind of content, what the override files say, whoever
	// wrote them: what StackStorm reads when it registers. "" if there is none.
	ForeignConfig string `json:"foreign_config,omitempty"`
	Overrides     string `json:"overrides,omitempty"`
}

// Hold names the pin that a pack was rolled back from. The zero Hold is none.
type Hold struct {
	Commit pack.Commit   `json:"commit,omitempty"` // "" for a plain directory
	Tree   pack.TreeHash `json:"tree"`
	Config bool          `json:"config,omitempty"` // the config file was brought back too
}

// Work is what apply has to do for a change. The zero Work changes only the
// record.
type Work struct {
	Place      bool     `json:"place,omitempty"`       // stage the tree and swap it in
	TakeAway   string   `json:"take_away,omitempty"`   // directory to take away: a removed pack, or the old place of a moved one
	Config     bool     `json:"config,omitempty"`      // write the config file
	Venv       bool     `json:"venv,omitempty"`        // build the virtualenv and swap it in
	ConfigKeys []string `json:"config_keys,omitempty"` // key paths that change, for people
	TakeVenv   string   `json:"take_venv,omitempty"`   // virtualenv to take away, of a removed pack
	Release    bool     `json:"release,omitempty"`     // hand the config file back unchanged
	// Overrides writes the override file, TakeOverrides takes it away.
	Overrides     bool     `json:"overrides,omitempty"`
	TakeOverrides bool     `json:"take_overrides,omitempty"`
	OverrideDiff  []string `json:"override_diff,omitempty"` // what changes in it, for people
	Unregister    bool     `json:"unregister,omitempty"`
	Register      []string `json:"register,omitempty"`    // registration types
	Unload        bool     `json:"unload,omitempty"`      // have StackStorm forget the pack before it is registered
	TakeConfig    bool     `json:"take_config,omitempty"` // take the config file away, of a removed pack
}

// Drift is one managed pack whose disk differs from the record, or from what
// StackStorm has registered.
type Drift struct {
	Ref    pack.Ref `json:"ref"`
	Kind   string   `json:"kind"` // edited, reinstalled, missing, modes, config, overrides; registered-…
	Detail string   `json:"detail"`
	Files  []string `json:"files,omitempty"`
}

// LockChange is one difference between the lock as it is and as it will stand.
type LockChange struct {
	Ref    pack.Ref `json:"ref"`
	Kind   string   `json:"kind"`   // added, removed, moved, source, text
	Before string   `json:"before"` // for people: version, ref and commit
	After  string   `json:"after"`
	Reason string   `json:"reason"`
}

// Unmanaged is a pack on disk that packsync did not install.
type Unmanaged struct {
	Ref      pack.Ref `json:"ref"`
	BasePath string   `json:"base_path"`
	Version  string   `json:"version,omitempty"`
}

// Empty reports whether an apply would change nothing: no pack and not the lock.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 && len(p.LockChanges) == 0 }

// Blocked returns the findings that forbid an apply.
func (p *Plan) Blocked() []pack.Finding {
	var blocked []pack.Finding
	collect := func(findings []pack.Finding) {
		for _, f := range findings {
			if f.Severity == pack.Blocked {
				blocked = append(blocked, f)
			}
		}
	}
	collect(p.Findings)
	for _, c := range p.Changes {
		collect(c.Findings)
	}
	return blocked
}

// Removals returns the changes that take a pack away.
func (p *Plan) Removals() []Change {
	var out []Change
	for _, c := range p.Changes {
		if c.Action == Remove {
			out = append(out, c)
		}
	}
	return out
}

func (p *Plan) sortForReading() {
	slices.SortFunc(p.Drift, func(a, b Drift) int {
		return cmp.Or(cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.Kind, b.Kind))
	})
	slices.SortFunc(p.Unmanaged, func(a, b Unmanaged) int {
		return cmp.Or(cmp.Compare(a.BasePath, b.BasePath), cmp.Compare(a.Ref, b.Ref))
	})
}
