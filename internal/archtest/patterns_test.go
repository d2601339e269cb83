package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
)

// checkPatterns keeps regular expressions from being compiled at each start, and
// compiles here those that wait for their first use.
func checkPatterns(files []sourceFile) (problems []string) {
	for _, f := range files {
		if !f.shipped() {
			continue
		}
		names := f.names()
		calls := func(n ast.Node, name string) *ast.CallExpr {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return nil
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
				if id, ok := sel.X.(*ast.Ident); ok && names[id.Name]+"."+sel.Sel.Name == name {
					return call
				}
			}
			return nil
		}
		for _, decl := range f.ast.Decls {
			vars, ok := decl.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			ast.Inspect(vars, func(n ast.Node) bool {
				if _, later := n.(*ast.FuncLit); later {
					return false
				}
				if calls(n, "regexp.MustCompile") != nil {
					problems = append(problems, fmt.Sprintf("%s: every start would compile it: use lazyregexp.New", f.at(n)))
				}
				return true
			})
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call := calls(n, modulePath+"/internal/lazyregexp.New")
			if call == nil {
				return true
			}
			expr, constant := text(call.Args[0])
			if !constant {
				problems = append(problems, fmt.Sprintf("%s: write the expression as a constant text, so that this test can compile it", f.at(n)))
			} else if _, err := regexp.Compile(expr); err != nil {
				problems = append(problems, fmt.Sprintf("%s: %v", f.at(n), err))
			}
			return true
		})
	}
	return problems
}

// text evaluates literals and their sums.
func text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		x, okX := text(e.X)
		y, okY := text(e.Y)
		return x + y, okX && okY && e.Op == token.ADD
	}
	return "", false
}
