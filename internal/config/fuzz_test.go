package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hashicorp/hcl/v2"

	"github.com/packsync/packsync/internal/diag"
)

// list is one diagnostic about the whole of a file.
func list(name string, src []byte) diag.List {
	lines := bytes.Count(src, []byte("\n")) + 1
	return diag.List{diag.Error(diag.Range{Filename: name, Start: hcl.InitialPos, End: hcl.Pos{Line: lines, Column: 1, Byte: len(src)}}, "Everything", "Shown.")}
}

func seeds(f *testing.F) []string {
	var out []string
	for _, pattern := range []string{"testdata/*/*.hcl", "../../examples/*/packs.hcl", "../../packs.hcl.example"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			src, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			out = append(out, string(src))
		}
	}
	return out
}

// FuzzLoad: whatever is declared, nothing panics, there is a Config exactly if
// there is no error, and a secret never reaches any output.
func FuzzLoad(f *testing.F) {
	for _, src := range seeds(f) {
		f.Add(strings.ReplaceAll(src, canary, "xyzzy"))
	}
	for _, expr := range []string{
		`parseint(var.canary, 10)`, `var.canary.x`, `var.canary["x"]`, `var.canary + 1`, `[for k in var.canary : k]`,
		`{ (var.canary) = 1, (var.canary) = 2 }`, `{ for x in [1, 2] : var.canary => x }`, `var.canary ? 1 : 2`, `regex(var.canary, "[")`,
		`try(var.canary.x.y)`, `format("%d", var.canary)`, `jsondecode(var.canary)`, `file(var.canary)`, `yamldecode("{${var.canary}")`,
		`{ a = 1 }[var.canary]`, `element([1], var.canary)`, `tonumber(var.canary)`, `"%{ if var.canary }x%{ endif }"`,
	} {
		f.Add("pack \"a\" {\n  source = \"./a\"\n  config = { x = " + expr + " }\n}\nlocals {\n  y = " + expr + "\n}\npack \"b\" {\n  source = " + expr + "\n  for_each = " + expr + "\n}\n")
	}
	f.Fuzz(func(t *testing.T, src string) {
		const secret = "cAnArY-5ecret"
		if strings.Contains(src, secret) {
			t.Skip()
		}
		prefix := "variable \"canary\" {\n  sensitive = true\n}\n"
		for _, mode := range []Mode{Full, Partial} {
			req := Request{File: "/decl", Mode: mode, Version: "1.0.0", Environ: []string{"PACKSYNC_VAR_canary=" + secret}, ReadFile: os.ReadFile}
			cfg, files, diags := LoadFS(fstest.MapFS{"0.hcl": text(prefix), "1.hcl": text(src)}, "/decl", req)
			if (cfg == nil) != diags.HasErrors() {
				t.Fatalf("Config %t, diagnostics %v", cfg != nil, diags)
			}
			if output := rendered(t, files, diags) + diags.Error(); strings.Contains(output, secret) {
				t.Fatalf("a secret is shown:\n%s", output)
			}
			if cfg != nil {
				checkPrinting(t, cfg)
			}
		}
	})
}

// FuzzSnippets: around a config with a literal secret stands anything at all. The
// secret is not shown, not even in a snippet of the whole file.
func FuzzSnippets(f *testing.F) {
	f.Add("", "")
	for _, junk := range []string{
		"pack \"b\" {\n  version = \"~> 1.0\n}\n", "x = \"${", "pack \"b\" {\n  config = {\n", "}", "})]", "pack \"b\" {\n version = (\"1\"\n",
		"variable \"v\" {\n  description = <<EOT\n", "/*", "pack \"b\" {\n  source = 'x'\n", "`", "“", "a = <<-E\n${\"", "locals {", "variable \"x\" {\n default = {\n",
	} {
		f.Add(junk, "")
		f.Add("", junk)
		f.Add(junk, junk)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "cAnArY-5ecret"
		if strings.Contains(before+after, secret) {
			t.Skip()
		}
		for _, middle := range []string{
			"\npack \"a\" {\n  source = \"./a\"\n  config = {\n    password = \"" + secret + "\"\n    list = [\"" + secret + "\", \"x${1}" + secret + "\"]\n  }\n}\n",
			"\ncredentials \"git.example.com\" {\n  token = \"" + secret + "\"\n}\n",
			"\nstackstorm {\n  registration \"api\" {\n    api_key = \"" + secret + "\"\n  }\n}\n",
			"\nvariable \"v\" {\n  default   = \"" + secret + "\"\n  sensitive = true\n}\n",
			"\npack \"a\" {\n  source = \"https://user:" + secret + "@git.example.com/x.git\"\n}\n",
		} {
			src := []byte(before + middle + after)
			_, files, diags := LoadFS(fstest.MapFS{"packs.hcl": &fstest.MapFile{Data: src}}, "/decl", Request{File: "/decl"})
			if output := rendered(t, files, diags); strings.Contains(output, secret) {
				t.Fatalf("a secret is shown:\n%s\n---\n%s", output, src)
			}
			if files["packs.hcl"] == nil {
				continue
			}
			for _, line := range everyLine(src) {
				if output := rendered(t, files, diag.List{line}); strings.Contains(output, secret) {
					t.Fatalf("a snippet shows a secret:\n%s\n---\n%s", output, src)
				}
			}
		}
	})
}

// everyLine is one diagnostic a line: the first and the whole file of a snippet
// are capped.
func everyLine(src []byte) diag.List {
	var out diag.List
	start := 0
	for i, line := range bytes.SplitAfter(src, []byte("\n")) {
		out = append(out, diag.Error(diag.Range{
			Filename: "packs.hcl", Start: hcl.Pos{Line: i + 1, Column: 1, Byte: start}, End: hcl.Pos{Line: i + 1, Column: 2, Byte: start + 1},
		}, "Line", "Shown."))
		start += len(line)
	}
	return out
}

// FuzzFormat: formatting is idempotent, and what it returns parses.
func FuzzFormat(f *testing.F) {
	for _, src := range seeds(f) {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		once, diags := Format(src, "packs.hcl")
		if diags.HasErrors() {
			if once != nil {
				t.Fatal("formatted in spite of errors")
			}
			return
		}
		twice, diags := Format(once, "packs.hcl")
		if diags.HasErrors() {
			t.Fatalf("the result does not parse: %v\n%s", diags, once)
		}
		if !bytes.Equal(once, twice) {
			t.Fatalf("not idempotent:\n%q\n%q", once, twice)
		}
	})
}
