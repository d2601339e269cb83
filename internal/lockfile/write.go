package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/packsync/packsync/internal/safefs"
)

// canonicalize returns the compact canonical form of one JSON value. Numbers
// keep their text: one that does not fit a float must not change.
func canonicalize(raw json.RawMessage) (json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(mustEncode(value, ""), []byte("\n")), nil
}

// mustEncode writes plain maps, lists, texts, numbers and canonical JSON, with a
// final newline. Only a value of another kind could make it fail.
func mustEncode(value any, indent string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // "~> 1.0" stays readable
	encoder.SetIndent("", indent)
	if err := encoder.Encode(value); err != nil {
		panic(fmt.Sprintf("encode the lock: %v", err))
	}
	return b.Bytes()
}

// Write makes the lock at path, an absolute path, hold f. If its bytes are
// already right, nothing is written. A lock that is there keeps its mode and, if
// root writes, its owner; a new one gets the owner of its directory: whoever
// committed the declaration must be able to commit the lock.
func Write(disk safefs.Disk, path string, f *File) error {
	want := f.Bytes()
	have, err := os.ReadFile(path)
	if err == nil && bytes.Equal(have, want) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write the lock: it cannot be read first: %w", err)
	}
	owner, err := ownerOf(path)
	if err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	if err := disk.WriteFile(path, want, owner); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	return nil
}

// ownerOf says whose the lock at path is to be.
func ownerOf(path string) (safefs.Owner, error) {
	owner := safefs.Owner{Mode: 0o644, UID: -1, GID: -1}
	info, err := os.Stat(path)
	switch {
	case err == nil:
		owner.Mode = info.Mode().Perm()
	case errors.Is(err, fs.ErrNotExist):
		info, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return owner, err
	}
	// Only root can give files away; for others -1 keeps what the kernel chooses.
	if os.Geteuid() == 0 {
		owner.UID, owner.GID = safefs.OwnerOf(info)
	}
	return owner, nil
}
