package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// sourceFile is one Go file of the module.
type sourceFile struct {
	path  string // relative to the module, slash-separated
	pkg   string // its directory: "internal/plan"
	test  bool   // name ends in _test.go
	lines int
	fset  *token.FileSet
	ast   *ast.File
}

// at says where a node stands.
func (f sourceFile) at(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.fset.Position(n.Pos()).Line)
}

// imports lists what the file imports.
func (f sourceFile) imports() []string {
	paths := make([]string, 0, len(f.ast.Imports))
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// names maps the name of each import, as the file uses it, to its path.
func (f sourceFile) names() map[string]string {
	names := map[string]string{}
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	return names
}

// ours returns the package that an import path means inside this module.
func ours(importPath string) (string, bool) { return strings.CutPrefix(importPath, modulePath+"/") }

// parseFile reads one file; src nil means from disk below root.
func parseFile(root, rel string, src []byte) (sourceFile, error) {
	fset := token.NewFileSet()
	if src == nil {
		var err error
		if src, err = os.ReadFile(filepath.Join(root, rel)); err != nil {
			return sourceFile{}, err
		}
	}
	file, err := parser.ParseFile(fset, rel, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return sourceFile{}, err
	}
	return sourceFile{
		path: rel, pkg: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"),
		lines: strings.Count(string(src), "\n"), fset: fset, ast: file,
	}, nil
}

// moduleFiles parses every Go file of this module. Folders with a go.mod of
// their own are other modules.
func moduleFiles(t *testing.T) []sourceFile {
	t.Helper()
	root := filepath.Join("..", "..")
	var files []sourceFile
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			return skipDir(root, rel)
		}
		if path.Ext(rel) != ".go" {
			return nil
		}
		file, err := parseFile(root, rel, nil)
		if err != nil {
			return err
		}
		files = append(files, file)
		return nil
	})
	if err != nil {
		t.Fatalf("read the module: %v", err)
	}
	if len(files) < 20 {
		t.Fatalf("found only %d Go files below %s: this is not the module", len(files), root)
	}
	return files
}

func skipDir(root, rel string) error {
	if rel == "." {
		return nil
	}
	base := path.Base(rel)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || rel == "bin" {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(rel), "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}
