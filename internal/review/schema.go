package review

import (
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
)

// nested compares what schemas say below their first level: the properties of
// objects and the items of lists. It never shows a value but the name of a type.
func nested(was, is content.Value) (pack.Grade, string) {
	var d deep
	d.keywords("", was, is)
	return d.verdict()
}

// nestedProperties does so where the properties stand alone.
func nestedProperties(was, is content.Value) (pack.Grade, string) {
	var d deep
	d.properties("", was, is)
	return d.verdict()
}

// verdict says what was found, and how harmful it is.
func (d *deep) verdict() (pack.Grade, string) {
	slices.Sort(d.texts)
	const most = 6
	if more := len(d.texts) - most; more > 0 {
		d.texts = append(d.texts[:most], fmt.Sprintf("and %d more", more))
	}
	text := strings.Join(d.texts, ", ")
	switch {
	case d.breaks:
		return pack.Breaking, text
	case d.other:
		return pack.Caution, text
	}
	return pack.Safe, text
}

// deep collects differences with the path to each.
type deep struct {
	texts         []string
	breaks, other bool // else what was valid stays so
}

func (d *deep) tell(path, format string, args ...any) {
	d.texts = append(d.texts, strings.TrimPrefix(path+" ", " ")+fmt.Sprintf(format, args...))
}

// keywords compares two schemas, keyword by keyword.
func (d *deep) keywords(path string, was, is content.Value) {
	pairsOf(was, is, func(name string, before, after content.Value) {
		switch at := join(path, name); {
		case before == after, name == "description", name == "title":
		case name == "properties":
			d.properties(path, before, after)
		case name == "items" && before != "" && after != "":
			d.keywords(join(path, "items"), before, after)
		case name == "type" && before != "" && after != "":
			d.breaks = true
			d.tell(path, "changes from %s to %s", plain(before), plain(after))
		case name == "required" && after == "true" && needsValue(is):
			d.breaks = true
			d.tell(path, "is required now")
		case name == "required" && before == "true" && (after == "" || after == "false"):
			d.tell(path, "is required no more")
		case name == "required" && before != "true" && after != "true": // absent and false are the same
		case before == "":
			d.other = true
			d.tell(at, "is new")
		case after == "":
			d.other = true
			d.tell(at, "is gone")
		default:
			d.other = true
			d.tell(at, "differs")
		}
	})
}

func (d *deep) properties(path string, was, is content.Value) {
	pairsOf(was, is, func(name string, before, after content.Value) {
		switch at := join(path, name); {
		case before == "" && fields(after)["required"] == "true" && needsValue(after):
			d.breaks = true
			d.tell(at, "is new and required")
		case before == "":
			d.tell(at, "is new")
		case after == "":
			d.other = true
			d.tell(at, "is gone")
		default:
			d.keywords(at, before, after)
		}
	})
}

// needsValue tells whether a schema has no default.
func needsValue(schema content.Value) bool {
	value, has := fields(schema)["default"]
	return !has || value == "null"
}

// pairsOf calls each with the parts of two mappings, sorted by name; "" for one
// that only the other has.
func pairsOf(was, is content.Value, each func(name string, before, after content.Value)) {
	before, after := fields(was), fields(is)
	names := make([]string, 0, len(before)+len(after))
	for name := range before {
		names = append(names, name)
	}
	for name := range after {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		each(name, before[name], after[name])
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// plain is a type without the marks of JSON around it.
func plain(v content.Value) string { return strings.Trim(short(v), `"`) }
