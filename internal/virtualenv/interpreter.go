package virtualenv

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/lazyregexp"
)

// st2Python is the interpreter of a StackStorm package (reference.md 3.10:
// python_binary).
const st2Python = "/opt/stackstorm/st2/bin/python"

// interpreter is the Python that virtualenvs are made from.
type interpreter struct {
	path    string // as chosen, absolute
	version string // "3.11"
}

var (
	namedVersion = lazyregexp.New(`\A(?:python|pypy)([0-9]+\.[0-9]+)\z`)
	plainVersion = lazyregexp.New(`\A[0-9]+\.[0-9]+\z`)
)

// findPython chooses the interpreter and learns its version, from the name of
// what the path leads to where it has one: a process costs as much as the rest
// of a plan.
func findPython(path string) (interpreter, error) {
	path, err := choosePython(path)
	if err != nil {
		return interpreter{}, err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return interpreter{}, fmt.Errorf("find the Python interpreter: %w: install it, or set stackstorm.python", err)
	}
	if m := namedVersion().FindStringSubmatch(filepath.Base(real)); m != nil {
		return interpreter{path, m[1]}, nil
	}
	version, err := askVersion(context.Background(), path) // of no caller: the answer is kept for all
	if err != nil {
		return interpreter{}, err
	}
	return interpreter{path, version}, nil
}

func choosePython(path string) (string, error) {
	if path != "" {
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("the Python interpreter %q is not an absolute path", path)
		}
		return path, nil
	}
	switch _, err := os.Stat(st2Python); {
	case err == nil:
		return st2Python, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("find StackStorm's Python interpreter: %w", err)
	}
	path, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("find a Python interpreter: neither %s nor python3 on PATH: install it, or set stackstorm.python", st2Python)
	}
	return path, nil
}

// askVersion runs the interpreter without any package of its own (-S), so that
// it is safe as root for whatever lies in a virtualenv.
func askVersion(ctx context.Context, python string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	p := process{argv: []string{python, "-I", "-S", "-c", "import sys; sys.stdout.write('%d.%d' % sys.version_info[:2])"}, dir: "/"}
	var out bytes.Buffer
	p.stdout = &out
	if err := p.run(ctx); err != nil {
		return "", fmt.Errorf("run the Python interpreter %s: %w", python, err)
	}
	version := strings.TrimSpace(out.String())
	if !plainVersion().MatchString(version) {
		return "", fmt.Errorf("run the Python interpreter %s: it is no Python: asked for its version, it says %q", python, clip(version))
	}
	return version, nil
}

//go:embed probe.py
var probeScript string

//go:embed seed.py
var seedScript string

// probed is what probe.py says.
type probed struct {
	Version string   `json:"version"`
	Base    string   `json:"base"` // the interpreter itself, behind all links and virtualenvs
	ST2Site string   `json:"st2_site"`
	Seeds   []string `json:"seeds"` // wheels of pip, setuptools and wheel on this machine
}

// pythonFacts is what a build needs to know of the interpreter.
type pythonFacts struct {
	interpreter
	base    string
	st2Site string
	seeds   []string
}

func (w *workshop) probe(ctx context.Context, py interpreter) (pythonFacts, error) {
	var out bytes.Buffer
	err := w.run(ctx, step{name: "look at the Python interpreter " + py.path, stdout: &out,
		argv: []string{py.path, "-I", "-c", probeScript}})
	if err != nil {
		return pythonFacts{}, err
	}
	var p probed
	if err := json.Unmarshal(out.Bytes(), &p); err != nil {
		return pythonFacts{}, fmt.Errorf("look at the Python interpreter %s: its answer is not as expected: %w", py.path, err)
	}
	switch {
	case p.Version != py.version:
		return pythonFacts{}, fmt.Errorf("the Python interpreter %s is named %s but is %s: name the right one in stackstorm.python", py.path, py.version, p.Version)
	case len(p.Seeds) == 0:
		return pythonFacts{}, fmt.Errorf("the Python interpreter %s has neither ensurepip nor virtualenv, so there is no pip to put into a virtualenv: install python%s-venv (Debian, Ubuntu) or virtualenv for it", py.path, p.Version)
	}
	facts := pythonFacts{interpreter: py, base: p.Base, st2Site: w.opts.ST2Site, seeds: p.Seeds}
	if facts.st2Site == "" {
		facts.st2Site = p.ST2Site
	}
	if facts.st2Site != "" && !plainPath().MatchString(facts.st2Site) {
		return pythonFacts{}, fmt.Errorf("the path %q of StackStorm's packages cannot stand in a .pth file", facts.st2Site)
	}
	return facts, nil
}
