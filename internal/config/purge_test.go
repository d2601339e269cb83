package config

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"
)

func TestPurge(t *testing.T) {
	for _, test := range []struct {
		text string
		want Purge
		bad  bool
	}{
		{"true", PurgeOn, false}, {"false", PurgeOff, false}, {`"full"`, PurgeFull, false}, {`"true"`, PurgeOn, false}, {"null", "", false},
		{`"some"`, "", true}, {"1", "", true}, {`["full"]`, "", true}, {`""`, "", true},
	} {
		src := fmt.Sprintf("stackstorm {\n  purge = %s\n}\npack \"lab\" {\n  source = \"./lab\"\n  purge = %s\n}\n", test.text, test.text)
		cfg, _, diags := LoadFS(fstest.MapFS{"packs.hcl": {Data: []byte(src)}}, "/d", Request{File: "/d/packs.hcl", Version: "0.1.0"})
		switch {
		case test.bad != diags.HasErrors():
			t.Errorf("purge = %s: %v", test.text, diags)
		case !test.bad && (cfg.Host.Purge != test.want || cfg.Packs[0].Purge != test.want):
			t.Errorf("purge = %s is %q and %q", test.text, cfg.Host.Purge, cfg.Packs[0].Purge)
		}
	}
}

func TestProtect(t *testing.T) {
	src := `
pack "group" {
  for_each     = toset(["lab", "own"])
  source       = "./${each.key}"
  protect      = ["${each.key}.keep*", "${each.key}.old", "${each.key}.old"]
  purge_config = each.key == "own"
}
`
	cfg, _, diags := LoadFS(fstest.MapFS{"packs.hcl": {Data: []byte(src)}}, "/d", Request{File: "/d/packs.hcl", Version: "0.1.0"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if got := cfg.Packs[1].Protect; !slices.Equal(got, []string{"own.keep*", "own.old"}) {
		t.Errorf("protect is %q", got)
	}
	if cfg.Packs[0].PurgeConfig || !cfg.Packs[1].PurgeConfig {
		t.Error("purge_config is read wrongly")
	}
}
