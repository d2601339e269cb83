package tree_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/testenv"
	"github.com/packsync/packsync/internal/tree"
)

// corpusPacks reads the real packs of the shared folder: packs/NAME/VERSION/… in
// one archive.
func corpusPacks(t *testing.T) map[string][]tree.Entry {
	t.Helper()
	f, err := os.Open(filepath.Join(testenv.Shared(t), "corpus", "exchange-packs.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	packs := map[string][]tree.Entry{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return packs
		}
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.SplitN(strings.TrimPrefix(h.Name, "./"), "/", 4)
		if len(parts) < 4 || h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeSymlink {
			continue
		}
		e := tree.Entry{Path: parts[3], Kind: tree.Regular, Content: h.Linkname}
		switch {
		case h.Typeflag == tar.TypeSymlink:
			e.Kind = tree.Link
		case h.Mode&0o100 != 0:
			e.Kind = tree.Executable
		}
		if h.Typeflag == tar.TypeReg {
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			e.Content = string(content)
		}
		name := parts[1] + " " + parts[2]
		packs[name] = append(packs[name], e)
	}
}

// Rules that refuse what people really publish would be of no use.
func TestRealPacksPassAndComeBackAsTheyWere(t *testing.T) {
	packs, newDir := corpusPacks(t), quickDirs(t)
	if len(packs) < 30 {
		t.Fatalf("the corpus has %d packs", len(packs))
	}
	for name, entries := range packs {
		tr := tree.Filter(tree.Build(entries...))
		if err := tree.Check(tr, tree.DefaultLimits()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(tr.Files()) > 300 {
			continue // writing thousands of files tells nothing more
		}
		dir := newDir()
		m := write(t, dir, tr)
		if err := tree.Verify(t.Context(), dir, m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want := manifest(t, tr).Tree(); m.Tree() != want {
			t.Errorf("%s: written as %s, is %s", name, m.Tree(), want)
		}
	}
}
