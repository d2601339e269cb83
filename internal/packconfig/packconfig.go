// Package packconfig is about a pack's config: the file configs/REF.yaml that
// StackStorm reads at registration (reference.md 6).
//
// It is not for writing that file to disk (package apply), and not for reading
// what a person declared (package config).
package packconfig

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
)

// Render returns the bytes of configs/REF.yaml for the declared values: a header
// that says who owns the file, then the values (see pyyaml.Marshal for the kinds
// of value). An attribute that is null is left out, at any depth, because
// StackStorm takes null for a value and refuses it for most types; a null in a
// list stays. Equal values give equal bytes.
//
// The result holds secrets in clear text, as StackStorm needs them: it may go
// only into the file.
func Render(values map[string]any, ref pack.Ref) ([]byte, error) {
	body, err := pyyaml.Marshal(withoutNulls(values))
	if err != nil {
		return nil, fmt.Errorf("render the config of pack %s: %w", ref, err)
	}
	if len(body) > pyyaml.MaxSize {
		return nil, fmt.Errorf("render the config of pack %s: it has %d bytes, more than %d (keep large data in files or in StackStorm's datastore)", ref, len(body), pyyaml.MaxSize)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Managed by packsync: this is the config of pack %q in packs.hcl.\n", string(ref))
	out.WriteString("# Edits made here are drift; change packs.hcl instead.\n")
	out.Write(body)
	return out.Bytes(), nil
}

func withoutNulls(v any) any {
	switch v := v.(type) {
	case pack.Secret:
		if inner := withoutNulls(v.Reveal()); inner != nil {
			return pack.NewSecret(inner)
		}
		return nil
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = withoutNulls(item)
		}
		return list
	case map[string]any:
		kept := make(map[string]any, len(v))
		for name, item := range v {
			if item := withoutNulls(item); item != nil {
				kept[name] = item
			}
		}
		return kept
	}
	return v
}

// ChangeKind says what happened to a key.
type ChangeKind string

// The kinds of change. Unreadable stands for a file that is not YAML, so that
// nothing can be said of its keys.
const (
	Added      ChangeKind = "added"
	Removed    ChangeKind = "removed"
	Changed    ChangeKind = "changed"
	Unreadable ChangeKind = "unreadable"
)

// KeyChange is one key whose value differs between two configs. It never holds a
// value: configs hold secrets.
type KeyChange struct {
	Path string // dotted, list elements by index: "hosts.0.name"; "" for the whole file
	Kind ChangeKind
}

func (c KeyChange) String() string {
	path := c.Path
	if path == "" {
		path = "the file"
	}
	return path + " " + string(c.Kind)
}

// DiffKeys compares two config files by key path, in the order of the keys:
// none means that StackStorm reads the same values from both, whatever their
// layout. Where one side has a list or mapping and the other has not, the key
// itself is the change. An old file that cannot be read is one change of kind
// Unreadable; a new one that cannot be read is an error.
func DiffKeys(old, new []byte) ([]KeyChange, error) {
	after, err := pyyaml.Unmarshal(new)
	if err != nil {
		return nil, fmt.Errorf("read the new config: %w", err)
	}
	before, err := pyyaml.Unmarshal(old)
	if err != nil {
		return []KeyChange{{Kind: Unreadable}}, nil //nolint:nilerr // an unreadable old file is an answer, not a failure
	}
	// An empty file is an empty config (reference.md 6.1).
	var d differ
	d.compare("", emptyIsMapping(before.Root), emptyIsMapping(after.Root))
	return d.changes, nil
}

func emptyIsMapping(root *pyyaml.Node) *pyyaml.Node {
	if root.Kind == pyyaml.Null {
		return &pyyaml.Node{Kind: pyyaml.Mapping, Line: 1, Column: 1}
	}
	return root
}

type differ struct{ changes []KeyChange }

func (d *differ) compare(path string, before, after *pyyaml.Node) {
	switch {
	case before.Kind != after.Kind:
		d.changes = append(d.changes, KeyChange{path, Changed})
	case before.Kind == pyyaml.Mapping:
		d.compareChildren(path, mappingChildren(before), mappingChildren(after))
	case before.Kind == pyyaml.List:
		d.compareChildren(path, listChildren(before), listChildren(after))
	case before.Str() != after.Str():
		d.changes = append(d.changes, KeyChange{path, Changed})
	}
}

// child is one element of a mapping or list under its name in a path.
type child struct {
	name string
	node *pyyaml.Node
}

func mappingChildren(n *pyyaml.Node) (children []child) {
	for _, p := range n.Pairs() {
		children = append(children, child{pathName(p.Key), p.Value})
	}
	slices.SortStableFunc(children, func(a, b child) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return children
}

func listChildren(n *pyyaml.Node) (children []child) {
	for i, item := range n.Items() {
		children = append(children, child{strconv.Itoa(i), item})
	}
	return children
}

func (d *differ) compareChildren(path string, before, after []child) {
	in := func(children []child) map[string]*pyyaml.Node {
		m := make(map[string]*pyyaml.Node, len(children))
		for _, c := range children {
			m[c.name] = c.node
		}
		return m
	}
	was, is := in(before), in(after)
	for _, c := range before {
		if node, kept := is[c.name]; kept {
			d.compare(join(path, c.name), c.node, node)
		} else {
			d.changes = append(d.changes, KeyChange{join(path, c.name), Removed})
		}
	}
	for _, c := range after {
		if was[c.name] == nil {
			d.changes = append(d.changes, KeyChange{join(path, c.name), Added})
		}
	}
}

// plainName is a key that needs no quotes in a dotted path.
var plainName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func pathName(key *pyyaml.Node) string {
	name := key.Str()
	if key.Kind != pyyaml.String || plainName().MatchString(name) {
		return name
	}
	return strconv.Quote(name)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
