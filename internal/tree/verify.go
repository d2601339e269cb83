package tree

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// MismatchError reports that a directory does not hold what it should.
type MismatchError struct {
	Dir         string
	Differences []string // one sentence a file, sorted by path, at most maxDifferences
	Total       int      // number of files that differ
}

const maxDifferences = 10

func (e *MismatchError) Error() string {
	text := fmt.Sprintf("%s does not hold what was written: %s", quote(e.Dir), strings.Join(e.Differences, "; "))
	if e.Total > len(e.Differences) {
		text += fmt.Sprintf("; and %d more", e.Total-len(e.Differences))
	}
	return text
}

// Verify reads dir back, every byte, and compares it with what was written:
// same files, kinds and content, and nothing else but directories. Nothing is
// filtered. The error is a *MismatchError, a *RefusedError (for a device or the
// like), or about reading.
func Verify(ctx context.Context, dir string, want Manifest) error {
	root, err := openRoot(dir, false)
	if err != nil {
		return err
	}
	return errors.Join(verify(ctx, root, dir, want), unix.Close(root))
}

func verify(ctx context.Context, root int, dir string, want Manifest) error {
	l := lister{dir: dir}
	if err := l.list(ctx, root, "", 0); err != nil {
		return err
	}
	l.tidy()
	got, err := l.read(ctx, root)
	if err != nil {
		return err
	}
	mismatch := &MismatchError{Dir: dir}
	for _, d := range Compare(want, Manifest{Files: got}) {
		mismatch.Total++
		if len(mismatch.Differences) < maxDifferences {
			mismatch.Differences = append(mismatch.Differences, d.String())
		}
	}
	if mismatch.Total > 0 {
		return mismatch
	}
	return nil
}

// side is how many files one worker reads back at least: a large pack must not keep
// one processor busy alone, and a small one is not worth a second.
const side = 512

// read hashes the listed files, parts of a large pack side by side.
func (l *lister) read(ctx context.Context, root int) ([]FileSum, error) {
	sums := make([]FileSum, len(l.files))
	workers := min(max(len(l.files)/side, 1), runtime.GOMAXPROCS(0))
	var group errgroup.Group
	for w := range workers {
		group.Go(func() error {
			first, end := w*len(l.files)/workers, (w+1)*len(l.files)/workers
			return l.readPart(ctx, root, l.files[first:end], sums[first:end])
		})
	}
	return sums, group.Wait()
}

// readPart hashes some of the files. Those of one directory mostly follow each
// other, so the directory stays open between them.
func (l *lister) readPart(ctx context.Context, root int, files []File, sums []FileSum) (err error) {
	at, open := "", -1
	defer func() {
		if open >= 0 {
			err = errors.Join(err, unix.Close(open))
		}
	}()
	room := int64(0) // for any file but the very large
	for _, f := range files {
		room = max(room, min(f.Size+1, 64<<10))
	}
	buf := make([]byte, room)
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if dir := parent(f.Path); open < 0 || dir != at {
			next, err := openBelow(root, dir)
			if err != nil {
				return l.pathError("open directory", dir, err)
			}
			if open >= 0 {
				err = unix.Close(open)
			}
			at, open = dir, next
			if err != nil {
				return l.pathError("close directory", dir, err)
			}
		}
		content, err := readIn(open, f, buf)
		if err != nil {
			return l.pathError("read back", f.Path, err)
		}
		sums[i] = FileSum{File: f, Sum: sha256.Sum256(content)}
	}
	return nil
}

// Difference is one file in which two manifests differ. A nil side does not have
// the file.
type Difference struct {
	Path          string
	Before, After *FileSum
}

func (d Difference) String() string {
	name := quote(d.Path)
	switch {
	case d.Before == nil:
		return name + " is too much"
	case d.After == nil:
		return name + " is missing"
	case d.Before.Sum == d.After.Sum && d.Before.Kind != Link && d.After.Kind != Link:
		return name + " differs in its mode"
	}
	return name + " differs"
}

// Compare returns the files in which two manifests differ, sorted by path. Both
// must be sorted, as HashOf and Write return them.
func Compare(before, after Manifest) []Difference {
	var out []Difference
	a, b := before.Files, after.Files
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Path < b[0].Path:
			out = append(out, Difference{Path: a[0].Path, Before: &a[0]})
			a = a[1:]
		case len(a) == 0 || b[0].Path < a[0].Path:
			out = append(out, Difference{Path: b[0].Path, After: &b[0]})
			b = b[1:]
		default:
			if a[0].Kind != b[0].Kind || a[0].Sum != b[0].Sum {
				out = append(out, Difference{Path: a[0].Path, Before: &a[0], After: &b[0]})
			}
			a, b = a[1:], b[1:]
		}
	}
	return out
}
