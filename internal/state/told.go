package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

// toldFormat is the version of registered/REF.json that this packsync writes.
const toldFormat = 1

// Told is registered/REF.json: what StackStorm was told of one pack, object by
// object. StackStorm deletes nothing by itself, so what it was told once it still
// has; Told is how packsync knows which of that is its own to delete.
//
// It may name more than StackStorm has, never less: it is written before a
// registration, with what was and what will be, and again after the deletions.
type Told struct {
	FormatVersion int           `json:"format_version"`
	Ref           pack.Ref      `json:"ref"`
	Serial        uint64        `json:"serial"`              // of the record that was in use then
	Tree          pack.TreeHash `json:"tree"`                // that Objects are those of
	Config        string        `json:"config,omitempty"`    // HMAC of the config file, owned or not; "" for none
	Overrides     string        `json:"overrides,omitempty"` // HMAC of the override files; "" for none
	// Types are the registration types of that tree that StackStorm accepted, e.g.
	// "all"; empty until it answered.
	Types   []string      `json:"types"`
	Objects []pack.Object `json:"objects"`
	// Stale is what older versions registered, the tree lacks, and StackStorm still
	// has as far as is known.
	Stale    []StaleObject `json:"stale"`
	Checksum string        `json:"checksum"`
}

// StaleObject is an object that the present version lacks.
type StaleObject struct {
	pack.Object
	Left string `json:"left,omitempty"` // why it stays, one of the Left constants; "": it is to be deleted
}

// Why a stale object stays.
const (
	LeftDisabled = "disabled" // a sensor: the API cannot delete it, and it is off
	LeftInUse    = "in use"   // a trigger type: rules of other packs use it
	LeftKept     = "kept"     // by the declaration, or because nobody could delete it
)

// DamagedToldError says that registered/REF.json cannot be trusted: what older
// versions registered is then not known.
type DamagedToldError struct {
	Path   string
	Reason string
}

func (e *DamagedToldError) Error() string { return e.Path + " is damaged: " + e.Reason }

func (s *Store) toldFile(ref pack.Ref) string {
	return filepath.Join(s.dir, "registered", string(ref)+".json")
}

// ReadTold returns what StackStorm was told of a pack, nil if nothing is written
// down. The error is a *DamagedToldError or a *NewerError, or says why the file
// cannot be read; neither means that nothing was told.
func (s *Store) ReadTold(ref pack.Ref) (*Told, error) {
	path := s.toldFile(ref)
	data, _, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what StackStorm was told of %s: %w", ref, err)
	}
	if version := formatOf(data); version > toldFormat {
		return nil, &NewerError{Path: path, Version: version}
	}
	var t Told
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, &DamagedToldError{path, err.Error()}
	}
	again := t
	sealed, err := again.seal()
	if err != nil || !bytes.Equal(sealed, data) {
		return nil, &DamagedToldError{path, "its checksum does not fit its content"}
	}
	if t.Ref != ref {
		return nil, &DamagedToldError{path, fmt.Sprintf("it is about pack %s", t.Ref)}
	}
	return &t, nil
}

// WriteTold writes down what StackStorm was told of a pack, on disk for good.
func (s *Store) WriteTold(t *Told) error {
	data, err := t.seal()
	if err == nil {
		err = s.EnsureDir()
	}
	path := s.toldFile(t.Ref)
	if err == nil {
		err = s.disk.MkdirAll(filepath.Dir(path), safefs.Owner{Mode: 0o700, UID: -1, GID: -1})
	}
	if err == nil {
		err = s.disk.WriteFile(path, data, safefs.Owner{Mode: 0o600, UID: -1, GID: -1})
	}
	if err != nil {
		return fmt.Errorf("write down what StackStorm was told of %s: %w", t.Ref, err)
	}
	return nil
}

// RemoveTold forgets what StackStorm was told of a pack that is not managed any
// more.
func (s *Store) RemoveTold(ref pack.Ref) error {
	if err := s.disk.RemoveAll(s.toldFile(ref)); err != nil {
		return fmt.Errorf("forget what StackStorm was told of %s: %w", ref, err)
	}
	return nil
}

// All lists every object that StackStorm may have, sorted.
func (t *Told) All() []pack.Object {
	out := slices.Clone(t.Objects)
	for _, o := range t.Stale {
		out = append(out, o.Object)
	}
	slices.SortFunc(out, pack.CompareObjects)
	return slices.Compact(out)
}

// seal sorts, computes the checksum and returns the canonical text.
func (t *Told) seal() ([]byte, error) {
	t.FormatVersion = toldFormat
	t.Types = append([]string{}, t.Types...)
	t.Objects = append([]pack.Object{}, t.Objects...)
	t.Stale = append([]StaleObject{}, t.Stale...)
	slices.Sort(t.Types)
	slices.SortFunc(t.Objects, pack.CompareObjects)
	t.Objects = slices.Compact(t.Objects)
	slices.SortFunc(t.Stale, func(a, b StaleObject) int { return pack.CompareObjects(a.Object, b.Object) })
	return sealed(t, &t.Checksum, " ")
}
