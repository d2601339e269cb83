package config

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/packsync/packsync/internal/pack"
)

// Purge says what becomes of what a new version of a pack lacks and StackStorm
// still has. The zero Purge leaves it to the host, and there it means PurgeOn.
type Purge string

// The policies.
const (
	PurgeOn   Purge = "true"  // deleted, one by one; sensors are disabled
	PurgeOff  Purge = "false" // listed
	PurgeFull Purge = "full"  // the pack is unloaded and registered again
)

// purge reads what is to be done about what a new version lacks.
func (b block) purge() Purge {
	attr, v, ok := b.value("purge")
	if !ok {
		return ""
	}
	at := attr.Expr.Range()
	if isSensitive(v) {
		b.l.error(at, "Secret not allowed here", "%s is shown in plans and logs, so it must not come from a sensitive value.", b.subject("purge"))
		return ""
	}
	if !v.IsKnown() {
		return ""
	}
	if text, err := convert.Convert(v, cty.String); err == nil {
		if policy := Purge(text.AsString()); slices.Contains([]Purge{PurgeOn, PurgeOff, PurgeFull}, policy) {
			return policy
		}
	}
	b.l.error(at, "Unknown purge policy", "purge is one of true (delete what the new version lacks, one by one; disable its sensors), false (only list it) and \"full\" (unload the pack and register it again, which also clears its sensors).")
	return ""
}

// protect reads which objects of a pack are never purged.
func (b block) protect(ref pack.Ref) []string {
	list := b.texts("protect")
	for _, text := range list {
		if !validProtect(ref, text) {
			b.l.error(b.body.Attributes["protect"].Expr.Range(), "Invalid object",
				"protect names objects of this pack as StackStorm does, %q or all that begin alike, %q, and not %q.", string(ref)+".NAME", string(ref)+".OLD*", text)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func validProtect(ref pack.Ref, text string) bool {
	name, ours := strings.CutPrefix(text, string(ref)+".")
	return ours && name != "" && !strings.Contains(strings.TrimSuffix(name, "*"), "*") && !strings.ContainsAny(name, " \t")
}
