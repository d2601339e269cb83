package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

// countedStop is a disk on which every step from n on fails; 0 lets all happen. It
// counts.
func (h *host) countedStop(n int, count *int) safefs.Disk {
	return h.disk(func(s safefs.Step) error {
		if *count++; n > 0 && *count >= n {
			return &fs.PathError{Op: string(s.Op), Path: s.Path, Err: errStopped}
		}
		return nil
	})
}

// TestStopAReleaseAtEveryStep stops release --edit before each of its steps: the
// files of the pack stay whatever is run next, and the release can be finished.
func TestStopAReleaseAtEveryStep(t *testing.T) {
	h := newHost(t)
	firstInstall(h)
	h.declare(block("a"), block("b"))
	h.mustApply()
	saved := h.save()
	files := h.picture("root/packs/a")
	for n := 0; ; n++ {
		when := fmt.Sprintf("stopped before step %d", n)
		h.restore(saved)
		count := 0
		_, err := ReleasePack(context.Background(), h.options(h.countedStop(n, &count)), Callbacks{}, "a", true)
		if n == 0 && err != nil {
			t.Fatal(err)
		}
		stopped := h.save()
		h.mustApply()
		if h.picture("root/packs/a") != files {
			t.Fatalf("%s: an apply afterwards touched the pack", when)
		}
		h.restore(stopped)
		if _, again := ReleasePack(context.Background(), h.options(nil), Callbacks{}, "a", true); err != nil && again != nil {
			t.Logf("%s: nothing was left to do: %v", when, again)
		}
		applied := h.mustApply()
		if h.picture("root/packs/a") != files || len(applied.Config.Packs) != 1 || len(applied.Record.Packs) != 1 || len(applied.Lock.Packs) != 1 {
			t.Fatalf("%s: declared %d, recorded %d", when, len(applied.Config.Packs), len(applied.Record.Packs))
		}
		if n > 0 && err == nil && count < n {
			t.Logf("%d stops", n-1)
			return
		}
	}
}

// TestStopAnImportAtEveryStep stops an import before each of its steps: the files
// stay, and the next apply, or the import again, finishes it.
func TestStopAnImportAtEveryStep(t *testing.T) {
	h := newHost(t)
	repo := gittest.New(t, h.path("git"), "a.git")
	repo.Commit("main", "One", gittest.Files{"pack.yaml": "{ref: a, name: a, version: 1.0.0, description: d, author: a, email: a@example.com}\n"})
	repo.Tag("v1.0.0", "main")
	h.declare("# nothing yet")
	if err := os.MkdirAll(h.path("root/packs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := gittest.Git("", nil, "clone", "--quiet", "file://"+h.path("git/a.git"), h.path("root/packs/a")); err != nil {
		t.Fatal(err)
	}
	saved := h.save()
	files := h.picture("root/packs/a")
	for n := 0; ; n++ {
		when := fmt.Sprintf("stopped before step %d", n)
		h.restore(saved)
		count := 0
		imported, err := Import(context.Background(), h.options(h.countedStop(n, &count)), ImportRequest{Packs: []pack.Ref{"a"}}, Callbacks{})
		if n == 0 && (err != nil || len(imported.Packs) != 1) {
			t.Fatalf("undisturbed import: %v", err)
		}
		h.mustApply()
		var refused *RefusedError
		if _, err := Import(context.Background(), h.options(nil), ImportRequest{Packs: []pack.Ref{"a"}}, Callbacks{}); err != nil && !errors.As(err, &refused) {
			t.Fatalf("%s: it cannot be finished: %v", when, err)
		}
		applied := h.mustApply()
		if !applied.Plan.Empty() || len(applied.Record.Packs) != 1 || len(applied.Lock.Packs) != 1 {
			t.Fatalf("%s: %d recorded, %d locked", when, len(applied.Record.Packs), len(applied.Lock.Packs))
		}
		if h.picture("root/packs/a") != files {
			t.Fatalf("%s: the files were touched", when)
		}
		if n > 0 && err == nil && count < n {
			t.Logf("%d stops", n-1)
			return
		}
	}
}
