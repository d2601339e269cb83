package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/testenv"
)

// TestThePageShowsTheNewestRun: the table of docs/performance.md is that of the
// newest results, and every target that they miss is explained below it.
func TestThePageShowsTheNewestRun(t *testing.T) {
	root := testenv.Root(t)
	text, err := os.ReadFile(filepath.Join(root, "docs", "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := newest(filepath.Join(root, "bench", "results"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := withTable(string(text), r)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != want {
		t.Error("docs/performance.md shows another run than the newest of bench/results: go run ./internal/bench -only-docs")
	}
	for _, missing := range unexplained(string(text), r) {
		t.Errorf("docs/performance.md does not say why the target %s is missed", missing)
	}
}

var aReport = &report{
	Date: "2026-11-25", Commit: "0123456789ab", Pairs: 7, Took: 605,
	Machine: machineInfo{CPU: "Some CPU", Cores: 2, MemoryMiB: 4096, Kernel: "6.1", Go: "go1.26", Git: "git version 2", LoadBefore: 0.1},
	Rows: []row{
		{Name: "cold", Set: "25", Ours: "packsync apply", Peer: "git clone", Figures: &Figures{
			Wall: spread{0.5, 0.4, 0.6}, CPU: &spread{0.3, 0.2, 0.4}, OurWall: 0.5, OurPeak: 30, PeerWall: 1,
		}, Limits: []limit{{"wall", 0.65, 0.5, true}, {"peak MiB", 20, 30, false}}},
		{Name: "plan", Set: "200", Ours: "packsync plan", Peer: "terraform plan", Error: "terraform is not on this machine"},
	},
	Growth: []growth{{Packs: 10, Files: 200, Wall: spread{0.01, 0.009, 0.02}, CPU: 0.01, PeakMiB: 20}},
}

func TestTableOfAPage(t *testing.T) {
	page := "before\n" + tableBegin + "\nthe last table\n" + tableEnd + "\nafter\n"
	got, err := withTable(page, aReport)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"before\n" + tableBegin + "\n\nMeasured 2026-11-25 at commit `0123456789ab`, 7 pairs a row, in 10 min 5 s.",
		"| cold | 25 | packsync apply | git clone | **0.500** (0.400 … 0.600) | 0.30 | 0.500 s | 1.000 s | 30 MiB | wall ≤ 0.65: met (0.5); peak MiB ≤ 20: **missed** (30) |",
		"| plan | 200 | packsync plan | terraform plan | not measured: terraform is not on this machine |",
		"| 10 | 200 | 0.010 s (0.009 … 0.020) | 0.010 s | 20 MiB |",
		"1 targets met, 1 missed, 1 rows not measured",
		tableEnd + "\nafter\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "the last table") {
		t.Error("the old table is still there")
	}
	if again, err := withTable(got, aReport); err != nil || again != got {
		t.Errorf("writing the same table twice changes it (%v)", err)
	}
	if _, err := withTable("no place", aReport); err == nil {
		t.Error("a page without a place for the table is no error")
	}
}

// TestResultsAreReadBack: what is written is what the page is made of.
func TestResultsAreReadBack(t *testing.T) {
	dir := t.TempDir()
	if r, err := newest(dir); r != nil || err != nil {
		t.Errorf("without results: %v, %v", r, err)
	}
	for date, whole := range map[string]bool{"2026-11-24": true, "2026-11-25": true, "2026-11-26": false} {
		r := *aReport
		r.Date = date
		if _, err := r.write(dir, whole); err != nil {
			t.Fatal(err)
		}
	}
	r, err := newest(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(aReport, r); diff != "" {
		t.Error(diff)
	}
}

func TestMissedTargetsWantAReason(t *testing.T) {
	if got := unexplained("nothing", aReport); len(got) != 1 || got[0] != "`cold` of 25, peak MiB" {
		t.Errorf("unexplained: %q", got)
	}
	if got := unexplained("x\n## Missed targets\n\n- `cold` of 25, peak MiB: decoding keeps too much\n", aReport); len(got) != 0 {
		t.Errorf("unexplained: %q", got)
	}
	// What stands before the section explains nothing.
	if got := unexplained("- `cold` of 25, peak MiB: x\n\n## Missed targets\n", aReport); len(got) != 1 {
		t.Errorf("unexplained: %q", got)
	}
}

func TestRatiosArePairByPair(t *testing.T) {
	ours := []usage{{Wall: 1, CPU: 1}, {Wall: 2, CPU: 1}, {Wall: 9, CPU: 1}}
	peer := []usage{{Wall: 2, CPU: 4}, {Wall: 2, CPU: 2}, {Wall: 3, CPU: 1}}
	if got, want := ratios(ours, peer, wall), (spread{1, 0.5, 3}); got != want {
		t.Errorf("wall: %v, want %v", got, want)
	}
	if got, want := ratios(ours, peer, wall, 1), (spread{0.5, 0, 8.0 / 3}); got != want {
		t.Errorf("beyond one second: %v, want %v", got, want)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median %v, want 2.5", got)
	}
}

// TestSyntheticPacks: what is measured is what the page says.
func TestSyntheticPacks(t *testing.T) {
	for _, count := range []int{filesPerPack, filesForGrowth} {
		if got := len(syntheticPack("a", count)); got != count {
			t.Errorf("%d files, want %d", got, count)
		}
	}
	testenv.Need(t, "git")
	dir := filepath.Join(t.TempDir(), "a.git")
	objects, commit := objectsOf(syntheticPack("a", filesPerPack), "Release 1.0.0")
	if err := bareRepo(dir, objects, commit); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("git", "-C", dir, "fsck", "--strict").CombinedOutput()
	if err != nil {
		t.Errorf("git fsck: %v\n%s", err, out)
	}
	if files, err := gitIn(dir, "ls-tree", "-r", "--name-only", "v1.0.0"); err != nil || len(strings.Fields(files)) != filesPerPack {
		t.Errorf("git sees %d files (%v)", len(strings.Fields(files)), err)
	}
}

// TestFailingRowsDoNotStopOthers: whatever goes wrong stands in the row.
func TestFailingRowsDoNotStopOthers(t *testing.T) {
	o := options{pairs: 1, budget: time.Hour}
	o.rows = regexp.MustCompile("")
	b := &bencher{options: o, began: time.Now(), dir: t.TempDir(), report: &report{}, peer: filepath.Join(t.TempDir(), "not there")}
	b.versionRow(t.Context())
	b.budget = -1
	b.versionRow(t.Context())
	if len(b.report.Rows) != 2 || b.report.Rows[0].Error == "" || !strings.Contains(b.report.Rows[1].Error, "are over") {
		t.Errorf("rows: %+v", b.report.Rows)
	}
}
