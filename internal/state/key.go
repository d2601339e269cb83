package state

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

// ErrNoKey: there is no key to make digests with. What digests stand for is then
// unknown, neither equal nor different.
var ErrNoKey = errors.New("the key of this root is not there or cannot be used")

const keyBytes = 32

// Key makes digests of values that must not be stored. It never prints itself.
// The zero Key is no key: see ErrNoKey.
type Key struct{ secret [keyBytes]byte }

// HMAC returns the digest of data under this key, "h1:" and hexadecimal. Without
// a key that is "": a digest that anybody can make again would tell the data.
func (k Key) HMAC(data []byte) string {
	if k.IsZero() {
		return ""
	}
	h := hmac.New(sha256.New, k.secret[:])
	h.Write(data) // a hash.Hash never fails
	return "h1:" + hex.EncodeToString(h.Sum(nil))
}

// NewKey makes a key that is kept nowhere: for comparing within one run.
func NewKey() Key {
	var k Key
	_, _ = rand.Read(k.secret[:]) // never fails (crypto/rand)
	return k
}

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k == Key{} }

// Format implements fmt.Formatter, so that no verb reaches the key.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(pack.Hidden)) }

func (s *Store) keyFile() string { return filepath.Join(s.dir, "key") }

// Key reads the key of this root. The error wraps ErrNoKey whatever the reason
// is, and says the reason.
func (s *Store) Key() (Key, error) {
	data, note, err := readFile(s.keyFile())
	switch {
	case err != nil:
		return Key{}, fmt.Errorf("%w: %w", ErrNoKey, err)
	case len(data) != keyBytes:
		return Key{}, fmt.Errorf("%w: %s has %d bytes instead of %d; remove it to get a new one", ErrNoKey, s.keyFile(), len(data), keyBytes)
	case note != "":
		return Key{}, fmt.Errorf("%w: %s; remove it to get a new one", ErrNoKey, note)
	}
	k := Key{secret: [keyBytes]byte(data)}
	if k.IsZero() {
		return Key{}, fmt.Errorf("%w: %s holds only zeros; remove it to get a new one", ErrNoKey, s.keyFile())
	}
	return k, nil
}

// EnsureKey reads the key, and makes one, and the work directory, where there is
// none. Of several processes that do so at once all get the same key. A key that
// is there but cannot be used is an error, and stays.
func (s *Store) EnsureKey() (Key, error) {
	k, err := s.Key()
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := s.EnsureDir(); err != nil {
		return Key{}, err
	}
	var secret [keyBytes]byte
	_, _ = rand.Read(secret[:]) // never fails (crypto/rand)
	temp := filepath.Join(s.dir, safefs.TempName())
	if err := s.disk.WriteFile(temp, secret[:], safefs.Owner{Mode: 0o600, UID: -1, GID: -1}); err != nil {
		return Key{}, fmt.Errorf("make the key of this root: %w", err)
	}
	err = s.disk.MoveNew(temp, s.keyFile())
	if err != nil {
		err = errors.Join(err, s.disk.RemoveAll(temp))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return Key{}, fmt.Errorf("make the key of this root: %w", err)
	}
	if err := s.disk.SyncDir(s.dir); err != nil {
		return Key{}, fmt.Errorf("make the key of this root: %w", err)
	}
	return s.Key()
}
