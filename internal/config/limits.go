package config

import (
	"math/big"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/packsync/packsync/internal/pack"
)

// The most that a limits block can allow. They are there to keep a slip of the
// pen from switching the limits off.
const (
	maxFiles = 10_000_000
	maxBytes = 16 << 30
)

// decodeLimits reads what a pack may hold.
func (l *loader) decodeLimits(packBlock *hclsyntax.Block, s scope) (limits pack.Limits) {
	for _, inner := range packBlock.Body.Blocks {
		if inner.Type != "limits" {
			continue
		}
		if limits != (pack.Limits{}) {
			l.error(inner.DefRange(), "Declared twice", "This pack already has a limits block. Put both arguments into one.")
			continue
		}
		b := block{l: l, body: inner.Body, scope: s, what: "limits block"}
		if len(inner.Body.Attributes) == 0 {
			l.error(inner.DefRange(), "Empty block", "This limits block says nothing. It takes files and bytes: limits { bytes = 512 * 1024 * 1024 }.")
		}
		limits.Files = int(b.count("files", maxFiles))
		limits.Bytes = b.count("bytes", maxBytes)
	}
	return limits
}

// count reads a whole number from 1 to most; 0 if there is none.
func (b block) count(name string, most int64) int64 {
	attr, v, ok := b.value(name)
	if !ok || !v.IsKnown() {
		return 0
	}
	at := attr.Expr.Range()
	if isSensitive(v) {
		b.l.error(at, "Secret not allowed here", "%s is shown in plans and logs, so it must not come from a sensitive value.", b.subject(name))
		return 0
	}
	if number, err := convert.Convert(v, cty.Number); err == nil {
		if n, accuracy := number.AsBigFloat().Int64(); accuracy == big.Exact && n >= 1 && n <= most {
			return n
		}
	}
	b.l.error(at, "Invalid number", "%s must be a whole number from 1 to %d.", b.subject(name), most)
	return 0
}
