package reconcile

import (
	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
	"github.com/packsync/packsync/internal/pyyaml"
	"github.com/packsync/packsync/internal/review"
)

// declaredConfig is what a review has to know of the config that is declared for
// a pack, held against the schema after the change; nil for none.
func declaredConfig(declared config.Pack, after *content.Inventory) *review.Config {
	c := declared.Config
	if c == nil || c.Unknown && c.Values == nil {
		return nil
	}
	out := &review.Config{At: placeOfRange(c.Range), Given: map[string]content.Place{}, Refused: map[string]bool{}}
	for _, key := range c.Keys {
		out.Given[key] = placeOfRange(c.KeyRange(key))
	}
	if c.File != "" {
		out.At = content.Place{File: c.File}
		if doc, err := pyyaml.Unmarshal(c.Bytes); err == nil { // what is no YAML gives nothing
			for _, pair := range doc.Root.Pairs() {
				out.Given[pair.Key.Str()] = content.Place{File: c.File, Line: pair.Key.Line}
			}
		}
	}
	for _, problem := range configProblems(declared, after) {
		if len(problem.Keys) > 0 && problem.Kind != packconfig.Missing { // what is missing was not refused
			out.Refused[problem.Keys[0]] = true
		}
	}
	return out
}

// configProblems is what StackStorm would refuse of a declared config.
func configProblems(declared config.Pack, inv *content.Inventory) (blocked []packconfig.Problem) {
	c := declared.Config
	if c == nil || inv == nil || inv.ConfigSchema == nil {
		return nil
	}
	schema, problems := packconfig.ParseSchema(inv.ConfigSchema.Source)
	if schema != nil && c.File == "" {
		problems = append(problems, schema.ValidateDeclared(c.Values)...)
	} else if schema != nil {
		more, _ := problemsOfFile(schema, c.Bytes)
		problems = append(problems, more...)
	}
	for _, problem := range problems {
		if problem.Severity == pack.Blocked {
			blocked = append(blocked, problem)
		}
	}
	return blocked
}

func placeOfRange(at diag.Range) content.Place {
	return content.Place{File: at.Filename, Line: at.Start.Line}
}
