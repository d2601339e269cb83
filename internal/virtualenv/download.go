package virtualenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/safefs"
)

// Download makes dir, an absolute path that does not exist, and puts the wheels
// into it that Build needs for the same request, whatever is installed on this
// host: those of the base requirements, of the pack's, and of all that they
// require, for the version of Python and the platform of this host. Source
// distributions become wheels here, unless OnlyBinary refuses them. An address in
// the requirements must tell a name, by which Build takes the wheel when Offline.
// Stage and Final are not used.
//
// The names of the files are returned, sorted. After an error nothing is left.
// progress and errors are as those of Build.
func (b *Builder) Download(ctx context.Context, r Request, dir string, progress func(line string)) (names []string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("download wheels for %s: %w", r.Ref, err)
		}
	}()
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("%q is not an absolute path", dir)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, fmt.Errorf("the directory %s is there already", dir))
	}
	reqs, err := readRequirements(r.Pack)
	if err != nil {
		return nil, err
	}
	if err := b.checkPolicy(reqs); err != nil {
		return nil, err
	}
	if _, err := reqs.byName(); err != nil { // as Build would say without network
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.opts.Timeout, errTimeLimit)
	defer cancel()
	r.Stage = dir // beside which the workshop may lie
	w, err := b.openWorkshop(r, progress)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.makeVenv(ctx); err != nil {
		return nil, err
	}
	if err := w.pip(ctx, w.fetchWheels(), reqs, r.Wheels); err != nil {
		return nil, err
	}
	names, err = w.takeWheels(ctx, dir)
	if err != nil {
		return nil, errors.Join(err, b.opts.Disk.RemoveAll(dir))
	}
	return names, nil
}

// Version returns the version of the Python that virtualenvs are made from, like
// "3.11". Wheels are for one version.
func (b *Builder) Version() (string, error) {
	py, err := b.python()
	return py.version, err
}

// fetchWheels is the use of pip that fills the directory of wheels. pip wheel
// builds what is named by address even under --only-binary; pip download leaves
// it as it is, so that it is seen.
func (w *workshop) fetchWheels() pipCommand {
	if w.opts.OnlyBinary {
		return pipCommand{verb: "download", options: []string{"--dest", w.work("wheels")}}
	}
	return pipCommand{verb: "wheel", options: []string{"--wheel-dir", w.work("wheels")}, env: []string{sameTime}}
}

// sameTime lets build tools write one time, the first that a zip file can hold,
// into the wheels that they build, so that the same source gives the same wheel.
const sameTime = "SOURCE_DATE_EPOCH=315532800"

var wheelName = lazyregexp.New(`\A[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl\z`)

// maxWheel is the largest wheel, in bytes. The largest on PyPI have 3 GB.
const maxWheel = 4 << 30

// takeWheels copies what pip left into dir: files of ours, of which the build user
// holds nothing open.
func (w *workshop) takeWheels(ctx context.Context, dir string) (names []string, err error) {
	if err := w.disk.MkdirAll(dir, safefs.Owner{Mode: 0o755, UID: -1, GID: -1}); err != nil {
		return nil, err
	}
	dst, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	src, err := os.OpenRoot(w.work("wheels"))
	if errors.Is(err, fs.ErrNotExist) {
		return []string{}, nil // nothing is required
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	entries, err := fs.ReadDir(src.FS(), ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if err := w.takeWheel(src, dst, e.Name()); err != nil {
			return nil, err
		}
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names, nil
}

func (w *workshop) takeWheel(src, dst *os.Root, name string) (err error) {
	if !wheelName().MatchString(name) {
		if w.opts.OnlyBinary {
			return fmt.Errorf("%s is no wheel, and only_binary allows wheels only: set only_binary = false for this pack, or leave the package out", clip(name))
		}
		return fmt.Errorf("pip left %q, which is no wheel", clip(name))
	}
	from, err := src.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	info, err := from.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("the wheel %s is no file", name)
	case info.Size() > maxWheel:
		return fmt.Errorf("the wheel %s has %d bytes, more than %d", name, info.Size(), int64(maxWheel))
	}
	to, err := dst.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if _, err := io.Copy(to, io.LimitReader(from, maxWheel)); err != nil {
		return err
	}
	return to.Chmod(0o644)
}
