// Package vendored reads and writes a bundle: a directory that holds what a run
// would otherwise ask the network for. Its list of checksums, SHA256SUMS, is of
// the form that sha256sum -c reads, so that anybody can check a bundle that was
// carried somewhere.
//
// It is not for knowing what the files are: those who would fetch them (packages
// gogit and index) name them and judge their content.
package vendored

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/safefs"
)

// sumsName is the file that makes a directory a bundle. It is written last.
const sumsName = "SHA256SUMS"

// marker is its first line, a comment for sha256sum. The number is the format.
const marker = "# packsync vendor 1"

var sumLine = lazyregexp.New(`\A([0-9a-f]{64})  ([A-Za-z0-9_][A-Za-z0-9._/+!-]*)\z`)

// Bundle is a directory that Write made. It is safe for concurrent use; nil is
// a bundle of nothing.
type Bundle struct {
	dir  string
	sums map[string]string // relative path → hex SHA-256
}

// Open reads the list of checksums of a bundle, and no file of it yet. dir is
// absolute.
func Open(dir string) (*Bundle, error) {
	text, err := os.ReadFile(filepath.Join(dir, sumsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s: it was not made by packsync vendor: it has no %s", dir, sumsName)
	}
	if err != nil {
		return nil, fmt.Errorf("open vendored bundle: %w", err)
	}
	sums, err := parseSums(string(text))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, sumsName), err)
	}
	return &Bundle{dir: dir, sums: sums}, nil
}

func parseSums(text string) (map[string]string, error) {
	first, rest, _ := strings.Cut(text, "\n")
	switch {
	case first == marker:
	case strings.HasPrefix(first, strings.TrimRight(marker, "0123456789")):
		return nil, errors.New("this version of packsync does not know its format: make it again with this version, or use a newer packsync")
	default:
		return nil, errors.New("it was not written by packsync vendor")
	}
	sums := map[string]string{}
	for line := range strings.Lines(rest) {
		m := sumLine().FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil || !filepath.IsLocal(m[2]) {
			return nil, errors.New("it is damaged: copy the bundle again, or make it anew with packsync vendor")
		}
		sums[m[2]] = m[1]
	}
	return sums, nil
}

// Read returns a file of the bundle, or nil if it is not among its files. What is
// not as its checksum says is an error.
func (b *Bundle) Read(name string) ([]byte, error) {
	if b == nil || b.sums[name] == "" {
		return nil, nil
	}
	path := filepath.Join(b.dir, filepath.FromSlash(name))
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read vendored bundle: %w: copy the bundle again, or make it anew with packsync vendor", err)
	}
	if sumOf(data) != b.sums[name] {
		return nil, fmt.Errorf("read vendored bundle: %s is not as it was written: copy the bundle again, or make it anew with packsync vendor", path)
	}
	return data, nil
}

// Names returns the files that lie in a directory of the bundle, sorted.
func (b *Bundle) Names(dir string) []string {
	if b == nil {
		return nil
	}
	var names []string
	for name := range b.sums {
		if strings.HasPrefix(name, dir+"/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Writer fills a bundle. Its methods may not be called at the same time.
type Writer struct {
	disk   safefs.Disk
	dir    string
	before map[string]string
	sums   map[string]string
	bytes  int64
}

var (
	dirOwner  = safefs.Owner{Mode: 0o755, UID: -1, GID: -1}
	fileOwner = safefs.Owner{Mode: 0o644, UID: -1, GID: -1}
)

// Create begins a bundle in dir, an absolute path: a directory that is not there,
// is empty, or is a bundle already. Anything else is an error, since what the new
// bundle does not have is removed.
func Create(disk safefs.Disk, dir string) (*Writer, error) {
	w := &Writer{disk: disk, dir: dir, before: map[string]string{}, sums: map[string]string{}}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := disk.MkdirAll(dir, dirOwner); err != nil {
			return nil, fmt.Errorf("make vendored bundle: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("make vendored bundle: %w", err)
	case len(entries) > 0:
		b, err := Open(dir)
		if err != nil {
			return nil, fmt.Errorf("%w; name a directory that is empty or not there", err)
		}
		w.before = b.sums
		for _, entry := range entries {
			if !safefs.IsTemp(entry.Name()) { // of a run that was killed
				continue
			}
			if err := disk.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
				return nil, fmt.Errorf("make vendored bundle: %w", err)
			}
		}
	}
	// From here on an interrupted run leaves something that the next one knows.
	return w, w.list(w.before)
}

// Add puts a file into the bundle. name is relative, with slashes.
func (w *Writer) Add(name string, data []byte) error {
	if !sumLine().MatchString(strings.Repeat("0", 64)+"  "+name) || !filepath.IsLocal(name) || name == sumsName {
		return fmt.Errorf("make vendored bundle: bad name %q", name)
	}
	sum := sumOf(data)
	if w.sums[name] != sum {
		w.bytes += int64(len(data))
	}
	w.sums[name] = sum
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, data) {
		return nil
	}
	if err := w.disk.MkdirAll(filepath.Dir(path), dirOwner); err != nil {
		return fmt.Errorf("make vendored bundle: %w", err)
	}
	if err := w.disk.WriteFile(path, data, fileOwner); err != nil {
		return fmt.Errorf("make vendored bundle: %w", err)
	}
	return nil
}

// Bytes returns the size of the files that were added.
func (w *Writer) Bytes() int64 { return w.bytes }

// Close removes the files of the bundle that was there before and are not in this
// one, and writes the list of checksums.
func (w *Writer) Close() error {
	for _, name := range slices.Sorted(maps.Keys(w.before)) {
		if w.sums[name] == "" {
			if err := w.disk.RemoveAll(filepath.Join(w.dir, filepath.FromSlash(name))); err != nil {
				return fmt.Errorf("make vendored bundle: %w", err)
			}
		}
	}
	return w.list(w.sums)
}

func (w *Writer) list(sums map[string]string) error {
	var text strings.Builder
	text.WriteString(marker + "\n")
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		text.WriteString(sums[name] + "  " + name + "\n")
	}
	path := filepath.Join(w.dir, sumsName)
	if there, err := os.ReadFile(path); err == nil && string(there) == text.String() {
		return nil
	}
	if err := w.disk.WriteFile(path, []byte(text.String()), fileOwner); err != nil {
		return fmt.Errorf("make vendored bundle: %w", err)
	}
	return nil
}
