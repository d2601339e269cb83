package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

// generation is a pack at a version; everything else follows from that.
func generation(version string) *Generation {
	if version == "" {
		return nil
	}
	return &Generation{BasePath: "default", Path: "/p/aws", Source: "https://git.example/aws", Tree: pack.TreeHash("t1:" + version), Version: version}
}

// step commits an entry that brings pack aws to a version.
func step(t *testing.T, s *Store, rec *Record, kind, to string) {
	t.Helper()
	entry := HistoryEntry{Time: time.Unix(1_700_000_000, 5), User: "root", Command: "packsync " + kind, Kind: kind}
	p := HistoryPack{Ref: "aws", Action: "update", After: generation(to)}
	if before, there := rec.Packs["aws"]; there {
		g := before.Generation()
		p.Before = &g
	}
	rec.Packs = map[pack.Ref]Pack{}
	if to != "" {
		g := generation(to)
		rec.Packs["aws"] = Pack{BasePath: g.BasePath, Path: g.Path, Source: g.Source, Tree: g.Tree, Version: g.Version}
	}
	entry.Packs = []HistoryPack{p}
	if err := s.Commit(rec, entry); err != nil {
		t.Fatal(err)
	}
}

func historyOf(t *testing.T, s *Store) (*Record, *History) {
	t.Helper()
	rec, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.History(rec)
	if err != nil {
		t.Fatal(err)
	}
	return rec, h
}

func TestHistoryIsReadNewestFirst(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "w"), safefs.OS())
	rec := &Record{}
	step(t, s, rec, KindApply, "1")
	if err := s.Write(rec); err != nil { // a registration: no entry
		t.Fatal(err)
	}
	step(t, s, rec, KindApply, "2")
	_, h := historyOf(t, s)
	var got []string
	for _, e := range h.Entries {
		got = append(got, fmt.Sprint(e.Serial, " ", e.Packs[0].After.Version))
	}
	if diff := cmp.Diff([]string{"3 2", "1 1"}, got); diff != "" || h.End != "" {
		t.Error(diff, h.End)
	}
}

// TestHistoryLosesAndInventsNothing stops a commit before each of its steps: the
// history then has the entry if and only if the record has the change.
func TestHistoryLosesAndInventsNothing(t *testing.T) {
	stopped := errors.New("stopped")
	for n := 1; ; n++ {
		dir := filepath.Join(t.TempDir(), "w")
		s := Open(dir, safefs.OS())
		rec := &Record{}
		step(t, s, rec, KindApply, "1")
		count := 0
		crashing := Open(dir, safefs.WithHook(safefs.OS(), func(safefs.Step) error {
			if count++; count >= n {
				return stopped
			}
			return nil
		}))
		next := *rec
		next.Packs = map[pack.Ref]Pack{"aws": {Tree: "t1:2", Version: "2"}}
		err := crashing.Commit(&next, HistoryEntry{Kind: KindApply, Packs: []HistoryPack{{Ref: "aws", Before: generation("1"), After: generation("2")}}})
		now, h := historyOf(t, s)
		if changed, told := now.Packs["aws"].Version == "2", len(h.Entries) == 2; changed != told || h.End != "" {
			t.Fatalf("stop %d: the record changed: %v, the history tells it: %v (%s)", n, changed, told, h.End)
		}
		// Whatever comes next must not bring an entry back that never counted.
		if err := s.Write(now); err != nil {
			t.Fatal(err)
		}
		if after, again := historyOf(t, s); len(again.Entries) != len(h.Entries) || after.Packs["aws"].Version != now.Packs["aws"].Version {
			t.Fatalf("stop %d: after the next write the history has %d entries, it had %d", n, len(again.Entries), len(h.Entries))
		}
		if err == nil {
			if n < 8 {
				t.Fatalf("a commit took only %d steps", n)
			}
			return
		}
	}
}

func TestPreviousGeneration(t *testing.T) {
	for _, test := range []struct{ story, want string }{
		{"1", ""},
		{"1 2", "1"},
		{"1 2 3", "2"},
		{"1 2 3 back:2", "1"},
		{"1 2 3 back:2 back:1", ""},
		{"1 2 back:1 3", "1"},
		{"1 2 1", "2"},
		{"1 gone 2", ""},
	} {
		s := Open(filepath.Join(t.TempDir(), "w"), safefs.OS())
		rec := &Record{}
		for word := range strings.FieldsSeq(test.story) {
			version, back := strings.CutPrefix(word, "back:")
			switch {
			case back:
				step(t, s, rec, KindRollback, version)
			case word == "gone":
				step(t, s, rec, KindApply, "")
			default:
				step(t, s, rec, KindApply, version)
			}
		}
		rec, h := historyOf(t, s)
		g, _, _ := h.Previous("aws", rec.Packs["aws"].Generation())
		if g.Version != test.want {
			t.Errorf("%s: the generation before is %q, want %q", test.story, g.Version, test.want)
		}
	}
}

func TestHistoryAt(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "w"), safefs.OS())
	rec := &Record{}
	for _, version := range []string{"1", "2", "", "3"} {
		step(t, s, rec, KindApply, version)
	}
	rec, h := historyOf(t, s)
	for serial, want := range []string{"", "1", "2", "", "3"} {
		packs, err := h.At(rec, uint64(serial))
		if err != nil {
			t.Fatal(err)
		}
		if got := packs["aws"].Version; got != want {
			t.Errorf("at serial %d: %q, want %q", serial, got, want)
		}
	}
	if _, err := h.At(rec, 5); err == nil {
		t.Error("a serial that never was is accepted")
	}
}

// TestDamagedHistoryIsNotTrusted flips one byte of an entry: what lies before it
// is not told, and is no target.
func TestDamagedHistoryIsNotTrusted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "w")
	s := Open(dir, safefs.OS())
	rec := &Record{}
	for _, version := range []string{"1", "2", "3"} {
		step(t, s, rec, KindApply, version)
	}
	file := filepath.Join(dir, "history", "00000002.json")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		flipped := append([]byte{}, data...)
		flipped[i] ^= 1
		if err := os.WriteFile(file, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		rec, h := historyOf(t, s)
		if len(h.Entries) != 1 || !strings.Contains(h.End, "00000002.json") {
			t.Fatalf("byte %d flipped: %d entries, %q", i, len(h.Entries), h.End)
		}
		if _, err := h.At(rec, 1); err == nil {
			t.Fatalf("byte %d flipped: serial 1 is still a target", i)
		}
		if _, err := h.At(rec, 2); err != nil {
			t.Fatalf("byte %d flipped: serial 2 is no target: %v", i, err)
		}
	}
}

func TestHistoryIsBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "w")
	s := Open(dir, safefs.OS())
	rec := &Record{}
	for i := range historyKept + 3 {
		step(t, s, rec, KindApply, fmt.Sprint(i))
	}
	_, h := historyOf(t, s)
	if len(h.Entries) != historyKept || !strings.Contains(h.End, "not kept any more") {
		t.Errorf("%d entries, %q", len(h.Entries), h.End)
	}
	if _, err := h.At(rec, 1); err == nil {
		t.Error("a serial that is not kept is a target")
	}
}
