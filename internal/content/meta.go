package content

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
)

var (
	// versionPattern is PACK_VERSION_REGEX (reference.md 1.3): semver, but with
	// lower-case letters only after - and +.
	versionPattern = lazyregexp.New(`^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)` +
		`(?:-[\da-z\-]+(?:\.[\da-z\-]+)*)?(?:\+[\da-z\-]+(?:\.[\da-z\-]+)*)?$`)
	// stackstormPattern is ST2_VERSION_REGEX, what registration asks of
	// stackstorm_version.
	stackstormPattern = lazyregexp.New(`^((>?>|>=|=|<=|<?<)\s*[0-9]+\.[0-9]+\.[0-9]+?(\s*,)?\s*)+$`)
	namePattern       = lazyregexp.New(`^[a-z0-9_]+$`)
)

// ReadMeta reads pack.yaml at the root of fsys. A pack that could not be
// registered under a ref and a version is an error, a *MetaError; everything
// else that StackStorm would refuse is a finding.
func ReadMeta(fsys fs.FS) (Meta, error) {
	data, err := readFile(fsys, MetaFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Meta{}, &MetaError{Reason: "it is missing, so this is not a StackStorm pack (is the pack in a subdir of its source?)", Err: err}
	}
	if err != nil {
		return Meta{}, &MetaError{Reason: fmt.Sprintf("it cannot be read: %v", err), Err: err}
	}
	doc, err := pyyaml.Unmarshal(data)
	if err != nil {
		return Meta{}, yamlError(err)
	}
	root := doc.Root
	switch {
	case root.Kind == pyyaml.Null:
		return Meta{}, &MetaError{Reason: "it is empty; StackStorm needs at least ref, name, description, version, author and email"}
	case root.Kind != pyyaml.Mapping:
		return Meta{}, &MetaError{Reason: fmt.Sprintf("it has the type %s; StackStorm needs a mapping with ref, name, version and so on", root.Kind), Line: root.Line}
	}
	ref, err := readRef(root)
	if err != nil {
		return Meta{}, err
	}
	version, err := readVersion(root)
	if err != nil {
		return Meta{}, err
	}
	r := metaReader{root: root}
	meta := Meta{
		Ref:               ref,
		Name:              r.required("name"),
		Version:           version,
		Description:       r.required("description"),
		Dependencies:      r.list("dependencies"),
		StackStormVersion: r.stackstormVersion(),
		PythonVersions:    r.pythonVersions(),
	}
	r.checkRest(doc.Warnings)
	meta.Findings = r.findings
	return meta, nil
}

func yamlError(err error) error {
	var syntax *pyyaml.SyntaxError
	if errors.As(err, &syntax) {
		return &MetaError{Reason: "StackStorm cannot read this YAML: " + syntax.Problem, Line: syntax.Line, Err: err}
	}
	return &MetaError{Reason: err.Error(), Err: err}
}

// readRef derives the ref as StackStorm does at download, where no directory
// name is known: ref, else name if that can be one (reference.md 1.5). Unlike
// StackStorm it checks the ref before anything is done with it.
func readRef(root *pyyaml.Node) (pack.Ref, error) {
	if node := root.Get("ref"); node.Truthy() {
		text, ok := node.Text()
		if !ok {
			return "", &MetaError{Reason: fmt.Sprintf("ref has the type %s; StackStorm needs text (write it in quotes)", node.Kind), Line: node.Line}
		}
		return parseRef("ref", text, node.Line)
	}
	node := root.Get("name")
	name, ok := node.Text()
	switch {
	case !node.Truthy():
		return "", &MetaError{Reason: "it has neither ref nor name, so StackStorm cannot know what the pack is called: add ref"}
	case !ok || !namePattern().MatchString(name):
		return "", &MetaError{Reason: fmt.Sprintf("name %q cannot be a pack ref (only lower-case letters, digits and _ are allowed) and there is no ref: add ref", node.Str()), Line: node.Line}
	}
	return parseRef("name", name, node.Line)
}

func parseRef(key, text string, line int) (pack.Ref, error) {
	ref, err := pack.ParseRef(text)
	var invalid *pack.InvalidRefError
	if errors.As(err, &invalid) {
		reason := fmt.Sprintf("%s %q cannot be a pack ref: %s", key, text, invalid.Reason)
		if strings.ContainsAny(text, `/\`) || strings.Contains(text, "..") {
			reason += "; as a directory name it would lead out of the packs directory, so the pack is refused"
		}
		return "", &MetaError{Reason: reason, Line: line, Err: err}
	}
	return ref, err
}

// readVersion casts the version with Python's str(), as StackStorm does before
// it checks it.
func readVersion(root *pyyaml.Node) (string, error) {
	node := root.Get("version")
	if node == nil || node.Kind == pyyaml.Null {
		return "", &MetaError{Reason: "it has no version; StackStorm needs one of the form 1.2.3", Line: line(node)}
	}
	version := node.Str()
	if versionPattern().MatchString(version) {
		return version, nil
	}
	reason := fmt.Sprintf("version %q is not of the form 1.2.3, and StackStorm refuses to register it "+
		"(valid are 0.1.0, 1.1.0, 1.0.0-rc.1: three numbers, lower-case letters only after - or +)", version)
	if node.Kind != pyyaml.String {
		reason += fmt.Sprintf("; without quotes YAML reads it as %s", node.Kind)
	}
	return "", &MetaError{Reason: reason, Line: node.Line}
}

func line(node *pyyaml.Node) int {
	if node == nil {
		return 0
	}
	return node.Line
}

// metaReader reads the keys that do not decide whether the pack can be used, and
// collects what is wrong with them.
type metaReader struct {
	root     *pyyaml.Node
	findings []pack.Finding
}

// warn adds a finding about a key of pack.yaml; at may be nil.
func (r *metaReader) warn(id, key string, at *pyyaml.Node, format string, args ...any) {
	place := MetaFile
	if at != nil {
		place = fmt.Sprintf("%s:%d", MetaFile, at.Line)
	}
	r.findings = append(r.findings, pack.Finding{
		ID: id, Severity: pack.Warning, Resource: MetaFile + " " + key,
		Message: fmt.Sprintf(format, args...), At: []string{place},
	})
}

// required reads a key that the schema of pack.yaml demands to be a string.
func (r *metaReader) required(key string) string {
	node := r.root.Get(key)
	text, ok := node.Text()
	switch {
	case node == nil:
		r.warn("PS-PACK-KEY-MISSING", key, nil, "%s is missing; StackStorm refuses to register the pack without it", key)
	case !ok:
		r.warn("PS-PACK-KEY-TYPE", key, node, "%s has the type %s; StackStorm refuses to register the pack unless it is text", key, node.Kind)
		return node.Str()
	}
	return text
}

// list reads a key that may be a list of strings. Null counts as absent.
func (r *metaReader) list(key string) []string {
	node := r.root.Get(key)
	if node == nil || node.Kind == pyyaml.Null {
		return nil
	}
	if node.Kind != pyyaml.List {
		r.warn("PS-PACK-KEY-TYPE", key, node, "%s has the type %s; StackStorm refuses to register the pack unless it is a list", key, node.Kind)
		return nil
	}
	var texts []string
	for _, item := range node.Items() {
		if _, ok := item.Text(); !ok {
			r.warn("PS-PACK-KEY-TYPE", key, item, "%s holds an item of the type %s; StackStorm refuses to register the pack unless all are text (write it in quotes)", key, item.Kind)
		}
		texts = append(texts, item.Str())
	}
	return texts
}

func (r *metaReader) stackstormVersion() string {
	node := r.root.Get("stackstorm_version")
	if node == nil {
		return ""
	}
	text, ok := node.Text()
	if !ok || !stackstormPattern().MatchString(text) {
		r.warn("PS-PACK-ST2-VERSION", "stackstorm_version", node,
			"stackstorm_version %q is not of the form \">=3.8.0, <4.0.0\"; StackStorm refuses to register the pack", node.Str())
	}
	return node.Str()
}

// pythonVersions reads python_versions; at download StackStorm takes the text
// "3" for a list of one.
func (r *metaReader) pythonVersions() []string {
	node := r.root.Get("python_versions")
	if text, ok := node.Text(); ok {
		r.warn("PS-PACK-KEY-TYPE", "python_versions", node, "python_versions is text; StackStorm refuses to register the pack unless it is a list")
		return []string{text}
	}
	versions := r.list("python_versions")
	for _, version := range versions {
		if version != "2" && version != "3" {
			r.warn("PS-PACK-PYTHON-VERSION", "python_versions", node, "python_versions holds %q; StackStorm knows \"2\" and \"3\"", version)
		}
	}
	return versions
}

// checkRest looks at the keys that packsync only passes on.
func (r *metaReader) checkRest(warnings []pyyaml.Warning) {
	r.required("author")
	email := r.root.Get("email")
	switch text, ok := email.Text(); {
	case email == nil:
		r.warn("PS-PACK-EMAIL-MISSING", "email", nil, "email is missing; its schema does not say so, but StackStorm fails to register a pack without it (a null is enough)")
	case email.Kind == pyyaml.Null:
	case !ok || !strings.Contains(strings.TrimSuffix(text, "@"), "@"):
		r.warn("PS-PACK-EMAIL-INVALID", "email", email, "email is not an e-mail address; StackStorm's database refuses the pack")
	}
	r.list("keywords")
	r.list("contributors")
	if system := r.root.Get("system"); system != nil && system.Kind != pyyaml.Mapping && system.Kind != pyyaml.Null {
		r.warn("PS-PACK-KEY-TYPE", "system", system, "system has the type %s; StackStorm refuses to register the pack unless it is a mapping", system.Kind)
	}
	for _, w := range warnings {
		r.findings = append(r.findings, pack.Finding{
			ID: "PS-YAML-DUPLICATE-KEY", Severity: pack.Warning, Resource: MetaFile,
			Message: w.Message, At: []string{fmt.Sprintf("%s:%d", MetaFile, w.Line)},
		})
	}
}
