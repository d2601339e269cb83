package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

// historyFormat is the version of the history entries that this packsync writes.
const historyFormat = 1

// historyKept is how many entries are kept: years of changes on most hosts, and
// less than a megabyte.
const historyKept = 200

// HistoryLink names one history entry. The record names the newest one, each
// entry the one before: what is not on this chain was never committed.
type HistoryLink struct {
	Serial   uint64 `json:"serial"`
	Checksum string `json:"checksum"`
}

// HistoryEntry is what one committed change did: who, when, what, and under
// which declaration and lock.
type HistoryEntry struct {
	FormatVersion int           `json:"format_version"`
	Serial        uint64        `json:"serial"` // of the record that it led to
	Time          time.Time     `json:"time"`   // UTC
	User          string        `json:"user,omitempty"`
	Host          string        `json:"host,omitempty"`
	Command       string        `json:"command"`          // "packsync apply"
	Kind          string        `json:"kind"`             // one of the Kind constants
	Name          string        `json:"name,omitempty"`   // of the declaration
	Digest        string        `json:"digest,omitempty"` // desired digest
	Lock          string        `json:"lock,omitempty"`   // digest of the lock
	Packs         []HistoryPack `json:"packs"`            // sorted by ref
	Previous      *HistoryLink  `json:"previous,omitempty"`
	Checksum      string        `json:"checksum"`
}

// The kinds of history entry.
const (
	KindApply    = "apply"
	KindRollback = "rollback"
	KindImport   = "import"
	KindRelease  = "release" // a pack, or a hold, was let go: nothing on disk changed
)

// HistoryPack is what happened to one pack.
type HistoryPack struct {
	Ref    pack.Ref    `json:"ref"`
	Action string      `json:"action"`           // of the plan, or what the kind says
	Before *Generation `json:"before,omitempty"` // nil: it was not managed
	After  *Generation `json:"after,omitempty"`  // nil: it is not managed any more
}

// Generation is a pack as it was at one time: enough to bring it back.
type Generation struct {
	BasePath string        `json:"base_path"`
	Path     string        `json:"path"`
	Source   string        `json:"source"`
	Subdir   string        `json:"subdir,omitempty"`
	Commit   pack.Commit   `json:"commit,omitempty"`
	Ref      string        `json:"ref,omitempty"` // full name under which the commit was found
	Tree     pack.TreeHash `json:"tree"`
	Content  pack.TreeHash `json:"content"`
	Version  string        `json:"version,omitempty"`
	Config   string        `json:"config,omitempty"` // HMAC of the owned config file
	Venv     string        `json:"venv,omitempty"`   // reuse key of the virtualenv
}

// Generation returns what the record says about a pack as a generation.
func (p Pack) Generation() Generation {
	g := Generation{
		BasePath: p.BasePath, Path: p.Path, Source: p.Source, Subdir: p.Subdir, Commit: p.Commit, Ref: p.Ref,
		Tree: p.Tree, Content: p.Content, Version: p.Version,
	}
	if p.Config != nil && p.Config.Owned {
		g.Config = p.Config.HMAC
	}
	if p.Venv != nil {
		g.Venv = p.Venv.Key
	}
	return g
}

// SameTree reports whether two generations are the same files at the same place;
// under which name the commit was found, the config and the virtualenv may differ.
func (g Generation) SameTree(other Generation) bool {
	g.Ref, g.Config, g.Venv = other.Ref, other.Config, other.Venv
	return g == other
}

func (s *Store) historyDir() string { return filepath.Join(s.dir, "history") }

func (s *Store) historyFile(serial uint64) string {
	return filepath.Join(s.historyDir(), fmt.Sprintf("%08d.json", serial))
}

// Commit is Write together with a history entry. The entry is durable before the
// record that names it, so a crash in between loses nothing and invents nothing:
// an entry that no record names does not count, and the next one takes its place.
// The serial, the link and the checksum of the entry are filled in.
func (s *Store) Commit(rec *Record, entry HistoryEntry) error {
	if err := s.EnsureDir(); err != nil {
		return err
	}
	if err := s.checkFollows(rec); err != nil {
		return err
	}
	if err := s.pruneHistory(); err != nil {
		return err
	}
	entry.FormatVersion, entry.Serial, entry.Previous = historyFormat, rec.Serial+1, rec.History
	data, err := entry.seal()
	if err != nil {
		return err
	}
	if err := s.disk.MkdirAll(s.historyDir(), safefs.Owner{Mode: 0o700, UID: -1, GID: -1}); err != nil {
		return err
	}
	if err := s.disk.WriteFile(s.historyFile(entry.Serial), data, safefs.Owner{Mode: 0o600, UID: -1, GID: -1}); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	before := rec.History
	rec.History = &HistoryLink{Serial: entry.Serial, Checksum: entry.Checksum}
	if err := s.Write(rec); err != nil {
		rec.History = before
		return err
	}
	return nil
}

// pruneHistory makes room for one more entry.
func (s *Store) pruneHistory() error {
	entries, err := os.ReadDir(s.historyDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("prune the history: %w", err)
	}
	var names []string
	for _, e := range entries { // sorted: eight digits
		if strings.HasSuffix(e.Name(), ".json") {
			names = append(names, e.Name())
		}
	}
	for len(names) >= historyKept {
		if err := s.disk.RemoveAll(filepath.Join(s.historyDir(), names[0])); err != nil {
			return fmt.Errorf("prune the history: %w", err)
		}
		names = names[1:]
	}
	return nil
}

// History is what is known of the past.
type History struct {
	Entries []HistoryEntry // newest first
	// End says why there is no older entry, "" if the oldest one is the first.
	End string
}

// History reads the entries that lead to rec, newest first. An entry that is
// damaged ends the list, and End says so: what lies before it cannot be trusted.
func (s *Store) History(rec *Record) (*History, error) {
	h := &History{Entries: []HistoryEntry{}}
	for link := rec.History; link != nil; {
		data, _, err := readFile(s.historyFile(link.Serial))
		if errors.Is(err, fs.ErrNotExist) {
			h.End = fmt.Sprintf("what happened up to serial %d is not kept any more", link.Serial)
			return h, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the history: %w", err)
		}
		entry, err := unsealEntry(data)
		if err == nil && entry.Checksum != link.Checksum {
			err = errors.New("it is not the one that the record names")
		}
		if err != nil {
			h.End = fmt.Sprintf("the entry %s is damaged (%v): what happened up to serial %d is not known", s.historyFile(link.Serial), err, link.Serial)
			return h, nil
		}
		h.Entries = append(h.Entries, *entry)
		if entry.Previous != nil && entry.Previous.Serial >= link.Serial {
			h.End = fmt.Sprintf("the entry %s follows one that is not older", s.historyFile(link.Serial))
			return h, nil
		}
		link = entry.Previous
	}
	return h, nil
}

// At returns the packs as the record with the given serial had them, by going
// back from rec. It fails if the history does not reach that far, and for a
// serial that there never was.
func (h *History) At(rec *Record, serial uint64) (map[pack.Ref]Generation, error) {
	packs := map[pack.Ref]Generation{}
	for ref, p := range rec.Packs {
		packs[ref] = p.Generation()
	}
	if serial > rec.Serial {
		return nil, fmt.Errorf("there is no serial %d: the newest is %d", serial, rec.Serial)
	}
	reach := rec.History
	for _, e := range h.Entries {
		if e.Serial <= serial {
			break
		}
		for _, p := range e.Packs {
			if p.Before == nil {
				delete(packs, p.Ref)
			} else {
				packs[p.Ref] = *p.Before
			}
		}
		reach = e.Previous
	}
	if reach != nil && reach.Serial > serial {
		return nil, fmt.Errorf("the history does not reach back to serial %d: %s", serial, h.End)
	}
	return packs, nil
}

// Previous returns the generation of a pack before the one it has now, and the
// serial of the entry that replaced it. Rollbacks do not count as generations of
// their own, so going back twice goes back twice. False: there is none.
func (h *History) Previous(ref pack.Ref, now Generation) (g Generation, serial uint64, ok bool) {
	for _, e := range h.Entries {
		for _, p := range e.Packs {
			if p.Ref != ref || e.Kind == KindRollback || p.After == nil || !p.After.SameTree(now) {
				continue
			}
			switch {
			case p.Before == nil:
				return Generation{}, 0, false
			case !p.Before.SameTree(now):
				return *p.Before, e.Serial, true
			}
		}
	}
	return Generation{}, 0, false
}

// seal computes the checksum and returns the canonical text.
func (e *HistoryEntry) seal() ([]byte, error) {
	if e.Packs == nil {
		e.Packs = []HistoryPack{}
	}
	slices.SortFunc(e.Packs, func(a, b HistoryPack) int { return strings.Compare(string(a.Ref), string(b.Ref)) })
	e.Time = e.Time.UTC().Truncate(time.Second)
	return sealed(e, &e.Checksum, " ")
}

// unsealEntry accepts nothing but the exact text that seal wrote.
func unsealEntry(data []byte) (*HistoryEntry, error) {
	if version := formatOf(data); version > historyFormat {
		return nil, fmt.Errorf("it has format %d, this packsync knows %d", version, historyFormat)
	}
	var e HistoryEntry
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("it is not an entry: %w", err)
	}
	again := e
	sealed, err := again.seal()
	if err != nil || !bytes.Equal(sealed, data) {
		return nil, errors.New("its checksum does not fit its content")
	}
	return &e, nil
}
