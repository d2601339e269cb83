package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Target is something to follow. Its path is absolute; links in it are followed,
// and what it names need not exist yet.
type Target struct {
	Path string
	Kind Kind
	// Suffix, of Folder: only files whose names end so, and do not begin with a dot.
	Suffix string
}

// Kind is how much of a target matters.
type Kind int

const (
	// File is one file.
	File Kind = iota
	// Folder is the files directly in a directory.
	Folder
	// Tree is everything below a directory, but for .git and bytecode, which no
	// pack is made of.
	Tree
)

// Print is what the targets held at one time: a sum by path. Paths that are not
// there have none.
type Print map[string]Sum

// Sum stands for the content, the kind and the permissions of one file.
type Sum [sha256.Size]byte

// Changed lists the paths that differ between two prints, sorted.
func Changed(before, after Print) []string {
	var out []string
	for path, sum := range after {
		if old, there := before[path]; !there || old != sum {
			out = append(out, path)
		}
	}
	for path := range before {
		if _, there := after[path]; !there {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

// known is a sum and what the file looked like when it was taken. It holds as
// long as the file still looks so and no event was about it.
type known struct {
	size int64
	mod  time.Time
	mode fs.FileMode
	sum  Sum
}

// Look makes the kernel watch what the targets are now, then reads what they
// hold. In this order a change is either seen here or told by an event. The error
// is ctx's: what cannot be read is part of the print.
func (w *Watcher) Look(ctx context.Context) (Print, error) {
	l := look{ctx: ctx, w: w, print: Print{}, seen: map[string]bool{}}
	// What appeared between listing a directory and watching it was told by nobody,
	// so that after new watches the directories are listed again.
	for round := 0; ; round++ {
		l.dirs, l.files = map[string]names{}, nil
		clear(l.print)
		for _, t := range w.targets {
			l.find(t)
		}
		if w.between != nil {
			w.between()
		}
		if !w.renew(l.dirs) {
			break
		}
		if round == maxRounds { // it grows faster than it can be listed: look again soon
			w.poke()
			break
		}
	}
	for _, file := range l.files {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("look at what is followed: %w", err)
		}
		l.sum(file)
	}
	w.keep(l.seen)
	return l.print, nil
}

// keep drops sums of files that are not followed any more.
func (w *Watcher) keep(seen map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.sums, func(path string, _ known) bool { return !seen[path] })
}

// maxRounds bounds the listings of one Look.
const maxRounds = 10

// look is one Look.
type look struct {
	ctx   context.Context
	w     *Watcher
	dirs  map[string]names
	files []found
	print Print
	seen  map[string]bool
}

// found is a file to read: the path that its target knows it by, and where that
// leads.
type found struct{ path, real string }

func (l *look) see(dir, name string) {
	wanted, known := l.dirs[dir]
	switch {
	case !known:
		l.dirs[dir] = names{name: true}
	case wanted != nil:
		wanted[name] = true
	}
}

func (l *look) find(t Target) {
	real, err := follow(t.Path, l.see)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			l.print[t.Path] = textSum("cannot be followed: " + err.Error())
		}
		return
	}
	switch t.Kind {
	case File:
		l.files = append(l.files, found{t.Path, real})
	case Folder:
		l.folder(t, real)
	case Tree:
		l.tree(t.Path, real)
	}
}

func (l *look) folder(t Target, real string) {
	l.dirs[real] = nil
	entries, err := os.ReadDir(real)
	if err != nil {
		l.print[t.Path] = textSum("cannot be listed: " + err.Error())
		return
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), t.Suffix) || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(t.Path, e.Name())
		if e.Type()&fs.ModeSymlink == 0 {
			l.files = append(l.files, found{path, filepath.Join(real, e.Name())})
			continue
		}
		l.find(Target{Path: path})
	}
}

// tree finds the files below a directory. Links in it are part of a pack as they
// are, so they are not followed.
func (l *look) tree(path, real string) {
	l.dirs[real] = nil
	entries, err := os.ReadDir(real)
	if err != nil {
		l.print[path] = textSum("cannot be listed: " + err.Error())
		return
	}
	for _, e := range entries {
		name, target := filepath.Join(path, e.Name()), filepath.Join(real, e.Name())
		switch {
		case e.Name() == ".git" || e.Name() == "__pycache__" || strings.HasSuffix(e.Name(), ".pyc"):
		case e.IsDir():
			if l.ctx.Err() == nil {
				l.tree(name, target)
			}
		case e.Type()&fs.ModeSymlink != 0:
			text, err := os.Readlink(target)
			if err != nil {
				text = err.Error()
			}
			l.print[name] = textSum("link " + text)
		default:
			l.files = append(l.files, found{name, target})
		}
	}
}

// sum reads one file, unless it is known and nothing happened to it.
func (l *look) sum(f found) {
	info, err := os.Stat(f.real)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.print[f.path] = textSum("cannot be looked at: " + err.Error())
		return
	}
	if !info.Mode().IsRegular() { // a pipe would give its content to us instead of to the run
		l.print[f.path] = textSum(info.Mode().String())
		return
	}
	l.seen[f.real] = true
	now := known{size: info.Size(), mod: info.ModTime(), mode: info.Mode()}
	if sum, ok := l.w.lookUp(f.real, now); ok {
		l.print[f.path] = sum
		return
	}
	// Noted before it is read: an event that comes while we read takes it away again.
	l.w.remember(f.real, now)
	sum, err := fileSum(f.real, info.Mode())
	if err != nil {
		l.print[f.path] = textSum("cannot be read: " + err.Error())
		return
	}
	l.w.complete(f.real, sum)
	l.print[f.path] = sum
}

func (w *Watcher) lookUp(path string, now known) (Sum, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k, ok := w.sums[path]
	return k.sum, ok && k.sum != Sum{} && k.size == now.size && k.mod.Equal(now.mod) && k.mode == now.mode
}

func (w *Watcher) remember(path string, k known) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sums[path] = k
}

func (w *Watcher) complete(path string, sum Sum) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k, ok := w.sums[path]; ok {
		k.sum = sum
		w.sums[path] = k
	}
}

func fileSum(path string, mode fs.FileMode) (sum Sum, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := fmt.Fprintf(h, "file %v\n", mode); err != nil {
		return sum, err
	}
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return Sum(h.Sum(nil)), nil
}

func textSum(text string) Sum { return sha256.Sum256([]byte(text)) }
