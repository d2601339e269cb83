package state

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/lazyregexp"
)

// A DamagedError reports a record that cannot be trusted and could not be
// recovered from its copies. Nothing was changed.
type DamagedError struct {
	Path    string
	Reasons []string // what is wrong, one sentence a file
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("state %s is damaged: %s; restore the directory from a backup, or move state.json and its copies (state.json.1 to .%d) away: "+
		"the next apply then takes over the packs whose content is what the lock says", e.Path, strings.Join(e.Reasons, "; "), copies)
}

// A NewerError reports a record that a newer packsync wrote. Nothing was
// changed.
type NewerError struct {
	Path    string
	Version int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("state %s has format %d, this packsync knows %d: use the version that wrote it, or a newer one", e.Path, e.Version, FormatVersion)
}

// recover reads the copies, because state.json cannot be used.
func (s *Store) recover(why string) (*Record, error) {
	damaged := &DamagedError{Path: s.file(), Reasons: []string{"state.json: " + why}}
	var good []*Record
	found := 0
	for slot := range uint64(copies) {
		path := s.copyFile(slot)
		data, note, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read copy of the state: %w", err)
		}
		found++
		rec, err := unseal(data)
		if newer, ok := errors.AsType[*NewerError](err); ok {
			newer.Path = path
			return nil, newer
		}
		switch {
		case err != nil:
			damaged.Reasons = append(damaged.Reasons, fmt.Sprintf("state.json.%d: %v", slot+1, err))
		case rec.Serial%copies != slot:
			damaged.Reasons = append(damaged.Reasons, fmt.Sprintf("state.json.%d: it holds serial %d, which has its place elsewhere", slot+1, rec.Serial))
			return nil, damaged
		default:
			rec.addNote(note)
			good = append(good, rec)
		}
	}
	if found == 0 && why == missing {
		return &Record{}, nil
	}
	if len(good) == 0 {
		return nil, damaged
	}
	slices.SortFunc(good, func(a, b *Record) int { return cmp.Compare(b.Serial, a.Serial) })
	if broken := chainBreak(good); broken != "" {
		damaged.Reasons = append(damaged.Reasons, broken)
		return nil, damaged
	}
	newest := good[0]
	newest.addNote(fmt.Sprintf("the state was recovered: state.json: %s; its copy state.json.%d with serial %d is used instead", why, newest.Serial%copies+1, newest.Serial))
	return newest, nil
}

// missing is the reason that alone does not mean damage.
const missing = "it is missing"

// chainBreak says why records, the newest first, are not of one history; "" if
// they fit. A gap where a copy is damaged is no break.
func chainBreak(records []*Record) string {
	for i := 1; i < len(records); i++ {
		newer, older := records[i-1], records[i]
		switch {
		case newer.Lineage != older.Lineage:
			return fmt.Sprintf("the copies with serial %d and %d are of different roots", newer.Serial, older.Serial)
		case records[0].Serial-older.Serial >= copies:
			return fmt.Sprintf("the copies with serial %d and %d cannot be among the last %d", records[0].Serial, older.Serial, copies)
		case newer.Serial == older.Serial+1 && newer.Previous != older.Checksum:
			return fmt.Sprintf("the copy with serial %d does not follow that with serial %d", newer.Serial, older.Serial)
		}
	}
	return ""
}

// checkNewest notices an old state.json that somebody put back: its own copies
// are newer than it. One serial ahead is what a crash between the two writes
// leaves.
func (s *Store) checkNewest(rec *Record) error {
	for slot := range uint64(copies) {
		path := s.copyFile(slot)
		serial, err := peekSerial(path)
		if err != nil {
			return fmt.Errorf("read copy of the state: %w", err)
		}
		if serial <= rec.Serial+1 {
			continue
		}
		data, _, err := readFile(path)
		if err != nil {
			return fmt.Errorf("read copy of the state: %w", err)
		}
		if newer, err := unseal(data); err == nil && newer.Lineage == rec.Lineage {
			return &DamagedError{Path: s.file(), Reasons: []string{fmt.Sprintf(
				"state.json has serial %d, but its copy state.json.%d has serial %d: an old state.json was put back (remove it to use the copy)", rec.Serial, slot+1, newer.Serial)}}
		}
	}
	return nil
}

var serialPattern = lazyregexp.New(`"serial": ([0-9]{1,19}),`)

// peekSerial reads the serial near the beginning of a record; 0 if there is
// none. It judges nothing else.
func peekSerial(path string) (serial uint64, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	m := serialPattern().FindSubmatch(head[:n])
	if m == nil {
		return 0, nil
	}
	return strconv.ParseUint(string(m[1]), 10, 64)
}
