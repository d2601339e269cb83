package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/packsync/packsync/internal/content"
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
	if schema != nil {
		problems = append(problems, problemsOf(schema, d, owned, onDisk.Bytes)...)
	}
	var out []finding
	for _, problem := range problems {
		out = append(out, p.configFinding(d, problem, owned))
	}
	return out, nil
}

func problemsOf(schema *packconfig.Schema, d *desired, owned bool, onDisk []byte) []packconfig.Problem {
	if owned && d.pack.Config != nil && d.pack.Config.File == "" {
		return schema.ValidateDeclared(d.pack.Config.Values)
	}
	data := onDisk
	if owned {
		data = d.config
	}
	doc, err := pyyaml.Unmarshal(data)
	if err != nil {
		return []packconfig.Problem{{Kind: packconfig.WrongType, Severity: pack.Blocked, Message: fmt.Sprintf("the config file cannot be read as YAML: %v", err)}}
	}
	return schema.Validate(doc.Root.Value())
}

// configFinding shows a problem where it can be mended. A config that packsync
// does not own only warns: it may have been refused before, and is not ours.
func (p *Planned) configFinding(d *desired, problem packconfig.Problem, owned bool) finding {
	f := finding{
		ID: "PS-CONFIG-" + strings.ToUpper(string(problem.Kind)), Severity: problem.Severity,
		Resource: string(d.pack.Ref), Message: "config: " + problem.String(),
	}
	switch {
	case problem.Kind == packconfig.BadSchema:
		f.Message = "config schema: " + problem.String()
		if problem.Line > 0 {
			f.At = []string{fmt.Sprintf("%s:%d", content.ConfigSchemaFile, problem.Line)}
		}
	case owned && d.pack.Config != nil && d.pack.Config.File != "":
		f.At = []string{d.pack.Config.File}
	case owned && d.pack.Config != nil:
		f.At = []string{fmt.Sprintf("%s:%d", d.pack.Config.Range.Filename, d.pack.Config.Range.Start.Line)}
	case !owned:
		f.At = []string{filepath.Join(p.Config.Host.ConfigsDir, string(d.pack.Ref)+".yaml")}
		if f.Severity == pack.Blocked {
			f.Severity = pack.Warning
			f.Message += " (StackStorm will refuse to register it; packsync does not own this file)"
		}
	}
	return f
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
