package view

import (
	"io"

	"github.com/packsync/packsync/internal/reconcile"
)

// VerifiedSummary is the first line of verify.
func VerifiedSummary(v *reconcile.Verified) string {
	all := plural(len(v.Packs), "pack", "packs")
	switch n := v.Mismatches(); {
	case len(v.Packs) == 0:
		return "There is nothing to verify: no pack is locked or managed."
	case n == 0 && v.Asked:
		return "Verified " + all + ": every file is as recorded and locked, and StackStorm has them registered."
	case n == 0:
		return "Verified " + all + ": every file is as recorded and locked."
	default:
		return "Verified " + all + ": " + plural(n, "is", "are") + " not as recorded and locked" + registeredToo(v)
	}
}

func registeredToo(v *reconcile.Verified) string {
	if v.Asked {
		return ", or not registered so."
	}
	return "."
}

// Verified prints what hashing found: the packs that are not as they should be,
// with --verbose all.
func Verified(w io.Writer, v *reconcile.Verified, style Style) error {
	p := &printer{w: w}
	p.printf("%s\n", style.paint(bold, VerifiedSummary(v)))
	for _, pk := range v.Packs {
		if pk.OK {
			if style.Verbose {
				p.printf("  %s  %s\n", style.paint(green, "ok"), pk.Ref)
			}
			continue
		}
		p.printf("  %s  %s\n", style.paint(red, "differs"), style.paint(bold, string(pk.Ref)))
		for _, problem := range pk.Problems {
			p.wrapped(style, "      ", problem)
		}
		for _, file := range pk.Files {
			p.printf("      - %s\n", Quote(file))
		}
	}
	return p.err
}
