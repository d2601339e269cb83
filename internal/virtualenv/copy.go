package virtualenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/tree"
)

// copier writes what was built into the stage: new files of ours with the modes
// and the owner that are wanted, the path of the build directory replaced by the
// final one. Everything is reached by name in a directory that is open, so that
// nothing outside the two directories is read or written.
//
// Copying, rather than giving the built files another owner, leaves behind what
// a build could have kept a hold on: open descriptors, hard links, access lists
// and set-id bits.
type copier struct {
	from, to string // paths in the content: of the build, final
	python   string // where links to the interpreter must lead
	profile  tree.Profile

	rewritten map[string]fileSum // by path in the virtualenv
	dropped   map[string]bool
	records   []string
}

// fileSum is what a RECORD says about a file.
type fileSum struct {
	sha256 [sha256.Size]byte
	size   int
}

const (
	maxDepth = 64
	// wholeFile is up to which size files are read whole, and may be rewritten.
	// Larger ones are libraries and data.
	wholeFile = 32 << 20
)

// copy copies c.from into stage, an empty directory.
func (c *copier) copy(ctx context.Context, stage string) (err error) {
	c.rewritten, c.dropped = map[string]fileSum{}, map[string]bool{}
	src, err := os.OpenRoot(c.from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	dst, err := os.OpenRoot(stage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if err := c.dir(ctx, src, dst, ""); err != nil {
		return err
	}
	// They tell of files in other directories, so they come last.
	for _, record := range c.records {
		content, err := src.ReadFile(record)
		if err != nil {
			return err
		}
		text, err := c.record(record, content)
		if err != nil {
			return fmt.Errorf("rewrite %s: %w", record, err)
		}
		if err := c.write(dst, record, bytes.NewReader(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// dir copies one directory: files and links first, since which bytecode is kept
// depends on them, then what is below.
func (c *copier) dir(ctx context.Context, src, dst *os.Root, rel string) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if strings.Count(rel, "/") > maxDepth {
		return fmt.Errorf("%s: directories are nested more than %d deep", rel, maxDepth)
	}
	entries, err := fs.ReadDir(src.FS(), ".")
	if err != nil {
		return fmt.Errorf("read what was built in %q: %w", rel, err)
	}
	for _, e := range entries {
		at := path.Join(rel, e.Name())
		switch e.Type() {
		case 0:
			err = c.file(src, dst, at)
		case fs.ModeSymlink:
			err = c.link(src, dst, at)
		case fs.ModeDir:
		default:
			err = fmt.Errorf("it is a %s: a virtualenv holds files, directories and links only", e.Type())
		}
		if err != nil {
			return fmt.Errorf("place %s: %w", at, err)
		}
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := c.subdir(ctx, src, dst, path.Join(rel, e.Name())); err != nil {
				return err
			}
		}
	}
	self, err := dst.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(c.own(self, c.profile.DirMode), self.Close())
}

func (c *copier) subdir(ctx context.Context, src, dst *os.Root, at string) (err error) {
	name := path.Base(at)
	from, err := src.OpenRoot(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := dst.Mkdir(name, 0o700); err != nil {
		return err
	}
	if err := dst.Chmod(name, 0o700); err != nil { // the umask may have taken our own permissions
		return err
	}
	to, err := dst.OpenRoot(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return c.dir(ctx, from, to, at)
}

func (c *copier) file(src, dst *os.Root, at string) (err error) {
	name := path.Base(at)
	if isInterpreter(at) {
		return errors.New("it stands where the link to the Python interpreter belongs")
	}
	f, err := src.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it changed while it was read")
	}
	if path.Base(at) == "RECORD" && strings.HasSuffix(path.Dir(at), ".dist-info") {
		c.records = append(c.records, at)
		return nil
	}
	if c.isStale(at) {
		c.dropped[at] = true
		return nil
	}
	mode := c.profile.FileMode
	if info.Mode()&0o100 != 0 {
		mode = c.profile.ExecMode
	}
	content, keep, err := c.content(f, info.Size(), at)
	if err != nil || !keep {
		return err
	}
	if err := c.write(dst, name, content, mode); err != nil {
		return err
	}
	// Bytecode holds the time of its source.
	return dst.Chtimes(name, info.ModTime(), info.ModTime())
}

// content returns what is to be written for a file. Without keep it is left out.
func (c *copier) content(f io.ReadSeeker, size int64, at string) (content io.Reader, keep bool, err error) {
	if size > wholeFile {
		found, err := contains(f, c.from, make([]byte, searchSize))
		if err == nil && found {
			err = c.holdsPath()
		}
		if err == nil {
			_, err = f.Seek(0, io.SeekStart)
		}
		return f, true, err
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(f, text); err != nil {
		return nil, false, err
	}
	switch {
	case !bytes.Contains(text, []byte(c.from)):
		return bytes.NewReader(text), true, nil
	case isBytecode(at):
		c.dropped[at] = true
		return nil, false, nil
	case bytes.IndexByte(text, 0) >= 0:
		return nil, false, c.holdsPath()
	}
	text = bytes.ReplaceAll(text, []byte(c.from), []byte(c.to))
	if path.Dir(at) == "bin" {
		text = shortShebang(text)
	}
	c.rewritten[at] = fileSum{sha256.Sum256(text), len(text)}
	return bytes.NewReader(text), true, nil
}

func (c *copier) holdsPath() error {
	return errors.New("a binary file holds the path that it was built at, and would not work at its final place: require a wheel of this package instead of a source distribution")
}

const searchSize = 256 << 10

// contains searches r, however large, for text; buf is room to work in.
func contains(r io.Reader, text string, buf []byte) (bool, error) {
	kept := 0
	for {
		n, err := io.ReadFull(r, buf[kept:])
		if bytes.Contains(buf[:kept+n], []byte(text)) {
			return true, nil
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		kept = copy(buf, buf[kept+n-len(text)+1:kept+n])
	}
}

// isStale reports bytecode whose source is not the one it was made from.
func (c *copier) isStale(at string) bool {
	if !isBytecode(at) {
		return false
	}
	module, _, _ := strings.Cut(path.Base(at), ".")
	_, changed := c.rewritten[path.Join(path.Dir(path.Dir(at)), module+".py")]
	return changed
}

func isBytecode(at string) bool {
	return path.Base(path.Dir(at)) == "__pycache__" && strings.HasSuffix(at, ".pyc")
}

// maxShebang is how long a shebang line may be on every kernel.
const maxShebang = 127

// shortShebang turns a shebang line that is too long into the form that pip
// writes then: a line that is a command for sh and a string for Python.
func shortShebang(script []byte) []byte {
	line, rest, _ := bytes.Cut(script, []byte("\n"))
	if !bytes.HasPrefix(line, []byte("#!")) || len(line) <= maxShebang {
		return script
	}
	return slices.Concat([]byte("#!/bin/sh\n'''exec' "), bytes.TrimSpace(line[2:]), []byte(" \"$0\" \"$@\"\n' '''\n"), rest)
}

func (c *copier) write(dst *os.Root, name string, content io.Reader, mode fs.FileMode) (err error) {
	f, err := dst.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, content); err != nil {
		return err
	}
	return c.own(f, mode)
}

// own sets owner, then mode: a chown clears mode bits.
func (c *copier) own(f *os.File, mode fs.FileMode) error {
	if c.profile.UID != -1 || c.profile.GID != -1 {
		if err := f.Chown(c.profile.UID, c.profile.GID); err != nil {
			return err
		}
	}
	return f.Chmod(mode.Perm())
}

var interpreterName = lazyregexp.New(`\Abin/(python|pypy)[0-9.]*\z`)

func isInterpreter(at string) bool { return interpreterName().MatchString(at) }

// link copies a link that stays in the virtualenv, or that leads to the
// interpreter.
func (c *copier) link(src, dst *os.Root, at string) error {
	target, err := src.Readlink(path.Base(at))
	if err != nil {
		return err
	}
	if target, err = c.target(at, target); err != nil {
		return err
	}
	if err := dst.Symlink(target, path.Base(at)); err != nil {
		return err
	}
	if c.profile.UID == -1 && c.profile.GID == -1 {
		return nil
	}
	return dst.Lchown(path.Base(at), c.profile.UID, c.profile.GID)
}

func (c *copier) target(at, target string) (string, error) {
	inside, isInside := strings.CutPrefix(target, c.from+"/")
	switch {
	case isInterpreter(at):
		real, err := filepath.EvalSymlinks(filepath.Join(c.from, at))
		if err != nil {
			return "", err
		}
		if real != c.python {
			return "", fmt.Errorf("it leads to %s, not to the Python interpreter %s", real, c.python)
		}
		if strings.Contains(target, c.from) || !filepath.IsAbs(target) && !isInterpreter(path.Join("bin", target)) {
			return "", fmt.Errorf("it leads to %s in a roundabout way, by %q", real, target)
		}
		return target, nil
	case isInside && fs.ValidPath(inside):
		return c.to + "/" + inside, nil
	case !path.IsAbs(target) && fs.ValidPath(path.Join(path.Dir(at), target)):
		return target, nil
	}
	return "", fmt.Errorf("it is a link to %q, outside the virtualenv", target)
}
