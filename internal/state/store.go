package state

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/safefs"
)

// Store is the work directory W of one StackStorm root. Reading works where W is
// missing and never creates it. Writing is for the holder of the Lock only.
type Store struct {
	dir  string
	disk safefs.Disk
}

// Open names the work directory; it looks at nothing.
func Open(dir string, disk safefs.Disk) *Store { return &Store{dir: dir, disk: disk} }

// Dir returns the work directory.
func (s *Store) Dir() string { return s.dir }

// file is the record in use.
func (s *Store) file() string { return filepath.Join(s.dir, "state.json") }

// copies is how many of the last records are kept beside the one in use.
const copies = 5

// copyFile is where the record of a serial has its copy: each write takes the
// place of the oldest one, so no copy is ever moved.
func (s *Store) copyFile(serial uint64) string {
	return fmt.Sprintf("%s.%d", s.file(), serial%copies+1)
}

// EnsureDir makes the work directory (0700). One that others may write to is
// refused: what they put there would be trusted.
func (s *Store) EnsureDir() error {
	if err := s.disk.MkdirAll(s.dir, safefs.Owner{Mode: 0o700, UID: -1, GID: -1}); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(s.dir, &st); err != nil {
		return &fs.PathError{Op: "look at", Path: s.dir, Err: err}
	}
	if why := exposed(&st); why != "" {
		return fmt.Errorf("use work directory %s: %s; see who did that, then: chown %d %s && chmod 0700 %s", s.dir, why, os.Geteuid(), s.dir, s.dir)
	}
	return nil
}

// exposed says who else could have written a file or directory, "" if nobody.
func exposed(st *unix.Stat_t) string {
	switch {
	case int(st.Uid) != os.Geteuid():
		return fmt.Sprintf("it belongs to uid %d, not to the user who runs packsync", st.Uid)
	case st.Mode&0o022 != 0:
		return fmt.Sprintf("others may write to it (mode %#o)", st.Mode&0o7777)
	}
	return ""
}

// Read returns the record in use. Where packsync was never used that is the zero
// Record. A damaged or missing state.json is replaced by the newest of its
// copies, if these fit together, and Notes says so; the next Write makes that
// good. Otherwise the error is a *DamagedError or a *NewerError: a record that
// cannot be read is never an empty one.
func (s *Store) Read() (*Record, error) {
	data, note, err := readFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return s.recover(missing)
	}
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	rec, err := unseal(data)
	if newer, ok := errors.AsType[*NewerError](err); ok {
		newer.Path = s.file()
		return nil, newer
	}
	if err != nil {
		return s.recover(err.Error())
	}
	if err := s.checkNewest(rec); err != nil {
		return nil, err
	}
	rec.addNote(note)
	return rec, nil
}

func (r *Record) addNote(note string) {
	if note != "" {
		r.Notes = append(r.Notes, note)
	}
}

// readFile reads a file of the store. The note tells that others may write to
// it.
func readFile(path string) (data []byte, note string, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, "", &fs.PathError{Op: "look at", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, "", &fs.PathError{Op: "read", Path: path, Err: errors.New("it is not a regular file")}
	}
	if data, err = io.ReadAll(f); err != nil {
		return nil, "", err
	}
	if why := exposed(&st); why != "" {
		note = fmt.Sprintf("%s could have been changed by others: %s", path, why)
	}
	return data, note, nil
}

// Write makes rec the record in use: with the next serial, linked to the record
// before it, sealed, on disk for good. The copy comes first, so that the loss of
// either file loses nothing. rec must be what Read returned, or what Write left,
// with changes; it gets its new serial and checksum unless there is an error.
func (s *Store) Write(rec *Record) error {
	if err := s.EnsureDir(); err != nil {
		return err
	}
	if err := s.checkFollows(rec); err != nil {
		return err
	}
	next := *rec
	next.FormatVersion = FormatVersion
	next.Previous = rec.Checksum
	next.Serial++
	if next.Lineage == "" {
		next.Lineage = newLineage()
	}
	data, err := next.seal()
	if err != nil {
		return fmt.Errorf("write state %s: %w", s.file(), err)
	}
	owner := safefs.Owner{Mode: 0o600, UID: -1, GID: -1}
	if err := s.disk.WriteFile(s.copyFile(next.Serial), data, owner); err != nil {
		return err
	}
	if err := s.disk.WriteFile(s.file(), data, owner); err != nil {
		return err
	}
	next.Notes = nil
	*rec = next
	return nil
}

// checkFollows refuses a record that was made from another one than that in use.
func (s *Store) checkFollows(rec *Record) error {
	inUse, err := s.Read()
	if err != nil {
		return err
	}
	if inUse.Serial != rec.Serial || inUse.Checksum != rec.Checksum {
		return fmt.Errorf("write state %s: serial %d is in use, but the new record follows serial %d: another run wrote it meanwhile; plan again", s.file(), inUse.Serial, rec.Serial)
	}
	return nil
}

func newLineage() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
