package config

import (
	"fmt"
	"testing"
	"testing/fstest"
)

func TestModes(t *testing.T) {
	src := `
stackstorm {
  mode = "group-writable"
}
pack "lab" {
  source = "./lab"
}
pack "own" {
  source = "./own"
  mode   = "packsync"
}
`
	cfg, _, diags := LoadFS(fstest.MapFS{"packs.hcl": {Data: []byte(src)}}, "/d", Request{File: "/d/packs.hcl", Version: "0.1.0"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if cfg.Host.Mode != ModeGroupWritable || cfg.Packs[0].Mode != "" || cfg.Packs[1].Mode != ModePacksync || cfg.Host.Keep != defaultKeep {
		t.Errorf("host %q, packs %q and %q, keep %d", cfg.Host.Mode, cfg.Packs[0].Mode, cfg.Packs[1].Mode, cfg.Host.Keep)
	}
}

func TestKeep(t *testing.T) {
	for _, test := range []struct {
		text string
		want int // 0: refused
	}{
		{"1", 1}, {"100", 100}, {`"7"`, 7}, {"null", 2},
		{"101", 0}, {"-1", 0}, {"1.5", 0}, {`"many"`, 0}, {"true", 0}, {"[2]", 0}, {"1e30", 0},
	} {
		src := fmt.Sprintf("stackstorm {\n  keep = %s\n}\n", test.text)
		cfg, _, diags := LoadFS(fstest.MapFS{"packs.hcl": {Data: []byte(src)}}, "/d", Request{File: "/d/packs.hcl", Version: "0.1.0"})
		switch {
		case test.want == 0 && !diags.HasErrors():
			t.Errorf("keep = %s is accepted", test.text)
		case test.want != 0 && (diags.HasErrors() || cfg.Host.Keep != test.want):
			t.Errorf("keep = %s: %v", test.text, diags)
		}
	}
}
