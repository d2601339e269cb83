package st2

import (
	"context"
	"fmt"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// unregisterByObject deletes what the API can delete, in an order that never
// leaves a rule without its trigger (server-behaviour.md, Purge 14), and names
// the rest. It can be repeated after a failure.
func (a *api) unregisterByObject(ctx context.Context, op string, ref pack.Ref) (Outcome, error) {
	var left []string
	for _, kind := range pack.ObjectKinds() {
		there, err := a.list(ctx, op, listOf[kind], "ref,pack", ref)
		if err != nil {
			return Outcome{}, err
		}
		var all []pack.Object
		for _, o := range there {
			all = append(all, pack.Object{Kind: kind, Ref: o.Ref})
		}
		var done Purged
		if err := a.purgeKind(ctx, op, ref, kind, all, &done); err != nil {
			return Outcome{}, err
		}
		for _, used := range done.InUse {
			left = append(left, fmt.Sprintf("%s stays registered, because rules of other packs use it: %s", used.Object, strings.Join(used.Rules, ", ")))
		}
		for _, o := range done.Disabled {
			left = append(left, o.String()+" is disabled but stays registered: StackStorm's API cannot delete sensors")
		}
	}
	left = append(left, fmt.Sprintf("the entry of pack %s, its config and its config schema stay registered, because %s could not be run "+
		"(when StackStorm's engine works again, remove them with: %s)", ref, unloadAction, unloadCommand(ref)))
	return Outcome{Left: left}, nil
}
