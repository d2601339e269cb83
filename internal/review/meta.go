package review

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
)

func (c *comparison) config(before, after *content.ConfigSchema) {
	var was, is []content.Parameter
	if before != nil {
		was = before.Attributes
	}
	if after != nil {
		is = after.Attributes
	}
	c.parameters(owner{
		kind: "config", file: content.ConfigSchemaFile, before: content.ConfigSchemaFile, prefix: configPrefix, giver: "the pack's config",
	}, was, is)
}

func (c *comparison) meta(before, after content.Meta) {
	for _, part := range []struct{ id, was, is, what string }{
		{StackStormVersion, before.StackStormVersion, after.StackStormVersion, "the StackStorm version that it wants"},
		{PythonVersions, listText(before.PythonVersions), listText(after.PythonVersions), "the Python versions that it runs on"},
		{Dependencies, listText(before.Dependencies), listText(after.Dependencies), "the packs that it depends on"},
	} {
		if part.was != part.is {
			grade := pack.Caution
			if part.id == PythonVersions && keepsPython(before.PythonVersions, after.PythonVersions) {
				grade = pack.Safe
			}
			c.add(Change{
				ID: part.id, Grade: grade, At: content.Place{File: content.MetaFile},
				Message: fmt.Sprintf("%s: %s instead of %s", part.what, cmp.Or(part.is, "none named"), cmp.Or(part.was, "none named")),
			})
		}
	}
}

// keepsPython tells whether a pack runs on all Python versions on which it ran
// before. None named are those that there are: 2 and 3.
func keepsPython(before, after []string) bool {
	if len(before) == 0 {
		before = []string{"2", "3"}
	}
	return len(after) == 0 || len(missing(before, after)) == 0
}

func listText(list []string) string { return strings.Join(sorted(list), ", ") }

// requirements compares what pip is to install, by the names of the packages.
func (c *comparison) requirements(before, after []string) {
	var parts []string
	pairs(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(after)), func(line *string) string { return packageName(*line) }, func(_ string, was, is *string) {
		switch {
		case was == nil:
			parts = append(parts, "+"+*is)
		case is == nil:
			parts = append(parts, "-"+*was)
		case *was != *is:
			parts = append(parts, *was+" → "+*is)
		}
	})
	if len(parts) > 0 {
		c.add(Change{
			ID: Requirements, Grade: pack.Caution, At: content.Place{File: content.RequirementsFile},
			Message: "its Python packages change: " + strings.Join(parts, ", "),
		})
	}
}

// code tells which files differ that only running them would explain.
func (c *comparison) code(before, after *content.Inventory) {
	var parts []string
	isWorkflow := func(inv *content.Inventory, file string) bool {
		return slices.ContainsFunc(inv.Workflows, func(w content.Workflow) bool { return w.File == file })
	}
	pairs(before.Code, after.Code, func(f *content.CodeFile) string { return f.File }, func(file string, was, is *content.CodeFile) {
		switch {
		case was == nil && isWorkflow(before, file), is == nil && isWorkflow(after, file): // of a runner that is not read
		case was == nil:
			parts = append(parts, "+"+file)
		case is == nil:
			parts = append(parts, "-"+file)
		case was.Hash != is.Hash:
			parts = append(parts, file)
		}
	})
	if len(parts) == 0 {
		return
	}
	const most = 8
	text := strings.Join(parts[:min(len(parts), most)], ", ")
	if more := len(parts) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	c.add(Change{ID: Code, Message: count(len(parts), "file differs that is", "files differ that are") + " not judged: " + text})
}

// packageName is the name that a line of requirements.txt begins with, as pip
// compares names; the whole line for an option or an address.
func packageName(line string) string {
	if strings.HasPrefix(line, "-") || strings.Contains(line, "://") {
		return line
	}
	name := line
	if i := strings.IndexAny(line, " =<>!~;[@"); i > 0 {
		name = line[:i]
	}
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
}

// fields splits a mapping into its parts; anything else has none.
func fields(v content.Value) map[string]content.Value {
	var mapping map[string]json.RawMessage
	if v == "" || json.Unmarshal([]byte(v), &mapping) != nil {
		return nil
	}
	out := make(map[string]content.Value, len(mapping))
	for key, value := range mapping {
		out[key] = content.Value(value)
	}
	return out
}
