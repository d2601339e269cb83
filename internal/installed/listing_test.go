package installed_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/packsync/packsync/internal/installed"
)

func TestListing(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir+"/there", "x")
	lay(t, dir+"/link", "→nowhere")
	lay(t, dir+"/file", "not a directory")
	for _, test := range []struct {
		what, dir, name string
		may             bool
	}{
		{"a file that is there", dir, "there", true},
		{"a link that leads nowhere", dir, "link", true},
		{"a file that is not there", dir, "gone", false},
		{"a directory that is not there", filepath.Join(dir, "gone"), "there", false},
		{"what cannot be listed must be asked for", filepath.Join(dir, "file"), "there", true},
	} {
		if got := installed.List(test.dir).May(test.name); got != test.may {
			t.Errorf("%s: %t", test.what, got)
		}
	}
	if os.Geteuid() != 0 { // root may list anything
		must(t, os.Chmod(dir, 0o300))
		if !installed.List(dir).May("gone") {
			t.Error("a directory that cannot be read passes for empty")
		}
		must(t, os.Chmod(dir, 0o700))
	}
}
