package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/tree"
)

func git(name, kind, text string) config.Pack {
	return config.Pack{
		Ref: pack.Ref(name), Source: pack.Source{Kind: pack.SourceGit, URL: host + name},
		Selector: pack.Selector{Kind: pack.SelectorKind(kind), Text: text},
	}
}

func mustResolve(t *testing.T, req resolve.Request, w *world) *resolve.Result {
	t.Helper()
	result, diags := resolve.Resolve(t.Context(), req, w.repos, w.names)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return result
}

func TestAnEntryRecordsWhatTheCommitHolds(t *testing.T) {
	w := newWorld()
	files := tree.Build(
		tree.Entry{Path: "pack.yaml", Content: packYAML("slack", "1.0.0") + "dependencies: [aws, \"jira=1.0.0\"]\n"},
		tree.Entry{Path: "actions/run.sh", Kind: tree.Executable, Content: "#!/bin/sh\n"},
		tree.Entry{Path: "actions/__pycache__/a.pyc", Content: "left out"},
	)
	title := "Make it\twork \x1b[31mred\x1b[0m \u202e" + strings.Repeat("x", 200)
	commit := w.repo("slack").Commit(title, files)
	w.repo("slack").Tag("v1.0.0", commit)
	w.names.versions["slack"] = "1.0.0"
	for _, name := range []string{"aws", "jira"} {
		w.tell(t, "tags", name+" v1.0.0 bb")
		w.names.versions[name] = "1.0.0"
	}

	result := mustResolve(t, resolve.Request{Packs: []config.Pack{{Ref: "slack", ShortName: "slack"}}, LockDir: "/work"}, w)
	manifest, err := tree.HashOf(tree.Filter(files))
	if err != nil {
		t.Fatal(err)
	}
	want := lockfile.Entry{
		Source: host + "slack", Index: indexURL, Ref: "refs/tags/v1.0.0", Commit: commit, Tree: manifest.Tree(), Version: "1.0.0",
		Title:    `Make it\twork \x1b[31mred\x1b[0m \u202e` + strings.Repeat("x", 120-len(`Make it\twork \x1b[31mred\x1b[0m \u202e`)) + "…",
		Requires: []string{"aws", "jira=1.0.0"}, Direct: true,
	}
	pin := result.Packs["slack"]
	if !pin.Entry.Equal(want) || !result.Lock.Packs["slack"].Equal(want) {
		t.Errorf("(-want +got):\n%s", cmp.Diff(want, pin.Entry, cmp.AllowUnexported(lockfile.Entry{})))
	}
	if pin.Hash != manifest.Tree() || pin.Version != "1.0.0" || len(pin.Tree.Files()) != 2 || pin.Source.URL != want.Source {
		t.Errorf("%+v", pin)
	}
	again, diags := lockfile.Parse(result.Lock.Bytes(), "packs.lock.json")
	if diags.HasErrors() || !again.Packs["slack"].Equal(want) {
		t.Errorf("the lock is not read back: %v", diags)
	}
}

// What does not fit into memory together is pinned all the same, without its tree.
func TestLargeTreesAreNotAllKept(t *testing.T) {
	w := newWorld()
	var packs []config.Pack
	for _, name := range []string{"aws", "jira", "slack"} {
		commit := w.repo(name).Commit("large", tree.Build(
			tree.Entry{Path: "pack.yaml", Content: packYAML(name, "1.0.0")},
			tree.Entry{Path: "large", Content: strings.Repeat(name[:1], 15<<20)},
		))
		w.repo(name).Tag("v1.0.0", commit)
		packs = append(packs, git(name, "tag", "v1.0.0"))
	}
	result := mustResolve(t, resolve.Request{Packs: packs, LockDir: "/work"}, w)
	kept := 0
	for ref, pin := range result.Packs {
		if pin.Hash == "" || pin.Hash != pin.Entry.Tree || !pin.Judged {
			t.Errorf("%s: %+v", ref, pin.Entry)
		}
		if pin.Tree != nil {
			kept++
		}
	}
	if len(result.Packs) != 3 || kept != 2 {
		t.Errorf("%d trees of %d packs are kept", kept, len(result.Packs))
	}
}

// An unknown key belongs to the pin it was written for: a signer of one commit is
// no signer of another.
func TestUnknownKeysStayWithTheirPin(t *testing.T) {
	w := newWorld()
	w.tell(t, "tags", "slack v1.0.0 aa, v1.2.0 bb")
	lock, diags := lockfile.Parse(fmt.Appendf(nil, `{"format_version": 1, "more": 1, "packs": {"slack": {"source": %q, "ref": "refs/tags/v1.0.0",
		"constraint": {"version": "~> 1.0"}, "commit": %q, "tree": %q, "version": "1.0.0", "title": "", "direct": true, "signer": "anna"}}}`,
		host+"slack", full("aa"), someTree), "packs.lock.json")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, c := range []struct {
		mode       resolve.Mode
		constraint string
		signer     bool
	}{{resolve.Missing, "~> 1.0", true}, {resolve.Missing, ">= 1.0", true}, {resolve.Update, "~> 1.0", false}} {
		result := mustResolve(t, resolve.Request{Packs: []config.Pack{git("slack", "version", c.constraint)}, Lock: lock, Mode: c.mode}, w)
		text := string(result.Lock.Bytes())
		if strings.Contains(text, "anna") != c.signer || !strings.Contains(text, `"more": 1`) {
			t.Errorf("mode %v, %s:\n%s", c.mode, c.constraint, text)
		}
	}
}

// An update has nothing to choose for a directory, and leaves its entry alone.
func TestUpdatingADirectoryChangesNothing(t *testing.T) {
	w := newWorld()
	w.tell(t, "want", "lab dir ./lab")
	lock, diags := lockfile.Parse([]byte(`{"format_version": 1, "packs": {"lab": {"source": "./lab", "direct": true, "python": "3.11"}}}`), "packs.lock.json")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	result := mustResolve(t, resolve.Request{Packs: w.packs, Lock: lock, LockDir: "/work", Mode: resolve.Update}, w)
	if len(result.Changes) != 0 || string(result.Lock.Bytes()) != string(lock.Bytes()) {
		t.Errorf("%v\n%s", result.Changes, result.Lock.Bytes())
	}
	if pin := result.Packs["lab"]; pin.Tree == nil || pin.Hash == "" || pin.Version != "0.1.0" || pin.Entry.Tree != "" {
		t.Errorf("%+v", pin)
	}
}

func TestProblemsPointAtTheAttribute(t *testing.T) {
	at := func(line int) diag.Range {
		r := diag.Range{Filename: "packs.hcl"}
		r.Start.Line, r.Start.Byte = line, line*100
		return r
	}
	w := newWorld()
	w.tell(t, "tags", "slack v1.0.0 aa")
	place := func(p config.Pack, line int) config.Pack {
		p.Range, p.SourceRange, p.SelectorRange = at(line), at(line+1), at(line+2)
		return p
	}
	bare := config.Pack{Ref: "nobody", ShortName: "nobody", Range: at(1)}
	other := git("jira", "tag", "v1.0.0")
	other.Source.URL = host + "slack"
	packs := []config.Pack{
		place(git("slack", "version", "~> 9.0"), 10),
		place(git("away", "tag", "v1.0.0"), 20),
		place(other, 30),
		bare,
	}
	_, diags := resolve.Resolve(t.Context(), resolve.Request{Packs: packs}, w.repos, w.names)
	var lines []int
	for _, d := range diags {
		lines = append(lines, d.Subject.Start.Line)
	}
	// In the order of the file: the header where there is no attribute, the
	// constraint, the source, the label.
	if !slices.Equal(lines, []int{1, 12, 21, 30}) {
		t.Errorf("lines %v:\n%v", lines, diags)
	}
}

func TestEventsTellTheStepsOneAtATime(t *testing.T) {
	w := newWorld()
	packs := []config.Pack{git("gone", "tag", "v1.0.0")}
	for i := range 20 {
		name := fmt.Sprintf("pack_%02d", i)
		w.tell(t, "tags", name+" v1.0.0 "+fmt.Sprintf("%02x", i))
		packs = append(packs, git(name, "tag", "v1.0.0"))
	}
	var busy atomic.Bool
	steps := map[pack.Ref][]resolve.Step{}
	_, diags := resolve.Resolve(t.Context(), resolve.Request{Packs: packs, Event: func(e resolve.Event) {
		if !busy.CompareAndSwap(false, true) {
			t.Error("two events at once")
		}
		steps[e.Ref] = append(steps[e.Ref], e.Step)
		busy.Store(false)
	}}, w.repos, w.names)
	if len(diags) != 1 {
		t.Error(diags)
	}
	if got := steps["pack_07"]; !slices.Equal(got, []resolve.Step{resolve.Choosing, resolve.Fetching, resolve.Done}) {
		t.Errorf("pack_07: %v", got)
	}
	if got := steps["gone"]; !slices.Equal(got, []resolve.Step{resolve.Choosing, resolve.Failed}) {
		t.Errorf("gone: %v", got)
	}
}

// waiting is a source that answers only when so many ask at once.
type waiting struct {
	source.Remote
	need    int32
	present *atomic.Int32
	all     chan struct{}
}

func (w waiting) Open(pack.Source) (source.Remote, error) { return w, nil }

func (w waiting) Refs(ctx context.Context) (*source.Refs, error) {
	if w.present.Add(1) == w.need {
		close(w.all)
	}
	select {
	case <-w.all:
		return nil, errors.New("all have come")
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func TestPacksAreResolvedAtOnce(t *testing.T) {
	var packs []config.Pack
	for i := range 16 {
		packs = append(packs, git(fmt.Sprintf("p%d", i), "tag", "v1"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, parallel := range []int{0, 16} {
		need := int32(parallel)
		if need == 0 {
			need = 8
		}
		_, diags := resolve.Resolve(ctx, resolve.Request{Packs: packs, Parallel: parallel}, waiting{need: need, present: &atomic.Int32{}, all: make(chan struct{})}, nil)
		if len(diags) != 16 || !strings.Contains(diags.Error(), "all have come") {
			t.Errorf("%d at once: %v", need, diags)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var packs []config.Pack
	for i := range 16 {
		packs = append(packs, git(fmt.Sprintf("p%d", i), "tag", "v1"))
	}
	result, diags := resolve.Resolve(ctx, resolve.Request{Packs: packs, Event: func(resolve.Event) { cancel() }},
		waiting{need: 100, present: &atomic.Int32{}, all: make(chan struct{})}, nil)
	if result != nil || len(diags) != 1 || diags[0].Summary != "Interrupted" {
		t.Errorf("%v, %v", result, diags)
	}
}

// failing answers every question with one error.
type failing struct{ err error }

func (f failing) Open(pack.Source) (source.Remote, error) { return f, nil }

func (f failing) Refs(context.Context) (*source.Refs, error) { return nil, f.err }

func (f failing) Resolve(context.Context, string) (source.Resolved, error) {
	return source.Resolved{}, f.err
}

func (f failing) Fetch(context.Context, pack.Commit, string) (*source.Snapshot, error) {
	return nil, f.err
}

func (f failing) Reachable(context.Context, pack.Commit, string) (bool, error) { return true, nil }

func TestFailuresOfSources(t *testing.T) {
	src := pack.Source{Kind: pack.SourceGit, URL: host + "slack"}
	for name, c := range map[string]struct {
		err           error
		summary, says string
	}{
		"unreachable":         {&source.UnreachableError{Source: src, Hint: "set a token in credentials \"git.example\"", Err: errors.New("401")}, "Source cannot be reached", `Set a token in credentials "git.example".`},
		"unreachable, silent": {&source.UnreachableError{Source: src, Err: errors.New("timeout")}, "Source cannot be reached", "Check the address"},
		"offline":             {&source.UnreachableError{Source: src, Hint: "x", Err: source.ErrOffline}, "Source cannot be reached", "Run without --offline"},
		"gone":                {&source.CommitGoneError{Source: src, Commit: full("aa"), Err: errors.New("not our ref")}, "Commit is gone", "removed from the repository"},
		"refused tree":        {fmt.Errorf("read commit: %w", &tree.RefusedError{Rule: tree.RuleLFS, Reason: "x"}), "Pack cannot be accepted", "Mend it at its source"},
		"anything else":       {errors.New("something else"), "Pack cannot be resolved", "something else"},
	} {
		for _, p := range []config.Pack{git("slack", "tag", "v1"), git("slack", "commit", string(full("aa"))), git("slack", "revision", "v1")} {
			_, diags := resolve.Resolve(t.Context(), resolve.Request{Packs: []config.Pack{p}}, failing{c.err}, nil)
			if len(diags) != 1 || diags[0].Summary != c.summary || !strings.Contains(diags[0].Detail, c.says) || !strings.Contains(diags[0].Detail, "Pack slack: ") {
				t.Errorf("%s, %s: %v", name, p.Selector, diags)
			}
		}
	}
}

// A branch of such a name would stand in the lock, in plans and on terminals.
func TestANameThatMisleadsIsNotLocked(t *testing.T) {
	w := newWorld()
	w.tell(t, "branches", "slack main\u202e aa")
	for _, p := range []config.Pack{git("slack", "", ""), git("slack", "branch", "main\u202e"), git("slack", "revision", "main\u202e")} {
		_, diags := resolve.Resolve(t.Context(), resolve.Request{Packs: []config.Pack{p}}, w.repos, w.names)
		if len(diags) != 1 || !strings.Contains(diags[0].Detail, "not printable") || strings.Contains(diags[0].Detail, "\u202e") {
			t.Errorf("%q: %v", p.Selector, diags)
		}
	}
}

// lying answers a fetch with another commit than was asked for.
type lying struct{ failing }

func (l lying) Open(pack.Source) (source.Remote, error) { return l, nil }

func (lying) Fetch(context.Context, pack.Commit, string) (*source.Snapshot, error) {
	return &source.Snapshot{Commit: full("bb"), Tree: tree.Memory(nil)}, nil
}

func TestAnotherCommitThanAskedForIsRefused(t *testing.T) {
	_, diags := resolve.Resolve(t.Context(), resolve.Request{Packs: []config.Pack{git("slack", "commit", string(full("aa")))}}, lying{}, nil)
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "answered with commit "+string(full("bb"))) {
		t.Errorf("%v", diags)
	}
}

// ailing is a look-up whose index has a problem, and whose entry names a
// repository that cannot be used.
type ailing struct{ *names }

func (a ailing) Find(ctx context.Context, name string) (index.Found, error) {
	found, err := a.names.Find(ctx, name)
	if name == "evil" {
		found.RepoURL = "https://user:hunter2@evil.example/x"
	}
	return found, err
}

func (ailing) Problems() []index.Problem {
	return []index.Problem{{Index: config.Index{Name: "own", URL: indexURL}, Class: index.Unresponsive, Err: errors.New("no answer"), Cached: time.Date(2026, 2, 5, 0, 0, 0, 0, time.UTC)}}
}

func TestWhatIndexesSay(t *testing.T) {
	w := newWorld()
	w.tell(t, "tags", "slack v1.0.0 aa")
	w.names.versions = map[string]string{"slack": "1.0.0", "evil": "1.0.0"}
	result, diags := resolve.Resolve(t.Context(), resolve.Request{Packs: []config.Pack{{Ref: "slack", ShortName: "slack"}}}, w.repos, ailing{w.names})
	if diags.HasErrors() || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0].Detail, "the copy of 2026-02-05 00:00 UTC from the cache is used") {
		t.Errorf("%v, %v", result, diags)
	}
	_, diags = resolve.Resolve(t.Context(), resolve.Request{Packs: []config.Pack{{Ref: "evil", ShortName: "evil"}}}, w.repos, ailing{w.names})
	if len(diags) != 2 || diags[0].Summary != "Unusable source in an index" || strings.Contains(diags.Error(), "hunter2") {
		t.Errorf("%v", diags)
	}
}

// opening counts how often each source is opened.
type opening struct {
	source.Opener
	mu    sync.Mutex
	count map[pack.Source]int
}

func (o *opening) Open(src pack.Source) (source.Remote, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count[src]++
	return o.Opener.Open(src)
}

// A Remote remembers what it was asked, so opening a repository once is asking it
// once.
func TestPacksOfOneRepositoryShareIt(t *testing.T) {
	w := newWorld()
	repo := w.repo("mono")
	repo.CommitAs(full("aa"), "All", tree.Memory(map[string]string{"a/pack.yaml": packYAML("a", "1.0.0"), "b/pack.yaml": packYAML("b", "1.0.0")}))
	repo.Tag("v1.0.0", full("aa"))
	var packs []config.Pack
	for _, name := range []string{"a", "b"} {
		p := git(name, "version", "~> 1.0")
		p.Source = pack.Source{Kind: pack.SourceGit, URL: host + "mono", Subdir: name}
		packs = append(packs, p)
	}
	open := &opening{Opener: w.repos, count: map[pack.Source]int{}}
	result, diags := resolve.Resolve(t.Context(), resolve.Request{Packs: packs}, open, w.names)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if n := open.count[pack.Source{Kind: pack.SourceGit, URL: host + "mono"}]; n != 1 {
		t.Errorf("the repository was opened %d times", n)
	}
	if refs := slices.Sorted(maps.Keys(result.Packs)); !slices.Equal(refs, []pack.Ref{"a", "b"}) {
		t.Error(refs)
	}
	if a, b := result.Packs["a"], result.Packs["b"]; a.Hash == b.Hash || a.Entry.Subdir != "a" || b.Source.Subdir != "b" {
		t.Errorf("%+v\n%+v", a, b)
	}
}
