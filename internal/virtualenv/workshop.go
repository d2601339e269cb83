package virtualenv

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

// workshop is the private directory of one build:
//
//	in/      what packsync hands over; the build user may only read it
//	w/v/REF  the virtualenv, named for the prompt that activate shows
//	w/…      home, temporary files and bytecode of pip
//
// The directory itself belongs to packsync, so that the build user cannot put
// something else in the place of w.
type workshop struct {
	opts   Options
	disk   safefs.Disk
	user   *account
	dir    string
	venv   string
	final  string
	python pythonFacts
	find   func() (interpreter, error)
	out    *output
	env    []string // of pip
}

const workshopPrefix = "packsync-virtualenv-"

// abandonedAfter is when a directory that a killed run left in a shared place is
// removed.
const abandonedAfter = 24 * time.Hour

func (b *Builder) openWorkshop(r Request, progress func(string)) (w *workshop, err error) {
	user, err := buildAccount(b.opts.BuildUser, os.Geteuid())
	if err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 && user == nil && progress != nil {
		progress("pip runs as root, as python.build_user says: what the packages run at build time has all rights")
	}
	w = &workshop{opts: b.opts, disk: b.opts.Disk, user: user, final: r.Final, find: b.python}
	w.out = &output{progress: progress, hidden: secretTexts(b.opts.IndexURL, b.opts.HTTPProxy, b.opts.HTTPSProxy)}
	parent := b.opts.BuildDir
	switch {
	case parent == "" && user == nil:
		parent = filepath.Dir(r.Stage)
	case parent == "":
		parent = "/var/tmp"
	}
	if parent, err = filepath.EvalSymlinks(parent); err != nil {
		return nil, fmt.Errorf("find the build directory: %w", err)
	}
	if user != nil {
		if err := w.sweep(parent); err != nil {
			return nil, err
		}
	}
	w.dir = filepath.Join(parent, workshopPrefix+strings.ToLower(rand.Text()))
	w.venv = filepath.Join(w.dir, "w/v", string(r.Ref))
	if err := w.furnish(); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *workshop) close() error { return w.disk.RemoveAll(w.dir) }

// sweep removes what killed runs left long ago. Only the name and the age are
// looked at: whoever imitates them loses what is his own.
func (w *workshop) sweep(parent string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return fmt.Errorf("list the build directory: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), workshopPrefix) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // its run has just ended
		}
		if err != nil {
			return err
		}
		if time.Since(info.ModTime()) > abandonedAfter+w.opts.Timeout {
			if err := w.disk.RemoveAll(filepath.Join(parent, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// furnish makes the directories.
func (w *workshop) furnish() error {
	ours := safefs.Owner{Mode: 0o755, UID: -1, GID: -1}
	theirs := safefs.Owner{Mode: 0o700, UID: -1, GID: -1}
	if w.user != nil {
		theirs.UID, theirs.GID = int(w.user.uid), int(w.user.gid)
	}
	for _, dir := range []string{w.dir, w.in("")} {
		if err := w.disk.MkdirAll(dir, ours); err != nil {
			return err
		}
	}
	for _, name := range []string{"v", "home", "tmp"} {
		if err := w.disk.MkdirAll(w.work(name), theirs); err != nil {
			return err
		}
	}
	return nil
}

func (w *workshop) in(name string) string   { return filepath.Join(w.dir, "in", name) }
func (w *workshop) work(name string) string { return filepath.Join(w.dir, "w", name) }

// handOver writes a file that the build user may read.
func (w *workshop) handOver(name string, content []byte) (string, error) {
	file := w.in(name)
	if err := w.disk.MkdirAll(filepath.Dir(file), safefs.Owner{Mode: 0o755, UID: -1, GID: -1}); err != nil {
		return "", err
	}
	return file, w.disk.WriteFile(file, content, safefs.Owner{Mode: 0o644, UID: -1, GID: -1})
}

// step is one child of a build.
type step struct {
	name   string // for people
	argv   []string
	env    []string
	stdout io.Writer // nil: to the output that people see
	exitOK int       // an exit status besides 0 that is no failure
	advise bool      // pip's own failures have advice
}

func (w *workshop) run(ctx context.Context, s step) error {
	p := process{argv: s.argv, dir: w.work("home"), user: w.user, stdout: w.out, stderr: w.out}
	p.env = append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + w.work("home"), "TMPDIR=" + w.work("tmp"), "USER=packsync", "LOGNAME=packsync",
	}, s.env...)
	if s.stdout != nil {
		p.stdout = s.stdout
	}
	w.out.lines = nil
	err := p.run(ctx)
	w.out.flush()
	var exit *exec.ExitError
	switch {
	case err == nil, errors.As(err, &exit) && s.exitOK != 0 && exit.ExitCode() == s.exitOK:
		return nil
	case errors.Is(err, fs.ErrPermission) && w.user != nil:
		return fmt.Errorf("%s as the user %s: %w: let that user reach the interpreter and %s, or set python.build_user", s.name, w.user.name, err, w.dir)
	}
	failure := &BuildError{Step: s.name, Lines: w.out.lines, Err: err}
	if s.advise || errors.Is(err, errTimeLimit) {
		failure.Advice = w.opts.advice(err, failure.Lines)
	}
	return failure
}

// install makes the virtualenv and everything in it.
func (w *workshop) install(ctx context.Context, reqs requirements) error {
	py, err := w.find()
	if err != nil {
		return err
	}
	if w.python, err = w.probe(ctx, py); err != nil {
		return err
	}
	python := filepath.Join(w.venv, "bin/python")
	seed := append([]string{python, "-I", "-c", seedScript, w.python.st2Site}, w.python.seeds...)
	for _, s := range []step{
		{name: "make the virtualenv", argv: []string{py.path, "-I", "-m", "venv", "--without-pip", "--system-site-packages", "--symlinks", w.venv}},
		{name: "put pip into the virtualenv", argv: seed},
	} {
		if err := w.run(ctx, s); err != nil {
			return err
		}
	}
	if err := w.pip(ctx, python, reqs); err != nil {
		return err
	}
	if w.opts.OnlyBinary {
		if err := w.checkOnlyWheels(); err != nil {
			return err
		}
	}
	return w.compile(ctx)
}

// pip installs the base requirements, then those of the pack at their newest, as
// StackStorm does.
func (w *workshop) pip(ctx context.Context, python string, reqs requirements) error {
	var err error
	if w.env, err = w.pipEnv(); err != nil {
		return err
	}
	install := []string{python, "-I", "-X", "pycache_prefix=" + w.work("pycache"), "-m", "pip", "install"}
	install = append(install, w.opts.PipOptions...)
	links, err := w.findLinks()
	if err != nil {
		return err
	}
	for _, dir := range links {
		install = append(install, "--find-links", dir)
	}
	if w.opts.OnlyBinary {
		install = append(install, "--only-binary", ":all:")
	}
	install = append(install, "--no-compile")
	if len(w.opts.BaseRequirements) > 0 {
		argv := append(slices.Clone(install), "--")
		if err := w.run(ctx, step{name: "pip install the base requirements", advise: true, env: w.env,
			argv: append(argv, w.opts.BaseRequirements...)}); err != nil {
			return err
		}
	}
	if len(reqs) == 0 {
		return nil
	}
	for _, name := range reqs.names() {
		if _, err := w.handOver(path.Join("requirements", name), reqs[name]); err != nil {
			return err
		}
	}
	return w.run(ctx, step{name: "pip install -r " + requirementsFile, advise: true, env: w.env,
		argv: append(install, "-U", "-r", w.in(path.Join("requirements", requirementsFile)))})
}

// pipEnv is what pip hears besides its arguments. Secrets go this way: only the
// build user and root can read a process's environment.
func (w *workshop) pipEnv() ([]string, error) {
	env := []string{
		"PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1", "PIP_NO_COLOR=1", "PIP_PROGRESS_BAR=off",
		"PIP_NO_CACHE_DIR=1", // a cache that builds of several packs share is a way from one into another
		"PIP_USER=0", "PIP_ROOT_USER_ACTION=ignore", "GIT_TERMINAL_PROMPT=0",
	}
	set := func(names []string, value string) {
		for _, name := range names {
			if value != "" {
				env = append(env, name+"="+value)
			}
		}
	}
	proxy := httpproxy.FromEnvironment()
	set([]string{"http_proxy", "HTTP_PROXY"}, either(w.opts.HTTPProxy, proxy.HTTPProxy))
	set([]string{"https_proxy", "HTTPS_PROXY"}, either(w.opts.HTTPSProxy, proxy.HTTPSProxy))
	noProxy := w.opts.NoProxy
	if noProxy == "" {
		noProxy = proxy.NoProxy
	}
	set([]string{"no_proxy", "NO_PROXY"}, noProxy)
	set([]string{"PIP_INDEX_URL"}, w.opts.IndexURL.Text())
	if w.opts.Offline {
		set([]string{"PIP_NO_INDEX"}, "1")
	}
	if w.opts.NoHostConfig {
		set([]string{"PIP_CONFIG_FILE"}, os.DevNull) // pip takes this for "none at all"
	} else if err := w.checkHostConfig(hostConfigs); err != nil {
		return nil, err
	}
	if w.opts.CAFile != "" {
		bundle, err := w.caBundle()
		if err != nil {
			return nil, err
		}
		set([]string{"PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO"}, bundle)
	}
	return env, nil
}

func either(s pack.Secret, other string) string {
	if s.IsZero() {
		return other
	}
	return s.Text()
}

// hostConfigs are the files that pip reads on every host. It passes over one
// that it may not read, and would then ask the public index for what the host
// says to take from a private one.
var hostConfigs = []string{"/etc/pip.conf", "/etc/xdg/pip/pip.conf"}

func (w *workshop) checkHostConfig(files []string) error {
	if w.user == nil {
		return nil
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at pip's configuration: %w", err)
		}
		if info.Mode()&0o004 == 0 {
			return fmt.Errorf("pip runs as %s, who may not read %s (mode %#o), so pip would not follow it: make it readable for all, or set another python.build_user", w.user.name, file, info.Mode().Perm())
		}
	}
	return nil
}

// systemBundles are where distributions keep the authorities that they trust.
var systemBundles = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}

// caBundle joins ca_file and the system's authorities: pip replaces what it
// trusts, while ca_file means "beside".
func (w *workshop) caBundle() (string, error) {
	bundle, err := os.ReadFile(w.opts.CAFile)
	if err != nil {
		return "", fmt.Errorf("read ca_file: %w", err)
	}
	if !bytes.Contains(bundle, []byte("-----BEGIN ")) {
		return "", fmt.Errorf("read ca_file: %s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", w.opts.CAFile)
	}
	for _, file := range systemBundles {
		system, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("read the system's certificates: %w", err)
		}
		bundle = slices.Concat(bundle, []byte("\n"), system)
		break
	}
	return w.handOver("ca.pem", bundle)
}

// findLinks returns the directories of wheels. The build user may not be able to
// reach them, and pip passes over a directory that it cannot read, so they are
// handed over as copies.
func (w *workshop) findLinks() ([]string, error) {
	if w.user == nil {
		return w.opts.FindLinks, nil
	}
	var links []string
	for i, dir := range w.opts.FindLinks {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("read vendored wheels: %w", err)
		}
		sub := fmt.Sprintf("wheels%d", i)
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			content, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, fmt.Errorf("read vendored wheel: %w", err)
			}
			if _, err := w.handOver(path.Join(sub, e.Name()), content); err != nil {
				return nil, err
			}
		}
		links = append(links, w.in(sub))
	}
	return links, nil
}

// compile writes the bytecode with the final paths in it, without running
// anything of what it compiles. Files in other dialects of Python, which
// packages do carry, are its exit status 1.
func (w *workshop) compile(ctx context.Context) error {
	sites, err := sitesIn(w.venv)
	if err != nil {
		return err
	}
	for _, site := range sites {
		if err := w.run(ctx, step{name: "compile to bytecode", exitOK: 1,
			argv: []string{w.python.base, "-I", "-S", "-m", "compileall", "-qq", "-f",
				"-x", `/site-packages/(pip|setuptools|wheel)/`, "-d", filepath.Join(w.final, site), filepath.Join(w.venv, site)}}); err != nil {
			return err
		}
	}
	return nil
}

// checkOnlyWheels refuses what pip built although only wheels are allowed: a
// dependency of a dependency may be named by address.
func (w *workshop) checkOnlyWheels() error {
	root, err := os.OpenRoot(w.venv)
	if err != nil {
		return err
	}
	notes, err := fs.Glob(root.FS(), "lib/*/site-packages/*.dist-info/direct_url.json") // PEP 610
	if err != nil {
		return errors.Join(err, root.Close())
	}
	for _, note := range notes {
		var direct struct {
			URL string `json:"url"`
		}
		text, err := root.ReadFile(note)
		if err == nil {
			err = json.Unmarshal(text, &direct)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("read where a package came from: %w", err), root.Close())
		}
		if !strings.HasSuffix(direct.URL, ".whl") {
			return errors.Join(fmt.Errorf("%s was built from %s, and only_binary allows wheels only: set only_binary = false for this pack, or leave the package out",
				strings.TrimSuffix(path.Base(path.Dir(note)), ".dist-info"), redactURLs(direct.URL)), root.Close())
		}
	}
	return root.Close()
}
