package content

import "github.com/packsync/packsync/internal/pyyaml"

// Alias is one file below aliases/: words in a chat that run an action. Its name
// is one of all packs' together (reference.md 4.3).
type Alias struct {
	Place
	Name                string   `json:"name"`
	Action              string   `json:"action"` // with its pack
	Enabled             bool     `json:"enabled"`
	Formats             []Format `json:"formats,omitempty"`
	ImmutableParameters Value    `json:"immutable_parameters,omitempty"`
}

// Format is one way to call an alias.
type Format struct {
	Display         string   `json:"display,omitempty"` // what the help shows
	Representations []string `json:"representations,omitempty"`
}

var message = field{types: []string{"object"}, shape: &shape{open: true, fields: map[string]field{
	"enabled": aBool, "format": aString, "extra": anObject, "append_url": aBool,
}}}

var aliasShape = shape{fields: map[string]field{
	"id": aString, "ref": aString, "uid": aString, "pack": {}, "metadata_file": aString,
	"name": required(aString), "description": aString, "enabled": aBool, "action_ref": required(aString),
	"formats": {required: true, types: []string{"array", "null"}, items: &field{types: []string{"string", "object"}, shape: &shape{open: true, strict: true, fields: map[string]field{
		"display": aString, "representation": {types: []string{"array"}, items: &aString},
	}}}},
	"ack": message, "result": message, "extra": anObject, "immutable_parameters": anObject,
}}

func (d *document) readAlias(inv *Inventory) {
	d.name = d.text("name")
	d.conform(&aliasShape)
	if d.name == "" {
		return
	}
	inv.Aliases = append(inv.Aliases, Alias{
		Place:               d.at(d.root),
		Name:                d.name,
		Action:              d.text("action_ref"),
		Enabled:             d.enabled(true),
		Formats:             readFormats(d.root.Get("formats")),
		ImmutableParameters: valueOf(d.root.Get("immutable_parameters")),
	})
}

func readFormats(n *pyyaml.Node) (formats []Format) {
	for _, item := range n.Items() {
		if text, ok := item.Text(); ok {
			formats = append(formats, Format{Display: text, Representations: []string{text}})
			continue
		}
		format := Format{}
		format.Display, _ = item.Get("display").Text()
		for _, r := range item.Get("representation").Items() {
			format.Representations = append(format.Representations, r.Str())
		}
		formats = append(formats, format)
	}
	return formats
}
