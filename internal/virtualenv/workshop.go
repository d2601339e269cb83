package virtualenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

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
func (w *workshop) install(ctx context.Context, reqs requirements, wheels map[string]func() ([]byte, error)) error {
	if err := w.makeVenv(ctx); err != nil {
		return err
	}
	if err := w.pip(ctx, pipInstall, reqs, wheels); err != nil {
		return err
	}
	if w.opts.OnlyBinary {
		if err := w.checkOnlyWheels(); err != nil {
			return err
		}
	}
	return w.compile(ctx)
}

// makeVenv makes the virtualenv with nothing but pip in it.
func (w *workshop) makeVenv(ctx context.Context) error {
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
	return nil
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
