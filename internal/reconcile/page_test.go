package reconcile

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/testenv"
)

// TestReliabilityPageNamesRealTests keeps docs/reliability.md from promising what
// no test holds any more.
func TestReliabilityPageNamesRealTests(t *testing.T) {
	root := testenv.Root(t)
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(data), -1) {
			tests[m[1]] = true
		}
		return err
	}))
	page, err := os.ReadFile(filepath.Join(root, "docs", "reliability.md"))
	must(t, err)
	for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(page), -1) {
		if !tests[m[1]] {
			t.Errorf("docs/reliability.md names %s, which does not exist", m[1])
		}
	}
	rows := regexp.MustCompile(`(?m)^\| \*\*I(\d+)\*\* \|.*(Test\w+|each of the above).*$`).FindAll(page, -1)
	if len(rows) != 12 {
		t.Errorf("docs/reliability.md links tests to %d of the 12 invariants", len(rows))
	}
}
