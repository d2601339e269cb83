package virtualenv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/packsync/packsync/internal/pack"
)

// pipCommand is one use of pip: its verb, and options besides those that every
// verb takes.
type pipCommand struct {
	verb        string
	options     []string
	packOptions []string // with the pack's requirements only
	env         []string
}

// pipInstall is how StackStorm calls pip.
var pipInstall = pipCommand{verb: "install", options: []string{"--no-compile"}, packOptions: []string{"-U"}}

// pip runs a command for the base requirements, then for those of the pack at
// their newest, as StackStorm does.
func (w *workshop) pip(ctx context.Context, c pipCommand, reqs requirements, wheels map[string]func() ([]byte, error)) error {
	var err error
	if w.env, err = w.pipEnv(); err != nil {
		return err
	}
	w.env = append(w.env, c.env...)
	argv := []string{filepath.Join(w.venv, "bin/python"), "-I", "-X", "pycache_prefix=" + w.work("pycache"), "-m", "pip", c.verb}
	argv = append(argv, w.opts.PipOptions...)
	if len(wheels) > 0 {
		if err := w.handOverWheels(wheels); err != nil {
			return err
		}
		argv = append(argv, "--find-links", w.in("wheels"))
	}
	if w.opts.OnlyBinary {
		argv = append(argv, "--only-binary", ":all:")
	}
	argv = append(argv, c.options...)
	if len(w.opts.BaseRequirements) > 0 {
		base := append(slices.Clone(argv), "--")
		if err := w.run(ctx, step{name: "pip " + c.verb + " the base requirements", advise: true, env: w.env,
			argv: append(base, w.opts.BaseRequirements...)}); err != nil {
			return err
		}
	}
	if len(reqs) == 0 {
		return nil
	}
	if w.opts.Offline && len(wheels) > 0 {
		if reqs, err = reqs.byName(); err != nil {
			return err
		}
	}
	for _, name := range reqs.names() {
		if _, err := w.handOver(path.Join("requirements", name), reqs[name]); err != nil {
			return err
		}
	}
	argv = append(argv, c.packOptions...)
	return w.run(ctx, step{name: "pip " + c.verb + " -r " + requirementsFile, advise: true, env: w.env,
		argv: append(argv, "-r", w.in(path.Join("requirements", requirementsFile)))})
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

// handOverWheels writes wheels where the build user can read them. pip passes
// over what it cannot read, so that this must not be left to it.
func (w *workshop) handOverWheels(wheels map[string]func() ([]byte, error)) error {
	for _, name := range slices.Sorted(maps.Keys(wheels)) {
		if !wheelName().MatchString(name) {
			return fmt.Errorf("%q is no name of a wheel", name)
		}
		content, err := wheels[name]()
		if err != nil {
			return err
		}
		if _, err := w.handOver(path.Join("wheels", name), content); err != nil {
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
