package content

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
)

// The files at a pack's root that StackStorm reads besides pack.yaml.
const (
	ConfigSchemaFile = "config.schema.yaml" // only this name
	RequirementsFile = "requirements.txt"
	legacyConfigFile = "config.yaml"
)

// ConfigSchema is config.schema.yaml. Package packconfig judges values by it.
type ConfigSchema struct {
	Source     []byte      `json:"source"`               // the file as it is, for packconfig.ParseSchema
	Attributes []Parameter `json:"attributes,omitempty"` // sorted by name
}

// readMeta reads pack.yaml; one that cannot be used is a finding, and what the
// pack contains is read all the same.
func (inv *Inventory) readMeta(fsys fs.FS) error {
	meta, err := ReadMeta(fsys)
	var unusable *MetaError
	switch {
	case errors.As(err, &unusable):
		if isUnreadable(unusable.Err) && !isDir(fsys, MetaFile) {
			return fmt.Errorf("read %s: %w", MetaFile, unusable.Err)
		}
		inv.Findings = append(inv.Findings, finding(FindingMeta, pack.Warning, MetaFile, MetaFile, unusable.Line, "%s", unusable.Reason))
		return nil
	case err != nil:
		return err
	}
	inv.Meta = meta
	return nil
}

// isUnreadable tells a file that the system does not give from one that says
// something wrong.
func isUnreadable(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path) && !errors.Is(err, fs.ErrNotExist)
}

// readIfFile reads a file that need not be there. A directory of that name is no
// file, as for StackStorm.
func readIfFile(fsys fs.FS, name string) (data []byte, there bool, err error) {
	data, err = readFile(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist), err != nil && isDir(fsys, name):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("read %s: %w", name, err)
	}
	return data, true, nil
}

// readConfigSchema reads config.schema.yaml. StackStorm refuses the pack as a
// whole for a mistake in it.
func (inv *Inventory) readConfigSchema(fsys fs.FS) error {
	data, there, err := readIfFile(fsys, ConfigSchemaFile)
	if err != nil || !there {
		return err
	}
	d := &document{file: ConfigSchemaFile, noun: "pack"}
	schema := &ConfigSchema{Source: data}
	root, err := d.parse(fsys)
	if err != nil {
		return err
	}
	switch {
	case root == nil:
	case !root.Truthy():
		d.refuse(FindingConfigSchema, nil, "it is empty")
	case root.Kind != pyyaml.Mapping:
		d.refuse(FindingConfigSchema, root, "it has the type %s where StackStorm needs a mapping", root.Kind)
	default:
		schema.Attributes = readParameters(root)
		for _, fault := range CheckSchemas(root) {
			d.reportSchemaFault(fault)
		}
	}
	inv.ConfigSchema = schema
	inv.Findings = append(inv.Findings, d.findings...)
	return nil
}

func (d *document) reportSchemaFault(fault SchemaFault) {
	at := &pyyaml.Node{Line: fault.Line}
	if fault.Later {
		d.doubt(FindingLater, at, "%s; StackStorm after 3.9 refuses to register the pack", fault)
		return
	}
	d.refuse(FindingConfigSchema, at, "%s", fault)
}

// readRequirements reads requirements.txt as pip does: a backslash continues a
// line, a # after a space begins a comment. Bytes that are not UTF-8 are replaced.
func (inv *Inventory) readRequirements(fsys fs.FS) error {
	if stat, err := fs.Stat(fsys, legacyConfigFile); err == nil && !stat.IsDir() {
		inv.Findings = append(inv.Findings, finding(FindingIgnored, pack.Note, legacyConfigFile, legacyConfigFile, 0,
			"%s is not read any more: StackStorm takes the config from configs/%s.yaml", legacyConfigFile, inv.Meta.Ref))
	}
	data, there, err := readIfFile(fsys, RequirementsFile)
	if err != nil || !there {
		return err
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(strings.TrimPrefix(string(data), "\ufeff"), "\ufffd"))
	text = strings.ReplaceAll(text, "\\\n", "")
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(withoutComment(line)); line != "" {
			inv.Requirements = append(inv.Requirements, line)
		}
	}
	return nil
}

func withoutComment(line string) string {
	for i := range line {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i]
		}
	}
	return line
}
