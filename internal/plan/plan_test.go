package plan

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/pack"
)

var update = flag.Bool("update", false, "write what the planner answers into the tables")

// TestTables runs testdata/*.txt: each case is a few sentences about what is
// declared, recorded and on disk, and the plan that follows.
//
//	want    BASE/REF VERSION TREE [venv=K] [config=C matches] [after=REF,…] [replace] [on_drift=P] [mode=M] [held=TREE]
//	record  BASE/REF VERSION TREE [venv=K] [config=C] [registered] [pending=T,…] [after=REF,…] [odd-modes] [modes=M] [held=TREE]
//	disk    BASE/REF TREE [venv[=BROKEN]] [config=C] [odd=PATH] [link] [reinstalled]
//	beside  REF [venv[=BROKEN]] [config=C]       of a pack whose directory is not there
//	content REF KIND=NAME,…                       of a pack that is on disk as recorded
//	reports pack REF VERSION [from=PATH]          what StackStorm itself says (--refresh)
//	reports KIND NAME…                            NAME is PACK.OBJECT
//	reports config REF STATE
//	all     [overrides=O] [owned=O] [disk=O] [unusable] [on_drift=P]   the override file of all packs
//
// O is what an override file says, e.g. rules:x,sensors:y. Of a pack, want has
// [overrides=O] [undeclared] [holds=N] [kinds=K,…], record [owned=O] [told-overrides=O],
// disk and beside [overrides=O] [unusable].
//
//	with    [registration] [allow-removals=N] [destroy] [target=REF] [exclude=REF] [only]
func TestTables(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { runTable(t, file) })
	}
}

func runTable(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
		title, in, given, want := parseCase(t, block)
		got := render(Compute(in))
		if !*update && got != want {
			t.Errorf("%s\n%s", title, cmp.Diff(want, got))
		}
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(title + "\n" + given + "plan\n" + got)
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func parseCase(t *testing.T, block string) (title string, in Input, given, want string) {
	in = Input{AllowRemovals: -1, Recorded: map[pack.Ref]Recorded{}, Observed: map[pack.Addr]Seen{}, Beside: map[pack.Ref]Seen{}}
	in.BasePaths = []BasePath{{"default", "/p"}, {"team", "/team"}}
	lines := bufio.NewScanner(strings.NewReader(block))
	inPlan := false
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#"):
			title = strings.TrimPrefix(title+"\n"+line, "\n")
			continue
		case line == "plan":
			inPlan = true
			continue
		case inPlan:
			want += line + "\n"
			continue
		}
		given += line + "\n"
		fields := strings.Fields(line)
		if err := parseLine(&in, fields); err != nil {
			t.Fatalf("%s: %q: %v", title, line, err)
		}
	}
	slices.SortFunc(in.Packs, func(a, b Want) int { return strings.Compare(string(a.Ref), string(b.Ref)) })
	return title, in, given, want
}

func parseLine(in *Input, fields []string) error {
	options := map[string]string{}
	take := func(n int) []string {
		for _, f := range fields[n:] {
			key, value, _ := strings.Cut(f, "=")
			options[key] = value
		}
		return fields[:n]
	}
	held := func() (h Hold) {
		if tree := options["held"]; tree != "" {
			h = Hold{Commit: pack.Commit(strings.Repeat(tree[:1], 40)), Tree: pack.TreeHash("t1:" + tree)}
		}
		return h
	}
	has := func(key string) bool { _, ok := options[key]; return ok }
	list := func(key string) (refs []pack.Ref) {
		for r := range strings.SplitSeq(options[key], ",") {
			if r != "" {
				refs = append(refs, pack.Ref(r))
			}
		}
		return refs
	}
	file := func(key string) OverrideFile {
		return overrideFile(options[key], key != "overrides" && has("unusable"))
	}
	switch fields[0] {
	case "all":
		take(1)
		in.Global = Global{
			Want: Overriding{File: overrideFile(options["overrides"], false), Declared: has("overrides")}, Recorded: options["owned"],
			Seen: file("disk"), OnDrift: OnDrift(options["on_drift"]),
		}
	case "want":
		f := take(4)
		side := sideOf(f[1], f[2], f[3])
		side.Config, side.Venv = options["config"], options["venv"]
		side.Hold = held()
		in.Packs = append(in.Packs, Want{
			Modes: options["mode"],
			Side:  side, Ref: refOf(f[1]), DependsOn: list("after"), Replace: has("replace"),
			OnDrift: OnDrift(options["on_drift"]), ConfigMatches: has("matches"),
			Overrides: Overriding{File: overrideFile(options["overrides"], false), Declared: has("overrides") && !has("undeclared"), AsIs: has("as-is")},
			Purge:     Purge(options["purge"]), Protect: words(options["protect"]), PurgeConfig: has("purge_config"),
		})
		o := &in.Packs[len(in.Packs)-1].Overrides
		for _, name := range list("holds") {
			o.HoldsBack = append(o.HoldsBack, string(name))
		}
		for _, kind := range list("kinds") {
			o.Kinds = append(o.Kinds, string(kind))
		}
	case "record":
		f := take(4)
		side := sideOf(f[1], f[2], f[3])
		side.Config, side.Venv = options["config"], options["venv"]
		side.ForeignConfig, side.OverrideFile = options["told-config"], options["owned"]
		side.Overrides = overridesDigest(overrideFile(options["told-all"], false), overrideFile(options["told-overrides"], false), nil)
		if side.Modes = PlacedModes; has("odd-modes") {
			side.Modes = ""
		}
		side.Modes, side.Hold = or(options["modes"], side.Modes), held()
		r := Recorded{Side: side, DependsOn: list("after")}
		if has("registered") {
			r.Registered = RegistrationDigest(pack.TreeHash("t1:"+or(options["registered"], f[3])), side.Config)
		}
		for _, p := range list("pending") {
			r.Pending = append(r.Pending, string(p))
		}
		r.PurgeConfig = has("purge_config")
		in.Recorded[refOf(f[1])] = r
	case "disk":
		f := take(3)
		side := sideOf(f[1], "", f[2])
		seen := Seen{Path: side.Path, Tree: side.Tree, Content: side.Content, Config: options["config"], Overrides: overrideFile(options["overrides"], has("unusable")), Link: has("link"), Modes: PlacedModes}
		if has("venv") {
			seen.Venv, seen.BadVenv = "/v/"+string(refOf(f[1])), options["venv"]
		}
		if has("reinstalled") {
			seen.Reinstalled = "installed again by hand"
		}
		if has("odd") {
			seen.OddMode, seen.Modes = []string{options["odd"]}, ""
		}
		in.Observed[pack.Addr{BasePath: side.BasePath, Ref: refOf(f[1])}] = seen
	case "told", "owner", "uses", "users", "nobody":
		parseTold(in, fields)
	case "beside":
		f := take(2)
		seen := Seen{Config: options["config"], Overrides: overrideFile(options["overrides"], has("unusable"))}
		if has("venv") {
			seen.Venv, seen.BadVenv = "/v/"+f[1], options["venv"]
		}
		in.Beside[pack.Ref(f[1])] = seen
	case "with":
		take(1)
		in.Registration, in.Destroy, in.Only = has("registration"), has("destroy"), has("only")
		in.Target, in.Exclude = list("target"), list("exclude")
		if has("allow-removals") {
			n, err := strconv.Atoi(options["allow-removals"])
			if err != nil {
				return err
			}
			in.AllowRemovals = n
		}
	case "content", "reports":
		return parseReported(in, fields)
	default:
		return fmt.Errorf("unknown word %q", fields[0])
	}
	return nil
}

// overrideFile reads O of the tables.
func overrideFile(text string, unusable bool) OverrideFile {
	f := OverrideFile{Digest: text}
	if unusable {
		f.Digest, f.Unusable = or(text, "bad"), "/o/x.yaml: it is empty"
		return f
	}
	for part := range strings.SplitSeq(text, ",") {
		if kind, says, ok := strings.Cut(part, ":"); ok {
			if f.Kinds == nil {
				f.Kinds = map[string]string{}
			}
			f.Kinds[kind] = says
		}
	}
	return f
}

func parseReported(in *Input, fields []string) error {
	if in.Reported == nil {
		in.Reported = &Reported{
			Packs: map[pack.Ref]ReportedPack{}, Objects: map[string][]ReportedObject{},
			Content: map[pack.Ref]map[string][]string{}, Configs: map[pack.Ref]ReportedConfig{},
		}
	}
	r := in.Reported
	switch {
	case fields[0] == "content":
		r.Content[pack.Ref(fields[1])] = map[string][]string{}
		for _, f := range fields[2:] {
			kind, names, _ := strings.Cut(f, "=")
			for name := range strings.SplitSeq(names, ",") {
				r.Content[pack.Ref(fields[1])][kind] = append(r.Content[pack.Ref(fields[1])][kind], fields[1]+"."+name)
			}
		}
	case fields[1] == "pack":
		row := ReportedPack{Version: fields[3], Path: "/p/" + fields[2]}
		if len(fields) > 4 {
			row.Path = strings.TrimPrefix(fields[4], "from=")
		}
		r.Packs[pack.Ref(fields[2])] = row
	case fields[1] == "config":
		r.Configs[pack.Ref(fields[2])] = ReportedConfig{State: ReportedState(fields[3])}
	case slices.Contains(Kinds(), fields[1]):
		for _, full := range fields[2:] {
			ref, name, _ := strings.Cut(full, ".")
			r.Objects[fields[1]] = append(r.Objects[fields[1]], ReportedObject{Ref: full, Pack: pack.Ref(ref), Name: name})
		}
	default:
		return fmt.Errorf("unknown word %q", fields[1])
	}
	return nil
}

func or(given, otherwise string) string {
	if given != "" {
		return given
	}
	return otherwise
}

func refOf(addr string) pack.Ref { _, ref, _ := strings.Cut(addr, "/"); return pack.Ref(ref) }

func sideOf(addr, version, tree string) Side {
	base, ref, _ := strings.Cut(addr, "/")
	path := map[string]string{"default": "/p/", "team": "/team/"}[base] + ref
	return Side{
		BasePath: base, Path: path, Source: "https://git.example/" + ref, Version: version,
		Commit: pack.Commit(strings.Repeat(tree[:1], 40)), Tree: pack.TreeHash("t1:" + tree), Content: pack.TreeHash("t1:" + tree),
	}
}

func render(p *Plan) string {
	var b strings.Builder
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "%s %s %s", c.Action.Symbol(), c.Action, strings.TrimPrefix(c.BasePath+"/"+string(c.Ref), "/"))
		for _, word := range workWords(c.Do) {
			b.WriteString(" [" + word + "]")
		}
		for _, reason := range c.Reasons {
			fmt.Fprintf(&b, " %q", reason)
		}
		b.WriteString("\n")
		renderStale(&b, c.Stale)
		renderFindings(&b, c.Findings)
	}
	renderFindings(&b, p.Findings)
	for _, d := range p.Drift {
		fmt.Fprintf(&b, "  drift %s %s\n", d.Ref, d.Kind)
	}
	for _, u := range p.Unmanaged {
		fmt.Fprintf(&b, "  unmanaged %s/%s\n", u.BasePath, u.Ref)
	}
	if p.Untargeted > 0 {
		fmt.Fprintf(&b, "  %d left out\n", p.Untargeted)
	}
	if b.Len() == 0 {
		return "nothing to do\n"
	}
	return b.String()
}

func renderFindings(b *strings.Builder, findings []pack.Finding) {
	for _, f := range findings {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %s %s %s", f.Severity, f.ID, f.Resource), " ") + "\n")
	}
}

func workWords(w Work) (words []string) {
	add := func(on bool, word string) {
		if on {
			words = append(words, word)
		}
	}
	add(w.Place, "place")
	add(w.Venv, "build virtualenv")
	add(w.Config, "write config")
	add(w.Release, "release config")
	add(w.Overrides, "write overrides")
	add(w.TakeOverrides, "take overrides away")
	add(w.Unregister, "unregister")
	add(w.TakeAway != "", "take away "+w.TakeAway)
	add(w.TakeVenv != "", "take away "+w.TakeVenv)
	add(w.TakeConfig, "take config away")
	add(w.Unload, "unload")
	add(len(w.Register) > 0, "register "+strings.Join(w.Register, ","))
	return words
}

// after plays a plan on its input: what would be recorded and observed then.
func after(in Input, p *Plan) Input {
	out := in
	out.Recorded, out.Observed = map[pack.Ref]Recorded{}, map[pack.Addr]Seen{}
	for ref, r := range in.Recorded {
		out.Recorded[ref] = r
	}
	for addr, s := range in.Observed {
		out.Observed[addr] = s
	}
	out.Packs, out.Told = slices.Clone(in.Packs), toldAfter(in, p)
	for _, c := range p.Changes {
		if c.Ref == pack.GlobalOverrides {
			switch {
			case c.Do.Overrides:
				out.Global.Seen = in.Global.Want.File
			case c.Do.TakeOverrides:
				out.Global.Seen = OverrideFile{}
			}
			if out.Global.Recorded = ""; c.After != nil {
				out.Global.Recorded = c.After.OverrideFile
			}
			continue
		}
		if c.Action == Remove || c.Action == Forget {
			delete(out.Recorded, c.Ref)
			if c.Do.TakeAway != "" {
				delete(out.Observed, pack.Addr{BasePath: c.BasePath, Ref: c.Ref})
			}
			continue
		}
		if c.Do.TakeAway != "" {
			delete(out.Observed, pack.Addr{BasePath: c.Before.BasePath, Ref: c.Ref})
		}
		addr := pack.Addr{BasePath: c.BasePath, Ref: c.Ref}
		seen := out.Observed[addr]
		seen.Path = c.After.Path
		if c.Do.Place {
			seen.Tree, seen.Content, seen.OddMode, seen.Link = c.After.Tree, c.After.Content, nil, false
			seen.Modes = PlacedModes
		}
		if c.Do.Venv {
			seen.Venv, seen.BadVenv = "/v/"+string(c.Ref), ""
		}
		i := slices.IndexFunc(out.Packs, func(w Want) bool { return w.Ref == c.Ref })
		if c.Do.Config {
			seen.Config = c.After.Config
			out.Packs[i].ConfigMatches = true
		}
		switch {
		case c.Do.Overrides:
			seen.Overrides = out.Packs[i].Overrides.File
		case c.Do.TakeOverrides:
			seen.Overrides = OverrideFile{}
		}
		out.Observed[addr] = seen
		side := *c.After
		if side.Config != "" {
			side.Config = seen.Config
		}
		r := out.Recorded[c.Ref]
		if len(c.Do.Register) == 0 { // nobody was told anything
			side.ForeignConfig, side.Overrides = r.Side.ForeignConfig, r.Side.Overrides
		}
		r.Side, r.DependsOn = side, out.Packs[i].DependsOn
		if len(c.Do.Register) > 0 {
			r.Registered, r.Pending = RegistrationDigest(c.After.Tree, c.After.Config), nil
		}
		r.PurgeConfig, r.Pending = out.Packs[i].PurgeConfig, slices.DeleteFunc(slices.Clone(r.Pending), func(p string) bool { return p == purging })
		out.Recorded[c.Ref] = r
	}
	return out
}

// TestProperties checks on random situations what must hold for every plan.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		p := Compute(in)
		for _, c := range p.Changes {
			_, managed := in.Recorded[c.Ref]
			declared := slices.ContainsFunc(in.Packs, func(w Want) bool { return w.Ref == c.Ref })
			if !managed && !declared && c.Ref != pack.GlobalOverrides {
				t.Fatalf("the plan touches %s, which is neither declared nor managed", c.Ref)
			}
			if c.Do.TakeAway != "" && (!managed || in.Recorded[c.Ref].Side.Path != c.Do.TakeAway) {
				t.Fatalf("the plan takes away %s, which is not the recorded place of %s", c.Do.TakeAway, c.Ref)
			}
			if len(c.Reasons) == 0 {
				t.Fatalf("%s %s has no reason", c.Action, c.Ref)
			}
		}
		shuffled := in
		shuffled.Packs = rapid.Permutation(in.Packs).Draw(t, "order")
		slices.SortFunc(shuffled.Packs, func(a, b Want) int { return strings.Compare(string(a.Ref), string(b.Ref)) })
		if again := Compute(shuffled); again.PlanDigest != p.PlanDigest {
			t.Fatal("the same input gave another plan")
		}
		if len(p.Blocked()) > 0 {
			return
		}
		if second := Compute(after(in, p)); !second.Empty() {
			t.Fatalf("after the plan there is still something to do:\n%s\nfirst:\n%s", render(second), render(p))
		}
	})
}

func drawInput(t *rapid.T) Input {
	in := Input{
		AllowRemovals: -1, Recorded: map[pack.Ref]Recorded{}, Observed: map[pack.Addr]Seen{},
		BasePaths: []BasePath{{"default", "/p"}, {"team", "/team"}}, Registration: rapid.Bool().Draw(t, "registration"),
	}
	trees, bases := []string{"aa", "bb", "cc"}, []string{"default", "team"}
	configs := []string{"", "c1", "c2"}
	allPacks := func(what string) OverrideFile {
		return overrideFile(rapid.SampledFrom([]string{"", "rules:3", "actions:3"}).Draw(t, what), false)
	}
	in.Global = Global{
		Want: Overriding{File: allPacks("overrides of all packs"), Declared: true}, Recorded: allPacks("recorded overrides of all packs").Digest,
		Seen: allPacks("overrides of all packs on disk"), OnDrift: DriftRepair,
	}
	for _, ref := range []string{"p1", "p2", "p3"} {
		tree := func(what string) string { return rapid.SampledFrom(trees).Draw(t, ref+what) }
		base := func(what string) string { return rapid.SampledFrom(bases).Draw(t, ref+what) }
		config := func(what string) string { return rapid.SampledFrom(configs).Draw(t, ref+what) }
		onDisk := config(" config on disk")
		override := func(what string) OverrideFile {
			return overrideFile(rapid.SampledFrom([]string{"", "rules:1", "rules:2", "rules:1,sensors:1"}).Draw(t, ref+what), false)
		}
		overrides := override(" overrides on disk")
		venv := rapid.SampledFrom([]string{"", "/v/" + ref}).Draw(t, ref+" venv on disk")
		if rapid.Bool().Draw(t, ref+" recorded") {
			side := sideOf(base(" recorded base")+"/"+ref, "1.0.0", tree(" recorded tree"))
			side.Config = config(" recorded config")
			side.ForeignConfig = config(" config that StackStorm was told about")
			side.Overrides = overridesDigest(OverrideFile{}, override(" overrides that it was told about"), nil)
			side.OverrideFile = override(" owned overrides").Digest
			side.Venv = rapid.SampledFrom([]string{"", "v1"}).Draw(t, ref+" recorded venv")
			side.Modes = rapid.SampledFrom([]string{"", PlacedModes}).Draw(t, ref+" recorded modes")
			r := Recorded{Side: side}
			if rapid.Bool().Draw(t, ref+" registered") {
				r.Registered = RegistrationDigest(side.Tree, side.Config)
			}
			if rapid.Bool().Draw(t, ref+" pending") {
				r.Pending = []string{"configs"}
			}
			in.Recorded[pack.Ref(ref)] = r
		}
		for _, b := range bases {
			if rapid.Bool().Draw(t, ref+" on disk in "+b) {
				side := sideOf(b+"/"+ref, "", tree(" on disk in "+b))
				seen := Seen{Path: side.Path, Tree: side.Tree, Content: side.Content, Config: onDisk, Modes: PlacedModes, Venv: venv, Overrides: overrides}
				if rapid.Bool().Draw(t, ref+" odd modes in "+b) {
					seen.OddMode, seen.Modes = []string{"pack.yaml"}, ""
				}
				in.Observed[pack.Addr{BasePath: b, Ref: pack.Ref(ref)}] = seen
			}
		}
		if rapid.Bool().Draw(t, ref+" declared") {
			side := sideOf(base(" base")+"/"+ref, "2.0.0", tree(" tree"))
			side.Config = config(" config")
			side.Venv = rapid.SampledFrom([]string{"", "v1", "v2"}).Draw(t, ref+" venv")
			seen := in.Observed[pack.Addr{BasePath: side.BasePath, Ref: pack.Ref(ref)}]
			in.Packs = append(in.Packs, Want{
				Side: side, Ref: pack.Ref(ref), Replace: rapid.Bool().Draw(t, ref+" replace"),
				OnDrift:       rapid.SampledFrom([]OnDrift{"", DriftStop, DriftRepair}).Draw(t, ref+" on_drift"),
				ConfigMatches: side.Config != "" && side.Config == seen.Config,
				Overrides:     Overriding{File: override(" wanted overrides"), Declared: true},
			})
		}
	}
	return in
}
