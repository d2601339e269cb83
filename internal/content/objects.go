package content

import (
	"slices"

	"github.com/packsync/packsync/internal/pack"
)

// Objects lists what StackStorm keeps of a pack with this content, sorted, each
// once: two files with one name are one object.
func (inv *Inventory) Objects(ref pack.Ref) []pack.Object {
	var out []pack.Object
	add := func(kind, name string) {
		out = append(out, pack.Object{Kind: kind, Ref: string(ref) + "." + name})
	}
	for _, x := range inv.Triggers {
		add(pack.KindTrigger, x.Name)
	}
	for _, x := range inv.Sensors {
		add(pack.KindSensor, x.ClassName)
	}
	for _, x := range inv.Actions {
		add(pack.KindAction, x.Name)
	}
	for _, x := range inv.Rules {
		add(pack.KindRule, x.Name)
	}
	for _, x := range inv.Aliases {
		add(pack.KindAlias, x.Name)
	}
	for _, x := range inv.Policies {
		add(pack.KindPolicy, x.Name)
	}
	slices.SortFunc(out, pack.CompareObjects)
	return slices.Compact(out)
}
