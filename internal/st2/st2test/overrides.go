package st2test

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/packsync/packsync/internal/pyyaml"
)

// overridable are the kinds that override files can name, with what enabled is in a
// file that does not say it.
var overridable = map[string]bool{"sensors": true, "actions": true, "rules": false, "aliases": true}

// override changes what the file of an object says by the override files: first the
// defaults of _global.yaml, then those of the pack, then its exceptions. It reports
// whether the object is enabled otherwise than its file says (server-behaviour.md,
// Purge 18 and 19).
func (s *Server) override(pack, kind string, says doc) (changed bool, err error) {
	shipped, known := overridable[kind]
	if !known || s.opts.OverridesDir == "" {
		return false, nil
	}
	shipped = enabled(says, shipped)
	name := says.text("name")
	if kind == "sensors" {
		name = says.text("class_name")
	}
	for _, file := range []string{"_global", pack} {
		section, err := s.overrides(file, kind)
		if err != nil {
			return false, err
		}
		if err := overrideBy(says, section.Get("defaults"), "default", pack); err != nil {
			return false, err
		}
		if file == "_global" {
			continue
		}
		if err := overrideBy(says, section.Get("exceptions").Get(name), "exceptions", pack); err != nil {
			return false, err
		}
	}
	if value, there := says["enabled"]; there {
		if text, isText := value.(string); isText {
			return false, say("'%s' is not of type 'boolean'", text)
		}
	}
	return enabled(says, shipped) != shipped, nil
}

// overrides reads what an override file says about a kind, nil for nothing. What it
// cannot read it refuses in the words of Python.
func (s *Server) overrides(file, kind string) (*pyyaml.Node, error) {
	root, err := readYAML(filepath.Join(s.opts.OverridesDir, file+".yaml"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	const noneType = "argument of type 'NoneType' is not iterable"
	if root.Kind == pyyaml.List {
		for _, item := range root.Items() {
			if item.Str() == kind {
				return nil, say("list indices must be integers or slices, not str")
			}
		}
	}
	section := root.Get(kind)
	if root.Kind == pyyaml.Null || section != nil && section.Kind == pyyaml.Null {
		return nil, say(noneType)
	}
	return section, nil
}

func overrideBy(says doc, values *pyyaml.Node, what, pack string) error {
	for _, p := range values.Pairs() {
		if p.Key.Str() != "enabled" {
			return say("Override attempted with invalid %s key %s in pack %s", what, p.Key.Str(), pack)
		}
		says["enabled"] = p.Value.Value()
	}
	return nil
}
