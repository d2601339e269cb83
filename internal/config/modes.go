package config

import (
	"math/big"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// FileMode says which modes the files of a pack get. The zero FileMode leaves it
// to the host, and there it means ModePacksync.
type FileMode string

// The modes.
const (
	ModePacksync      FileMode = "packsync"       // directories 0755, files 0644 or 0755
	ModeGroupWritable FileMode = "group-writable" // 0775, 0664 or 0775
)

// mode reads which modes files get.
func (b block) mode() FileMode {
	text, ok := b.text("mode", textNonEmpty)
	if !ok {
		return ""
	}
	switch mode := FileMode(text); mode {
	case ModePacksync, ModeGroupWritable:
		return mode
	}
	b.l.error(b.body.Attributes["mode"].Expr.Range(), "Unknown mode",
		"mode is one of \"packsync\" (directories 0755, files 0644 or 0755: only root writes) and \"group-writable\" (0775, 0664 or 0775), not %q.", text)
	return ""
}

// The number of generations that are kept of each pack.
const (
	defaultKeep = 2
	maxKeep     = 100
)

// keep reads how many generations are kept.
func (b block) keep() int {
	attr, v, ok := b.value("keep")
	if !ok || !v.IsKnown() {
		return defaultKeep
	}
	at := attr.Expr.Range()
	if isSensitive(v) {
		b.l.error(at, "Secret not allowed here", "%s is shown in plans and logs, so it must not come from a sensitive value.", b.subject("keep"))
		return defaultKeep
	}
	if number, err := convert.Convert(v, cty.Number); err == nil {
		if n, accuracy := number.AsBigFloat().Int64(); accuracy == big.Exact && n >= 1 && n <= maxKeep {
			return int(n)
		}
	}
	b.l.error(at, "Invalid number", "%s must be a whole number from 1 to %d: how many generations are kept of each pack to go back to.", b.subject("keep"), maxKeep)
	return defaultKeep
}
