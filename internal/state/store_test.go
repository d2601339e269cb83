package state_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/state"
)

func open(t testing.TB) *state.Store {
	t.Helper()
	return state.Open(filepath.Join(t.TempDir(), ".packsync"), safefs.OS())
}

// openQuick is open for tests that write the same file thousands of times: in
// memory, where the machine has that.
func openQuick(t *testing.T) *state.Store {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "packsync-state")
	if err != nil {
		return open(t)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return state.Open(filepath.Join(dir, ".packsync"), safefs.OS())
}

func read(t testing.TB, s *state.Store) *state.Record {
	t.Helper()
	rec, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// writeTimes writes n records, each with one pack more.
func writeTimes(t testing.TB, s *state.Store, n int) *state.Record {
	t.Helper()
	rec := read(t, s)
	for range n {
		packs := map[pack.Ref]state.Pack{}
		for ref, p := range rec.Packs {
			packs[ref] = p
		}
		ref := pack.Ref(fmt.Sprintf("p%d", rec.Serial+1))
		packs[ref] = state.Pack{BasePath: "default", Tree: "t1:aa"}
		rec.Packs = packs
		if err := s.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	return rec
}

func stateFile(s *state.Store) string { return filepath.Join(s.Dir(), "state.json") }

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustWrite(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReadWithoutWorkDirectoryIsEmptyAndMakesNothing(t *testing.T) {
	s := open(t)
	if diff := cmp.Diff(&state.Record{}, read(t, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := s.Key(); !errors.Is(err, state.ErrNoKey) {
		t.Errorf("key: %v", err)
	}
	if _, err := os.Lstat(s.Dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the work directory: %v", err)
	}
}

func TestWriteThenRead(t *testing.T) {
	s := open(t)
	rec := &state.Record{Name: "acme-prod", Packs: map[pack.Ref]state.Pack{"aws": {
		BasePath: "default", Path: "/p/aws", Source: "https://example.com/<aws>&", Commit: "c", Tree: "t1:x", Content: "t1:y",
		Config: &state.Config{HMAC: "h1:z"}, Venv: &state.Venv{Key: "k"}, DependsOn: []pack.Ref{"jira"},
		Registered: state.Registered{Digest: "d", Pending: []string{"all"}}, Hold: &state.Hold{Commit: "e"},
	}}}
	for serial := uint64(1); serial <= 12; serial++ {
		before := *rec
		if err := s.Write(rec); err != nil {
			t.Fatal(err)
		}
		if rec.Serial != serial || rec.Previous != before.Checksum || rec.Checksum == before.Checksum || serial > 1 && rec.Lineage != before.Lineage {
			t.Errorf("serial %d: %+v follows %+v", serial, rec, before)
		}
		if diff := cmp.Diff(rec, read(t, s)); diff != "" {
			t.Errorf("serial %d (-written +read):\n%s", serial, diff)
		}
	}
	if rec.Lineage == "" || rec.FormatVersion != state.FormatVersion {
		t.Errorf("lineage %q, format %d", rec.Lineage, rec.FormatVersion)
	}
	entries, err := os.ReadDir(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info, err)
		}
	}
	if want := "state.json state.json.1 state.json.2 state.json.3 state.json.4 state.json.5"; strings.Join(names, " ") != want {
		t.Errorf("the work directory holds %v", names)
	}
	if info, err := os.Stat(s.Dir()); err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("the work directory: %v, %v", info, err)
	}
}

func TestWriteRefusesARecordThatIsNotTheOneInUse(t *testing.T) {
	s := open(t)
	old := *writeTimes(t, s, 1)
	writeTimes(t, s, 1)
	before := mustRead(t, stateFile(s))
	if err := s.Write(&old); err == nil || !strings.Contains(err.Error(), "serial 2 is in use") {
		t.Errorf("got %v", err)
	}
	if err := s.Write(&state.Record{}); err == nil {
		t.Error("an empty record replaced one that was there")
	}
	if !bytes.Equal(before, mustRead(t, stateFile(s))) {
		t.Error("the state was changed")
	}
}

// outcome reads a state that was tampered with: it must be what was written, or
// an error of the right kind.
func outcome(t *testing.T, s *state.Store, want *state.Record, what string) (recovered bool) {
	t.Helper()
	got, err := s.Read()
	var damaged *state.DamagedError
	if err != nil {
		if !errors.As(err, &damaged) {
			t.Errorf("%s: %v", what, err)
		}
		return false
	}
	if len(got.Notes) == 0 {
		t.Errorf("%s: recovered without a word", what)
	}
	got.Notes = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	return true
}

// tamper tries every truncation and every bit flip of a file; or every step-th,
// where that is enough.
func tamper(t *testing.T, path string, step int, check func(what string)) {
	t.Helper()
	whole := mustRead(t, path)
	for n := 0; n < len(whole); n += step {
		mustWrite(t, path, whole[:n])
		check(fmt.Sprintf("cut to %d bytes", n))
	}
	for i := 0; i < len(whole)*8; i += step {
		flipped := bytes.Clone(whole)
		flipped[i/8] ^= 1 << (i % 8)
		mustWrite(t, path, flipped)
		check(fmt.Sprintf("bit %d of byte %d flipped", i%8, i/8))
	}
	mustWrite(t, path, whole)
}

func TestEveryDamageOfTheStateIsRecovered(t *testing.T) {
	t.Parallel()
	s := openQuick(t)
	want := writeTimes(t, s, 2)
	tamper(t, stateFile(s), 1, func(what string) {
		if !outcome(t, s, want, what) {
			t.Errorf("%s: not recovered, although the copy is good", what)
		}
	})
}

func TestEveryDamageWithoutACopyIsAnError(t *testing.T) {
	t.Parallel()
	s := openQuick(t)
	want := writeTimes(t, s, 1)
	if err := os.Remove(stateFile(s) + ".2"); err != nil {
		t.Fatal(err)
	}
	tamper(t, stateFile(s), 1, func(what string) {
		if outcome(t, s, want, what) {
			t.Errorf("%s: read as if nothing were wrong", what)
		}
	})
}

func TestEveryDamageOfTheCopyGoesUnnoticedWhileItIsNotNeeded(t *testing.T) {
	t.Parallel()
	s := openQuick(t)
	want := writeTimes(t, s, 3)
	tamper(t, stateFile(s)+".4", 11, func(what string) {
		if got, err := s.Read(); err != nil || !cmp.Equal(want, got) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	})
}

func TestDamageOfBothFallsBackToThePredecessor(t *testing.T) {
	t.Parallel()
	s := openQuick(t)
	want := *writeTimes(t, s, 2)
	writeTimes(t, s, 1)
	mustWrite(t, stateFile(s), []byte("{"))
	tamper(t, stateFile(s)+".4", 11, func(what string) { outcome(t, s, &want, what) })

	mustWrite(t, stateFile(s)+".4", nil)
	rec := read(t, s)
	rec.Notes = nil
	if err := s.Write(rec); err != nil {
		t.Fatalf("go on after a recovery: %v", err)
	}
	if got := read(t, s); got.Serial != 3 || got.Previous != want.Checksum || len(got.Notes) > 0 {
		t.Errorf("after a recovery and a write: %+v", got)
	}
}

func TestMissingStateWithCopiesIsNotEmpty(t *testing.T) {
	s := open(t)
	want := writeTimes(t, s, 7)
	if err := os.Remove(stateFile(s)); err != nil {
		t.Fatal(err)
	}
	if !outcome(t, s, want, "state.json removed") {
		t.Error("not recovered")
	}
}

func TestCopiesThatDoNotFitTogetherAreRefused(t *testing.T) {
	other := open(t)
	writeTimes(t, other, 3)
	tests := map[string]func(s *state.Store){
		"a copy of another root": func(s *state.Store) { mustWrite(t, stateFile(s)+".3", mustRead(t, stateFile(other)+".3")) },
		"an older copy of another root": func(s *state.Store) {
			mustWrite(t, stateFile(s)+".2", mustRead(t, stateFile(other)+".2"))
			mustWrite(t, stateFile(s)+".3", nil)
		},
		"a copy of long ago": func(s *state.Store) {
			ancient := mustRead(t, stateFile(s)+".2")
			writeTimes(t, s, 4)
			mustWrite(t, stateFile(s)+".2", ancient) // serial 1 beside serial 7
		},
		"copies exchanged": func(s *state.Store) {
			a, b := mustRead(t, stateFile(s)+".2"), mustRead(t, stateFile(s)+".3")
			mustWrite(t, stateFile(s)+".2", b)
			mustWrite(t, stateFile(s)+".3", a)
		},
		"another history of the same root": func(s *state.Store) {
			fork := state.Open(t.TempDir(), safefs.OS())
			if err := os.Chmod(fork.Dir(), 0o700); err != nil {
				t.Fatal(err)
			}
			mustWrite(t, stateFile(fork), mustRead(t, stateFile(s)+".2")) // serial 1
			rec := read(t, fork)
			rec.Name = "forked"
			if err := fork.Write(rec); err != nil {
				t.Fatal(err)
			}
			mustWrite(t, stateFile(s)+".3", mustRead(t, stateFile(fork)+".3"))
		},
	}
	for name, change := range tests {
		s := open(t)
		writeTimes(t, s, 3)
		change(s)
		mustWrite(t, stateFile(s), []byte("garbage"))
		var damaged *state.DamagedError
		if _, err := s.Read(); !errors.As(err, &damaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnOldStateThatWasPutBackIsRefused(t *testing.T) {
	s := open(t)
	writeTimes(t, s, 2)
	old := mustRead(t, stateFile(s))
	writeTimes(t, s, 1)
	latest := mustRead(t, stateFile(s))

	mustWrite(t, stateFile(s), old)
	if got := read(t, s); got.Serial != 2 {
		t.Errorf("one serial behind, as after a crash: serial %d", got.Serial)
	}
	mustWrite(t, stateFile(s), latest)
	writeTimes(t, s, 1)
	mustWrite(t, stateFile(s), old)
	var damaged *state.DamagedError
	if _, err := s.Read(); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "put back") {
		t.Errorf("two serials behind: %v", err)
	}
}

func TestNewerFormatIsRefusedAndUntouched(t *testing.T) {
	newer := []byte(`{"format_version": 2, "packs": [], "novelty": true}`)
	for _, where := range []string{"", ".2"} {
		s := open(t)
		rec := writeTimes(t, s, 1)
		mustWrite(t, stateFile(s), []byte("damaged"))
		mustWrite(t, stateFile(s)+where, newer)
		var e *state.NewerError
		if _, err := s.Read(); !errors.As(err, &e) || e.Version != 2 {
			t.Errorf("state.json%s: %v", where, err)
		}
		if err := s.Write(rec); !errors.As(err, &e) {
			t.Errorf("write over state.json%s: %v", where, err)
		}
		if !bytes.Equal(newer, mustRead(t, stateFile(s)+where)) {
			t.Errorf("state.json%s was changed", where)
		}
	}
}

// TestUnknownKeysAreNotDropped: a record with a key that this packsync does not
// know is no record of its own, even if its checksum fits.
func TestUnknownKeysAreNotDropped(t *testing.T) {
	s := open(t)
	rec := writeTimes(t, s, 1)
	text := string(mustRead(t, stateFile(s)))
	text = strings.Replace(strings.TrimSuffix(text, rec.Checksum+"\"\n}\n"), "  \"packs\"", "  \"novelty\": true,\n  \"packs\"", 1)
	sum := sha256.Sum256([]byte(text + "\"\n}\n"))
	text += "sha256:" + hex.EncodeToString(sum[:]) + "\"\n}\n"
	for _, path := range []string{stateFile(s), stateFile(s) + ".2"} {
		mustWrite(t, path, []byte(text))
	}
	var damaged *state.DamagedError
	if _, err := s.Read(); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "novelty") {
		t.Errorf("read: %v", err)
	}
}

func TestUnreadableIsNeitherEmptyNorDamaged(t *testing.T) {
	for name, block := range map[string]func(path string) error{
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"a link":      func(path string) error { return os.Symlink("nothing", path) },
		"a pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		s := open(t)
		writeTimes(t, s, 1)
		if err := errors.Join(os.Remove(stateFile(s)), block(stateFile(s))); err != nil {
			t.Fatal(err)
		}
		var damaged *state.DamagedError
		if rec, err := s.Read(); err == nil || errors.As(err, &damaged) || !strings.Contains(err.Error(), stateFile(s)) {
			t.Errorf("%s in place of state.json: %v, %v", name, rec, err)
		}
	}
}

func TestFilesThatOthersMayWriteAreNoted(t *testing.T) {
	s := open(t)
	rec := writeTimes(t, s, 1)
	if err := os.Chmod(stateFile(s), 0o620); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s); len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "0620") {
		t.Errorf("notes: %q", got.Notes)
	}
	if err := os.Chmod(s.Dir(), 0o770); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(rec); err == nil || !strings.Contains(err.Error(), "chmod 0700") {
		t.Errorf("write into a directory that others may write to: %v", err)
	}
}

func TestWriteStoppedOrFailedAtEveryStep(t *testing.T) {
	const steps = 10 // two files of five steps each
	for _, crash := range []bool{true, false} {
		for n := 1; n <= steps+1; n++ {
			dir := filepath.Join(t.TempDir(), ".packsync")
			old := *writeTimes(t, state.Open(dir, safefs.OS()), 6)
			hooked := state.Open(dir, safefs.WithHook(safefs.OS(), func(s safefs.Step) error {
				if s.N == n || crash && s.N > n {
					return syscall.EIO
				}
				return nil
			}))
			rec := old
			rec.Name = "new"
			err := hooked.Write(&rec)
			if (err == nil) != (n > steps) {
				t.Errorf("step %d: %v", n, err)
			}
			if err != nil && !cmp.Equal(rec.Checksum, old.Checksum) {
				t.Errorf("step %d: the record moved on although it was not written", n)
			}
			got := read(t, state.Open(dir, safefs.OS()))
			if want := n >= steps; (got.Name == "new") != want || got.Serial != 6 && got.Serial != 7 || len(got.Notes) > 0 {
				t.Errorf("step %d: read %+v", n, got)
			}
			if err := state.Open(dir, safefs.OS()).Write(got); err != nil {
				t.Errorf("step %d: go on: %v", n, err)
			}
			mustWrite(t, stateFile(hooked), nil)
			if again := read(t, hooked); again.Checksum != got.Checksum {
				t.Errorf("step %d: recovered serial %d, want %d", n, again.Serial, got.Serial)
			}
		}
	}
}

func TestSealSurvivesAnyContent(t *testing.T) {
	s := open(t)
	rec := &state.Record{}
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.String()
		rec.Name = text.Draw(rt, "name")
		rec.Packs = map[pack.Ref]state.Pack{pack.Ref(text.Draw(rt, "ref")): {
			Source: text.Draw(rt, "source"), Registered: state.Registered{Pending: rapid.SliceOf(text).Draw(rt, "pending")},
			DependsOn: []pack.Ref{}, Hold: rapid.SampledFrom([]*state.Hold{nil, {}}).Draw(rt, "hold"),
		}}
		if err := s.Write(rec); err != nil {
			rt.Fatal(err)
		}
		if got := read(t, s); got.Checksum != rec.Checksum || got.Name != rec.Name {
			rt.Fatalf("read %+v, wrote %+v", got, rec)
		}
	})
}
