package state_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/state"
)

func TestKeyIsMadeOnceAndKept(t *testing.T) {
	s := open(t)
	k, err := s.EnsureKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, get := range map[string]func() (state.Key, error){"EnsureKey": s.EnsureKey, "Key": s.Key} {
		if again, err := get(); err != nil || again != k {
			t.Errorf("%s gives another key, or %v", name, err)
		}
	}
	info, err := os.Stat(filepath.Join(s.Dir(), "key"))
	if err != nil || info.Mode() != 0o600 || info.Size() != 32 {
		t.Errorf("key file: %v, %v", info, err)
	}
	other, err := open(t).EnsureKey()
	if err != nil || other == k || other.HMAC(nil) == k.HMAC(nil) {
		t.Errorf("another root has the same key, or %v", err)
	}
}

func TestHMAC(t *testing.T) {
	s := open(t)
	if err := s.EnsureDir(); err != nil {
		t.Fatal(err)
	}
	// RFC 4231 does not have a key of 32 bytes; this one was computed with openssl.
	mustWrite(t, filepath.Join(s.Dir(), "key"), []byte("0123456789abcdef0123456789abcdef"))
	k, err := s.Key()
	if err != nil {
		t.Fatal(err)
	}
	const want = "h1:1c4960746c1cc92ec363a47aff4441712da758cd13cd95db6e3ba7eab250d4c1"
	if got := k.HMAC([]byte("what must stay secret")); got != want {
		t.Errorf("HMAC is %s, want %s", got, want)
	}
	if got := (state.Key{}).HMAC([]byte("x")); got != "" {
		t.Errorf("a digest without a key: %s", got)
	}
}

func TestKeyThatCannotBeUsedIsNeverReplaced(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "short": "0123", "long": strings.Repeat("x", 33), "zeros": strings.Repeat("\x00", 32)} {
		s := open(t)
		if err := s.EnsureDir(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(s.Dir(), "key")
		mustWrite(t, path, []byte(content))
		for _, get := range []func() (state.Key, error){s.Key, s.EnsureKey} {
			if k, err := get(); !errors.Is(err, state.ErrNoKey) || !k.IsZero() {
				t.Errorf("%s key: %v", name, err)
			}
		}
		if got := mustRead(t, path); string(got) != content {
			t.Errorf("%s key was replaced", name)
		}
	}
	s := open(t)
	if _, err := s.EnsureKey(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(s.Dir(), "key"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Key(); !errors.Is(err, state.ErrNoKey) {
		t.Errorf("a key that others may write: %v", err)
	}
}

func TestKeyNeverPrintsItself(t *testing.T) {
	s := open(t)
	if err := s.EnsureDir(); err != nil {
		t.Fatal(err)
	}
	secret := "0123456789abcdef0123456789ABCDEF"
	mustWrite(t, filepath.Join(s.Dir(), "key"), []byte(secret))
	k, err := s.Key()
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(struct{ Key state.Key }{k})
	if err != nil {
		t.Fatal(err)
	}
	hex, numbers := fmt.Sprintf("%x", secret), strings.Trim(fmt.Sprint([]byte(secret)), "[]")
	for _, out := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %x %s %d %q", k, k, k, k, k, k, k), fmt.Sprintf("%+v", struct{ K state.Key }{k}), string(asJSON)} {
		for _, form := range []string{secret, hex, numbers} {
			if strings.Contains(out, form) {
				t.Errorf("the key shows in %q", out)
			}
		}
	}
}

func TestOneKeyForAllWhoMakeItAtOnce(t *testing.T) {
	s := open(t)
	var faster state.Key
	slow := state.Open(s.Dir(), safefs.WithHook(safefs.OS(), func(step safefs.Step) (err error) {
		if step.Op == safefs.OpMove { // the other process is done just before this one is
			faster, err = s.EnsureKey()
		}
		return err
	}))
	got, err := slow.EnsureKey()
	if err != nil || got != faster || got.IsZero() {
		t.Errorf("two processes have different keys, or %v", err)
	}
	entries, err := os.ReadDir(s.Dir())
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestKeyCrashedAtEveryStep(t *testing.T) {
	for n := 1; ; n++ {
		dir := filepath.Join(t.TempDir(), ".packsync")
		s := state.Open(dir, safefs.WithHook(safefs.OS(), func(s safefs.Step) error {
			if s.N >= n {
				return errors.New("crash")
			}
			return nil
		}))
		_, err := s.EnsureKey()
		if _, again := state.Open(dir, safefs.OS()).EnsureKey(); again != nil {
			t.Errorf("step %d: afterwards: %v", n, again)
		}
		if err == nil {
			if n < 10 {
				t.Errorf("only %d steps were seen", n-1)
			}
			return
		}
	}
}
