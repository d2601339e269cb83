package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

// Bytes returns the one way to write this lock: sorted keys, two spaces, LF,
// a final newline. The same pins give the same bytes on every host.
func (f *File) Bytes() []byte {
	packs := map[pack.Ref]map[string]any{}
	for ref, entry := range f.Packs {
		packs[ref] = entry.members()
	}
	top := withExtra(f.extra)
	top["format_version"] = FormatVersion
	top["packs"] = packs
	return mustEncode(top, "  ")
}

// members returns what the entry looks like in the file. A directory has no pin,
// and keys that say nothing are left out.
func (e Entry) members() map[string]any {
	m := withExtra(e.extra)
	m["source"] = e.Source
	m["direct"] = e.Direct
	setText(m, "index", e.Index)
	setText(m, "subdir", e.Subdir)
	if e.IsDir() {
		return m
	}
	if e.Constraint.Kind != pack.SelectNone {
		m["constraint"] = map[string]string{string(e.Constraint.Kind): e.Constraint.Text}
	}
	setText(m, "ref", e.Ref)
	m["commit"] = e.Commit
	m["tree"] = e.Tree
	m["version"] = e.Version
	m["title"] = e.Title
	m["requires"] = append([]string{}, e.Requires...) // [], never null
	if e.Unreachable {
		m["unreachable"] = true
	}
	return m
}

func setText(m map[string]any, key, value string) {
	if value != "" {
		m[key] = value
	}
}

func withExtra(extra map[string]json.RawMessage) map[string]any {
	m := make(map[string]any, len(extra)+12)
	for key, value := range extra {
		m[key] = value
	}
	return m
}

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
