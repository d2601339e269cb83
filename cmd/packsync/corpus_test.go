package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/cli"
	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/testenv"
)

// machine is one host with a home of its own.
type machine struct {
	t    *testing.T
	home string
	dir  string
}

func newMachine(t *testing.T, declaration string) *machine {
	t.Helper()
	m := &machine{t: t, home: t.TempDir(), dir: t.TempDir()}
	m.write("packs.hcl", declaration)
	return m
}

func (m *machine) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) read(name string) []byte {
	m.t.Helper()
	data, err := os.ReadFile(filepath.Join(m.dir, name))
	if err != nil {
		m.t.Fatal(err)
	}
	return data
}

// run runs packsync and wants success.
func (m *machine) run(args ...string) {
	m.t.Helper()
	var out, complaints bytes.Buffer
	code := cli.Main(m.t.Context(), args, cli.Streams{
		In: strings.NewReader(""), Out: &out, Err: &complaints, Dir: m.dir,
		Environ: []string{"HOME=" + m.home, "PACKSYNC_CACHE_DIR=" + filepath.Join(m.home, "cache")},
	})
	if code != 0 {
		m.t.Fatalf("packsync %s: exit %d\n%s%s", strings.Join(args, " "), code, out.String(), complaints.String())
	}
}

func (m *machine) forget() {
	m.t.Helper()
	if err := os.Remove(filepath.Join(m.dir, "packs.lock.json")); err != nil {
		m.t.Fatal(err)
	}
}

// TestOneLockFromEveryMachine: the lock of the packs that people really use has
// the same bytes wherever and however it is made.
func TestOneLockFromEveryMachine(t *testing.T) {
	repos := t.TempDir()
	newest := corpusRepos(t, repos)
	server := gittest.ServeHTTPRepos(t, repos)
	index := gittest.StartHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(corpusIndex(server.URL, newest)) // a client that is gone fails the test anyway
	}), false)
	t.Cleanup(index.Close)
	declaration := corpusDeclaration(index.URL, newest)

	first := newMachine(t, declaration)
	first.run("lock")
	want := first.read("packs.lock.json")
	if got := bytes.Count(want, []byte(`"commit":`)); got != len(newest) || got < 39 {
		t.Fatalf("%d of %d packs are locked", got, len(newest))
	}
	same := func(how string, m *machine) {
		t.Helper()
		if got := m.read("packs.lock.json"); !bytes.Equal(got, want) {
			t.Errorf("%s: the lock is another", how)
		}
	}
	first.forget()
	first.run("lock", "--parallelism", "1")
	same("warm, one at a time", first)
	first.run("vendor", "bundle")

	second := newMachine(t, declaration)
	second.run("lock", "--parallelism", "16")
	same("cold, on another machine", second)
	second.run("update")
	same("updated to what it was", second)

	// The same repositories on a disk, and the index from the bundle: every name
	// and version is resolved again, with no server and no cache.
	index.Close()
	server.Close()
	third := newMachine(t, declaration+fmt.Sprintf("rewrite %q {\n  to = %q\n}\n", server.URL+"/", "file://"+repos+"/"))
	third.run("lock", "--offline", "--vendor", filepath.Join(first.dir, "bundle"))
	same("offline", third)

	for how, m := range map[string]*machine{"kept": first, "kept elsewhere": second} {
		m.run("lock", "--offline")
		same(how, m)
	}
}

func corpusDeclaration(index string, newest map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "stackstorm {\n  root = \"./root\"\n}\n\nindex \"exchange\" {\n  url = %q\n}\n\n", index+"/index.json")
	for i, name := range slices.Sorted(maps.Keys(newest)) {
		fmt.Fprintf(&b, "pack %q {\n  virtualenv = false\n", name)
		if i%2 == 0 { // half by what the index names, half by a constraint
			b.WriteString("  version    = \">= 0.0.1\"\n")
		}
		b.WriteString("}\n\n")
	}
	return b.String()
}

func corpusIndex(server string, newest map[string]string) []byte {
	type entry struct {
		RepoURL string `json:"repo_url"`
		Version string `json:"version"`
	}
	packs := map[string]entry{}
	for name, version := range newest {
		packs[name] = entry{server + "/" + name, version}
	}
	document, err := json.Marshal(map[string]any{"packs": packs})
	if err != nil {
		panic(err) // texts only
	}
	return document
}

// corpusRepos makes a repository of every pack of the corpus below dir, a commit
// and a tag for each version, and returns the newest versions.
func corpusRepos(t *testing.T, dir string) map[string]string {
	t.Helper()
	versions := map[string]map[string]gittest.Files{}
	readCorpus(t, func(name, version, path, content string) {
		if versions[name] == nil {
			versions[name] = map[string]gittest.Files{}
		}
		if versions[name][version] == nil {
			versions[name][version] = gittest.Files{}
		}
		versions[name][version][path] = content
	})
	newest := map[string]string{}
	for name, all := range versions {
		repo := gittest.New(t, dir, name)
		for _, tag := range slices.SortedFunc(maps.Keys(all), compareTags(t)) {
			repo.Commit("main", "Release "+tag, all[tag])
			repo.Tag(tag, "main")
			newest[name] = strings.TrimPrefix(tag, "v")
		}
	}
	return newest
}

func compareTags(t *testing.T) func(a, b string) int {
	return func(a, b string) int {
		x, okX := pack.ParseTagVersion(a)
		y, okY := pack.ParseTagVersion(b)
		if !okX || !okY {
			t.Fatalf("%s or %s is no version", a, b)
		}
		return x.Compare(y)
	}
}

// readCorpus calls add for every file of packs/NAME/VERSION/PATH. Paths are
// marked as gittest.Files wants them.
func readCorpus(t *testing.T, add func(name, version, path, content string)) {
	t.Helper()
	file, err := os.Open(filepath.Join(testenv.Shared(t), "corpus", "exchange-packs.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.SplitN(header.Name, "/", 4)
		if len(parts) < 4 || header.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if header.Mode&0o100 != 0 {
			parts[3] += "*"
		}
		add(parts[1], parts[2], parts[3], string(content))
	}
}
