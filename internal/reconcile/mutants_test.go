package reconcile

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/testenv"
)

// mutant is a mistake in the protocol that somebody could make, and a test that
// must fail then. A suite that has never failed proves nothing.
type mutant struct {
	name  string
	edits []edit
	pkg   string // of the test
	test  string
}

type edit struct{ file, from, to string }

const (
	crashes  = "./internal/reconcile"
	syscalls = "./cmd/packsync"
	canaries = "./cmd/packsync"
)

var mutants = []mutant{
	{
		name:  "a pack is renamed away and in where it could be exchanged",
		edits: []edit{{"internal/apply/swap.go", "err = a.Disk.Exchange(o.Staged, o.Live)", "err = error(safefs.ErrNoExchange)"}},
		pkg:   crashes, test: "TestStopAtEveryStep/update$",
	},
	{
		name: "the intent is written after the swaps",
		edits: []edit{
			{"internal/apply/run.go", "if err := a.writeIntent(in); err != nil {", "if err := error(nil); err != nil {"},
			{"internal/apply/run.go", "\trecord, err := a.commit(in, s.base, done)\n", "\tif err := a.writeIntent(in); err != nil {\n\t\treturn nil, err\n\t}\n\trecord, err := a.commit(in, s.base, done)\n"},
		},
		pkg: crashes, test: "TestStopAtEveryStep/a-bit-of-everything",
	},
	{
		name: "the record is written before the swaps",
		edits: []edit{
			{"internal/apply/run.go", "\tdone, err := a.perform(ctx, in, report)\n", "\tearly, err := a.commit(in, s.base, done{failed: map[pack.Ref]error{}, configured: map[pack.Ref]bool{}})\n\tif err != nil {\n\t\treturn nil, err\n\t}\n\tdone, err := a.perform(ctx, in, report)\n"},
			{"internal/apply/run.go", "\trecord, err := a.commit(in, s.base, done)\n", "\trecord := early\n"},
		},
		pkg: crashes, test: "TestStopAtEveryStep/update$",
	},
	{
		name:  "an intent that cannot be looked for is taken for none",
		edits: []edit{{"internal/apply/intent.go", "\tif os.IsNotExist(err) {\n\t\treturn nil, nil\n", "\tif err != nil {\n\t\treturn nil, nil\n"}},
		pkg:   crashes, test: "TestIntentThatCannotBeLookedFor",
	},
	{
		name:  "a packs directory that cannot be listed is taken for empty",
		edits: []edit{{"internal/installed/inspect.go", "return nil, fmt.Errorf(\"list base path %s: %w\", base.Name, err)", "return nil, nil"}},
		pkg:   syscalls, test: "TestErrorAtEverySystemCall/getdents64",
	},
	{
		name:  "what was displaced is deleted at once",
		edits: []edit{{"internal/apply/swap.go", "\treturn a.swapIn(o)\n", "\tif err := a.swapIn(o); err != nil {\n\t\treturn err\n\t}\n\treturn a.Disk.RemoveAll(o.Staged)\n"}},
		pkg:   crashes, test: "TestStopAtEveryStep/repair",
	},
	{
		name:  "what a person wrote is kept like a generation, and trimmed like one",
		edits: []edit{{"internal/apply/swap.go", "o.Old == \"\" || a.identify(ctx, o, path) != o.Old", "false && a.identify(ctx, o, path) != o.Old"}},
		pkg:   crashes, test: "TestStopAtEveryStep",
	},
	{
		name:  "an interrupted apply is not finished",
		edits: []edit{{"internal/apply/recover.go", "if base.Serial == in.Serial {", "if base.Serial == in.Serial && false {"}},
		pkg:   crashes, test: "TestDeclarationMovesOnAfterACrash",
	},
	{
		name:  "what was staged is removed while something displaced waits there",
		edits: []edit{{"internal/apply/run.go", "\tif err := errors.Join(errs...); err != nil {\n\t\treturn err\n\t}\n\tif err := a.syncFiled(in)", "\tif err := a.syncFiled(in)"}},
		pkg:   crashes, test: "TestFailAtEveryStep/repair",
	},
	{
		name:  "an intent that may be there is not withdrawn",
		edits: []edit{{"internal/apply/run.go", "return nil, a.takeBack(in, s, err)", "return nil, errors.Join(err, a.discard(s))"}},
		pkg:   crashes, test: "TestWithdrawnIntent",
	},
	{
		name:  "a taken name in pen/ stops everything",
		edits: []edit{{"internal/apply/tidy.go", "\t\tif there == 0 {\n\t\t\treturn name, nil", "\t\tif there == 0 || n == 2 {\n\t\t\treturn name, nil"}},
		pkg:   crashes, test: "TestTheSameAgain|TestDamagedIntentTwice",
	},
	{
		name:  "the lost answer of a file server passes for a failure",
		edits: []edit{{"internal/apply/swap.go", "return err == nil && now == ino", "return err == nil && now == ino && false"}},
		pkg:   crashes, test: "TestFailAtEveryStep/a-file-system-that-cannot-exchange",
	},
	{
		name:  "a damaged intent is taken at its word",
		edits: []edit{{"internal/apply/intent.go", "if in.seal(); in.Checksum != sum {", "if in.seal(); in.Checksum != sum && false {"}},
		pkg:   crashes, test: "TestDamagedIntent$",
	},
	{
		name:  "StackStorm is believed to know what it was told in vain",
		edits: []edit{{"internal/apply/register.go", "if x.err = t.register(ctx, x); x.err != nil {", "if _ = t.register(ctx, x); x.err != nil {"}},
		pkg:   crashes, test: "TestRegistrationFailsAtEveryCall",
	},
	{
		name:  "a pack is removed although StackStorm could not unload it",
		edits: []edit{{"internal/apply/run.go", "if err := a.unregister(ctx, o, report); err != nil {", "if err := a.unregister(ctx, o, report); err != nil && false {"}},
		pkg:   crashes, test: "TestRegistrationFailsAtEveryCall",
	},
	{
		name:  "a signal after the intent stops the swaps",
		edits: []edit{{"internal/apply/run.go", "\t\terr := a.swap(o)\n", "\t\terr := a.swap(o)\n\t\tif ctx.Err() != nil {\n\t\t\treturn d, ctx.Err()\n\t\t}\n"}},
		pkg:   crashes, test: "TestCancelBeforeEveryStep/a-bit-of-everything",
	},
	{
		name:  "files are not synced",
		edits: []edit{{"internal/safefs/disk.go", "return d.step(OpSync, path, func() error { return unix.Fsync(fd) })", "return d.step(OpSync, path, func() error { return nil })"}},
		pkg:   syscalls, test: "TestEverythingIsDurableInTime",
	},
	{
		name:  "what was staged is not synced",
		edits: []edit{{"internal/apply/stage.go", "a.Disk.SyncFS(filepath.Join(work, stageDir))", "a.Disk.SyncDir(filepath.Join(work, stageDir))"}},
		pkg:   syscalls, test: "TestEverythingIsDurableInTime",
	},
	{
		name:  "swapped names are not synced",
		edits: []edit{{"internal/apply/run.go", "if err := a.Disk.SyncDir(dir); err != nil {\n\t\t\treturn nil, fmt.Errorf(\"make the swaps", "if err := error(nil); err != nil {\n\t\t\treturn nil, fmt.Errorf(\"make the swaps"}},
		pkg:   syscalls, test: "TestEverythingIsDurableInTime",
	},
	{
		name:  "what was put away is not synced before the intent goes",
		edits: []edit{{"internal/apply/run.go", "if err := a.syncFiled(in); err != nil {", "if err := error(nil); err != nil {"}},
		pkg:   syscalls, test: "TestEverythingIsDurableInTime",
	},
	{
		name:  "what StackStorm is told is written down when it has answered",
		edits: []edit{{"internal/apply/register.go", "\treturn t.Store.WriteTold(x.told)\n}", "\treturn nil\n}"}},
		pkg:   crashes, test: "TestPurgeKnowsWhatWasToldWithoutAnAnswer",
	},
	{
		name:  "what an older packsync registered is looked for after the swap",
		edits: []edit{{"internal/apply/run.go", "if err := a.writeBaselines(s); err != nil {", "if err := error(nil); err != nil {"}},
		pkg:   crashes, test: "TestStopAtEveryStep/the-same-of-packs",
	},
	{
		name:  "a file that cannot be read looks as if its object had gone",
		edits: []edit{{"internal/reconcile/told.go", "if file := unreadable(inv); file != \"\" {", "if file := unreadable(inv); file == \"?\" {"}},
		pkg:   crashes, test: "TestNothingIsPurgedOnDoubt",
	},
	{
		name:  "a finding about a config quotes the value",
		edits: []edit{{"internal/packconfig/validate.go", "f.want, typeText(typeName(f.value)))", "f.want, fmt.Sprint(f.value))"}},
		pkg:   canaries, test: "TestNoCanaryIsSeen",
	},
	{
		name:  "a snippet shows every argument",
		edits: []edit{{"internal/diag/hide.go", "\tshown := !w.strict && isShown(block, name, w.source.broken)", "\tshown := true"}},
		pkg:   canaries, test: "TestNoCanaryIsSeen",
	},
	{
		name:  "a change of a config tells the value",
		edits: []edit{{"internal/packconfig/packconfig.go", "case before.Str() != after.Str():\n\t\td.changes = append(d.changes, KeyChange{path, Changed})", "case before.Str() != after.Str():\n\t\td.changes = append(d.changes, KeyChange{path + before.Str(), Changed})"}},
		pkg:   canaries, test: "TestNoCanaryIsSeen",
	},
	{
		name:  "what StackStorm says is passed on as it is",
		edits: []edit{{"internal/st2/errors.go", "func hideValues(text string) string {\n", "func hideValues(text string) string {\n\tif text != \"\" {\n\t\treturn text\n\t}\n"}},
		pkg:   canaries, test: "TestNoCanaryIsSeen",
	},
	{
		name:  "children inherit what the declaration takes secrets from",
		edits: []edit{{"internal/credential/run.go", "return strings.HasPrefix(name, \"PACKSYNC_\") || slices.Contains(hidden, name)", "return name == \"\" && slices.Contains(hidden, name)"}},
		pkg:   canaries, test: "TestNoCanaryIsSeen",
	},
	{
		name:  "the record has plain digests of configs",
		edits: []edit{{"internal/state/key.go", "h := hmac.New(sha256.New, k.secret[:])", "_ = hmac.Equal\n\th := sha256.New()"}},
		pkg:   canaries, test: "TestNoCanaryIsSeen",
	},
	{
		name:  "a broken YAML file is quoted",
		edits: []edit{{"internal/pyyaml/unmarshal.go", "strings.HasPrefix(problem, \"unknown anchor\")", "strings.HasPrefix(problem, \"?\")"}},
		pkg:   canaries, test: "TestNoCanaryIsSeen",
	},
}

// TestMutantsAreCaught builds each mutant in an overlay, so that nothing of it is
// in the product, and wants the named test to fail.
func TestMutantsAreCaught(t *testing.T) {
	testenv.Need(t, "go")
	root := testenv.Root(t)
	if !long && os.Getenv("PACKSYNC_TEST_ALL") != "1" {
		t.Skip("each mutant is built anew, which takes seconds: make reliability and CI do")
	}
	caught := 0
	for _, m := range mutants {
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			overlay := m.overlay(t, root)
			args := []string{"test", "-count=1", "-timeout=5m", "-run=" + m.test}
			if m.pkg == crashes {
				args = append(args, "-overlay="+overlay)
			}
			cmd := exec.Command("go", append(args, m.pkg)...)
			cmd.Dir = root
			// The tests need not run long to notice, and not all parts for that.
			cmd.Env = append(os.Environ(), "PACKSYNC_TEST_LONG=", "PACKSYNC_TEST_ALL=", "PACKSYNC_TEST_OVERLAY="+overlay)
			out, err := cmd.CombinedOutput()
			switch {
			case err == nil:
				t.Errorf("the mutant lives: %s passes\n%s", m.test, out)
			case !strings.Contains(string(out), "--- FAIL"):
				t.Errorf("the mutant could not be tested: %v\n%s", err, out)
			default:
				caught++
			}
		})
	}
	t.Logf("figures: %d of %d mutants caught", caught, len(mutants))
}

// overlay writes the mutated files and the list of them that go build reads.
func (m mutant) overlay(t *testing.T, root string) (path string) {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for _, e := range m.edits {
		original := filepath.Join(root, e.file)
		source := original
		if mutated, again := replace[original]; again {
			source = mutated
		}
		data, err := os.ReadFile(source)
		must(t, err)
		if n := strings.Count(string(data), e.from); n != 1 {
			t.Fatalf("%s holds the text of this mutant %d times: bring the mutant up to date\n%s", e.file, n, e.from)
		}
		replace[original] = filepath.Join(dir, filepath.Base(e.file))
		must(t, os.WriteFile(replace[original], []byte(strings.Replace(string(data), e.from, e.to, 1)), 0o644))
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	must(t, err)
	path = filepath.Join(dir, "overlay.json")
	must(t, os.WriteFile(path, list, 0o644))
	return path
}
