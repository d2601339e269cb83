package virtualenv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// verify reads the stage back and refuses a path of the build directory that was
// left in it, in a file or a link.
func verify(ctx context.Context, stage, needle string) (err error) {
	root, err := os.OpenRoot(stage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	buf := make([]byte, searchSize)
	return fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		if e.Type()&fs.ModeSymlink != 0 {
			target, err := root.Readlink(name)
			if err == nil && strings.Contains(target, needle) {
				err = fmt.Errorf("the link %s leads into the build directory", name)
			}
			return err
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		found, err := contains(f, needle, buf)
		if found {
			err = fmt.Errorf("%s holds the path of the build directory", name)
		}
		return errors.Join(err, f.Close())
	})
}

// Inspect looks at a virtualenv without running anything, which is cheap enough
// for every plan: it says why the virtualenv cannot work, or nil. A directory
// that is not there is fs.ErrNotExist.
func Inspect(dir string) error {
	if _, err := os.Lstat(dir); err != nil {
		return err
	}
	if err := inspect(dir); err != nil {
		return fmt.Errorf("virtualenv %s: %w", dir, err)
	}
	return nil
}

func inspect(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "pyvenv.cfg"))
	if err != nil {
		return fmt.Errorf("it is no complete virtualenv: %w", err)
	}
	home := ""
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.EqualFold(strings.TrimSpace(name), "home") {
			home = strings.TrimSpace(value)
		}
	}
	if info, err := os.Stat(home); err != nil || !info.IsDir() {
		return fmt.Errorf("its Python is gone: pyvenv.cfg says that it was in %q", home)
	}
	real, err := filepath.EvalSymlinks(filepath.Join(dir, "bin/python"))
	if err != nil {
		return fmt.Errorf("its Python is gone: %w", err)
	}
	sites, err := sitesIn(dir)
	if err != nil {
		return err
	}
	if len(sites) == 0 {
		return errors.New("it has no site-packages directory")
	}
	if m := namedVersion().FindStringSubmatch(filepath.Base(real)); m != nil {
		return isFor(sites, m[1])
	}
	return nil
}

// sitesIn returns the directories of packages, relative to dir: one, of Python
// or of PyPy.
func sitesIn(dir string) ([]string, error) {
	return fs.Glob(os.DirFS(dir), "lib/*/site-packages")
}

// isFor says whether there are packages for a version of Python: after an
// upgrade of the system the same name is another Python.
func isFor(sites []string, version string) error {
	var has []string
	for _, site := range sites {
		has = append(has, strings.TrimLeft(filepath.Base(filepath.Dir(site)), "abcdefghijklmnopqrstuvwxyz"))
	}
	if !slices.Contains(has, version) {
		return fmt.Errorf("it was made for Python %s, and its Python is %s now", strings.Join(has, ", "), version)
	}
	return nil
}

// Check is Inspect, and runs the virtualenv's Python: without any package, so
// that nothing of a pack runs with the rights of packsync.
func Check(ctx context.Context, dir string) error {
	if err := Inspect(dir); err != nil {
		return err
	}
	version, err := askVersion(ctx, filepath.Join(dir, "bin/python"))
	if err != nil {
		return fmt.Errorf("virtualenv %s: %w", dir, err)
	}
	sites, err := sitesIn(dir)
	if err == nil {
		err = isFor(sites, version)
	}
	if err != nil {
		return fmt.Errorf("virtualenv %s: %w", dir, err)
	}
	return nil
}

// packagesIn lists what a virtualenv holds itself, as pip freeze --local --all
// does.
func packagesIn(dir string) ([]string, error) {
	infos, err := fs.Glob(os.DirFS(dir), "lib/*/site-packages/*.dist-info")
	if err != nil {
		return nil, err
	}
	packages := []string{}
	for _, info := range infos {
		name, version, ok := strings.Cut(strings.TrimSuffix(filepath.Base(info), ".dist-info"), "-")
		if ok {
			packages = append(packages, name+"=="+version)
		}
	}
	slices.Sort(packages)
	return packages, nil
}
