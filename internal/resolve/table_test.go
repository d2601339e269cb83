package resolve_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/nearest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/resolve"
	"github.com/packsync/packsync/internal/source/memrepo"
	"github.com/packsync/packsync/internal/tree"
)

const (
	host     = "https://git.example/"
	indexURL = "https://index.example/index.json"
	someTree = pack.TreeHash("t1:a6bb25dc7a05f2528017f6c4c6181a4467f41fcfa8807974111a823d0a525242")
)

// full makes a commit of its first digits.
func full(digits string) pack.Commit {
	return pack.Commit(digits + strings.Repeat("0", 40-len(digits)))
}

func packYAML(ref, version string) string {
	return fmt.Sprintf("ref: %s\nname: %s\ndescription: d\nversion: %s\nauthor: a\nemail: a@b.example\n", ref, ref, version)
}

// names is a Lookup over what a case says of its index; it counts.
type names struct {
	mu       sync.Mutex
	versions map[string]string
	problem  *index.Problem
	asked    []string
}

func (n *names) Find(_ context.Context, name string) (index.Found, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, "find "+name)
	if n.problem != nil {
		return index.Found{}, &index.MissingError{Name: name, Problem: *n.problem}
	}
	version, has := n.versions[name]
	if !has {
		var known []string
		for known_ := range n.versions {
			known = append(known, known_)
		}
		return index.Found{}, &index.UnknownError{Name: name, Near: nearest.Names(name, known), Indexes: []string{indexURL}}
	}
	return index.Found{Entry: index.Entry{Name: name, RepoURL: host + name, Version: version}, IndexURL: indexURL}, nil
}

func (n *names) Problems() []index.Problem { return nil }

// world is what one case of a table tells.
type world struct {
	repos *memrepo.Opener
	byURL map[string]*memrepo.Repo
	names *names
	packs []config.Pack
	lock  *lockfile.File
}

func newWorld() *world {
	return &world{
		repos: memrepo.New(), byURL: map[string]*memrepo.Repo{},
		names: &names{versions: map[string]string{}}, lock: &lockfile.File{Packs: map[pack.Ref]lockfile.Entry{}},
	}
}

func (w *world) repo(name string) *memrepo.Repo {
	if w.byURL[name] == nil {
		w.byURL[name] = w.repos.Add(host + name)
	}
	return w.byURL[name]
}

// holds builds the tree that "holds …" describes.
func holds(name, version, what string) tree.Tree {
	kind, rest, _ := strings.Cut(what, " ")
	switch kind {
	case "":
		return tree.Memory(map[string]string{"pack.yaml": packYAML(name, version)})
	case "pack":
		return tree.Memory(map[string]string{"pack.yaml": packYAML(rest, version)})
	case "subdir":
		return tree.Memory(map[string]string{rest + "/pack.yaml": packYAML("slack", version), "README.md": "outside"})
	case "plain": // without what StackStorm asks for at registration
		return tree.Memory(map[string]string{"pack.yaml": fmt.Sprintf("ref: %s\nversion: %s\n", name, version)})
	case "needs":
		text := packYAML(name, version) + "dependencies:\n"
		for _, dependency := range strings.Split(rest, "; ") {
			text += "  - \"" + dependency + "\"\n"
		}
		return tree.Memory(map[string]string{"pack.yaml": text})
	case "bytecode":
		return tree.Memory(map[string]string{"pack.yaml": packYAML(name, version), "actions/__pycache__/a.pyc": "x"})
	case "link":
		return tree.Build(tree.Entry{Path: "pack.yaml", Content: packYAML(name, version)}, tree.Entry{Path: "l", Kind: tree.Link, Content: rest})
	}
	return tree.Memory(map[string]string{"pack.yaml": packYAML(name, what)})
}

// tell adds one line of a case.
func (w *world) tell(t testing.TB, key, text string) {
	t.Helper()
	name, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	switch key {
	case "loose": // commits that nothing leads to
		for _, id := range strings.Split(rest, ", ") {
			w.repo(name).CommitAs(full(id), "Change "+id, holds(name, "0.1.0", ""))
		}
	case "tags", "branches":
		for i, item := range strings.Split(rest, ", ") {
			item, what, _ := strings.Cut(item, " holds ")
			ref, commit, _ := strings.Cut(item, " ")
			version := "0.1.0"
			if v, ok := pack.ParseTagVersion(ref); ok {
				version = v.String()
			}
			commit, parent, _ := strings.Cut(commit, " after ")
			var parents []pack.Commit
			if parent != "" {
				w.repo(name).CommitAs(full(parent), "Change "+parent, holds(name, version, ""))
				parents = append(parents, full(parent))
			}
			w.repo(name).CommitAs(full(commit), "Change "+commit, holds(name, version, what), parents...)
			switch {
			case key == "tags":
				w.repo(name).Tag(ref, full(commit))
			default:
				w.repo(name).Branch(ref, full(commit))
				if i == 0 {
					w.repo(name).Head(ref)
				}
			}
		}
	case "index":
		if name == "missing" {
			w.names.problem = &index.Problem{Index: config.Index{Name: "own", URL: indexURL}, Class: index.Unresponsive, Err: os.ErrDeadlineExceeded}
			return
		}
		w.names.versions[name] = rest
	case "want":
		w.packs = append(w.packs, w.declared(name, rest))
	case "pin":
		w.lock.Packs[pack.Ref(name)] = pinned(name, rest)
	default:
		t.Fatalf("unknown line: %s %s", key, text)
	}
}

// declared reads "[short,] [KIND TEXT] [at REPO[//SUBDIR]]" or "dir PATH".
func (w *world) declared(name, text string) config.Pack {
	p := config.Pack{Ref: pack.Ref(name), Source: pack.Source{Kind: pack.SourceGit, URL: host + name}}
	if path, isDir := strings.CutPrefix(text, "dir "); isDir {
		path, needs, _ := strings.Cut(path, " needs ")
		if needs != "" {
			needs = "needs " + needs
		}
		p.SourceText = path
		p.Source = pack.Source{Kind: pack.SourceDir, URL: filepath.Join("/work", path)}
		if filepath.IsAbs(path) {
			p.Source.URL = path
		}
		w.repos.AddDir(p.Source.URL, holds(name, "0.1.0", needs))
		return p
	}
	if rest, short := strings.CutPrefix(text, "short"); short {
		p.ShortName = name
		text = strings.TrimPrefix(strings.TrimPrefix(rest, ","), " ")
	}
	text, at, _ := strings.Cut(text, "at ")
	if at != "" {
		p.Source.URL, p.Source.Subdir = place(at)
	}
	if p.ShortName != "" {
		p.Source = pack.Source{Subdir: p.Source.Subdir}
	}
	p.Selector = selector(strings.TrimSpace(text))
	return p
}

func place(text string) (url, subdir string) {
	name, subdir, _ := strings.Cut(text, "//")
	return host + name, subdir
}

func selector(text string) pack.Selector {
	kind, rest, _ := strings.Cut(text, " ")
	if kind == "commit" {
		rest = string(full(rest))
	}
	return pack.Selector{Kind: pack.SelectorKind(kind), Text: rest}
}

// pinned reads "tag|branch NAME COMMIT [by KIND TEXT] [from index] [at PLACE]
// [needs DEPENDENCY; …] [indirect]" or "dir PATH".
func pinned(name, text string) lockfile.Entry {
	if path, isDir := strings.CutPrefix(text, "dir "); isDir {
		return lockfile.Entry{Source: path, Direct: true}
	}
	text, unreachable := strings.CutSuffix(text, " unreachable")
	text, indirect := strings.CutSuffix(text, " indirect")
	e := lockfile.Entry{Source: host + name, Tree: someTree, Direct: !indirect, Unreachable: unreachable, Title: "Locked before"}
	text, needs, _ := strings.Cut(text, " needs ")
	if needs != "" {
		e.Requires = strings.Split(needs, "; ")
	}
	text, at, _ := strings.Cut(text, " at ")
	if at != "" {
		e.Source, e.Subdir = place(at)
	}
	text, fromIndex := strings.CutSuffix(text, " from index")
	if fromIndex {
		e.Index = indexURL
	}
	text, by, _ := strings.Cut(text, " by ")
	e.Constraint = selector(by)
	words := strings.Fields(text)
	e.Ref = map[string]string{"tag": "refs/tags/", "branch": "refs/heads/"}[words[0]] + words[1]
	e.Ref = strings.TrimSuffix(e.Ref, "-") // a bare commit
	e.Commit = full(words[2])
	e.Version = strings.TrimPrefix(words[1], "v")
	return e
}

// run resolves as the key says: lock, update, update REF, accept REF, allow REF,
// precise REF REVISION.
func (w *world) run(t *testing.T, key string) *ran {
	t.Helper()
	verb, name, _ := strings.Cut(key, " ")
	req := resolve.Request{Packs: w.packs, Lock: w.lock, LockDir: "/work"}
	if verb != "lock" {
		req.Mode = resolve.Update
	}
	if name != "" {
		req.Update = map[pack.Ref]bool{pack.Ref(name): true}
	}
	switch verb {
	case "accept":
		req.AcceptMovedTags = req.Update
	case "allow":
		req.AllowUnreachable = req.Update
	case "precise":
		ref, revision, _ := strings.Cut(name, " ")
		if len(revision) == 2 { // a commit
			revision = string(full(revision))
		}
		req.Update = map[pack.Ref]bool{pack.Ref(ref): true}
		req.Precise = map[pack.Ref]string{pack.Ref(ref): revision}
	}
	before, calls := string(w.lock.Bytes()), len(w.repos.Calls())
	w.names.asked = nil
	r := &ran{world: w}
	locked := req
	locked.Mode = resolve.Locked
	stale, _ := resolve.Resolve(t.Context(), locked, w.repos, nil)
	if asked := slices.DeleteFunc(w.repos.Calls()[calls:], isRead); len(asked) > 0 {
		t.Errorf("with a locked lock it asked %v", asked)
	}
	calls = len(w.repos.Calls())
	result, diags := resolve.Resolve(t.Context(), req, w.repos, w.names)
	if result != nil && stale != nil && verb == "lock" {
		foresee(t, stale.Changes, result.Changes)
	}
	if string(w.lock.Bytes()) != before {
		t.Error("the lock of the request was changed")
	}
	r.asked = append(w.names.asked, w.repos.Calls()[calls:]...)
	r.result = result
	for _, d := range diags {
		r.errors = append(r.errors, "error "+d.Summary)
		r.text = append(r.text, d.Detail)
	}
	return r
}

func isRead(call string) bool { return strings.HasPrefix(call, "read ") }

// foresee compares what was said without asking with what was then done. Where
// something had to be chosen, a change is known but not which.
func foresee(t *testing.T, stale, changes []resolve.Change) {
	t.Helper()
	if len(stale) == 0 != (len(changes) == 0) {
		t.Errorf("%d changes are foreseen, there are %d", len(stale), len(changes))
	}
	for _, s := range stale {
		i := slices.IndexFunc(changes, func(c resolve.Change) bool { return c.Ref == s.Ref })
		if i < 0 {
			t.Errorf("a change is foreseen that does not come: %+v", s)
			continue
		}
		c := changes[i]
		known := s.After != nil || s.Kind == resolve.Removed
		if s.Reason != c.Reason || s.Before != nil != (c.Before != nil) || known && s.Kind != c.Kind {
			t.Errorf("%+v is foreseen, it is %+v", s, c)
		}
	}
}

// ran is the outcome of a run, for the lines that follow it.
type ran struct {
	world  *world
	result *resolve.Result
	errors []string
	asked  []string
	text   []string
}

func (r *ran) summary() string {
	if r.result == nil {
		return strings.Join(r.errors, "; ")
	}
	kinds := map[pack.Ref]string{}
	var lines []string
	for _, c := range r.result.Changes {
		kinds[c.Ref] = string(c.Kind)
		if c.After == nil {
			lines = append(lines, string(c.Ref)+" removed")
		}
	}
	for ref, e := range r.result.Lock.Packs {
		kind := kinds[ref]
		if kind == "" {
			kind = "kept"
		}
		if e.IsDir() {
			lines = append(lines, fmt.Sprintf("%s directory %s %s", ref, e.Source, kind))
			continue
		}
		name := strings.TrimPrefix(strings.TrimPrefix(e.Ref, "refs/tags/"), "refs/heads/")
		if name == "" {
			name = "-"
		}
		line := fmt.Sprintf("%s %s %s %s", ref, name, shortest(e.Commit), kind)
		if e.Unreachable {
			line += " unreachable"
		}
		if !e.Direct {
			line += " indirect"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

func shortest(c pack.Commit) string { return string(c[:2]) }

// calls are what was asked, in the words of the tables and sorted by kind: packs
// are resolved at once.
func (r *ran) calls() string {
	if len(r.asked) == 0 {
		return "nothing"
	}
	var calls []string
	for _, call := range r.asked {
		words := strings.Fields(strings.ReplaceAll(call, host, ""))
		if words[0] == "fetch" || words[0] == "reach" {
			words[2] = words[2][:2]
		}
		calls = append(calls, strings.Join(words, " "))
	}
	order := func(call string) int {
		return slices.Index([]string{"find", "refs", "resolve", "fetch", "reach", "read"}, strings.Fields(call)[0])
	}
	slices.SortFunc(calls, func(a, b string) int {
		if d := order(a) - order(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return strings.Join(calls, ", ")
}

func (r *ran) findings() string {
	var ids []string
	for _, list := range r.result.Findings {
		for _, f := range list {
			ids = append(ids, f.ID)
			r.text = append(r.text, f.Message)
		}
	}
	if len(ids) == 0 {
		return "nothing"
	}
	slices.Sort(ids)
	return strings.Join(ids, ", ")
}

func (r *ran) reasons() string {
	var reasons []string
	for _, c := range r.result.Changes {
		reasons = append(reasons, c.Reason)
	}
	return strings.Join(reasons, "; ")
}

// judge compares one line with the run that stands above it.
func (r *ran) judge(t *testing.T, key, want string) {
	t.Helper()
	got := ""
	switch key {
	case "asked":
		got = r.calls()
	case "finds":
		got = r.findings()
	case "because":
		got = r.reasons()
	case "places":
		for _, pin := range r.result.Packs {
			got = pin.Source.String()
		}
	case "says":
		if all := strings.Join(r.text, "\n"); !strings.Contains(all, want) {
			t.Errorf("it says %q, want %q", all, want)
		}
		return
	}
	if got != want {
		t.Errorf("%s: %s, want %s", key, got, want)
	}
}

func TestTables(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no tables", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "\n\n") {
			title, lines, found := strings.Cut(block, "\n")
			if !found || strings.Contains(lines, "\n#") {
				continue // the introduction
			}
			t.Run(strings.TrimPrefix(title, "# "), func(t *testing.T) { runCase(t, lines) })
		}
	}
}

func runCase(t *testing.T, lines string) {
	w := newWorld()
	var last *ran
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		if colon := strings.Index(line, ": "); colon > 0 && !strings.HasPrefix(line, "want") && !strings.HasPrefix(line, "pin") {
			key, value := line[:colon], strings.TrimSpace(line[colon+1:])
			if slices.Contains([]string{"asked", "finds", "because", "says", "places"}, key) {
				last.judge(t, key, value)
				continue
			}
			last = w.run(t, key)
			if got := last.summary(); got != value {
				t.Errorf("%s: %s, want %s\n%s", key, got, value, strings.Join(last.text, "\n"))
			}
			continue
		}
		key, rest, _ := strings.Cut(line, " ")
		w.tell(t, key, strings.TrimSpace(rest))
	}
	if last == nil {
		t.Error("the case runs nothing")
	}
}
