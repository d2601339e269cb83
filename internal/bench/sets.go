package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/gittest"
)

// set is a number of packs behind a server, and a host to install them on.
type set struct {
	*bencher
	name   string
	dir    string
	server *gittest.Server
	packs  []packURL
	made   map[string]error // what was prepared, and how that ended
	ends   []func() error
}

// packURL is one remote: the ref of the pack, and the tag to install.
type packURL struct{ ref, url, tag string }

// spaceFor is how many bytes of memory a set may need at once: its remotes, what
// packsync and its peers make of them, all in pages of 4 KiB.
func spaceFor(name string) int64 {
	const page = 4 << 10
	switch name {
	case "real":
		return 700 << 20
	case "growth":
		return int64(growthSizes[len(growthSizes)-1]) * (filesForGrowth*page*5/4 + 96<<10)
	default:
		n, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			return 0
		}
		return n * (filesPerPack*page*5 + 200<<10)
	}
}

func (b *bencher) newSet(name string) (*set, error) {
	s := &set{bencher: b, name: name, dir: filepath.Join(b.dir, name), made: map[string]error{}}
	return s, os.MkdirAll(filepath.Join(s.dir, "git"), 0o755)
}

func (s *set) close() error {
	if s.server != nil {
		s.server.Close()
	}
	var errs []error
	for _, end := range s.ends {
		errs = append(errs, end())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// once prepares something the first time that a row needs it. If that fails, it
// fails for every row.
func (s *set) once(what string, prepare func() error) error {
	err, there := s.made[what]
	if !there {
		s.say("%s packs: preparing %s", s.name, what)
		if err = prepare(); err != nil {
			err = fmt.Errorf("prepare %s: %w", what, err)
		}
		s.made[what] = err
	}
	return err
}

// serve makes the remotes and serves them.
func (s *set) serve() error {
	return s.once("remotes", func() (err error) {
		if s.packs == nil {
			if s.name == "real" {
				err = s.linkReal()
			} else {
				err = s.makeSynthetic()
			}
		}
		if err != nil {
			return err
		}
		if s.server, err = gittest.StartHTTP(filepath.Join(s.dir, "git"), false); err != nil {
			return err
		}
		for i := range s.packs {
			s.packs[i].url = s.server.URL + "/" + s.packs[i].ref + ".git"
		}
		return s.declare()
	})
}

// makeSynthetic writes the bare repositories of a set.
func (s *set) makeSynthetic() error {
	n, err := strconv.Atoi(s.name)
	if err != nil {
		return err
	}
	s.packs = make([]packURL, n)
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for i := range n {
		group.Go(func() error {
			ref := fmt.Sprintf("pack_%05d", i)
			s.packs[i] = packURL{ref: ref, tag: "v1.0.0"}
			objects, commit := objectsOf(syntheticPack(ref, filesPerPack), "Release 1.0.0")
			return bareRepo(filepath.Join(s.dir, "git", ref+".git"), objects, commit)
		})
	}
	return group.Wait()
}

// exchange are the packs that the targets are about, with the tags at which they
// were measured first.
var exchange = map[string]string{
	"ansible": "v1.1.0", "aws": "v2.0.2", "cloudflare": "v1.0.1", "consul": "v2.0.1", "datadog": "v1.0.1", "docker": "v1.0.0",
	"elasticsearch": "v2.0.0", "email": "v2.0.3", "github": "v2.1.5", "jenkins": "v1.0.1", "jira": "v3.3.0", "kubernetes": "v1.8.0",
	"napalm": "v1.1.0", "netbox": "v3.4.4", "openstack": "v1.0.1", "pagerduty": "v2.0.0", "puppet": "v1.0.0", "salt": "v3.0.1",
	"sensu": "v1.0.2", "servicenow": "v1.0.0", "slack": "v2.3.0", "terraform": "v2.0.2", "vault": "v2.1.0", "vsphere": "v1.3.5", "zabbix": "v1.2.4",
}

var packRef = regexp.MustCompile(`^[a-z0-9_]+$`)

// linkReal takes the 25 packs of the targets from a folder of bare repositories
// (NAME.git, or NAME/repo; owner and "stackstorm-" before the name do not count).
// If some are missing it takes whatever has a release.
func (s *set) linkReal() error {
	entries, err := os.ReadDir(s.remotes)
	if err != nil {
		return err
	}
	found := map[string]string{}
	for _, e := range entries {
		path := filepath.Join(s.remotes, e.Name())
		if _, err := os.Stat(filepath.Join(path, "repo", "HEAD")); err == nil {
			path = filepath.Join(path, "repo")
		} else if _, err := os.Stat(filepath.Join(path, "HEAD")); err != nil {
			continue
		}
		name := strings.TrimSuffix(e.Name(), ".git")
		if _, after, cut := strings.Cut(name, "stackstorm-"); cut {
			name = after
		}
		if packRef.MatchString(name) {
			found[name] = path
		}
	}
	for _, ref := range sortedKeys(found) {
		if tag := exchange[ref]; tag != "" && hasTag(found[ref], tag) {
			s.packs = append(s.packs, packURL{ref: ref, tag: tag})
		}
	}
	s.report.Real = fmt.Sprintf("the %d packs of the targets", len(s.packs))
	if len(s.packs) < len(exchange) {
		s.packs = nil
		for _, ref := range sortedKeys(found) {
			if tag := newestTag(found[ref]); tag != "" {
				s.packs = append(s.packs, packURL{ref: ref, tag: tag})
			}
		}
		s.report.Real = fmt.Sprintf("%d packs that were there, not the %d of the targets", len(s.packs), len(exchange))
		s.say("real packs: %s", s.report.Real)
	}
	if len(s.packs) == 0 {
		return fmt.Errorf("%s holds no bare repository of a released pack", s.remotes)
	}
	for _, p := range s.packs {
		if err := os.Symlink(found[p.ref], filepath.Join(s.dir, "git", p.ref+".git")); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func gitIn(repo string, args ...string) (string, error) {
	out, err := exec.Command("git", append([]string{"-c", "safe.directory=*", "-C", repo}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}

func hasTag(repo, tag string) bool {
	_, err := gitIn(repo, "rev-parse", "--verify", "--quiet", "refs/tags/"+tag+"^{commit}")
	return err == nil
}

// newestTag is the highest tag vX.Y.Z, as git sorts versions; "" for none.
func newestTag(repo string) string {
	out, err := gitIn(repo, "tag", "--list", "v*.*.*", "--sort=-version:refname")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(out, "\n")
	return first
}

// only is a set of one of the packs, from the same server.
func (s *set) only(ref string) (*set, error) {
	i := slices.IndexFunc(s.packs, func(p packURL) bool { return p.ref == ref })
	if i < 0 {
		return nil, fmt.Errorf("the set has no pack %s", ref)
	}
	one, err := s.newSet(ref)
	if err != nil {
		return nil, err
	}
	one.packs, one.made["remotes"] = s.packs[i:i+1], nil
	return one, one.declare()
}

// packsPerFile is how many packs one file declares: packsync reads a directory of
// files, but none of more than 1 MiB.
const packsPerFile = 2000

// declare writes packs.hcl; more files beside it where there are very many packs.
func (s *set) declare() error { return s.declareIn(s.site(), s.root(), "") }

func (s *set) declareIn(dir, root, host string, more ...string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "stackstorm {\n  root  = %q\n  group = \"\"\n%s}\n", root, host)
	for i, p := range s.packs {
		if i > 0 && i%packsPerFile == 0 {
			name := fmt.Sprintf("packs-%05d.hcl", i)
			if err := os.WriteFile(filepath.Join(dir, name), []byte(b.String()), 0o644); err != nil {
				return err
			}
			b.Reset()
		}
		fmt.Fprintf(&b, "pack %q {\n  source     = %q\n  tag        = %q\n  virtualenv = false\n", p.ref, p.url, p.tag)
		if i < len(more) {
			b.WriteString(more[i])
		}
		b.WriteString("}\n")
	}
	return os.WriteFile(filepath.Join(dir, "packs.hcl"), []byte(b.String()), 0o644)
}

func (s *set) site() string   { return filepath.Join(s.dir, "site") }
func (s *set) root() string   { return filepath.Join(s.dir, "stackstorm") }
func (s *set) cache() string  { return filepath.Join(s.dir, "cache") }
func (s *set) clones() string { return filepath.Join(s.dir, "clones") }

// lock pins everything, once.
func (s *set) lock(ctx context.Context) error {
	if err := s.serve(); err != nil {
		return err
	}
	return s.once("the lock", func() error {
		_, err := s.run(ctx, s.packsync("lock"))
		return err
	})
}

// installed makes sure that everything is installed: rows leave other things
// behind.
func (s *set) installed(ctx context.Context) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(s.root(), 0o755); err != nil {
		return err
	}
	_, err := s.run(ctx, s.packsync("apply", "--auto-approve", "--locked"))
	return err
}

// cloned makes a shallow clone of each pack, once.
func (s *set) cloned(ctx context.Context) error {
	return s.once("clones", func() error {
		clone, err := s.cloneAll()
		if err != nil {
			return err
		}
		_, err = s.run(ctx, clone)
		return err
	})
}

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
	return append(gittest.Env(), "PACKSYNC_CACHE_DIR="+s.cache(), "CHECKPOINT_DISABLE=1")
}

// packsync is a run of packsync in the folder of the declaration.
func (s *set) packsync(args ...string) side {
	if len(s.packs) > packsPerFile {
		args = append(args, "--file", ".")
	}
	return side{argv: slices.Concat([]string{s.binary}, args), env: s.env(), dir: s.site()}
}

// script is a peer that is a few lines of shell.
func (s *set) script(before func() error, text string) side {
	return side{before: before, argv: []string{"sh", "-ec", text}, env: s.env(), dir: s.dir}
}

// list writes a line for each pack into a file.
func (s *set) list(name string, line func(packURL) string) (string, error) {
	var b strings.Builder
	for _, p := range s.packs {
		b.WriteString(line(p) + "\n")
	}
	path := filepath.Join(s.dir, name)
	return path, os.WriteFile(path, []byte(b.String()), 0o644)
}
