package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/pack"
)

func load(t interface {
	Helper()
	Fatal(...any)
	Name() string
}, path, src string) *Config {
	t.Helper()
	cfg, _, diags := LoadEdited(Request{File: path, Version: "0.1.0"}, map[string][]byte{path: []byte(src)})
	if diags.HasErrors() {
		t.Fatal(src, diags)
	}
	return cfg
}

const edited = `# acme
packsync { name = "acme" } # ours

# The cloud.
# It is big.
pack "aws" {
  source = "./aws"


  config = { text = <<EOT


two blank lines above
EOT
  }
}

pack "azure" { source = "./azure" } // one line
# about the last
pack "last" {
  source = "./last"
}
`

func TestRemovePack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "packs.hcl")
	for _, test := range []struct {
		ref  pack.Ref
		gone string
	}{
		{"aws", edited[strings.Index(edited, "# The cloud."):strings.Index(edited, `pack "azure"`)]},
		{"azure", "pack \"azure\" { source = \"./azure\" } // one line\n"},
		{"last", "# about the last\npack \"last\" {\n  source = \"./last\"\n}\n"},
	} {
		cfg := load(t, path, edited)
		for _, p := range cfg.Packs {
			if p.Ref != test.ref {
				continue
			}
			got, err := RemovePack([]byte(edited), "packs.hcl", p)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Replace(edited, test.gone, "", 1), string(got)); diff != "" {
				t.Errorf("%s: %s", test.ref, diff)
			}
		}
	}
}

func TestRemovePackOfAGroup(t *testing.T) {
	src := "pack \"group\" {\n  for_each = toset([\"a\", \"b\"])\n  source   = \"./x\"\n}\n"
	cfg := load(t, filepath.Join(t.TempDir(), "packs.hcl"), src)
	_, err := RemovePack([]byte(src), "packs.hcl", cfg.Packs[0])
	var group *GroupError
	if !errors.As(err, &group) || group.Label != "group" {
		t.Errorf("%v", err)
	}
}

// TestAppendedPacksAreRead writes any blocks and reads them back; taking them out
// again leaves what was there.
func TestAppendedPacksAreRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "packs.hcl")
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SampledFrom([]string{"", "# only a comment\n", edited, strings.TrimRight(edited, "\n")}).Draw(t, "before")
		refs := rapid.SliceOfNDistinct(rapid.StringMatching(`new_[a-z0-9]{1,5}`), 1, 4, rapid.ID).Draw(t, "refs")
		var blocks []Block
		for _, ref := range refs {
			blocks = append(blocks, Block{
				Ref: pack.Ref(ref), Source: "https://git.example/" + ref,
				Comment:  rapid.SampledFrom([]string{"", "found by packsync import"}).Draw(t, "comment"),
				Selector: pack.Selector{Kind: pack.SelectTag, Text: rapid.StringMatching(`v[0-9"$%{}]{1,6}`).Draw(t, "tag")},
			})
		}
		src := AppendPacks([]byte(before), blocks)
		cfg := load(t, path, string(src))
		found := 0
		for _, p := range cfg.Packs {
			for _, b := range blocks {
				if p.Ref == b.Ref {
					found++
					if p.Source.URL != b.Source || p.Selector != b.Selector {
						t.Fatalf("written %+v, read %+v", b, p)
					}
				}
			}
		}
		if found != len(blocks) {
			t.Fatalf("%d of %d blocks found in\n%s", found, len(blocks), src)
		}
		for _, b := range blocks {
			for _, p := range load(t, path, string(src)).Packs {
				if p.Ref == b.Ref {
					var err error
					if src, err = RemovePack(src, "packs.hcl", p); err != nil {
						t.Fatal(err)
					}
					break
				}
			}
		}
		if strings.TrimRight(string(src), "\n") != strings.TrimRight(before, "\n") {
			t.Fatalf("appended and taken out again:\n%s\nbefore:\n%s", src, before)
		}
	})
}

func TestLoadEditedSeesAddedFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte("pack \"a\" { source = \"./a\" }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, diags := LoadEdited(Request{File: dir, Version: "0.1.0"}, map[string][]byte{filepath.Join(dir, "b.hcl"): []byte("pack \"b\" { source = \"./b\" }\n")})
	if diags.HasErrors() || len(cfg.Packs) != 2 {
		t.Fatal(diags)
	}
}
