package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
	"github.com/packsync/packsync/internal/pyyaml"
)

// judgeConfig holds the config of a pack against the schema of the version that is
// to be installed, as StackStorm will at the next registration, whose API hides
// the reason. Where neither the config nor the pack changes nothing is read: what
// StackStorm took once, it takes again.
func (p *Planned) judgeConfig(ctx context.Context, d *desired) ([]finding, error) {
	onDisk, there := p.Observed.Configs[d.pack.Ref]
	recorded := p.Record.Packs[d.pack.Ref]
	samePack := recorded.Content != "" && recorded.Content == d.side.Content
	owned := d.config != nil
	switch {
	case !owned && (!there || samePack):
		return nil, nil
	case owned && samePack && there && string(onDisk.Bytes) == string(d.config):
		return nil, nil
	}
	files, err := p.filesOf(ctx, d)
	if err != nil {
		return nil, err
	}
	schemaBytes, err := fs.ReadFile(files, content.ConfigSchemaFile)
	if errors.Is(err, fs.ErrNotExist) {
		return p.configWithoutSchema(d, owned), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the config schema of %s: %w", d.pack.Ref, err)
	}
	schema, problems := packconfig.ParseSchema(schemaBytes)
	var file *pyyaml.Node
	if schema != nil {
		var more []packconfig.Problem
		more, file = problemsOf(schema, d, owned, onDisk.Bytes)
		problems = append(problems, more...)
	}
	var out []finding
	for _, problem := range problems {
		out = append(out, p.configFinding(d, problem, owned, file))
	}
	return out, nil
}

// problemsOf judges the config of a pack. The node is the config file as it was
// read; nil where the values come from packs.hcl.
func problemsOf(schema *packconfig.Schema, d *desired, owned bool, onDisk []byte) ([]packconfig.Problem, *pyyaml.Node) {
	if owned && d.pack.Config != nil && d.pack.Config.File == "" {
		return schema.ValidateDeclared(d.pack.Config.Values), nil
	}
	data := onDisk
	if owned {
		data = d.config
	}
	return problemsOfFile(schema, data)
}

func problemsOfFile(schema *packconfig.Schema, data []byte) ([]packconfig.Problem, *pyyaml.Node) {
	doc, err := pyyaml.Unmarshal(data)
	var syntax *pyyaml.SyntaxError
	switch {
	case errors.As(err, &syntax):
		problem := packconfig.Problem{Kind: packconfig.WrongType, Severity: pack.Blocked, Message: "the config file cannot be read as YAML: " + syntax.Problem}
		return []packconfig.Problem{problem}, &pyyaml.Node{Line: syntax.Line}
	case err != nil:
		return []packconfig.Problem{{Kind: packconfig.WrongType, Severity: pack.Blocked, Message: fmt.Sprintf("the config file cannot be read as YAML: %v", err)}}, nil
	}
	return schema.Validate(doc.Root.Value()), doc.Root
}

func configFindingID(kind packconfig.ProblemKind) string {
	return "PS-CONFIG-" + strings.ToUpper(string(kind))
}

// configFinding shows a problem where it can be mended. A config that packsync
// does not own only warns: it may have been refused before, and is not ours.
func (p *Planned) configFinding(d *desired, problem packconfig.Problem, owned bool, file *pyyaml.Node) finding {
	f := finding{
		ID: configFindingID(problem.Kind), Severity: problem.Severity,
		Resource: string(d.pack.Ref), Message: "config: " + problem.String(),
	}
	at := func(name string, line int) {
		if f.At = []string{name}; line > 0 {
			f.At[0] += fmt.Sprintf(":%d", line)
		}
	}
	if problem.Kind == packconfig.BadSchema {
		f.Message = "config schema: " + problem.String()
	}
	line := 0
	if file != nil {
		line = lineOf(file, problem.Keys)
	}
	switch declared := d.pack.Config; {
	case problem.Line > 0:
		at(content.ConfigSchemaFile, problem.Line)
	case owned && declared != nil && declared.File != "":
		at(declared.Range.Filename, declared.Range.Start.Line)
		if name := p.Config.NameOf(declared.File); line > 0 {
			at(name, line)
			p.place(f, diag.LineRange(name, declared.Bytes, line))
		}
	case owned && declared != nil:
		place := declared.KeyRange(problem.Keys...)
		at(place.Filename, place.Start.Line)
		p.place(f, place)
	case !owned:
		at(filepath.Join(p.Config.Host.ConfigsDir, string(d.pack.Ref)+".yaml"), line)
		if f.Severity == pack.Blocked {
			f.Severity = pack.Warning
			f.Message += " (StackStorm will refuse to register it; packsync does not own this file)"
		}
	}
	return f
}

// lineOf is the line of a key, or of what holds it where it is missing.
func lineOf(node *pyyaml.Node, keys []string) int {
	line := node.Line
	for _, key := range keys {
		next := node.Lookup(key)
		if next == nil {
			return line
		}
		line = next.Line
		for _, pair := range node.Pairs() {
			if pair.Value == next {
				line = pair.Key.Line
			}
		}
		node = next
	}
	return line
}

func (p *Planned) place(f finding, at diag.Range) {
	if p.configPlaces == nil {
		p.configPlaces = map[string]diag.Range{}
	}
	p.configPlaces[placeKey(f)] = at
}

// placeKey tells two findings apart. A pack has one config.
func placeKey(f finding) string { return f.Resource + "\x00" + f.ID + "\x00" + f.Message }

// configDiagnostics are the blocked findings about configs with the place of each
// in the user's files, so that they can be shown like every other mistake there.
func (p *Planned) configDiagnostics(blocked []finding) (list diag.List) {
	for _, f := range blocked {
		if at, known := p.configPlaces[placeKey(f)]; known {
			d := diag.Error(at, "Config that StackStorm would refuse", fmt.Sprintf("Pack %q: %s [%s]", f.Resource, f.Message, f.ID))
			list = append(list, diag.Confidential(d))
		}
	}
	return list
}

// configWithoutSchema warns of a config that nothing reads, and that makes
// StackStorm's list of configs fail for everybody (server-behaviour.md 4).
func (p *Planned) configWithoutSchema(d *desired, owned bool) []finding {
	if !owned {
		return nil
	}
	return []finding{{
		ID: "PS-CONFIG-NO-SCHEMA", Severity: pack.Warning, Resource: string(d.pack.Ref),
		Message: "this version of the pack has no config.schema.yaml: StackStorm checks nothing in its config, and its list of all configs (GET /v1/configs) fails while one such config is registered",
	}}
}
