package plan

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// Reported is what StackStorm itself says that it has registered, beside what the
// disk says that it should have.
type Reported struct {
	Packs   map[pack.Ref]ReportedPack
	Objects map[string][]ReportedObject // by kind, in the words of Kinds
	// Content is what the packs on disk contain that are as they were recorded: refs
	// by kind. A pack that is not in it is not compared.
	Content map[pack.Ref]map[string][]string
	// Configs compares the config files on disk, of managed packs and others.
	Configs map[pack.Ref]ReportedConfig
}

// ReportedPack is the last registration of a pack.
type ReportedPack struct{ Version, Path string }

// ReportedObject is one action, rule and so on.
type ReportedObject struct {
	Ref  string
	Pack pack.Ref
	Name string
}

// ReportedConfig says how the registered config of a pack compares with its file.
type ReportedConfig struct {
	State ReportedState
	Keys  []string // that differ, for ConfigStale
}

// ReportedState is one word about a registered config.
type ReportedState string

// The states. What cannot be compared, secrets for one, counts as equal.
const (
	ConfigSame    ReportedState = ""
	ConfigStale   ReportedState = "stale"   // StackStorm has other values than the file
	ConfigUnknown ReportedState = "unknown" // there is a file, and StackStorm has no config
	ConfigLeft    ReportedState = "left"    // there is no file any more, and StackStorm has a config
)

// Kinds lists the kinds of content, in the order in which StackStorm registers
// them. They are registration types too.
func Kinds() []string {
	return []string{"triggers", "sensors", "actions", "rules", "aliases", "policies"}
}

// The kinds of drift between the disk and what StackStorm has registered.
const (
	DriftUnregistered = "registered-pack"      // StackStorm does not know the pack
	DriftVersion      = "registered-version"   // it has another version
	DriftContent      = "registered-content"   // it has other content, or lacks some
	DriftConfig       = "registered-config"    // it has another config
	DriftOverrides    = "registered-overrides" // it has not read the override files
)

// OfRegistration reports whether the drift is between the disk and StackStorm, and
// not between the disk and the record.
func (d Drift) OfRegistration() bool { return strings.HasPrefix(d.Kind, "registered-") }

// stale adds a difference between the disk and what StackStorm has registered,
// and with it the reason to register.
func (c *Change) stale(p *Plan, kind, detail string, files ...string) {
	p.Drift = append(p.Drift, Drift{Ref: c.Ref, Kind: kind, Detail: detail, Files: files})
	c.becomes(Register, detail)
}

// refresh compares what StackStorm reports about a pack with the disk, and
// returns the types that have to be registered again.
func (c *Change) refresh(in Input, recorded Recorded, p *Plan) (types []string) {
	content, compared := in.Reported.Content[c.Ref]
	if !compared {
		return nil
	}
	row, known := in.Reported.Packs[c.Ref]
	switch {
	case !known:
		c.stale(p, DriftUnregistered, "StackStorm does not know the pack, although it was registered: it was unloaded, or the database is another one")
		return []string{"all"}
	case row.Version != recorded.Side.Version:
		c.stale(p, DriftVersion, fmt.Sprintf("StackStorm has version %s registered, and %s is placed", describeVersion(row.Version), describeVersion(recorded.Side.Version)))
		return []string{"all"}
	case row.Path != "" && filepath.Base(row.Path) != string(c.Ref):
		c.stale(p, DriftContent, fmt.Sprintf("StackStorm has it registered from %s: a copy beside the pack was taken for it", row.Path))
		return []string{"all"}
	}
	for _, kind := range Kinds() {
		missing := in.Reported.missing(kind, content[kind])
		missing = c.taken(in, kind, missing)
		if len(missing) == 0 {
			continue
		}
		c.stale(p, DriftContent, fmt.Sprintf("StackStorm lacks %s that it was told about: %s", count(len(missing), kind), few(missing)), missing...)
		if kind == "triggers" || kind == "sensors" { // rules and sensors hang on these
			types = append(types, "all")
		}
		types = append(types, kind)
	}
	return append(types, c.refreshConfig(in.Reported.Configs[c.Ref], p)...)
}

func (c *Change) refreshConfig(config ReportedConfig, p *Plan) []string {
	switch config.State {
	case ConfigStale:
		c.stale(p, DriftConfig, "registered config is stale: StackStorm's differs from the file"+keys(config.Keys), config.Keys...)
	case ConfigUnknown:
		c.stale(p, DriftConfig, "registered config is stale: there is a config file, and StackStorm has no config")
	case ConfigLeft:
		c.note("PS-STACKSTORM-CONFIG-LEFT", pack.Note, "StackStorm keeps a config for %s, and its file is gone: nothing but unloading the pack takes it away (st2 run packs.unload packs=%s, then packsync register %s)", c.Ref, c.Ref, c.Ref)
		return nil
	default:
		return nil
	}
	return []string{"configs"}
}

// missing returns those of refs that StackStorm does not have.
func (r *Reported) missing(kind string, refs []string) (missing []string) {
	there := make(map[string]bool, len(r.Objects[kind]))
	for _, o := range r.Objects[kind] {
		there[o.Ref] = true
	}
	for _, ref := range refs {
		if !there[ref] {
			missing = append(missing, ref)
		}
	}
	return missing
}

// taken warns of the aliases and policies that another pack has, and returns the
// rest. StackStorm knows these by their name alone, whatever the pack: registering
// again would only take it back from the other one (reference.md 4.3).
func (c *Change) taken(in Input, kind string, missing []string) (rest []string) {
	if kind != "aliases" && kind != "policies" {
		return missing
	}
	for _, ref := range missing {
		name := strings.TrimPrefix(ref, string(c.Ref)+".")
		at := slices.IndexFunc(in.Reported.Objects[kind], func(o ReportedObject) bool { return o.Name == name && o.Pack != c.Ref })
		if at < 0 {
			rest = append(rest, ref)
			continue
		}
		c.note("PS-STACKSTORM-TAKEN", pack.Warning, "%s %q of %s is not in StackStorm, because pack %s has one of the same name and was registered later: StackStorm knows %s by their name alone. Rename one of them.",
			one(kind), name, c.Ref, in.Reported.Objects[kind][at].Pack, kind)
	}
	return rest
}

func one(kind string) string {
	switch kind {
	case "aliases":
		return "alias"
	case "policies":
		return "policy"
	case "triggers":
		return "trigger type"
	}
	return strings.TrimSuffix(kind, "s")
}

func count(n int, kind string) string {
	switch {
	case n == 1:
		return "1 " + one(kind)
	case kind == "triggers":
		kind = "trigger types"
	}
	return fmt.Sprintf("%d %s", n, kind)
}

// reportedOnly says what StackStorm reports about packs that are not packsync's to
// register: those that are nowhere on disk, and unmanaged ones that differ.
func reportedOnly(in Input, p *Plan) (out []pack.Finding) {
	if in.Reported == nil {
		return nil
	}
	onDisk := map[pack.Ref]bool{}
	for addr := range in.Observed {
		onDisk[addr.Ref] = true
	}
	for _, want := range in.Packs {
		onDisk[want.Ref] = true
	}
	for _, ref := range slices.Sorted(maps.Keys(in.Reported.Packs)) {
		if _, managed := in.Recorded[ref]; managed || onDisk[ref] || ref.IsSystem() {
			continue
		}
		out = append(out, pack.Finding{
			ID: "PS-STACKSTORM-ONLY", Severity: pack.Note, Resource: string(ref),
			Message: fmt.Sprintf("StackStorm has pack %s registered (from %s), and no base path has it: what it registered stays until it is unloaded (st2 run packs.unload packs=%s)", ref, in.Reported.Packs[ref].Path, ref),
		})
	}
	others := slices.SortedFunc(slices.Values(p.Unmanaged), func(a, b Unmanaged) int {
		return cmp.Or(cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.BasePath, b.BasePath))
	})
	for _, u := range others {
		if text := in.Reported.unmanaged(u); text != "" {
			out = append(out, pack.Finding{
				ID: "PS-STACKSTORM-UNMANAGED", Severity: pack.Note, Resource: string(u.Ref),
				Message: fmt.Sprintf("pack %s is not managed by packsync, and %s (packsync register %s tells StackStorm)", u.Ref, text, u.Ref),
			})
		}
	}
	return out
}

func (r *Reported) unmanaged(u Unmanaged) string {
	row, known := r.Packs[u.Ref]
	switch {
	case u.Ref.IsSystem():
		return ""
	case !known:
		return "StackStorm does not know it"
	case u.Version != "" && row.Version != u.Version:
		return fmt.Sprintf("StackStorm has version %s registered while %s is on disk", describeVersion(row.Version), u.Version)
	}
	switch r.Configs[u.Ref].State {
	case ConfigStale:
		return "its registered config is stale: StackStorm's differs from the file" + keys(r.Configs[u.Ref].Keys)
	case ConfigUnknown:
		return "its registered config is stale: there is a config file, and StackStorm has no config"
	}
	return ""
}
