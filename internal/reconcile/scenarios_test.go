package reconcile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/gittest"
)

// scenario is one apply: what the host looks like before it, and what must be the
// old or the new at any instant.
type scenario struct {
	name  string
	build func(h *host) // the last thing that it does is to declare what the apply is to do
	// watch names the paths that people and StackStorm see. Each is what it was
	// before or what it is afterwards, whole.
	watch []string
	// moves are two places of one pack: it is never missing from both.
	moves [][2]string
	// wrote is what a person wrote: it is somewhere on the host, whatever happens.
	wrote []string
	// never says what is seen that nobody may see at any instant; "" for nothing.
	never func(h *host) string
	// gap allows what cannot be helped without an exchange: a pack may be missing
	// while the intent record, which brings it back, is there.
	gap bool
	// lost is what StackStorm must not have afterwards: "actions a.old"; has what it
	// must still have.
	lost, has []string
}

const somebodysWork = "#!/bin/sh\necho somebody's work\n"

var scenarios = []scenario{
	{
		name: "first install", build: firstInstall,
		watch: []string{"root/packs/a", "root/packs/b", "root/configs/a.yaml", "packs.lock.json"},
	},
	{
		name: "update", build: update,
		watch: []string{"root/packs/a", "root/packs/b", "root/configs/a.yaml", "packs.lock.json"},
	},
	{
		name: "update of a pinned pack from git", build: updateFromGit,
		watch: []string{"root/packs/a", "packs.lock.json"},
	},
	{
		name: "config only", build: configOnly,
		watch: []string{"root/packs/a", "root/configs/a.yaml", "packs.lock.json"},
		wrote: []string{"somebody's own config"},
	},
	{
		name: "removal that StackStorm is told of", build: removal,
		watch: []string{"root/packs/gone", "root/packs/edited", "root/packs/stays", "root/configs/gone.yaml", "packs.lock.json"},
		wrote: []string{"somebody's work"},
	},
	{
		name: "update after which StackStorm has to lose something", build: updateThatPurges,
		watch: []string{"root/packs/a", "root/packs/user", "packs.lock.json"},
		lost:  []string{"actions a.old", "rules a.on_tick", "triggertypes a.tick", "actions user.old"},
		has:   []string{"actions a.run", "actions a.adhoc", "triggertypes a.used", "rules user.on_used", "actions user.run"},
	},
	{
		name: "the same of packs of which an older packsync wrote nothing down", build: func(h *host) {
			updateThatPurges(h)
			must(h.t, os.RemoveAll(h.path("root/.packsync/registered")))
		},
		watch: []string{"root/packs/a", "root/packs/user", "packs.lock.json"},
		lost:  []string{"actions a.old", "rules a.on_tick", "triggertypes a.tick", "actions user.old"},
		has:   []string{"actions a.run", "actions a.adhoc", "triggertypes a.used", "rules user.on_used", "actions user.run"},
	},
	{
		name: "move to another base path", build: move,
		watch: []string{"root/packs/a", "team/a", "root/packs/b", "packs.lock.json"},
		moves: [][2]string{{"root/packs/a", "team/a"}},
	},
	{
		name: "replace a directory that is in the way", build: replace,
		watch: []string{"root/packs/a", "packs.lock.json"},
		wrote: []string{"somebody's work"},
	},
	{
		name: "adopt what is there", build: adopt,
		watch: []string{"root/packs/a", "root/configs/a.yaml", "packs.lock.json"},
	},
	{
		name: "repair of edits, modes and what is gone", build: repair,
		watch: []string{"root/packs/edited", "root/packs/modes", "root/packs/gone", "root/configs/edited.yaml", "packs.lock.json"},
		wrote: []string{"somebody's work", "somebody's own config"},
	},
	{
		name: "a base path on another device", build: otherDevice,
		watch: []string{"root/packs/a", "far:packs/b", "far:packs/c", "far:packs/d", "packs.lock.json"},
		wrote: []string{"somebody's work"},
	},
	{
		name: "a file system that cannot exchange", build: withoutExchange,
		watch: []string{"root/packs/a", "root/packs/edited", "root/configs/a.yaml", "packs.lock.json"},
		wrote: []string{"somebody's work"}, gap: true,
	},
	{
		name: "overrides of a pack, of all packs, and what is held back", build: overrides,
		watch: []string{"root/packs/a", "root/overrides/_global.yaml", "root/overrides/a.yaml", "root/overrides/b.yaml", "root/overrides/c.yaml", "packs.lock.json"},
		wrote: []string{"somebody's own overrides"}, never: newRuleRuns,
	},
	{
		name: "a bit of everything", build: everything,
		watch: []string{"root/packs/fresh", "root/packs/old", "root/packs/edited", "root/packs/gone", "root/packs/same", "root/configs/old.yaml", "packs.lock.json"},
		wrote: []string{"somebody's work"},
	},
}

func firstInstall(h *host) {
	h.source("a", "1.0.0")
	h.source("b", "1.0.0")
	h.declare(block("a", "config = { level = 1 }"), block("b", "depends_on = [pack.a]"))
}

func update(h *host) {
	firstInstall(h)
	h.mustApply()
	h.source("a", "2.0.0")
	h.source("b", "2.0.0")
	h.declare(block("a", "config = { level = 2 }"), block("b", "depends_on = [pack.a]"))
}

func updateFromGit(h *host) {
	repo := gittest.New(h.t, h.path("git"), "a.git")
	for _, version := range []string{"1.0.0", "2.0.0"} {
		repo.Commit("main", "Release "+version, gittest.Files{
			"pack.yaml":     "{ref: a, name: a, version: " + version + ", description: d, author: a, email: a@example.com}\n",
			"actions/a.sh*": "echo " + version + "\n",
		})
		repo.Tag("v"+version, "main")
	}
	declare := func(version string) {
		h.declare("pack \"a\" {\n  source = \"file://" + h.path("git/a.git") + "\"\n  version = \"" + version + "\"\n  virtualenv = false\n}")
	}
	declare("= 1.0.0")
	h.mustApply()
	declare("= 2.0.0")
}

func configOnly(h *host) {
	h.source("a", "1.0.0")
	h.declare(block("a"))
	h.mustApply()
	h.write("root/configs/a.yaml", "level: 0 # somebody's own config\n")
	h.declare(block("a", "config = { level = 1 }"))
}

func removal(h *host) {
	h.addStackStorm()
	for _, ref := range []string{"gone", "edited", "stays"} {
		h.source(ref, "1.0.0")
	}
	h.declare(block("gone", "config = { level = 1 }"), block("edited", "depends_on = [pack.gone]"), block("stays"))
	h.mustApply()
	h.st2.remember()
	h.write("root/packs/edited/actions/run.sh", somebodysWork)
	h.declare(block("stays"))
}

// overrides is one apply that updates a pack and holds back the rule that is new in
// it, takes over an override file, takes one away, and changes the one of all packs.
func overrides(h *host) {
	h.addStackStorm()
	block := func(ref, overrides string) string { return block(ref, "overrides {\n"+overrides+"\n}") }
	for _, ref := range []string{"a", "b", "c"} {
		h.source(ref, "1.0.0")
	}
	h.global = "overrides {\nrules {\ndefault = true\n}\n}"
	h.declare(block("a", "actions {\ndefault = false\n}"), "pack \"b\" {\nsource = \"./sources/b\"\nvirtualenv = false\n}", block("c", "actions {\ndefault = false\n}"))
	h.mustApply()
	h.st2.remember()
	h.write("root/overrides/b.yaml", "rules: {defaults: {enabled: true}} # somebody's own overrides\n")
	h.source("a", "2.0.0")
	h.write("sources/a/rules/new.yaml", "name: new\nenabled: true\ntrigger: {type: core.st2.webhook, parameters: {url: a}}\naction: {ref: a.run}\n")
	h.global = "new_content = \"disabled\"\noverrides {\nactions {\ndefault = false\n}\n}"
	h.declare(block("a", "actions {\ndisable = [\"run\"]\n}"), block("b", "actions {\nenable = [\"run\"]\n}"), "pack \"c\" {\nsource = \"./sources/c\"\nvirtualenv = false\n}")
}

// newRuleRuns reports whether the rule that is new in a could run: it is on disk, and
// nothing says that it is held back.
func newRuleRuns(h *host) string {
	if h.picture("root/packs/a/rules/new.yaml") != "" && !strings.Contains(h.picture("root/overrides/a.yaml"), `\"new\"`) {
		return "the new rule is on disk and not held back"
	}
	for _, ref := range h.st2.double().Refs("rules") {
		if ref == "a.new" && !slices.Contains(h.st2.double().Disabled(), "rules a.new") {
			return "the new rule is registered and enabled"
		}
	}
	return ""
}

func updateThatPurges(h *host) {
	h.addStackStorm()
	for _, ref := range []string{"a", "user"} {
		h.source(ref, "1.0.0")
		h.write("sources/"+ref+"/actions/old.yaml", "name: old\nrunner_type: noop\n")
	}
	h.write("sources/a/triggers/tick.yaml", "name: tick\n")
	h.write("sources/a/triggers/used.yaml", "name: used\n")
	h.write("sources/a/rules/on_tick.yaml", "name: on_tick\ntrigger: {type: a.tick}\naction: {ref: a.run}\n")
	h.write("sources/user/rules/on_used.yaml", "name: on_used\ntrigger: {type: a.used}\naction: {ref: user.run}\n")
	h.declare(block("a"), block("user"))
	h.mustApply()
	h.st2.remember()
	h.st2.byHand = "a"
	h.st2.reset()
	for _, ref := range []string{"a", "user"} {
		h.source(ref, "2.0.0")
		must(h.t, os.Remove(h.path("sources/"+ref+"/actions/old.yaml")))
	}
	for _, file := range []string{"triggers/tick.yaml", "triggers/used.yaml", "rules/on_tick.yaml"} {
		must(h.t, os.Remove(h.path("sources/a/"+file)))
	}
}

func move(h *host) {
	h.base = "base_path \"team\" {\n  path = \"" + h.path("team") + "\"\n}"
	h.source("a", "1.0.0")
	h.source("b", "1.0.0")
	h.declare(block("a"), block("b"))
	h.mustApply()
	h.source("a", "2.0.0")
	h.declare(block("a", `base_path = "team"`), block("b"))
}

func replace(h *host) {
	h.packAt("root/packs/a", "a", "0.9.0")
	h.write("root/packs/a/actions/run.sh", somebodysWork)
	h.source("a", "1.0.0")
	h.declare(block("a", "replace = true"))
}

func adopt(h *host) {
	h.packAt("root/packs/a", "a", "1.0.0")
	h.write("root/configs/a.yaml", "level: 1\n")
	h.source("a", "1.0.0")
	h.declare(block("a", "config = { level = 1 }"))
}

func repair(h *host) {
	for _, ref := range []string{"edited", "modes", "gone"} {
		h.source(ref, "1.0.0")
	}
	h.declare(block("edited", "config = { level = 1 }"), block("modes"), block("gone"))
	h.mustApply()
	h.write("root/packs/edited/actions/run.sh", somebodysWork)
	h.write("root/configs/edited.yaml", "level: 0 # somebody's own config\n")
	must(h.t, os.Chmod(h.path("root/packs/modes/actions/run.yaml"), 0o775))
	must(h.t, os.RemoveAll(h.path("root/packs/gone")))
	h.declare(block("edited", "config = { level = 1 }", `on_drift = "repair"`), block("modes"), block("gone"))
}

func otherDevice(h *host) {
	h.addDevice()
	must(h.t, os.Mkdir(h.path("far:packs"), 0o755))
	h.base = "base_path \"far\" {\n  path = \"" + h.path("far:packs") + "\"\n}"
	for _, ref := range []string{"a", "b", "c", "d"} {
		h.source(ref, "1.0.0")
	}
	far := `base_path = "far"`
	h.declare(block("a"), block("b", far), block("c", far))
	h.mustApply()
	h.source("a", "2.0.0")
	h.source("b", "2.0.0")
	h.write("far:packs/c/actions/run.sh", somebodysWork)
	h.declare(block("a"), block("b", far), block("d", far))
}

func withoutExchange(h *host) {
	h.noExchange = true
	h.source("a", "1.0.0")
	h.source("edited", "1.0.0")
	h.declare(block("a", "config = { level = 1 }"), block("edited"))
	h.mustApply()
	h.source("a", "2.0.0")
	h.write("root/packs/edited/actions/run.sh", somebodysWork)
	h.declare(block("a", "config = { level = 2 }"), block("edited", `on_drift = "repair"`))
}

// everything is one apply that installs, updates, configures, repairs an edited
// pack, and removes one.
func everything(h *host) {
	for _, ref := range []string{"old", "edited", "gone", "same"} {
		h.source(ref, "1.0.0")
	}
	h.declare(block("old", "config = { level = 1 }"), block("edited"), block("gone"), block("same"))
	h.mustApply()
	h.source("fresh", "1.0.0")
	h.source("old", "2.0.0")
	h.write("root/packs/edited/actions/run.sh", somebodysWork)
	h.declare(block("old", "config = { level = 2 }"), block("edited", `on_drift = "repair"`), block("same"), block("fresh", "depends_on = [pack.old]"))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// workFolders are W and its likes on other devices and mounts.
func (h *host) workFolders() []string {
	folders := []string{h.path("root/.packsync")}
	if h.far != "" {
		folders = append(folders, filepath.Join(h.far, "packs/.packsync"))
	}
	return folders
}
