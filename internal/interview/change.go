package interview

import (
	"slices"
	"strconv"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/packconfig"
)

// Change is what happens to one key. Of secrets it says only where they come from.
type Change struct {
	Path          string
	Kind          packconfig.ChangeKind
	Before, After string // as they are shown; "" for nothing
}

// Changes compares two configs by key path.
func Changes(schema *packconfig.Schema, before, after *config.Setting) []Change {
	c := comparison{schema: schema}
	c.compare(nil, before, after)
	return c.changes
}

type comparison struct {
	schema  *packconfig.Schema
	changes []Change
}

func (c *comparison) compare(path []string, before, after *config.Setting) {
	switch {
	case before != nil && after != nil && config.SameSettings(before, after):
		return
	case before == nil && inside(after), after == nil && inside(before), before != nil && after != nil && before.Kind == after.Kind && (inside(before) || inside(after)):
		c.below(path, before, after)
		return
	}
	secret := c.schema.IsSecret(path...)
	change := Change{Path: packconfig.Path(path...), Kind: packconfig.Changed, Before: describe(before, secret), After: describe(after, secret)}
	switch {
	case before == nil:
		change.Kind = packconfig.Added
	case after == nil:
		change.Kind = packconfig.Removed
	case change.Before == change.After: // both "(set)", or alike as far as they are shown
		change.Before, change.After = "", ""
	}
	c.changes = append(c.changes, change)
}

// inside tells whether a value has parts, which are then compared instead.
func inside(s *config.Setting) bool {
	return s != nil && (len(s.Items) > 0 || len(s.Members) > 0)
}

func (c *comparison) below(path []string, before, after *config.Setting) {
	type names []string
	parts := func(s *config.Setting) (list names, by map[string]*config.Setting) {
		by = map[string]*config.Setting{}
		if s == nil {
			return nil, by
		}
		for i, item := range s.Items {
			list = append(list, strconv.Itoa(i))
			by[strconv.Itoa(i)] = item
		}
		for _, m := range s.Members {
			list = append(list, m.Name)
			by[m.Name] = m.Setting
		}
		return list, by
	}
	was, old := parts(before)
	is, fresh := parts(after)
	for _, name := range was {
		c.compare(append(slices.Clone(path), name), old[name], fresh[name])
	}
	for _, name := range is {
		if old[name] == nil {
			c.compare(append(slices.Clone(path), name), nil, fresh[name])
		}
	}
}
