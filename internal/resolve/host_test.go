package resolve_test

import (
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/resolve"
)

func TestJudgeHost(t *testing.T) {
	for _, c := range []struct {
		wanted, stackstorm, python string
		finds                      string
	}{
		{"", "3.8.1", "", ""},
		{">=3.8.0", "3.8.1", "", ""},
		{">=3.8.0, <4.0.0", "3.8.1", "3", ""},
		{">=3.8.0,<3.8.1,", "3.8.1", "", "PS-ST2-VERSION"},
		{">=3.9.0", "3.8.1", "", "PS-ST2-VERSION"},
		{"==3.8.1", "3.8.1", "", ""},
		{"!=3.8.1", "3.8.1", "", "PS-ST2-VERSION"},
		{"3.8.1", "3.8.2", "", "PS-ST2-VERSION"},
		{"all", "3.8.1", "", ""},
		{"whatever this is", "3.8.1", "", ""},
		{">=3.9.0", "", "", ""}, // nobody knows which one it is
		{"", "", "2", "PS-PYTHON-VERSION"},
		{"", "", "2.7 2", "PS-PYTHON-VERSION"},
		{"", "", "2 3", ""},
		{">=9.0.0", "3.8.1", "2", "PS-ST2-VERSION PS-PYTHON-VERSION"},
	} {
		var ids []string
		for _, f := range resolve.JudgeHost(content.Meta{StackStormVersion: c.wanted, PythonVersions: strings.Fields(c.python)}, c.stackstorm) {
			ids = append(ids, f.ID)
		}
		if got := strings.Join(ids, " "); got != c.finds {
			t.Errorf("%q and Python %q on %q: %s, want %s", c.wanted, c.python, c.stackstorm, got, c.finds)
		}
	}
}
