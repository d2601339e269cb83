package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/packsync/packsync/internal/diag"
)

// declarationFiles lists the files to merge, in order, by name inside fsys.
func (l *loader) declarationFiles() []string {
	if l.req.File != "" && filepath.Clean(l.req.File) != filepath.Clean(l.dir) {
		return []string{filepath.Base(l.req.File)}
	}
	entries, err := fs.ReadDir(l.fsys, ".")
	if err != nil {
		l.diags = append(l.diags, unreadableDeclaration(l.dir, err))
		return nil
	}
	var names []string
	for _, entry := range entries { // sorted by name
		if name := entry.Name(); strings.HasSuffix(name, ".hcl") && !strings.HasPrefix(name, ".") && !entry.IsDir() {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		l.error(diag.Range{}, "No declaration found", "The directory %s has no file that ends in .hcl.", l.dir)
	}
	return names
}

func (l *loader) parseDeclaration() []*hclsyntax.Body {
	var bodies []*hclsyntax.Body
	for _, name := range l.declarationFiles() {
		src, err := readFrom(l.fsys, name)
		if err != nil {
			l.diags = append(l.diags, unreadableDeclaration(filepath.Join(l.dir, name), err))
			continue
		}
		l.inputs = append(l.inputs, Input{Path: name, Bytes: src})
		file := l.parse(src, name, "--file may name a directory, of which all files that end in .hcl are read as one declaration")
		if file == nil {
			continue
		}
		l.files[name] = file
		if body, ok := file.Body.(*hclsyntax.Body); ok {
			bodies = append(bodies, body)
		}
	}
	return bodies
}

// parse reads HCL; a file that must not be parsed at all gives nil. relief is how
// a large one can be split.
func (l *loader) parse(src []byte, name, relief string) *hcl.File {
	if len(src) > maxFileSize {
		l.error(diag.Range{}, "File too large", "%s is larger than 1 MiB. Split it: %s.", name, relief)
		return nil
	}
	if nestedTooDeeply(src) {
		l.diags = append(l.diags, tooDeep(name))
		return nil
	}
	file, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	l.diags = append(l.diags, syntaxErrors(diags)...)
	return file
}

// syntaxDetails replaces details that quote the file: what is quoted may be a
// secret, above all where a missing quote makes texts look like names.
var syntaxDetails = map[string]string{
	"Attribute redefined":              "This argument was set before in the same block. Each argument may be set only once.",
	"Argument definition required":     "A block on a single line can contain only one argument, set with an equals sign. Write nested blocks, and several arguments, on lines of their own.",
	"Invalid legacy index syntax":      "Write an index in brackets: list[0].",
	"Invalid template control keyword": "After %{ a template keyword is needed: if, else, endif, for, endfor. A literal %{ in a text is written %%{.",
}

// syntaxErrors are the errors of the parser, without the values in them, and
// without the many reports that follow from one missing quote.
func syntaxErrors(diags hcl.Diagnostics) hcl.Diagnostics {
	var out hcl.Diagnostics
	seen := false
	for _, d := range diags {
		multiLine := d.Summary == "Invalid multi-line string"
		if multiLine && seen {
			continue
		}
		seen = seen || multiLine
		plain := diag.Diagnostic{Severity: d.Severity, Summary: d.Summary, Detail: d.Detail, Subject: d.Subject, Context: d.Context}
		if detail, replaced := syntaxDetails[d.Summary]; replaced {
			plain.Detail = detail
		}
		out = append(out, &plain)
	}
	return out
}

// inputName is how a file is called in diagnostics and Inputs: relative to the
// declaration's directory where it lies below.
func (l *loader) inputName(path string) string { return (&Config{Dir: l.dir}).NameOf(path) }

// readNamed reads a file that the declaration names and remembers it as an input.
// Files below the declaration's directory come from its file system.
func (l *loader) readNamed(path string) ([]byte, error) {
	name := l.inputName(path)
	if input, known := l.named[name]; known {
		return input.Bytes, nil
	}
	src, err := l.readAny(path)
	if err != nil {
		return nil, err
	}
	l.named[name] = Input{Path: name, Bytes: src}
	return src, nil
}

func (l *loader) readAny(path string) ([]byte, error) {
	var src []byte
	var err error
	if name := l.inputName(path); filepath.IsAbs(name) {
		src, err = l.req.ReadFile(path)
	} else {
		src, err = readFrom(l.fsys, filepath.ToSlash(name))
	}
	if err == nil && len(src) > maxFileSize {
		err = errTooLarge
	}
	return src, err
}

// readFrom reads a file of a file system, one byte more than allowed at most.
func readFrom(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFileSize+1))
}

// ReadHost reads a file of the host, one byte more than a Load allows at most: it
// is what Request.ReadFile stands for if nil. It may be a pipe, which the shell
// makes of --var-file <(command), or a device without an end.
func ReadHost(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFileSize+1))
}

var errTooLarge = errors.New("it is larger than 1 MiB")

// cause is an error without the path that the message around it names already.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// absolute resolves a path that stands in the declaration.
func (l *loader) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(l.dir, path)
}
