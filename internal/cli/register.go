package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newRegister(a *app) *cobra.Command {
	var request reconcile.RegisterRequest
	var types []string
	cmd := &cobra.Command{
		Use:   "register [PACK…]",
		Short: "Tell StackStorm now about packs as they lie on disk",
		Long: "Registers packs, their config included, one at a time; nothing on disk is changed. Without\n" +
			"arguments those whose registration is pending or stale, as plan says; with --all every managed\n" +
			"pack, for a StackStorm whose database is new. A PACK may also be one that is on disk and not\n" +
			"managed. Files that somebody edited are registered only if their pack is named; --all leaves\n" +
			"such a pack out and says so. A pack that StackStorm refuses stops no other (exit 6).",
		Example: "  packsync register\n  packsync register jira --types configs\n  packsync register --all",
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			var err error
			if request.Packs, err = refs(args); err != nil {
				return outcome{}, err
			}
			if request.Types, err = registrationTypes(types); err != nil {
				return outcome{}, usageError{err}
			}
			switch {
			case request.All && len(args) > 0:
				return outcome{}, usageError{errors.New("--all is every managed pack: name packs, or give --all, not both")}
			case len(request.Types) > 0 && len(args) == 0 && !request.All:
				return outcome{}, usageError{errors.New("--types says what of a pack, and not of which: name packs, or give --all")}
			}
			return a.register(ctx, request)
		}),
	}
	cmd.Flags().BoolVar(&request.All, "all", false, "every managed pack")
	cmd.Flags().StringSliceVar(&types, "types", nil, "only these `TYPES`, separated by commas: "+strings.Join(typeNames, ", ")+" (default all)")
	return cmd
}

// typeNames are the registration types, in the words of StackStorm's counts.
var typeNames = []string{"all", "triggers", "sensors", "actions", "rules", "aliases", "policies", "configs", "runner", "rule_types", "policy_types"}

// singulars are the other words that StackStorm takes.
var singulars = map[string]string{
	"trigger": "triggers", "sensor": "sensors", "action": "actions", "rule": "rules", "alias": "aliases",
	"policy": "policies", "config": "configs", "runners": "runner", "rule_type": "rule_types", "policy_type": "policy_types",
}

func registrationTypes(given []string) (types []string, err error) {
	for _, name := range given {
		name = strings.TrimSpace(name)
		if plural, ok := singulars[name]; ok {
			name = plural
		}
		switch {
		case slices.Contains(typeNames, name):
			types = append(types, name)
		case name == "pack" || name == "packs":
			return nil, fmt.Errorf("--types: %s is no type: StackStorm registers the pack itself and its config schema with every type, configs for one", name)
		default:
			return nil, fmt.Errorf("--types: there is no type %q.%s The types are %s", name, config.DidYouMean(name, slices.Concat(typeNames, slices.Collect(maps.Keys(singulars)))), strings.Join(typeNames, ", "))
		}
	}
	slices.Sort(types)
	types = slices.Compact(types)
	if slices.Contains(types, "all") {
		types = nil
	}
	return types, nil
}

func (a *app) register(ctx context.Context, request reconcile.RegisterRequest) (outcome, error) {
	cb, done := a.watching()
	defer done()
	registered, err := reconcile.Register(ctx, a.globals.options(a.streams, config.Full), request, cb)
	done()
	if registered == nil {
		return outcome{}, err
	}
	return outcome{
		body: view.NewRegisterBody(registered), msg: view.RegisteredSummary(registered), warnings: registered.Warnings, files: registered.Files, notes: registered.Notes,
		text: func(w io.Writer, style view.Style) error { return view.Registered(w, registered, style) },
	}, err
}
