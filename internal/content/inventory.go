package content

import (
	"cmp"
	"fmt"
	"io/fs"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/pack"
)

// Inventory is everything a pack contains, as StackStorm's registrars would read
// it (reference.md 1.1, 4.3). It is plain data: it can be compared field by field
// and stored as JSON under the pack's tree hash. Lists are sorted by name, and
// nil where there is nothing.
//
// What StackStorm would refuse is listed all the same, if its name can be read:
// another release, or one more runner, may accept it.
type Inventory struct {
	Meta         Meta          `json:"meta"` // zero if pack.yaml cannot be used, which is a finding
	Triggers     []Trigger     `json:"triggers,omitempty"`
	Sensors      []Sensor      `json:"sensors,omitempty"`
	Actions      []Action      `json:"actions,omitempty"`
	Workflows    []Workflow    `json:"workflows,omitempty"` // by file
	Rules        []Rule        `json:"rules,omitempty"`
	Aliases      []Alias       `json:"aliases,omitempty"`
	Policies     []Policy      `json:"policies,omitempty"`
	ConfigSchema *ConfigSchema `json:"config_schema,omitempty"` // nil if there is none
	Requirements []string      `json:"requirements,omitempty"`  // requirements.txt in its order, without comments
	Code         []CodeFile    `json:"code,omitempty"`          // by file

	// Findings are in the order of files and lines. Those about the keys of
	// pack.yaml are in Meta.
	Findings []pack.Finding `json:"findings,omitempty"`
}

// Place is where something stands in the pack.
type Place struct {
	File string `json:"file"` // relative to the pack
	Line int    `json:"line"` // from 1
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// registrar reads the files of one directory; the order is StackStorm's, and
// matters: rules refer to triggers, aliases to actions.
type registrar struct {
	dir  string
	noun string // what one file describes
	read func(*document, *Inventory)
}

var registrars = []registrar{
	{"triggers", "trigger", (*document).readTrigger},
	{"sensors", "sensor", (*document).readSensor},
	{"actions", "action", (*document).readAction},
	{"rules", "rule", (*document).readRule},
	{"aliases", "alias", (*document).readAlias},
	{"policies", "policy", (*document).readPolicy},
}

// Read reads the pack at the root of fsys, which must be safe for concurrent use.
// What is wrong with the pack is a finding, never an error, so that one broken
// file hides no other; an error means that the pack could not be read.
func Read(fsys fs.FS) (*Inventory, error) {
	inv := &Inventory{}
	if err := inv.readMeta(fsys); err != nil {
		return nil, err
	}
	for _, r := range registrars {
		files, findings, err := list(fsys, r)
		if err != nil {
			return nil, err
		}
		inv.Findings = append(inv.Findings, findings...)
		if err := inv.readFiles(fsys, r, files); err != nil {
			return nil, err
		}
	}
	for _, read := range []func(fs.FS) error{inv.readWorkflows, inv.readConfigSchema, inv.readRequirements, inv.checkEntryPoints, inv.readCode} {
		if err := read(fsys); err != nil {
			return nil, err
		}
	}
	inv.checkTogether()
	inv.sort()
	return inv, nil
}

// readFiles reads the files of one directory, on every core: parsing YAML is
// what takes the time, 0.1 ms a file, and aws has 3,581.
func (inv *Inventory) readFiles(fsys fs.FS, r registrar, files []string) error {
	parts := make([]Inventory, len(files))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, file := range files {
		group.Go(func() error {
			d, err := open(fsys, file, r.noun, inv.Meta.Ref)
			if err != nil {
				return err
			}
			if d.root != nil {
				r.read(d, &parts[i])
			}
			parts[i].Findings = d.findings
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i := range parts {
		inv.add(&parts[i])
	}
	return nil
}

func (inv *Inventory) add(part *Inventory) {
	inv.Triggers = append(inv.Triggers, part.Triggers...)
	inv.Sensors = append(inv.Sensors, part.Sensors...)
	inv.Actions = append(inv.Actions, part.Actions...)
	inv.Workflows = append(inv.Workflows, part.Workflows...)
	inv.Rules = append(inv.Rules, part.Rules...)
	inv.Aliases = append(inv.Aliases, part.Aliases...)
	inv.Policies = append(inv.Policies, part.Policies...)
	inv.Findings = append(inv.Findings, part.Findings...)
}

// sort orders everything by name. Of equal names the one that is registered last,
// and so wins, comes last.
func (inv *Inventory) sort() {
	slices.SortStableFunc(inv.Triggers, func(a, b Trigger) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(inv.Sensors, func(a, b Sensor) int { return cmp.Compare(a.ClassName, b.ClassName) })
	slices.SortStableFunc(inv.Actions, func(a, b Action) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(inv.Rules, func(a, b Rule) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(inv.Aliases, func(a, b Alias) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(inv.Policies, func(a, b Policy) int { return cmp.Compare(a.Name, b.Name) })
}
