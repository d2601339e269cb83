package tree

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// What a refusal says about the limits that a declaration may raise.
const (
	RaiseFiles = "limits { files = … } in the pack block raises that"
	RaiseBytes = "limits { bytes = … } in the pack block raises that"
)

// Limits bounds a tree; a field that is 0 sets no bound.
type Limits struct {
	Files     int   // number of files
	FileBytes int64 // bytes of one file
	Bytes     int64 // bytes of all files
	Depth     int   // components of a path
	PathBytes int   // bytes of a path, and of the target of a link
	NameBytes int   // bytes of one component
}

// DefaultLimits returns what a pack may have unless its block says otherwise.
func DefaultLimits() Limits {
	return Limits{
		Files:     50_000,
		FileBytes: 64 << 20,
		Bytes:     256 << 20,
		Depth:     64,
		PathBytes: 1024,
		NameBytes: maxNameBytes,
	}
}

// For returns the limits with what a declaration says instead of the defaults:
// a number of bytes holds for all files and for each.
func (l Limits) For(declared pack.Limits) Limits {
	if declared.Files > 0 {
		l.Files = declared.Files
	}
	if declared.Bytes > 0 {
		l.Bytes, l.FileBytes = declared.Bytes, declared.Bytes
	}
	return l
}

// Check judges a complete tree before anything of it is written
// (reliability.md 1.3): limits, names, clashes, links and LFS pointers. A tree
// that is refused gives a *RefusedError; any other error is about reading. It
// wants the tree before Filter, so that a git tree that carries a .git is
// refused, not repaired.
func Check(t Tree, l Limits) error {
	if err := checkPaths(t, l); err != nil {
		return err
	}
	for i, f := range t.Files() {
		if !maybePointer(f) {
			continue
		}
		content, err := contentOf(t, i)
		if err != nil {
			return err
		}
		if err := checkPointer(f, content); err != nil {
			return err
		}
	}
	return nil
}

// checkPaths is Check without a look into files.
func checkPaths(t Tree, l Limits) error {
	files := t.Files()
	if l.Files > 0 && len(files) > l.Files {
		return &RefusedError{Rule: RuleLimit, Reason: fmt.Sprintf("it has %d files, %d are allowed (%s)", len(files), l.Files, RaiseFiles)}
	}
	names := newNameSet(len(files))
	var total int64
	links := 0
	for _, f := range files {
		if err := checkLine(f); err != nil {
			return err
		}
		if err := l.checkFile(f); err != nil {
			return err
		}
		if total += f.Size; l.Bytes > 0 && total > l.Bytes {
			return &RefusedError{Rule: RuleLimit, Reason: fmt.Sprintf("its files have more than the %d bytes that are allowed (%s)", l.Bytes, RaiseBytes)}
		}
		if err := names.add(f.Path); err != nil {
			return err
		}
		if f.Kind == Link {
			links++
		}
	}
	if links == 0 {
		return nil
	}
	return checkLinks(t, l)
}

func (l Limits) checkFile(f File) error {
	refuse := func(format string, args ...any) error {
		return &RefusedError{Path: f.Path, Rule: RuleLimit, Reason: fmt.Sprintf(format, args...)}
	}
	switch depth := strings.Count(f.Path, "/") + 1; {
	case f.Size < 0:
		return &RefusedError{Path: f.Path, Rule: RuleMalformed, Reason: "its size is negative"}
	case l.FileBytes > 0 && f.Size > l.FileBytes:
		return refuse("it has %d bytes, %d are allowed (%s)", f.Size, l.FileBytes, RaiseBytes)
	case l.PathBytes > 0 && len(f.Path) > l.PathBytes:
		return refuse("its path has %d bytes, %d are allowed", len(f.Path), l.PathBytes)
	case l.PathBytes > 0 && f.Kind == Link && f.Size > int64(l.PathBytes):
		return refuse("the target of the link has %d bytes, %d are allowed", f.Size, l.PathBytes)
	case l.Depth > 0 && depth > l.Depth:
		return refuse("it lies %d levels deep, %d are allowed", depth, l.Depth)
	}
	if l.NameBytes > 0 {
		for name := range strings.SplitSeq(f.Path, "/") {
			if len(name) > l.NameBytes {
				return refuse("a component of its path has %d bytes, %d are allowed", len(name), l.NameBytes)
			}
		}
	}
	return nil
}

// nameSet holds every path and every directory above it under its folded key.
// Paths are added in order, so each directory is entered once.
type nameSet struct {
	original map[string]string // folded key → the one spelling that is allowed
	last     string
}

func newNameSet(n int) *nameSet {
	return &nameSet{original: make(map[string]string, n+n/8)}
}

func (s *nameSet) add(path string) error {
	last := s.last
	if last != "" && path <= last {
		if path == last {
			return &RefusedError{Path: path, Rule: RuleClash, Reason: "two files have this path"}
		}
		return &RefusedError{Path: path, Rule: RuleMalformed, Reason: "the files of the tree are not sorted"}
	}
	s.last = path
	known := sharedDir(last, path)
	for end := known; end < len(path); {
		next := strings.IndexByte(path[end:], '/')
		isFile := next < 0
		if isFile {
			next = len(path) - end
		}
		if rule, reason := judgeName(path[end : end+next]); reason != "" {
			return &RefusedError{Path: path, Rule: rule, Reason: reason}
		}
		if err := s.claim(path, path[:end+next]); err != nil {
			return err
		}
		end += next + 1
	}
	if path == "" || strings.HasSuffix(path, "/") {
		return &RefusedError{Path: path, Rule: RuleName, Reason: "a component of its path is empty"}
	}
	return nil
}

// claim records one path or directory of the file at path.
func (s *nameSet) claim(path, part string) error {
	key := foldPath(part)
	other, taken := s.original[key]
	switch {
	case !taken:
		s.original[key] = part
		return nil
	case other == part:
		return &RefusedError{Path: path, Rule: RuleClash, Reason: fmt.Sprintf("%s is both a file and a directory", quote(part))}
	}
	return &RefusedError{Path: path, Rule: RuleClash, Reason: fmt.Sprintf("%s and %s are the same name where case or Unicode form do not count", quote(other), quote(part))}
}

// sharedDir returns the length of the directory prefix, slash included, that
// two paths have in common.
func sharedDir(a, b string) int {
	shared := 0
	for i := 0; i < len(a) && i < len(b) && a[i] == b[i]; i++ {
		if a[i] == '/' {
			shared = i + 1
		}
	}
	return shared
}

// checkLinks lets through what stays inside the pack: relative, to something
// that is there, in no circle.
func checkLinks(t Tree, l Limits) error {
	for i, f := range t.Files() {
		if f.Kind != Link {
			continue
		}
		content, err := contentOf(t, i)
		if err != nil {
			return err
		}
		target := string(content)
		refuse := func(reason string) error {
			return &RefusedError{Path: f.Path, Rule: RuleLink, Reason: fmt.Sprintf("it is a link to %s: %s; only relative links inside the pack are installed", quote(target), reason)}
		}
		switch {
		case target == "":
			return refuse("the target is empty")
		case strings.IndexByte(target, 0) >= 0:
			return refuse("the target contains a NUL byte")
		case target[0] == '/':
			return refuse("the target is absolute")
		case leavesLexically(f.Path, target):
			return refuse(string(leavesPack))
		}
		w := walker{t: t, hops: 1}
		end, problem, err := w.follow(parent(f.Path), target)
		switch {
		case err != nil:
			return fmt.Errorf("read a link of the pack: %w", err)
		case problem != "":
			return refuse(string(problem))
		case end == "" || strings.HasPrefix(f.Path, end+"/"):
			return refuse("it leads to a directory that contains the link itself")
		}
	}
	return nil
}

// leavesLexically judges the text alone: programs that clean paths before they
// use them must not be led out either.
func leavesLexically(link, target string) bool {
	depth := strings.Count(link, "/")
	for name := range strings.SplitSeq(target, "/") {
		switch name {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

// The shortest and longest text that git LFS accepts as a pointer.
const (
	minPointer = 100
	maxPointer = 1024
)

func maybePointer(f File) bool {
	return f.Kind != Link && f.Size >= minPointer && f.Size < maxPointer
}

// checkPointer refuses a git LFS pointer: the content is elsewhere, and what
// would be installed is three lines of text.
func checkPointer(f File, content []byte) error {
	if !maybePointer(f) || !bytes.HasPrefix(content, []byte("version https://git-lfs.github.com/spec/")) &&
		!bytes.HasPrefix(content, []byte("version https://hawser.github.com/spec/")) {
		return nil
	}
	if !bytes.Contains(content, []byte("\noid sha256:")) || !bytes.Contains(content, []byte("\nsize ")) {
		return nil
	}
	return &RefusedError{Path: f.Path, Rule: RuleLFS, Reason: "it is a git LFS pointer, not the content: packsync does not fetch from LFS; commit the file itself"}
}
