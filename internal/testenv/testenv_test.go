package testenv

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRootHoldsThisModule(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(Root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "module github.com/packsync/packsync\n") {
		t.Errorf("%s holds another module", Root(t))
	}
}

// verdict is a testing.TB that remembers how a test ended.
type verdict struct {
	testing.TB
	failed, skipped bool
}

func (v *verdict) Helper()               {}
func (v *verdict) Fatalf(string, ...any) { v.failed = true }
func (v *verdict) Skip(...any)           { v.skipped = true }
func (v *verdict) Skipf(string, ...any)  { v.skipped = true }

func TestAnAbsentToolSkipsOrFails(t *testing.T) {
	cases := []struct {
		name, all, tool string
		want            verdict
	}{
		{"a tool that is there", "1", "go", verdict{}},
		{"absent on a bare machine", "", "packsync-no-such-tool", verdict{skipped: true}},
		{"absent where all tests must run", "1", "packsync-no-such-tool", verdict{failed: true, skipped: true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PACKSYNC_TEST_ALL", c.all)
			got := verdict{}
			Need(&got, c.tool)
			if got != c.want {
				t.Errorf("failed %v, skipped %v", got.failed, got.skipped)
			}
		})
	}
}

func TestWithoutSharedIsASkipEverywhere(t *testing.T) {
	t.Setenv("PACKSYNC_TEST_ALL", "1")
	t.Setenv("PACKSYNC_SHARED", t.TempDir())
	got := verdict{}
	Shared(&got)
	if got != (verdict{skipped: true}) {
		t.Errorf("failed %v, skipped %v", got.failed, got.skipped)
	}
}
