package state

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

func object(kind, ref string) pack.Object { return pack.Object{Kind: kind, Ref: ref} }

func someTold() *Told {
	return &Told{
		Ref: "jira", Serial: 3, Tree: "t1:aa", Config: "h", Types: []string{"all"},
		Objects: []pack.Object{object(pack.KindTrigger, "jira.seen"), object(pack.KindAction, "jira.new"), object(pack.KindAction, "jira.new")},
		Stale:   []StaleObject{{Object: object(pack.KindSensor, "jira.Poll"), Left: LeftDisabled}, {Object: object(pack.KindRule, "jira.old")}},
	}
}

func TestToldIsReadAsItWasWritten(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "w"), safefs.OS())
	if told, err := s.ReadTold("jira"); told != nil || err != nil {
		t.Fatalf("of a pack that nobody was told of: %v, %v", told, err)
	}
	if err := s.RemoveTold("jira"); err != nil {
		t.Fatalf("forget what is not there: %v", err)
	}
	wrote := someTold()
	if err := s.WriteTold(wrote); err != nil {
		t.Fatal(err)
	}
	got, err := s.ReadTold("jira")
	if err != nil || !reflect.DeepEqual(got, wrote) {
		t.Fatalf("read %+v, %v\nwrote %+v", got, err, wrote)
	}
	want := []pack.Object{object(pack.KindRule, "jira.old"), object(pack.KindAction, "jira.new"), object(pack.KindSensor, "jira.Poll"), object(pack.KindTrigger, "jira.seen")}
	if !reflect.DeepEqual(got.All(), want) {
		t.Errorf("all: %v", got.All())
	}
	if err := s.RemoveTold("jira"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.ReadTold("jira"); got != nil || err != nil {
		t.Fatalf("it is still there: %v, %v", got, err)
	}
}

// TestDamagedToldIsNeverEmpty alters each byte of the file, and cuts it at each:
// every time that is an error, and never a pack of which nothing was told.
func TestDamagedToldIsNeverEmpty(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "w"), safefs.OS())
	if err := s.WriteTold(someTold()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(s.toldFile("jira"))
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, i int, data []byte) {
		if err := os.WriteFile(s.toldFile("jira"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		told, err := s.ReadTold("jira")
		var damaged *DamagedToldError
		var newer *NewerError
		if told != nil || !errors.As(err, &damaged) && !errors.As(err, &newer) {
			t.Fatalf("byte %d %s: %v, %v", i, what, told, err)
		}
	}
	for i := range whole {
		altered := append([]byte{}, whole...)
		altered[i] ^= 1
		try("altered", i, altered)
		try("and all after it cut off", i, whole[:i])
	}
}

func TestToldOfAnotherPackIsRefused(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "w"), safefs.OS())
	if err := s.WriteTold(someTold()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.toldFile("jira"), s.toldFile("aws")); err != nil {
		t.Fatal(err)
	}
	if told, err := s.ReadTold("aws"); err == nil || !strings.Contains(err.Error(), "about pack jira") {
		t.Errorf("%v, %v", told, err)
	}
}
