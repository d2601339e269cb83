package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
)

// againstRecord plans as if the record were what is wanted: what comes out is
// drift, and what StackStorm has to be told.
func (p *Planned) againstRecord(ctx context.Context, global plan.Global, reported *plan.Reported) (*plan.Plan, error) {
	in := plan.Input{
		Registration: true, Only: true, AllowRemovals: -1, Global: global, Reported: reported, Recorded: map[pack.Ref]plan.Recorded{},
		Observed: map[pack.Addr]plan.Seen{}, Beside: map[pack.Ref]plan.Seen{}, Parts: map[string]string{},
	}
	unread := map[pack.Ref]bool{} // not looked at file by file
	for addr, seen := range p.Observed.Packs {
		if recorded := p.Record.Packs[addr.Ref]; recorded.Path == seen.Dir && !seen.Full && !seen.Link {
			unread[addr.Ref] = true
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(p.Record.Packs)) {
		if unread[ref] {
			continue
		}
		recorded := p.recorded(ref, p.Record.Packs[ref])
		in.Recorded[ref] = recorded
		in.Packs = append(in.Packs, plan.Want{
			Ref: ref, Side: recorded.Side, DependsOn: recorded.DependsOn, OnDrift: plan.DriftLeave, Modes: recorded.Side.Modes, ConfigMatches: true,
			Overrides: plan.Overriding{AsIs: true, Kinds: p.overridableOnDisk(ref)},
		})
	}
	for addr, seen := range p.Observed.Packs {
		if recorded, managed := p.Record.Packs[addr.Ref]; managed && recorded.Path == seen.Dir && !unread[addr.Ref] {
			var err error
			if in.Observed[addr], err = p.seen(ctx, addr, seen); err != nil {
				return nil, err
			}
		}
	}
	return plan.Compute(in), nil
}

// overridableOnDisk lists the kinds of content of an installed pack that can be
// overridden; nil for all.
func (p *Planned) overridableOnDisk(ref pack.Ref) []string {
	d := desired{pack: config.Pack{Ref: ref}, side: p.recorded(ref, p.Record.Packs[ref]).Side}
	return p.overridable(&d)
}

// loadToAsk is Load for a command that needs no values but asks StackStorm if it can.
// A declaration that lacks some is loaded without them, and unasked says why.
func loadToAsk(ctx context.Context, opts Options) (decl Declaration, unasked error, err error) {
	decl, err = Load(ctx, opts)
	if err != nil || decl.Config.Host.Registration.Kind != config.RegisterAPI {
		return decl, nil, err
	}
	opts.Config.Mode = config.Full
	whole, err := Load(ctx, opts)
	if err != nil {
		var wrong *DeclarationError
		if errors.As(err, &wrong) {
			return decl, fmt.Errorf("the declaration lacks values that are needed to ask: %w", err), nil
		}
		return decl, nil, err
	}
	return whole, nil, nil
}

// registeredDrift asks StackStorm, and says of each managed pack that was looked at
// what differs from what it should have registered.
func (p *Planned) registeredDrift(ctx context.Context) (map[pack.Ref][]string, error) {
	p.inventories = p.world.inventories(p.note)
	reported, err := p.reported(ctx)
	if err != nil {
		return nil, err
	}
	global, err := p.globalOverrides()
	if err != nil {
		return nil, err
	}
	compared, err := p.againstRecord(ctx, global, reported)
	if err != nil {
		return nil, err
	}
	drift := map[pack.Ref][]string{}
	for _, d := range compared.Drift {
		if d.OfRegistration() {
			drift[d.Ref] = append(drift[d.Ref], d.Detail)
		}
	}
	for ref, recorded := range p.Record.Packs {
		if len(recorded.Registered.Pending) > 0 {
			drift[ref] = append(drift[ref], "registration is pending: "+strings.Join(recorded.Registered.Pending, ", "))
		}
	}
	return drift, nil
}
