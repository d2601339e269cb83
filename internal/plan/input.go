package plan

import (
	"cmp"
	"fmt"

	"github.com/packsync/packsync/internal/pack"
)

// Input is what a plan rests on, as plain data.
type Input struct {
	Name         string // of the declaration
	Digest       string // desired digest
	Registration bool   // StackStorm is told (api or command)
	Packs        []Want // sorted by ref
	LockChanges  []LockChange
	Recorded     map[pack.Ref]Recorded
	Observed     map[pack.Addr]Seen
	// Beside holds the config file, the overrides and the virtualenv of wanted packs
	// whose directory is not at its place: those lie elsewhere and may be there.
	Beside    map[pack.Ref]Seen
	BasePaths []BasePath // in the order StackStorm searches them
	Global    Global     // the override file of all packs
	Findings  []pack.Finding
	Parts     map[string]string // digests of the inputs, by name

	Reported *Reported // what StackStorm itself says; nil: it was not asked

	Told map[pack.Ref]Told // of the packs that may have left something in StackStorm
	// NoPurge says why StackStorm keeps what versions leave; "" if it can be told.
	NoPurge string
	// TriggerUsers lists, by trigger type, the rules of other packs on it as they will
	// be; only where KnowsUsers.
	TriggerUsers map[string][]string
	KnowsUsers   bool
	// Owners tells which wanted pack has an alias or policy: StackStorm knows those by
	// their name alone, which stands for the ref in the key.
	Owners map[pack.Object]pack.Ref
	// Uses lists, by pack, those whose trigger types its rules use: they have to be
	// registered before it.
	Uses map[pack.Ref][]pack.Ref

	Reviewed map[pack.Ref][]pack.Finding // what changes in the content of packs, and whom that hits
	FailOn   pack.Grade                  // the least harmful grade that blocks; "" for none

	AllowRemovals int // the exact number of removals that was allowed; -1: none given
	Destroy       bool
	Only          bool // Packs are the only ones that are looked at: others are not removed
	Target        []pack.Ref
	Exclude       []pack.Ref
}

// BasePath is a directory that StackStorm searches for packs.
type BasePath struct {
	Name string
	Path string
}

// OnDrift says what to do with a pack that a person changed.
type OnDrift string

// The policies. The zero OnDrift is DriftStop.
const (
	DriftStop   OnDrift = "stop"   // block the plan and show the way out
	DriftRepair OnDrift = "repair" // put the edited tree into pen/ and install the pin again
	DriftLeave  OnDrift = "leave"  // leave the pack alone and say so
)

// Want is one desired pack: declared and locked.
type Want struct {
	Side      Side // Config is the digest of the declared config, "" if none is declared
	Ref       pack.Ref
	DependsOn []pack.Ref
	Replace   bool // an unmanaged directory in the way may be replaced
	OnDrift   OnDrift
	Findings  []pack.Finding
	Modes     string // mode profile that it is placed with; "" is PlacedModes
	// RequiredBy names the packs that require one that nobody declares; empty for
	// a declared one.
	RequiredBy []pack.Ref

	Overrides Overriding // of the pack's own override file

	ConfigMatches bool     // the config file on disk says what is declared
	ConfigKeys    []string // key paths in which they differ

	Purge       Purge
	Protect     []string // refs of objects that are never purged; one may end in *
	PurgeConfig bool     // the config file goes with the pack
}

// Recorded is what packsync last applied for one pack.
type Recorded struct {
	Side        Side // Config is the digest of the owned config, "" if none is owned; OverrideFile that of the owned override file; ForeignConfig and Overrides are what StackStorm was told
	DependsOn   []pack.Ref
	Registered  string   // digest of what StackStorm was told
	Pending     []string // what it still has to be told
	PurgeConfig bool     // the config file goes with the pack
}

// Seen is one pack directory on disk, and the config file of that pack.
type Seen struct {
	Path      string
	Link      bool
	Version   string
	Modes     string        // mode profile; "" if none fits
	Tree      pack.TreeHash // "" if it was not hashed
	Content   pack.TreeHash
	OddMode   []string     // paths whose mode or owner does not fit
	Config    string       // digest of the config file on disk, "" if there is none
	Venv      string       // path of the virtualenv that is there, "" if there is none
	Overrides OverrideFile // the pack's own
	BadVenv   string       // why that virtualenv cannot work; "" if it can
	Edits     []string     // what differs from the record, file by file: "changed actions/a.yaml"
	// Reinstalled tells that the directory is, whole, what StackStorm's own install
	// put there, and which commit: "installed again by hand (…)". "" if it is not.
	Reinstalled string
}

// The mode profiles (design.md 4).
const (
	PlacedModes        = "packsync"       // of the trees that packsync places
	GroupWritableModes = "group-writable" // of those too, where mode says so
	StackStormModes    = "st2"            // what StackStorm's own install leaves, until the next update
)

// placed reports whether the modes are ones that packsync set, so that others are
// drift.
func (s Side) placed() bool { return s.Modes == PlacedModes || s.Modes == GroupWritableModes }

// modes is the mode profile that the pack is placed with.
func (w Want) modes() string { return cmp.Or(w.Modes, PlacedModes) }

// asRecorded reports whether the pack lies where and as packsync placed it, with
// the config file that packsync wrote.
func (s Seen) asRecorded(r Recorded) bool {
	return s.Path == r.Side.Path && !s.Link && s.Content == r.Side.Content && (r.Side.Config == "" || s.Config == r.Side.Config)
}

// told reports whether StackStorm was told about the pack as it is recorded or,
// which comes to the same, as due says.
func (r Recorded) told(due string) bool {
	return r.Registered == due || r.Registered == RegistrationDigest(r.Side.Tree, r.Side.Config)
}

// untold says that StackStorm has not read an edit that is left alone; "" if it
// has, or nobody tells it anything.
func untold(want Want, r Recorded, s Seen) string {
	config := r.Side.Config
	if config != "" {
		config = s.Config
	}
	if r.Registered == "" || r.Registered == RegistrationDigest(s.Tree, config) {
		return ""
	}
	return fmt.Sprintf("; StackStorm was not told about the edit (packsync register %s tells it)", want.Ref)
}

// RegistrationDigest names what StackStorm is told about a pack: its tree and
// the config file that goes with it.
func RegistrationDigest(tree pack.TreeHash, config string) string {
	return digest("registration", string(tree), config)
}
