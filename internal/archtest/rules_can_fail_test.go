package archtest

import (
	"strings"
	"testing"
)

// TestRulesCanFail shows each rule a file that breaks it, and its neighbour
// that does not.
func TestRulesCanFail(t *testing.T) {
	long := strings.Repeat("\n", maxFunctionLines)
	cases := []struct {
		name  string
		check func([]sourceFile) []string
		path  string
		src   string
		want  string // part of the one problem; "" for none
	}{
		{"an import from below", checkLayers, "internal/plan/x.go", `package plan; import _ "github.com/packsync/packsync/internal/apply"`, "does not stand above"},
		{"an import of itself", checkLayers, "internal/plan/x.go", `package plan; import _ "github.com/packsync/packsync/internal/plan"`, "does not stand above"},
		{"an import from above", checkLayers, "internal/plan/x.go", `package plan; import _ "github.com/packsync/packsync/internal/pack"`, ""},
		{"a test may look down", checkLayers, "internal/plan/x_test.go", `package plan; import _ "github.com/packsync/packsync/internal/apply"`, ""},
		{"an unknown package", checkLayers, "internal/magic/x.go", `package magic`, "not in the table"},
		{"an import of an unknown package", checkLayers, "internal/cli/x.go", `package cli; import _ "github.com/packsync/packsync/internal/magic"`, "does not stand above"},

		{"test support in the product", checkTestSupport, "internal/cli/x.go", `package cli; import _ "github.com/packsync/packsync/internal/gittest"`, "for tests"},
		{"package testing in the product", checkTestSupport, "internal/cli/x.go", `package cli; import _ "testing"`, "for tests"},
		{"test support in a test", checkTestSupport, "internal/cli/x_test.go", `package cli; import _ "github.com/packsync/packsync/internal/gittest"`, ""},
		{"test support in the demo", checkTestSupport, "internal/demo/x.go", `package main; import _ "github.com/packsync/packsync/internal/gittest"`, ""},

		{"a pure package that reads files", checkPure, "internal/plan/x.go", `package plan; import _ "os"`, "pure"},
		{"a pure package with a clock", checkPure, "internal/plan/x.go", `package plan; import t "time"; var _ = t.Now`, "time.Now"},
		{"a pure package with durations", checkPure, "internal/plan/x.go", `package plan; import "time"; var _ = time.Second`, ""},

		{"a library in the wrong place", checkReservedImports, "internal/plan/x.go", `package plan; import _ "github.com/hashicorp/hcl/v2/hclsyntax"`, "reserved for"},
		{"a library at home", checkReservedImports, "internal/config/x.go", `package config; import _ "github.com/hashicorp/hcl/v2/hclsyntax"`, ""},
		{"a path that only begins alike", checkReservedImports, "internal/plan/x.go", `package plan; import (_ "log/slog"; _ "github.com/hashicorp/hcl/v22")`, ""},
		{"the logger without levels", checkReservedImports, "internal/plan/x.go", `package plan; import _ "log"`, "imports log,"},
		{"a command runner", checkReservedImports, "internal/view/x.go", `package view; import _ "os/exec"`, "os/exec"},

		{"a rename outside safefs", checkReservedNames, "internal/apply/x.go", `package apply; import "os"; var _ = os.Rename`, "os.Rename"},
		{"a rename under another name", checkReservedNames, "internal/apply/x.go", `package apply; import disk "os"; var _ = disk.Rename`, "os.Rename"},
		{"a rename in safefs", checkReservedNames, "internal/safefs/x.go", `package safefs; import "os"; var _ = os.Rename`, ""},
		{"printing past the view", checkReservedNames, "internal/apply/x.go", `package apply; import "fmt"; func f() { fmt.Println() }`, "fmt.Println"},
		{"a field that looks alike", checkReservedNames, "internal/apply/x.go", `package apply; var fmt struct{ Println int }; var _ = fmt.Println`, ""},

		{"a drawer of odds and ends", checkPackageNames, "internal/utils/x.go", `package utils`, "utils"},
		{"a long function", checkCeilings, "internal/plan/x.go", "package plan\nfunc f() {" + long + "}", "ceiling"},
		{"a function just short enough", checkCeilings, "internal/plan/x.go", "package plan\nfunc f() {" + long[1:] + "}", ""},
		{"a long file", checkCeilings, "internal/plan/x.go", "package plan" + strings.Repeat("\n", maxFileLines+1), "ceiling"},
		{"an init function", checkNoInit, "internal/plan/x.go", `package plan; func init() {}`, "init"},
		{"a method called init", checkNoInit, "internal/plan/x.go", `package plan; type t int; func (t) init() {}`, ""},

		{"an expression that every start compiles", checkPatterns, "internal/plan/x.go", `package plan; import "regexp"; var x = regexp.MustCompile("a")`, "every start"},
		{"an expression in a function", checkPatterns, "internal/plan/x.go", `package plan; import "regexp"; func f() { regexp.MustCompile("a") }`, ""},
		{"a lazy expression that is none", checkPatterns, "internal/plan/x.go", `package plan; import "github.com/packsync/packsync/internal/lazyregexp"; var x = lazyregexp.New("a" + "(")`, "missing closing"},
		{"a lazy expression", checkPatterns, "internal/plan/x.go", `package plan; import "github.com/packsync/packsync/internal/lazyregexp"; var x = lazyregexp.New("a" + "(b)")`, ""},
		{"a lazy expression that nobody knows yet", checkPatterns, "internal/plan/x.go", `package plan; import "github.com/packsync/packsync/internal/lazyregexp"; func f(s string) { lazyregexp.New(s) }`, "constant text"},

		{"a bare type", checkDocs, "internal/plan/x.go", `package plan; type T int`, "exported T"},
		{"a bare function", checkDocs, "internal/plan/x.go", `package plan; func F() {}`, "exported F"},
		{"a bare method", checkDocs, "internal/plan/x.go", `package plan; type t int; func (*T[A]) F() {}`, "exported F"},
		{"a bare constant", checkDocs, "internal/plan/x.go", `package plan; const C = 1`, "exported C"},
		{"a method of a hidden type", checkDocs, "internal/plan/x.go", `package plan; func (t) F() {}`, ""},
		{"a well-known method", checkDocs, "internal/plan/x.go", `package plan; func (T) MarshalJSON() {}`, ""},
		{"a function called String", checkDocs, "internal/plan/x.go", `package plan; func String() {}`, "exported String"},
		{"a documented group", checkDocs, "internal/plan/x.go", "package plan\n// The kinds.\nconst (\nA = 1\nB = 2\n)", ""},

		{"no package comment", checkPackageDocs, "internal/plan/x.go", `package plan`, "has no comment"},
		{"a package for everything", checkPackageDocs, "internal/plan/x.go", "// Package plan plans.\npackage plan", "not for"},
		{"a package with a limit", checkPackageDocs, "internal/plan/x.go", "// Package plan plans. It is not\n// for doing.\npackage plan", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			file, err := parseFile("", c.path, []byte(c.src))
			if err != nil {
				t.Fatal(err)
			}
			problems := c.check([]sourceFile{file})
			switch {
			case c.want == "" && len(problems) > 0:
				t.Errorf("want no problem, got %q", problems)
			case c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0], c.want)):
				t.Errorf("want one problem that says %q, got %q", c.want, problems)
			}
		})
	}
}
