package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// limits is how a package comment says what the package is not for.
var limits = regexp.MustCompile(`(?i)\bnot for\b|\bnever for\b|\bfor tests (and the demo )?only\b`)

func checkPackageDocs(files []sourceFile) (problems []string) {
	comments := map[string]string{}
	for _, f := range files {
		if f.ast.Name.Name == "main" && f.ast.Doc != nil {
			comments[f.pkg] += "a program is not for importing. "
		}
		comments[f.pkg] += f.ast.Doc.Text()
	}
	for pkg, comment := range comments {
		text := strings.Join(strings.Fields(comment), " ")
		switch {
		case text == "":
			problems = append(problems, fmt.Sprintf("package %s has no comment that says what it is for", pkg))
		case !limits.MatchString(text):
			problems = append(problems, fmt.Sprintf("the comment of package %s does not say what it is not for", pkg))
		}
	}
	slices.Sort(problems)
	return problems
}

func checkDocs(files []sourceFile) (problems []string) {
	for _, f := range files {
		if f.test || f.ast.Name.Name == "main" {
			continue
		}
		for _, decl := range f.ast.Decls {
			for _, name := range undocumentedNames(decl) {
				problems = append(problems, fmt.Sprintf("%s: exported %s has no comment", f.at(decl), name))
			}
		}
	}
	return problems
}

// undocumentedNames lists the exported names of a declaration that neither have
// a comment of their own nor stand in a group that has one.
func undocumentedNames(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && receiverExported(d) && (d.Recv == nil || !explained(d.Name.Name)) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		if d.Tok == token.IMPORT || d.Doc != nil {
			return nil
		}
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Doc == nil && s.Name.IsExported() {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, id := range s.Names {
					if s.Doc == nil && s.Comment == nil && id.IsExported() {
						names = append(names, id.Name)
					}
				}
			}
		}
	}
	return names
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	receiver := d.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if index, ok := receiver.(*ast.IndexExpr); ok {
		receiver = index.X
	}
	id, ok := receiver.(*ast.Ident)
	return ok && id.IsExported()
}

// explained tells methods that implement a well-known interface.
func explained(name string) bool {
	return slices.Contains(undocumented, name) || strings.HasPrefix(name, "Marshal") || strings.HasPrefix(name, "Unmarshal")
}
