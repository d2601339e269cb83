// Package override is about StackStorm's override files: overrides/REF.yaml of one
// pack and overrides/_global.yaml of all packs, which say what is enabled whatever
// the files of the packs say (reference.md 4.5).
//
// It is not for writing them to disk (package apply), nor for deciding what they
// say (packages config and reconcile).
package override

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
)

// Kinds lists the kinds of content that can be overridden, in the words of the
// files, which are those of registration types too. StackStorm has no others.
func Kinds() []string { return []string{"actions", "aliases", "rules", "sensors"} }

// Singular is one object of a kind, in a sentence.
func Singular(kind string) string {
	return map[string]string{"actions": "action", "aliases": "alias", "rules": "rule", "sensors": "sensor"}[kind]
}

// File is what an override file says, by kind. A kind that is not in it is left as
// the packs ship it.
type File map[string]Section

// Section is what a file says about one kind.
type Section struct {
	Default    *bool           // of all objects; nil leaves them as the pack ships them
	Exceptions map[string]bool // by name without the pack; a sensor's name is its class
}

func (s Section) empty() bool { return s.Default == nil && len(s.Exceptions) == 0 }

// Set adds an exception.
func (f File) Set(kind, name string, enabled bool) {
	section := f[kind]
	section.Exceptions = maps.Clone(section.Exceptions)
	if section.Exceptions == nil {
		section.Exceptions = map[string]bool{}
	}
	section.Exceptions[name] = enabled
	f[kind] = section
}

// Clone returns a copy that can be changed.
func (f File) Clone() File {
	out := File{}
	for kind, section := range f {
		section.Exceptions = maps.Clone(section.Exceptions)
		out[kind] = section
	}
	return out
}

// Render returns the bytes of the file of a pack, or of all packs for
// pack.GlobalOverrides; nil if there is nothing to say. An empty file, and a kind
// without a value, would make StackStorm refuse every registration: neither is ever
// written.
func (f File) Render(ref pack.Ref) ([]byte, error) {
	says := map[string]any{}
	for _, kind := range Kinds() {
		section := f[kind]
		if section.empty() {
			continue
		}
		out := map[string]any{}
		if section.Default != nil {
			out["defaults"] = map[string]any{"enabled": *section.Default}
		}
		if len(section.Exceptions) > 0 {
			exceptions := map[string]any{}
			for name, enabled := range section.Exceptions {
				exceptions[name] = map[string]any{"enabled": enabled}
			}
			out["exceptions"] = exceptions
		}
		says[kind] = out
	}
	if len(says) == 0 {
		return nil, nil
	}
	body, err := pyyaml.Marshal(says)
	if err != nil {
		return nil, fmt.Errorf("render the overrides of %s: %w", ref, err)
	}
	var out bytes.Buffer
	if ref == pack.GlobalOverrides {
		out.WriteString("# Managed by packsync: these are the overrides of all packs in packs.hcl.\n")
		out.WriteString("# Edits made here are drift; change packs.hcl instead.\n")
	} else {
		fmt.Fprintf(&out, "# Managed by packsync: these are the overrides of pack %q in packs.hcl, and what\n", string(ref))
		out.WriteString("# new_content holds back. Edits made here are drift; change packs.hcl instead.\n")
	}
	out.Write(body)
	return out.Bytes(), nil
}

// UnusableError says why StackStorm cannot use a file. It then refuses to register
// any content of the packs that the file counts for (server-behaviour.md 19).
type UnusableError struct {
	Line    int // 0 for the whole file
	Problem string
}

func (e *UnusableError) Error() string {
	if e.Line == 0 {
		return e.Problem
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Problem)
}

// Parse reads a file as StackStorm does: of all packs without the exceptions, which
// it does not look at there, and without what has no effect. The error is an
// *UnusableError.
func Parse(data []byte, ref pack.Ref) (File, error) {
	doc, err := pyyaml.Unmarshal(data)
	if err != nil {
		return nil, &UnusableError{Problem: "it is not YAML: " + err.Error()}
	}
	switch doc.Root.Kind {
	case pyyaml.Null:
		return nil, &UnusableError{Problem: "it is empty; remove it if there is nothing to override"}
	case pyyaml.Mapping:
	default:
		return nil, &UnusableError{Line: doc.Root.Line, Problem: fmt.Sprintf("it is a %s and not a mapping of actions, aliases, rules or sensors", doc.Root.Kind)}
	}
	f := File{}
	for _, kind := range Kinds() {
		node := doc.Root.Get(kind)
		if node == nil {
			continue
		}
		section, err := parseSection(node, kind, ref == pack.GlobalOverrides)
		if err != nil {
			return nil, err
		}
		if !section.empty() {
			f[kind] = section
		}
	}
	return f, nil
}

func parseSection(node *pyyaml.Node, kind string, global bool) (s Section, err error) {
	if err := mapping(node, kind); err != nil {
		return s, err
	}
	if defaults := node.Get("defaults"); defaults != nil {
		if s.Default, err = parseEnabled(defaults, kind+".defaults"); err != nil {
			return s, err
		}
	}
	exceptions := node.Get("exceptions")
	if exceptions == nil || global {
		return s, nil
	}
	if err := mapping(exceptions, kind+".exceptions"); err != nil {
		return s, err
	}
	for _, p := range exceptions.Pairs() {
		name := p.Key.Str()
		enabled, err := parseEnabled(p.Value, kind+".exceptions."+name)
		if err != nil {
			return s, err
		}
		if enabled == nil {
			continue
		}
		if s.Exceptions == nil {
			s.Exceptions = map[string]bool{}
		}
		s.Exceptions[name] = *enabled
	}
	return s, nil
}

func mapping(node *pyyaml.Node, path string) error {
	switch node.Kind {
	case pyyaml.Mapping:
		return nil
	case pyyaml.Null:
		return &UnusableError{Line: node.Line, Problem: path + " has no value; leave it out, or write {}"}
	}
	return &UnusableError{Line: node.Line, Problem: fmt.Sprintf("%s is a %s and not a mapping", path, node.Kind)}
}

// parseEnabled reads {enabled: BOOL}; nil for {}.
func parseEnabled(node *pyyaml.Node, path string) (*bool, error) {
	if err := mapping(node, path); err != nil {
		return nil, err
	}
	var out *bool
	for _, p := range node.Pairs() {
		enabled, isBool := p.Value.Value().(bool)
		switch {
		case p.Key.Str() != "enabled":
			return nil, &UnusableError{Line: p.Key.Line, Problem: fmt.Sprintf("%s sets %s; only enabled can be overridden", path, p.Key.Str())}
		case !isBool:
			return nil, &UnusableError{Line: p.Value.Line, Problem: fmt.Sprintf("%s.enabled is a %s and neither true nor false", path, p.Value.Kind)}
		}
		out = &enabled
	}
	return out, nil
}

// Diff says what changes from one file to another, by kind and name: "rule x:
// enabled → disabled".
func Diff(before, after File) (out []string) {
	for _, kind := range Kinds() {
		was, is := before[kind], after[kind]
		out = change(out, "all "+kind, was.Default, is.Default)
		names := map[string]bool{}
		maps.Copy(names, was.Exceptions)
		maps.Copy(names, is.Exceptions)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			out = change(out, Singular(kind)+" "+name, was.exception(name), is.exception(name))
		}
	}
	return out
}

func (s Section) exception(name string) *bool {
	if enabled, there := s.Exceptions[name]; there {
		return &enabled
	}
	return nil
}

func change(out []string, what string, was, is *bool) []string {
	switch {
	case was == nil && is == nil, was != nil && is != nil && *was == *is:
		return out
	case was == nil:
		return append(out, what+": "+word(*is))
	case is == nil:
		return append(out, fmt.Sprintf("%s: not overridden any more (was %s)", what, word(*was)))
	}
	return append(out, fmt.Sprintf("%s: %s → %s", what, word(*was), word(*is)))
}

func word(enabled bool) string {
	if enabled {
		return "enabled"
	}
	return "disabled"
}
