package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/gittest"
)

// bench holds one run of all rows.
type bench struct {
	binary string
	dir    string
	pairs  int
	report *report
}

// set is a number of packs behind a server, and a host to install them on.
type set struct {
	*bench
	name   string
	dir    string
	server *gittest.Server
	packs  []packURL
}

// packURL is one remote: the ref of the pack, and the tag to install.
type packURL struct{ ref, url, tag string }

// filesPerPack is how many files a synthetic pack has.
const filesPerPack = 40

// synthetic makes n packs of 40 files, serves them, and measures them.
func (b *bench) synthetic(n int) (err error) {
	s := &set{bench: b, name: fmt.Sprintf("%d packs × %d files", n, filesPerPack), dir: filepath.Join(b.dir, fmt.Sprint(n))}
	repos := filepath.Join(s.dir, "git")
	if err := os.MkdirAll(repos, 0o755); err != nil {
		return err
	}
	if s.server, err = gittest.StartHTTP(repos, false); err != nil {
		return err
	}
	defer s.server.Close()
	for i := range n {
		ref := fmt.Sprintf("pack_%04d", i)
		repo, err := gittest.Init(filepath.Join(repos, ref+".git"))
		if err != nil {
			return err
		}
		if _, err := repo.Commit("main", "", "Release 1.0.0", syntheticPack(ref)); err != nil {
			return err
		}
		if err := repo.Tag("v1.0.0", "main"); err != nil {
			return err
		}
		s.packs = append(s.packs, packURL{ref, s.server.URL + "/" + ref + ".git", "v1.0.0"})
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	return s.measure()
}

func syntheticPack(ref string) gittest.Files {
	files := gittest.Files{
		"pack.yaml":        fmt.Sprintf("ref: %s\nname: %s\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@example.com\n", ref, ref),
		"README.md":        strings.Repeat("Words about "+ref+".\n", 40),
		"requirements.txt": "",
	}
	for i := len(files); i < filesPerPack; i += 2 {
		name := fmt.Sprintf("%s_action_%02d", ref, i)
		files["actions/"+name+".yaml"] = fmt.Sprintf("name: %s\nrunner_type: python-script\nentry_point: %s.py\nparameters:\n%s", name, name,
			strings.Repeat("  # a parameter of "+name+"\n", 12))
		files["actions/"+name+".py"] = strings.Repeat("# line of "+name+"\n", 30)
	}
	return files
}

// real serves a folder of real bare repositories: NAME.git, or NAME/repo as the
// tool library lays them.
func (b *bench) real(folder string) error {
	s := &set{bench: b, dir: filepath.Join(b.dir, "real")}
	repos := filepath.Join(s.dir, "git")
	if err := os.MkdirAll(repos, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if _, err := os.Stat(filepath.Join(path, "repo", "HEAD")); err == nil {
			path = filepath.Join(path, "repo")
		} else if _, err := os.Stat(filepath.Join(path, "HEAD")); err != nil {
			continue
		}
		_, ref, _ := strings.Cut(strings.TrimSuffix(e.Name(), ".git"), "stackstorm-")
		tag, err := newestTag(path)
		if err != nil || ref == "" {
			continue // no released pack: nothing to compare
		}
		if err := os.Symlink(path, filepath.Join(repos, ref+".git")); err != nil {
			return err
		}
		s.packs = append(s.packs, packURL{ref: ref, tag: tag})
	}
	if s.server, err = gittest.StartHTTP(repos, false); err != nil {
		return err
	}
	defer s.server.Close()
	for i := range s.packs {
		s.packs[i].url = s.server.URL + "/" + s.packs[i].ref + ".git"
	}
	s.name = fmt.Sprintf("%d real packs", len(s.packs))
	return s.measure()
}

// newestTag is the highest tag vX.Y.Z, as git sorts versions.
func newestTag(repo string) (string, error) {
	out, err := exec.Command("git", "-c", "safe.directory=*", "-C", repo, "tag", "--list", "v*.*.*", "--sort=version:refname").Output()
	if err != nil {
		return "", err
	}
	tags := strings.Fields(string(out))
	if len(tags) == 0 {
		return "", errors.New("no release")
	}
	return tags[len(tags)-1], nil
}

// declaration writes packs.hcl for the set and returns its folder.
func (s *set) declaration() (string, error) {
	dir := filepath.Join(s.dir, "site")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "stackstorm {\n  root  = %q\n  group = \"\"\n}\n", s.root())
	for _, p := range s.packs {
		fmt.Fprintf(&b, "pack %q {\n  source     = %q\n  tag        = %q\n  virtualenv = false\n}\n", p.ref, p.url, p.tag)
	}
	return dir, os.WriteFile(filepath.Join(dir, "packs.hcl"), []byte(b.String()), 0o644)
}

func (s *set) root() string   { return filepath.Join(s.dir, "stackstorm") }
func (s *set) cache() string  { return filepath.Join(s.dir, "cache") }
func (s *set) clones() string { return filepath.Join(s.dir, "clones") }

// fresh makes the root anew, and the cache if it is to be cold.
func (s *set) fresh(cold bool) func() error {
	return func() error {
		errs := []error{os.RemoveAll(s.root())}
		if cold {
			errs = append(errs, os.RemoveAll(s.cache()))
		}
		return errors.Join(append(errs, os.MkdirAll(s.root(), 0o755))...)
	}
}

func (s *set) env() []string {
	return append(gittest.Env(), "PACKSYNC_CACHE_DIR="+s.cache(), "GOMAXPROCS=2", "CHECKPOINT_DISABLE=1")
}

// ours is a run of packsync in the folder of the declaration.
func (s *set) ours(before func() error, site string, exit int, args ...string) side {
	return side{before: before, argv: slices.Concat([]string{s.binary}, args), env: s.env(), dir: site, exit: exit}
}
