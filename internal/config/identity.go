package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/pack"
)

// checkVersion judges packsync.required_version before anything else is decoded:
// what a newer version understands is not a mistake. It returns the one error
// that then counts. A constraint that cannot be read is reported with the rest.
func (l *loader) checkVersion(bodies []*hclsyntax.Body) *diag.Diagnostic {
	for _, body := range bodies {
		for _, block := range body.Blocks {
			attr := block.Body.Attributes["required_version"]
			if block.Type != "packsync" || attr == nil {
				continue
			}
			v, diags := attr.Expr.Value(nil)
			if diags.HasErrors() || v.IsNull() || v.Type() != cty.String {
				l.error(attr.Expr.Range(), "Invalid required_version", "required_version must be a constraint in double quotes, without references, for example \">= 1.2\".")
				continue
			}
			constraint, err := pack.ParseConstraint(v.AsString())
			if err != nil {
				l.error(attr.Expr.Range(), "Invalid required_version", "%s.", capital(err.Error()))
				continue
			}
			if _, released := pack.ParseTagVersion(l.req.Version); released && !satisfies(constraint, l.req.Version) {
				return diag.Error(attr.Expr.Range(), "Unsupported packsync version",
					fmt.Sprintf("This declaration requires packsync %s, and this is packsync %s. Use another version; nothing else in the declaration was looked at.", constraint, l.req.Version))
			}
		}
	}
	return nil
}

// satisfies lets a pre-release of packsync count as the release that it precedes,
// unless the constraint speaks of pre-releases itself.
func satisfies(constraint pack.Constraint, version string) bool {
	if constraint.Matches(version) {
		return true
	}
	release, _, isPre := strings.Cut(version, "-")
	return isPre && !strings.Contains(constraint.String(), "-") && constraint.Matches(release)
}

// single returns the only block of a type that may be written once, over all
// files.
func (l *loader) single(kind string) (block, bool) {
	all := l.blocks[kind]
	if len(all) == 0 {
		return block{}, false
	}
	for _, b := range all {
		l.once("block "+kind, "", b.DefRange())
	}
	return block{l: l, body: all[0].Body, scope: l.scope, what: kind + " block"}, true
}

func (l *loader) decodeIdentity() {
	if b, ok := l.single("packsync"); ok {
		l.cfg.Name, _ = b.text("name", textNonEmpty)
	}
}
