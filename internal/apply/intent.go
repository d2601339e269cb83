package apply

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/state"
)

// intentFormat is the version of the intent record.
const intentFormat = 1

// intent is the record of what an apply is about to do. Before it is durable an
// interrupted apply is discarded; afterwards it is rolled forward.
type intent struct {
	FormatVersion int                      `json:"format_version"`
	Serial        uint64                   `json:"serial"` // of the record that the apply builds on
	Name          string                   `json:"name"`
	Origin        state.HistoryEntry       `json:"origin"` // who began it; without packs
	Ops           []op                     `json:"ops"`
	Actions       map[pack.Ref]plan.Action `json:"actions"` // of each changed pack
	Records       map[pack.Ref]state.Pack  `json:"records"` // of each changed pack, once its ops are done
	Gone          []pack.Ref               `json:"gone"`    // packs whose record goes once their ops are done
	// Overrides is what is recorded of the override file of all packs, nil if the
	// plan does not change it.
	Overrides *overridesRecord `json:"overrides,omitempty"`
	Checksum  string           `json:"checksum"`
}

// opKind is what an op does to one path.
type opKind string

const (
	opPlace    opKind = "place"       // swap a staged tree in
	opConfig   opKind = "config"      // swap a staged config file in
	opVenv     opKind = "virtualenv"  // swap a built virtualenv in
	opTakeAway opKind = "take-away"   // move a tree out
	opTakeVenv opKind = "take-venv"   // move a virtualenv out
	opTakeConf opKind = "take-config" // move a config file out

	opOverrides     opKind = "overrides"      // swap a staged override file in
	opTakeOverrides opKind = "take-overrides" // move an override file out
)

// takes reports whether the op only takes something away.
func (k opKind) takes() bool {
	return k == opTakeAway || k == opTakeVenv || k == opTakeConf || k == opTakeOverrides
}

// aFile reports whether the op is about a single file.
func (k opKind) aFile() bool {
	return k == opConfig || k == opTakeConf || k == opOverrides || k == opTakeOverrides
}

// op is one swap. Everything it needs is decided before the intent is written, so
// that recovery does exactly the same.
type op struct {
	Ref        pack.Ref    `json:"ref"`
	Action     plan.Action `json:"action"`
	Kind       opKind      `json:"kind"`
	Live       string      `json:"live"`             // what people and StackStorm see
	Staged     string      `json:"staged,omitempty"` // what is to become live; after an exchange what was displaced
	Out        string      `json:"out"`              // where something displaced waits to be looked at
	Inode      uint64      `json:"inode,omitempty"`  // of Staged: tells on which side of the swap a crash happened
	Old        string      `json:"old,omitempty"`    // digest of what may be displaced into keep/; anything else goes to pen/
	Keep       string      `json:"keep"`
	Pen        string      `json:"pen"`
	Unregister bool        `json:"unregister,omitempty"`
}

func (in *intent) seal() []byte {
	in.Checksum = ""
	data, err := json.Marshal(in)
	if err != nil {
		panic(fmt.Sprintf("marshal an intent: %v", err)) // plain data only: cannot fail
	}
	sum := sha256.Sum256(data)
	in.Checksum = hex.EncodeToString(sum[:])
	data, err = json.Marshal(in)
	if err != nil {
		panic(fmt.Sprintf("marshal an intent: %v", err))
	}
	return append(data, '\n')
}

func parseIntent(data []byte) (*intent, error) {
	var in intent
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("parse intent: %w", err)
	}
	if in.FormatVersion > intentFormat {
		altered := in // a flipped bit makes a newer version too; the checksum tells
		altered.FormatVersion = intentFormat
		if altered.seal(); altered.Checksum == in.Checksum {
			return nil, errDamagedIntent
		}
		return nil, fmt.Errorf("intent has format %d, this packsync knows %d: use the newer packsync that wrote it", in.FormatVersion, intentFormat)
	}
	sum := in.Checksum
	if in.seal(); in.Checksum != sum {
		return nil, errDamagedIntent
	}
	return &in, nil
}

var errDamagedIntent = fmt.Errorf("the checksum of the intent does not fit its content")

func (a *Applier) journalPath(serial uint64) string {
	return filepath.Join(a.Layout.Work, journalDir, fmt.Sprintf("%08d.json", serial))
}

func (a *Applier) writeIntent(in *intent) error {
	dir := filepath.Join(a.Layout.Work, journalDir)
	if err := a.Disk.MkdirAll(dir, private); err != nil {
		return err
	}
	path := a.journalPath(in.Serial)
	if err := a.Disk.WriteFile(path, in.seal(), safefs.Owner{Mode: 0o600, UID: -1, GID: -1}); err != nil {
		return fmt.Errorf("write the intent record: %w", err)
	}
	return nil
}

// Unfinished lists the intent records of interrupted applies below the work
// folder W, oldest first. It only reads, so that read-only commands can report
// them. A W that does not exist has none.
func Unfinished(work string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(work, journalDir))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for unfinished applies: %w", err)
	}
	var out []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") {
			out = append(out, filepath.Join(work, journalDir, e.Name()))
		}
	}
	slices.Sort(out)
	return out, nil
}
