package review_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/review"
)

// TestUpgradesAsAPersonReadsThem holds reviews against what a person wrote down
// who read git diff. Each of testdata/upgrades/*.txtar is an upgrade that happened
// to a real pack, in other words: what has to be told, the files before and after,
// and what is told. The pack is called pager; "meta" is added to its pack.yaml,
// which is the same otherwise.
func TestUpgradesAsAPersonReadsThem(t *testing.T) {
	files, err := filepath.Glob("testdata/upgrades/*.txtar")
	if err != nil || len(files) < 30 {
		t.Fatalf("only %d upgrades: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sides := map[string]fstest.MapFS{"before": pager(), "after": pager()}
			want := &archive.Files[len(archive.Files)-1]
			if want.Name != "want" {
				t.Fatalf("the last file is %s, not want", want.Name)
			}
			for _, f := range archive.Files[:len(archive.Files)-1] {
				side, name, _ := strings.Cut(f.Name, "/")
				if name == "meta" {
					sides[side]["pack.yaml"].Data = append(sides[side]["pack.yaml"].Data, f.Data...)
					continue
				}
				sides[side][name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
			}
			got := told(t, sides["before"], sides["after"])
			if diff := cmp.Diff(strings.Split(string(want.Data), "\n"), strings.Split(got, "\n")); diff != "" && !*update {
				t.Errorf("%s%s", archive.Comment, diff)
			}
			if *update {
				want.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func pager() fstest.MapFS {
	return fstest.MapFS{"pack.yaml": {Data: []byte("ref: pager\nname: pager\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@example.com\n")}}
}

// told is what a review says, a line each.
func told(t *testing.T, before, after fstest.MapFS) string {
	was, err := content.Read(before)
	if err != nil {
		t.Fatal(err)
	}
	is, err := content.Read(after)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range review.Compare(was, is) {
		f := c.Finding()
		for _, part := range []string{string(f.Grade), f.ID, f.Resource} {
			if part != "" {
				b.WriteString(part + " ")
			}
		}
		b.WriteString("- " + f.Message)
		if len(f.At) > 0 {
			b.WriteString(" (" + strings.Join(f.At, ", ") + ")")
		}
		b.WriteString("\n")
	}
	return b.String()
}
