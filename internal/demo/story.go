package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// story is what the demo shows, in order.
func story() []step { return slices.Concat(install(), drift(), update(), removal()) }

func install() []step {
	return []step{
		{
			title: "Check the declaration",
			tale:  "packs.hcl declares three packs: one by short name and constraint, one from a git branch, one plain directory.",
			first: showDeclaration,
			args:  []string{"validate"},
		},
		{
			title: "Pin every pack to one commit",
			tale:  "lock asks the index and the git servers once and writes packs.lock.json, which is committed beside packs.hcl.",
			args:  []string{"lock"},
			says:  []string{"weather", "1.1.0"},
			then:  (*world).lockPinsTheNewest,
		},
		{
			title: "See what would change",
			tale:  "plan changes nothing. With --detailed-exitcode it says by exit code 2 that changes are pending.",
			args:  []string{"plan", "--detailed-exitcode"},
			exit:  2,
			says:  []string{"Plan: 3 to install", "weather", "1.1.0", "greeter", "lab"},
			then:  (*world).nothingIsInstalled,
		},
		{
			title: "Make it so",
			tale:  "Every pack is staged and verified beside its target, swapped in whole, and registered with StackStorm.",
			args:  []string{"apply", "--auto-approve"},
			then:  (*world).everythingIsInstalled,
		},
		{
			title: "Again: nothing to do",
			tale:  "No file is written, StackStorm is not called, no git server is asked. Afterwards all three are checked.",
			first: func(w *world) error { w.git.Requests(); w.stackstorm.forget(); return w.remember() },
			args:  []string{"apply", "--auto-approve", "--detailed-exitcode"},
			says:  []string{"Nothing to do"},
			then:  (*world).nothingHappened,
		},
	}
}

func drift() []step {
	return []step{
		{
			title: "Somebody edits an installed pack",
			tale:  "What is on disk is no longer what packsync wrote: that is drift. It stops there, with exit code 3, and says the ways out.",
			first: func(w *world) error {
				return write(filepath.Join(w.root, "packs", "weather", "actions", "report.sh"), "#!/bin/sh\necho sunny\n")
			},
			args: []string{"apply", "--auto-approve"},
			exit: 3,
			says: []string{"Blocked", "was edited"},
			then: func(w *world) error { return w.installedSays("packs/weather/actions/report.sh", "sunny") },
		},
		{
			title: "Let packsync repair it",
			tale:  "The declaration now says on_drift = \"repair\". The edited tree goes to pen/: nothing a person wrote is lost.",
			first: func(w *world) error { return w.edit(`group = ""`, `group = ""`+"\n  on_drift = \"repair\"") },
			args:  []string{"apply", "--auto-approve"},
			says:  []string{"1 to repair", "weather"},
			then: func(w *world) error {
				return errors.Join(w.installedSays("packs/weather/actions/report.sh", "weather 1.1.0"), w.penHolds("sunny"))
			},
		},
	}
}

func update() []step {
	return []step{
		{
			title: "Upstream releases 1.2.0",
			tale:  "The pin decides, so nothing moves until somebody moves the pin. update does; review its diff like code.",
			first: func(w *world) error { return w.release("1.2.0") },
			args:  []string{"update", "weather"},
			says:  []string{"1.1.0", "1.2.0"},
		},
		{
			title: "Save the plan of the update",
			tale:  "A saved plan holds no secrets, and is applied exactly as it is or refused. It says what StackStorm loses, too.",
			args:  []string{"plan", "--out", "update.plan"},
			says:  []string{"1 to update", "1.1.0 → 1.2.0", "delete  rule weather.no_umbrella"},
			then:  (*world).planHoldsNoSecret,
		},
		{
			title: "Apply the saved plan",
			tale:  "Nobody has to confirm it: it was reviewed. StackStorm itself would keep the rule that 1.2.0 lacks for ever.",
			first: func(w *world) error { w.stackstorm.forget(); return nil },
			args:  []string{"apply", "update.plan"},
			then: func(w *world) error {
				return errors.Join(w.installedSays("packs/weather/actions/report.sh", "weather 1.2.0"), w.onlyTheRuleIsDeleted())
			},
		},
		{
			title: "Apply it once more",
			tale:  "The host has moved on, so the plan is stale: refused with exit code 4, and nothing is changed.",
			first: (*world).remember,
			args:  []string{"apply", "update.plan"},
			exit:  4,
			then:  (*world).untouched,
		},
	}
}

func removal() []step {
	return []step{
		{
			title: "Remove a pack",
			tale:  "greeter is no longer declared. StackStorm forgets it first, then its directory goes.",
			first: func(w *world) error {
				w.stackstorm.forget()
				return w.edit(greeterBlock, "")
			},
			args: []string{"apply", "--auto-approve"},
			says: []string{"1 to remove", "greeter"},
			then: (*world).greeterIsGone,
		},
		{
			title: "Where we are",
			tale:  "Declared, locked, installed and registered side by side.",
			args:  []string{"status"},
			says:  []string{"weather", "lab"},
		},
	}
}

func showDeclaration(w *world) error {
	text, err := os.ReadFile(filepath.Join(w.declaration, "packs.hcl"))
	if err != nil {
		return err
	}
	fmt.Printf("\n%s", indent(strings.ReplaceAll(string(text), w.dir, "…")))
	return nil
}

func (w *world) lockPinsTheNewest() error {
	lock, err := os.ReadFile(filepath.Join(w.declaration, "packs.lock.json"))
	if err != nil {
		return err
	}
	fmt.Printf("\n   packs.lock.json\n%s", indent(strings.ReplaceAll(string(lock), w.dir, "…")))
	if !strings.Contains(string(lock), `"ref": "refs/tags/v1.1.0"`) {
		return fmt.Errorf("the lock does not pin weather to v1.1.0")
	}
	return nil
}

func (w *world) nothingIsInstalled() error {
	entries, err := os.ReadDir(filepath.Join(w.root, "packs"))
	if err == nil && len(entries) > 0 {
		return fmt.Errorf("plan installed %s", entries[0].Name())
	}
	if asked := w.stackstorm.mutations(); len(asked) > 0 {
		return fmt.Errorf("plan told StackStorm: %v", asked)
	}
	return nil
}

func (w *world) everythingIsInstalled() error {
	for path, part := range map[string]string{
		"packs/weather/pack.yaml": "version: 1.1.0",
		"packs/lab/pack.yaml":     "version: 0.1.0",
		"team/greeter/pack.yaml":  "version: 0.3.0",
		"configs/weather.yaml":    password,
	} {
		if err := w.installedSays(path, part); err != nil {
			return err
		}
	}
	asked := w.stackstorm.mutations()
	fmt.Printf("\n   StackStorm was told\n%s", indent(strings.Join(asked, "\n")))
	for _, ref := range []string{"weather", "lab", "greeter"} {
		if !slices.ContainsFunc(asked, func(line string) bool { return strings.Contains(line, `"`+ref+`"`) }) {
			return fmt.Errorf("StackStorm was not told about %s", ref)
		}
	}
	return nil
}

func (w *world) nothingHappened() error {
	if requests := w.git.Requests(); len(requests) > 0 {
		return fmt.Errorf("the git server was asked %v", requests)
	}
	if n := w.stackstorm.calls(); n > 0 {
		return fmt.Errorf("StackStorm was called %d times", n)
	}
	if err := w.untouched(); err != nil {
		return err
	}
	fmt.Printf("   checked: %d files untouched, no request to git or StackStorm\n", len(w.before))
	return nil
}

func (w *world) planHoldsNoSecret() error {
	saved, err := os.ReadFile(filepath.Join(w.declaration, "update.plan"))
	if err != nil {
		return err
	}
	if strings.Contains(string(saved), password) || strings.Contains(string(saved), apiKey) {
		return fmt.Errorf("the saved plan holds a secret")
	}
	return nil
}

func (w *world) onlyTheRuleIsDeleted() error {
	var deleted []string
	for _, line := range w.stackstorm.mutations() {
		if strings.HasPrefix(line, "DELETE ") {
			deleted = append(deleted, line)
		}
	}
	if len(deleted) != 1 || !strings.HasPrefix(deleted[0], "DELETE /v1/rules/") {
		return fmt.Errorf("StackStorm was told %q, and only the rule should be deleted", deleted)
	}
	return nil
}

func (w *world) greeterIsGone() error {
	asked := w.stackstorm.mutations()
	fmt.Printf("\n   StackStorm was told\n%s", indent(strings.Join(asked, "\n")))
	if _, err := os.Lstat(filepath.Join(w.root, "team", "greeter")); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(errors.New("greeter is still there"), err)
	}
	if !slices.ContainsFunc(asked, func(line string) bool { return strings.Contains(line, "greeter") }) {
		return fmt.Errorf("StackStorm was not told to forget greeter")
	}
	return nil
}

// penHolds checks that a file below pen/ holds a part.
func (w *world) penHolds(part string) error {
	found := false
	err := filepath.WalkDir(filepath.Join(w.root, ".packsync", "pen"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		found = found || strings.Contains(string(text), part)
		return err
	})
	if err == nil && !found {
		return errors.New("pen/ does not hold the edited file")
	}
	return err
}

// installedSays checks that a file below the root holds a part.
func (w *world) installedSays(path, part string) error {
	text, err := w.installed(path)
	if err != nil {
		return err
	}
	if !strings.Contains(text, part) {
		return fmt.Errorf("%s does not hold what it should", path)
	}
	return nil
}
