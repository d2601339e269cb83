package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/installed"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/state"
)

// input turns what was read into the plain data that the planner compares.
func (p *Planned) input(ctx context.Context) (in plan.Input, err error) {
	cfg := p.Config
	in = plan.Input{
		Name: cfg.Name, Digest: p.desiredDigest(), Registration: cfg.Host.Registration.Kind != config.RegisterNone,
		LockChanges: lockChanges(p.Resolved), Recorded: map[pack.Ref]plan.Recorded{}, Observed: map[pack.Addr]plan.Seen{}, Beside: map[pack.Ref]plan.Seen{},
		AllowRemovals: p.world.opts.AllowRemovals, Destroy: p.world.opts.Destroy, Only: p.world.opts.Rollback != nil,
		Target: p.world.opts.Target, Exclude: p.world.opts.Exclude, Parts: map[string]string{},
	}
	if err := p.checkTargets(); err != nil {
		return in, err
	}
	for _, base := range cfg.BasePaths {
		in.BasePaths = append(in.BasePaths, plan.BasePath{Name: base.Name, Path: base.Path})
	}
	for ref, recorded := range p.Record.Packs {
		in.Recorded[ref] = p.recorded(ref, recorded)
	}
	declared := make(map[pack.Ref]bool, len(cfg.Packs))
	for i := range cfg.Packs {
		declared[cfg.Packs[i].Ref] = true
	}
	requiredBy := inverted(p.Resolved.Requires)
	for addr, seen := range p.Observed.Packs {
		if in.Observed[addr], err = p.seen(ctx, addr, seen); err != nil {
			return in, err
		}
	}
	if in.Global, err = p.globalOverrides(); err != nil {
		return in, err
	}
	for ref, recorded := range in.Recorded {
		if _, there := in.Observed[pack.Addr{BasePath: recorded.Side.BasePath, Ref: ref}]; !there {
			overrides, err := p.overridesSeen(ref)
			if err != nil {
				return in, err
			}
			in.Beside[ref] = plan.Seen{Overrides: overrides.OverrideFile}
		}
	}
	for i := range p.desired {
		d := &p.desired[i]
		if _, there := in.Observed[pack.Addr{BasePath: d.side.BasePath, Ref: d.pack.Ref}]; !there {
			beside := plan.Seen{}
			if err := p.beside(&beside, d.pack.Ref); err != nil {
				return in, err
			}
			in.Beside[d.pack.Ref] = beside
		}
		want, err := p.want(d)
		if err != nil {
			return in, err
		}
		if !declared[d.pack.Ref] {
			want.RequiredBy = requiredBy[d.pack.Ref]
		}
		judged, err := p.judgeConfig(ctx, d)
		if err != nil {
			return in, err
		}
		want.Findings = append(want.Findings, judged...)
		overriding, judged, err := p.overriding(ctx, d)
		if err != nil {
			return in, err
		}
		want.Overrides, want.Findings = overriding, append(want.Findings, judged...)
		in.Packs = append(in.Packs, want)
	}
	if len(p.Unfinished) > 0 {
		in.Findings = append(in.Findings, pack.Finding{
			ID: "PS-UNFINISHED", Severity: pack.Warning,
			Message: fmt.Sprintf("%d interrupted applies are not finished: the next apply finishes them first (%s)", len(p.Unfinished), filepath.Base(p.Unfinished[0])),
		})
	}
	p.parts(in.Parts)
	in.Parts["the override file of all packs"] = plan.Digest(in.Global.Seen.Digest, in.Global.Want.File.Digest)
	for i, want := range in.Packs {
		in.Parts["the override file of "+string(want.Ref)] = plan.Digest(p.desired[i].overridesSeen, want.Overrides.File.Digest)
	}
	return in, nil
}

func (p *Planned) recorded(ref pack.Ref, r state.Pack) plan.Recorded {
	base := r.BasePath
	if seen, there := p.Observed.At(r.Path); there && seen.Addr.Ref == ref {
		base = seen.Addr.BasePath
	}
	out := plan.Recorded{
		Side: plan.Side{
			BasePath: base, Path: r.Path, Source: r.Source, Subdir: r.Subdir, Commit: r.Commit, Tree: r.Tree,
			Content: r.Content, Version: r.Version, Modes: r.Modes, Ref: r.Ref,
			ForeignConfig: r.Registered.Config, Overrides: r.Registered.Overrides,
		},
		DependsOn: r.DependsOn, Registered: r.Registered.Digest, Pending: r.Registered.Pending, PurgeConfig: r.PurgeConfig,
	}
	if r.Config != nil && r.Config.Owned {
		out.Side.Config = r.Config.HMAC
	}
	if r.Hold != nil {
		out.Side.Hold = plan.Hold{Commit: r.Hold.Commit, Tree: r.Hold.Tree, Config: r.Hold.Config}
	}
	if r.Overrides != nil {
		out.Side.OverrideFile = r.Overrides.HMAC
	}
	if r.Venv != nil {
		out.Side.Venv = r.Venv.Key
	}
	return out
}

func (p *Planned) seen(ctx context.Context, addr pack.Addr, s installed.Pack) (out plan.Seen, err error) {
	out = plan.Seen{Path: s.Dir, Link: s.Link, Version: s.Version, Tree: s.Tree, Content: s.Content, Modes: string(s.Modes), OddMode: s.Odd}
	recorded, managed := p.Record.Packs[addr.Ref]
	if managed && recorded.Path == s.Dir {
		if !s.Link && s.Content != recorded.Content {
			out.Edits = p.edits(ctx, addr.Ref, recorded, s)
		}
		p.judgeModes(&out, recorded, s)
		if !s.Link && (s.Content != recorded.Content || len(out.OddMode) > 0) {
			out.Reinstalled = p.world.reinstalled(ctx, s)
		}
	}
	if s.Full {
		err = p.beside(&out, addr.Ref)
	}
	return out, err
}

// beside fills in what belongs to a pack and does not lie in its directory.
func (p *Planned) beside(out *plan.Seen, ref pack.Ref) (err error) {
	if c, ok := p.Observed.Configs[ref]; ok {
		out.Config = p.key.HMAC(c.Bytes)
	}
	overrides, err := p.overridesSeen(ref)
	if err != nil {
		return err
	}
	out.Overrides = overrides.OverrideFile
	if p.list(p.Config.Host.VirtualenvsDir).May(string(ref)) {
		out.Venv, out.BadVenv, err = p.world.venvThere(ref)
	}
	return err
}

// judgeModes finds the modes that packsync did not set, in a pack whose modes it
// set.
func (p *Planned) judgeModes(out *plan.Seen, recorded state.Pack, s installed.Pack) {
	profile := installed.ModeProfile(recorded.Modes)
	if len(out.OddMode) > 0 || profile != installed.ModesPacksync && profile != installed.ModesGroupWritable {
		return
	}
	// In a pack of which every file is executable, both profiles are the same.
	fits := s.Modes == profile || profile == installed.ModesGroupWritable && s.Modes == installed.ModesST2
	switch {
	case !fits:
		out.OddMode = []string{"modes of all files and directories"}
	case s.Content == recorded.Content && s.Tree != recorded.Tree:
		out.OddMode = []string{"executable bits"}
	}
}

func (p *Planned) want(d *desired) (plan.Want, error) {
	want := plan.Want{
		Side: d.side, Ref: d.pack.Ref, DependsOn: d.pack.DependsOn, Replace: d.pack.Replace,
		OnDrift: plan.OnDrift(cmp.Or(d.pack.OnDrift, p.Config.Host.OnDrift)), Findings: slices.Concat(p.Resolved.Findings[d.pack.Ref], d.findings),
		Modes: string(cmp.Or(d.pack.Mode, p.Config.Host.Mode, config.ModePacksync)),
		Purge: p.purgeOf(d.pack), Protect: d.pack.Protect, PurgeConfig: d.pack.PurgeConfig,
	}
	if d.pack.Config == nil && d.config == nil {
		return want, nil
	}
	onDisk, there := p.Observed.Configs[d.pack.Ref]
	switch {
	case !there:
	case string(onDisk.Bytes) == string(d.config):
		want.ConfigMatches = true
	default:
		changes, err := packconfig.DiffKeys(onDisk.Bytes, d.config)
		if err != nil {
			return want, fmt.Errorf("compare the config of %s: %w", d.pack.Ref, err)
		}
		for _, c := range changes {
			want.ConfigKeys = append(want.ConfigKeys, c.String())
		}
		want.ConfigMatches = len(changes) == 0 && d.pack.Config != nil && d.pack.Config.File == ""
	}
	return want, nil
}

// inverted tells for each pack which others require it, sorted.
func inverted(requires map[pack.Ref][]pack.Ref) map[pack.Ref][]pack.Ref {
	out := map[pack.Ref][]pack.Ref{}
	for _, by := range slices.Sorted(maps.Keys(requires)) {
		for _, target := range slices.Compact(slices.Sorted(slices.Values(requires[by]))) {
			out[target] = append(out[target], by)
		}
	}
	return out
}

// checkTargets refuses names that mean no pack: a typo must not look like
// "nothing to do".
func (p *Planned) checkTargets() error {
	for _, list := range [][]pack.Ref{p.world.opts.Target, p.world.opts.Exclude} {
		for _, ref := range list {
			_, managed := p.Record.Packs[ref]
			if !managed && !slices.ContainsFunc(p.desired, func(d desired) bool { return d.pack.Ref == ref }) {
				return fmt.Errorf("--target or --exclude names %s, which is neither declared nor managed", ref)
			}
		}
	}
	return nil
}

// desiredDigest covers the bytes of the lock as it will stand, of the declaration
// and the files it names, and the tree hashes of directory sources (design.md 8):
// no environment, no secret, no host.
func (p *Planned) desiredDigest() string {
	parts := []string{"desired", string(p.Resolved.Lock.Bytes())}
	for _, input := range p.Config.Inputs {
		parts = append(parts, input.Path, string(input.Bytes))
	}
	for _, d := range p.desired {
		if d.dirTree != "" {
			parts = append(parts, string(d.pack.Ref), string(d.dirTree))
		}
	}
	return plan.Digest(parts...)
}

// parts names the digests of all that the plan rests on, so that a stale plan can
// say what moved.
func (p *Planned) parts(into map[string]string) {
	for _, input := range p.Config.Inputs {
		into[input.Path] = plan.Digest(string(input.Bytes))
	}
	into["the lock"] = plan.Digest(string(p.Lock.Bytes()))
	into["the record of the last apply"] = plan.Digest(p.Record.Lineage, fmt.Sprint(p.Record.Serial), p.Record.Checksum)
	for addr, seen := range p.Observed.Packs {
		if seen.Full {
			into["pack "+string(addr.Ref)+" on disk ("+seen.Dir+")"] = plan.Digest(string(seen.Tree), string(seen.Modes), strings.Join(seen.Odd, "\n"))
		}
	}
	for ref, c := range p.Observed.Configs {
		into["the config file of "+string(ref)] = p.key.HMAC(c.Bytes)
	}
	for _, d := range p.desired {
		into["what is declared and locked for "+string(d.pack.Ref)] = plan.Digest(d.side.Path, d.side.Source, string(d.side.Commit), string(d.side.Tree), d.side.Config, d.side.Venv)
	}
}

func digestFinding(want, got string) pack.Finding {
	return pack.Finding{
		ID: "PS-DIGEST", Severity: pack.Blocked,
		Message: fmt.Sprintf("the desired digest is %s, but --expect-digest wants %s: this is not what was reviewed", got, want),
	}
}

func compareRefs(a, b pack.Ref) int { return strings.Compare(string(a), string(b)) }
