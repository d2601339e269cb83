package content

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
)

// document is one metadata file being read, and what was found in it.
type document struct {
	file     string
	noun     string       // what it describes: "action"
	name     string       // what that is called, "" while unknown
	root     *pyyaml.Node // a mapping, or nil if it cannot be read
	findings []pack.Finding
}

// list returns the files of a content directory as StackStorm's glob finds them
// (reference.md 1.1), sorted. A directory that is not there has none.
func list(fsys fs.FS, r registrar) (files []string, findings []pack.Finding, err error) {
	entries, err := fs.ReadDir(fsys, r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the pack's %s: %w", r.dir, err)
	}
	for _, entry := range entries {
		file := path.Join(r.dir, entry.Name())
		ext := path.Ext(file)
		switch lower := strings.ToLower(ext); {
		case !entry.IsDir() && isContent(r.dir, entry.Name()):
			files = append(files, file)
		case entry.IsDir() && (ext == ".yaml" || ext == ".yml"):
			findings = append(findings, finding(FindingYAML, pack.Warning, file, file, 0,
				"%s is a directory; StackStorm takes everything here that ends in %s for the file of one %s, and its registration stops", file, ext, r.noun))
		case !entry.IsDir() && ext != lower && (lower == ".yaml" || lower == ".yml"):
			findings = append(findings, finding(FindingIgnored, pack.Note, file, file, 0,
				"%s is not read: StackStorm takes only .yaml and .yml in lower case", file))
		}
	}
	// fs.ReadDir sorts already; a file system of one's own need not.
	slices.Sort(files)
	return files, findings, nil
}

// open reads a metadata file, and checks what all kinds have in common: a mapping
// whose pack, if it names one, is ref ("" if unknown).
func open(fsys fs.FS, file, noun string, ref pack.Ref) (*document, error) {
	d := &document{file: file, noun: noun}
	root, err := d.parse(fsys)
	if err != nil || root == nil {
		return d, err
	}
	switch {
	case root.Kind == pyyaml.Null:
		d.refuse(FindingYAML, nil, "%s is empty", file)
		return d, nil
	case root.Kind != pyyaml.Mapping:
		d.refuse(FindingYAML, root, "it has the type %s where StackStorm needs a mapping", root.Kind)
		return d, nil
	}
	d.root = root
	if field := root.Get("pack"); field.Truthy() && ref != "" && (field.Kind != pyyaml.String || field.Str() != string(ref)) {
		d.refuse(FindingPack, field, "the field pack names %q, but the pack is %q", field.Str(), string(ref))
	}
	return d, nil
}

// parse reads the file as YAML; nil means that it cannot be read as such, which
// is then a finding.
func (d *document) parse(fsys fs.FS) (*pyyaml.Node, error) {
	data, err := readFile(fsys, d.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.refuse(FindingYAML, nil, "%s is a link that leads nowhere", d.file)
		return nil, nil
	case err != nil && isDir(fsys, d.file):
		d.refuse(FindingYAML, nil, "%s leads to a directory", d.file)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", d.file, err)
	}
	doc, err := pyyaml.Unmarshal(data)
	var syntax *pyyaml.SyntaxError
	if errors.As(err, &syntax) {
		d.refuse(FindingYAML, &pyyaml.Node{Line: syntax.Line}, "it cannot be read as YAML: %s", syntax.Problem)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.file, err)
	}
	for _, w := range doc.Warnings {
		d.add(FindingDuplicateKey, pack.Warning, w.Line, "%s", w.Message)
	}
	return doc.Root, nil
}

func isDir(fsys fs.FS, name string) bool {
	stat, err := fs.Stat(fsys, name)
	return err == nil && stat.IsDir()
}

func (d *document) at(n *pyyaml.Node) Place { return Place{File: d.file, Line: line(n)} }

// refuse adds a finding about something for which StackStorm does not register
// the file. The message says what is wrong.
func (d *document) refuse(id string, at *pyyaml.Node, format string, args ...any) {
	d.add(id, pack.Warning, line(at), "%s; StackStorm refuses to register the %s", fmt.Sprintf(format, args...), d.noun)
}

// doubt adds a finding about something that StackStorm accepts.
func (d *document) doubt(id string, at *pyyaml.Node, format string, args ...any) {
	d.add(id, pack.Warning, line(at), format, args...)
}

func (d *document) add(id string, severity pack.Severity, line int, format string, args ...any) {
	resource := d.file
	if d.name != "" {
		resource = d.noun + " " + d.name
	}
	d.findings = append(d.findings, finding(id, severity, resource, d.file, line, format, args...))
}

func finding(id string, severity pack.Severity, resource, file string, line int, format string, args ...any) pack.Finding {
	at := file
	if line > 0 {
		at = Place{file, line}.String()
	}
	return pack.Finding{ID: id, Severity: severity, Resource: resource, Message: fmt.Sprintf(format, args...), At: []string{at}}
}

// text returns the text of a key, "" if it has none.
func (d *document) text(key string) string {
	text, _ := d.root.Get(key).Text()
	return text
}

// enabled reads the key of that name. An explicit null is what absent is for all
// kinds but actions, where Python's bool() makes it false.
func (d *document) enabled(absent bool) bool {
	node := d.root.Get("enabled")
	if node == nil || node.Kind == pyyaml.Null && d.noun != "action" {
		return absent
	}
	return node.Truthy()
}

// note adds a finding about something that has no effect.
func (d *document) note(at *pyyaml.Node, format string, args ...any) {
	d.add(FindingIgnored, pack.Note, line(at), format, args...)
}
