package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// rule is one rule about the source: it returns what breaks it, one sentence each.
type rule struct {
	name  string
	check func(files []sourceFile) []string
}

var rules = []rule{
	{"packages import only what stands above them", checkLayers},
	{"only tests import test support", checkTestSupport},
	{"pure packages do not look at the world", checkPure},
	{"libraries stay behind the packages that own them", checkReservedImports},
	{"the process and the disk stay behind the packages that own them", checkReservedNames},
	{"package names say what is inside", checkPackageNames},
	{"files and functions stay short", checkCeilings},
	{"nothing happens at start-up", checkNoInit},
	{"regular expressions are sound, and compiled when they are needed", checkPatterns},
	{"exported names are documented", checkDocs},
	{"packages say what they are for and what not", checkPackageDocs},
}

func TestRules(t *testing.T) {
	files := moduleFiles(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, problem := range r.check(files) {
				t.Error(problem)
			}
		})
	}
}

// TestTablesAreCurrent keeps the tables from naming packages that are gone.
func TestTablesAreCurrent(t *testing.T) {
	exists := map[string]bool{}
	for _, f := range moduleFiles(t) {
		exists[f.pkg] = true
	}
	for _, pkg := range slices.Concat(layers, testSupport, pure, aroundTheProduct) {
		if !exists[pkg] {
			t.Errorf("%s is listed in rules_test.go but does not exist", pkg)
		}
	}
}

func checkLayers(files []sourceFile) (problems []string) {
	for _, f := range files {
		if isTestSupport(f.pkg) {
			continue
		}
		own := slices.Index(layers, f.pkg)
		if own < 0 {
			problems = append(problems, fmt.Sprintf("%s: package %s is not in the table of layers (internal/archtest/rules_test.go): give it its place", f.path, f.pkg))
			continue
		}
		if f.test {
			continue
		}
		for _, p := range f.imports() {
			target, is := ours(p)
			if !is || isTestSupport(target) {
				continue
			}
			if above := slices.Index(layers, target); above < 0 || above >= own {
				problems = append(problems, fmt.Sprintf("%s imports %s, which does not stand above %s", f.path, target, f.pkg))
			}
		}
	}
	return problems
}

func checkTestSupport(files []sourceFile) (problems []string) {
	for _, f := range files {
		if f.test || isTestSupport(f.pkg) || slices.Contains(aroundTheProduct, f.pkg) {
			continue
		}
		for _, p := range f.imports() {
			if target, is := ours(p); is && isTestSupport(target) || p == "testing" {
				problems = append(problems, fmt.Sprintf("%s imports %s, which is for tests", f.path, p))
			}
		}
	}
	return problems
}

func checkPure(files []sourceFile) (problems []string) {
	for _, f := range files {
		if f.test || !slices.Contains(pure, f.pkg) {
			continue
		}
		for _, p := range f.imports() {
			if slices.Contains(impure, p) {
				problems = append(problems, fmt.Sprintf("%s imports %s, but %s is pure", f.path, p, f.pkg))
			}
		}
		for _, use := range f.uses() {
			if use.name == "time.Now" || use.name == "time.Since" {
				problems = append(problems, fmt.Sprintf("%s: %s in %s, which is pure: take the time as an argument", f.at(use.node), use.name, f.pkg))
			}
		}
	}
	return problems
}

func checkReservedImports(files []sourceFile) (problems []string) {
	for _, f := range files {
		if !f.shipped() {
			continue
		}
		for _, p := range f.imports() {
			for library, owners := range reservedImports {
				if within(p, library) && !slices.Contains(owners, f.pkg) {
					problems = append(problems, fmt.Sprintf("%s imports %s, which is reserved for %s", f.path, p, list(owners)))
				}
			}
		}
	}
	return problems
}

// within tells whether an import belongs to a library. Packages of the standard
// library count one by one: log is not log/slog.
func within(importPath, library string) bool {
	host, _, _ := strings.Cut(library, "/")
	return importPath == library || strings.Contains(host, ".") && strings.HasPrefix(importPath, library+"/")
}

func checkReservedNames(files []sourceFile) (problems []string) {
	for _, f := range files {
		if !f.shipped() {
			continue
		}
		for _, use := range f.uses() {
			owners, reserved := reservedNames[use.name]
			if reserved && !slices.Contains(owners, f.pkg) {
				problems = append(problems, fmt.Sprintf("%s: %s is reserved for %s", f.at(use.node), use.name, list(owners)))
			}
		}
	}
	return problems
}

// use is one mention of a name of another package, "os.Rename".
type use struct {
	name string // import path, dot, name
	node ast.Node
}

func (f sourceFile) uses() (all []use) {
	names := f.names()
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok {
			if p, imported := names[id.Name]; imported {
				all = append(all, use{p + "." + sel.Sel.Name, sel})
			}
		}
		return true
	})
	return all
}

func checkPackageNames(files []sourceFile) (problems []string) {
	for _, f := range files {
		if name := path.Base(f.pkg); slices.Contains(bannedNames, name) || slices.Contains(bannedNames, f.ast.Name.Name) {
			problems = append(problems, fmt.Sprintf("%s: a package called %s does not say what is inside", f.path, name))
		}
	}
	return problems
}

func checkCeilings(files []sourceFile) (problems []string) {
	for _, f := range files {
		if f.test {
			continue
		}
		if f.lines > maxFileLines {
			problems = append(problems, fmt.Sprintf("%s has %d lines, the ceiling is %d", f.path, f.lines, maxFileLines))
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			length := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
			if length > maxFunctionLines {
				problems = append(problems, fmt.Sprintf("%s: %s has %d lines, the ceiling is %d", f.at(fn), fn.Name.Name, length, maxFunctionLines))
			}
		}
	}
	return problems
}

func checkNoInit(files []sourceFile) (problems []string) {
	for _, f := range files {
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				problems = append(problems, fmt.Sprintf("%s: init runs before anyone asked for it", f.at(fn)))
			}
		}
	}
	return problems
}

func list(owners []string) string {
	if len(owners) == 0 {
		return "nobody"
	}
	return strings.Join(owners, ", ")
}
