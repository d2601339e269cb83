package installed

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

// host is a base path with packs, and a work directory with an index.
type host struct {
	t    testing.TB
	base string
	req  Request
}

func newHost(t testing.TB) *host {
	t.Helper()
	h := &host{t: t, base: t.TempDir()}
	w := t.TempDir()
	h.req = Request{BasePaths: []BasePath{{Name: "default", Path: h.base}}, Full: map[pack.Addr]bool{}, GID: -1, Index: w + "/index"}
	return h
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) write(path, content string) {
	h.t.Helper()
	h.must(os.MkdirAll(filepath.Dir(h.base+"/"+path), 0o755))
	h.must(os.WriteFile(h.base+"/"+path, []byte(content), 0o644))
}

func (h *host) full(ref pack.Ref) { h.req.Full[pack.Addr{BasePath: "default", Ref: ref}] = true }

func (h *host) inspect(indexPath string) *Observed {
	h.t.Helper()
	r := h.req
	r.Index = indexPath
	o, err := Inspect(h.t.Context(), r)
	h.must(err)
	return o
}

// index writes the index. So that it is complete and can be trusted at once, it
// waits until the clock of the file system has moved past every file, and then
// makes the look appear to be later than it was.
func (h *host) index() {
	h.t.Helper()
	o := h.inspect(h.req.Index)
	latest := int64(0)
	for _, p := range o.imprints {
		p.each(func(n *node) { latest = max(latest, n.ctime) })
	}
	var st unix.Stat_t
	for st.Ctim.Nano() <= latest {
		h.must(os.WriteFile(h.base+"/.probe", []byte("x"), 0o600))
		h.must(unix.Stat(h.base+"/.probe", &st))
	}
	o.began = time.Unix(0, latest).Add(tick + 1)
	h.must(WriteIndex(safefs.OS(), h.req.Index, o))
}

var onlyShown = cmpopts.IgnoreUnexported(Observed{}, Pack{})

// same compares a look with the index and one without.
func (h *host) same(what string) {
	h.t.Helper()
	read, known := h.inspect(""), h.inspect(h.req.Index)
	if diff := cmp.Diff(read, known, onlyShown); diff != "" {
		h.t.Errorf("%s: the index says something else than the files (-files +index):\n%s", what, diff)
	}
	for addr, p := range read.Packs {
		if diff := cmp.Diff(p.Files(), known.Packs[addr].Files()); diff != "" {
			h.t.Errorf("%s: the index says something else of the files of %s (-files +index):\n%s", what, addr.Ref, diff)
		}
	}
}

func TestIndexIsUsed(t *testing.T) {
	h := newHost(t)
	h.write("full/d/f", "content")
	h.write("full/pack.yaml", "ref: full\nversion: 1.2.3\n")
	h.write("seen/pack.yaml", "ref: seen\nversion: 1.2.3\n")
	h.full("full")
	h.index()
	h.same("nothing changed")
	if o := h.inspect(h.req.Index); !o.indexed {
		t.Error("the index does not hold although nothing changed")
	}
	known := readIndex(h.req.Index).known
	if len(known) != 2 {
		t.Fatalf("the index knows %d packs", len(known))
	}
	// What only the index can know, a look that uses it repeats.
	known[h.base+"/full"].sums[0] = [32]byte{1}
	known[h.base+"/full"].tree = "t1:planted"
	known[h.base+"/seen"].version = "9.9.9"
	h.must(os.WriteFile(h.req.Index, encodeIndex([]*imprint{known[h.base+"/full"], known[h.base+"/seen"]}), 0o600))
	o := h.inspect(h.req.Index)
	if got := o.Packs[pack.Addr{BasePath: "default", Ref: "full"}]; got.Tree != "t1:planted" || !slices.ContainsFunc(got.Files(), func(f File) bool { return f.Sum == [32]byte{1} }) {
		t.Errorf("files were read although nothing changed: %+v", got)
	}
	if got := o.Packs[pack.Addr{BasePath: "default", Ref: "seen"}].Version; got != "9.9.9" {
		t.Errorf("pack.yaml was read although nothing changed: %s", got)
	}
}

func TestIndexNoticesEveryKindOfChange(t *testing.T) {
	keepTimes := func(path string, change func() error) error {
		info, err := os.Stat(path)
		return errors.Join(err, change(), os.Chtimes(path, info.ModTime(), info.ModTime()))
	}
	changes := map[string]func(h *host, p string) error{
		"edit":                  func(_ *host, p string) error { return os.WriteFile(p+"/d/a", []byte("longer than before"), 0o644) },
		"edit of the same size": func(_ *host, p string) error { return os.WriteFile(p+"/d/a", []byte("B"), 0o644) },
		"edit with the time put back": func(_ *host, p string) error {
			return keepTimes(p+"/d/a", func() error { return os.WriteFile(p+"/d/a", []byte("B"), 0o644) })
		},
		"new file": func(_ *host, p string) error { return os.WriteFile(p+"/d/new", nil, 0o644) },
		"new file with the time put back": func(_ *host, p string) error {
			return keepTimes(p+"/d", func() error { return os.WriteFile(p+"/d/new", nil, 0o644) })
		},
		"new file below a new directory": func(_ *host, p string) error {
			return errors.Join(os.Mkdir(p+"/n", 0o755), os.WriteFile(p+"/n/new", nil, 0o644))
		},
		"file removed":      func(_ *host, p string) error { return os.Remove(p + "/d/a") },
		"directory removed": func(_ *host, p string) error { return os.RemoveAll(p + "/d") },
		"two files exchanged": func(_ *host, p string) error {
			return unix.Renameat2(unix.AT_FDCWD, p+"/d/a", unix.AT_FDCWD, p+"/d/b", unix.RENAME_EXCHANGE)
		},
		"two directories exchanged": func(_ *host, p string) error {
			return unix.Renameat2(unix.AT_FDCWD, p+"/d", unix.AT_FDCWD, p+"/e", unix.RENAME_EXCHANGE)
		},
		"mode":                    func(_ *host, p string) error { return os.Chmod(p+"/d/a", 0o600) },
		"mode of a directory":     func(_ *host, p string) error { return os.Chmod(p+"/d", 0o700) },
		"mode of the pack":        func(_ *host, p string) error { return os.Chmod(p, 0o700) },
		"link to something else":  func(_ *host, p string) error { return errors.Join(os.Remove(p+"/l"), os.Symlink("d/b", p+"/l")) },
		"file replaced by a link": func(_ *host, p string) error { return errors.Join(os.Remove(p+"/d/a"), os.Symlink("b", p+"/d/a")) },
		"directory replaced by one elsewhere": func(h *host, p string) error {
			return errors.Join(os.Rename(p+"/d", h.base+"/.away"), os.Symlink("../.away", p+"/d"))
		},
		"pack replaced by a copy": func(h *host, p string) error {
			return errors.Join(os.CopyFS(h.base+"/.copy", os.DirFS(p)), os.RemoveAll(p), os.Rename(h.base+"/.copy", p))
		},
		"pack exchanged": func(h *host, p string) error {
			return errors.Join(os.MkdirAll(h.base+"/.other/d", 0o755), os.WriteFile(h.base+"/.other/d/a", []byte("x"), 0o644),
				unix.Renameat2(unix.AT_FDCWD, p, unix.AT_FDCWD, h.base+"/.other", unix.RENAME_EXCHANGE))
		},
		"pack removed": func(_ *host, p string) error { return os.RemoveAll(p) },
		"pack became a link": func(h *host, p string) error {
			return errors.Join(os.Rename(p, h.base+"/.real"), os.Symlink(".real", p))
		},
		"pack.yaml": func(_ *host, p string) error {
			return os.WriteFile(p+"/pack.yaml", []byte("ref: p\nversion: 2.0.0\n"), 0o644)
		},
		"pack.yaml removed": func(_ *host, p string) error { return os.Remove(p + "/pack.yaml") },
		"bytecode only": func(_ *host, p string) error {
			return errors.Join(os.Mkdir(p+"/d/__pycache__", 0o755), os.WriteFile(p+"/d/__pycache__/x.pyc", nil, 0o644))
		},
		"nothing":           func(*host, string) error { return nil },
		"asked for in full": func(h *host, _ string) error { h.full("unmanaged"); return nil },
		"unmanaged pack.yaml": func(h *host, _ string) error {
			return os.WriteFile(h.base+"/unmanaged/pack.yaml", []byte("ref: unmanaged\nversion: 2.0.0\n"), 0o644)
		},
	}
	for name, change := range changes {
		h := newHost(t)
		for path, content := range map[string]string{"p/pack.yaml": "ref: p\nversion: 1.0.0\n", "p/d/a": "A", "p/d/b": "b", "p/e/c": "c", "unmanaged/pack.yaml": "ref: unmanaged\nversion: 1.0.0\n"} {
			h.write(path, content)
		}
		h.must(os.Symlink("d/a", h.base+"/p/l"))
		h.full("p")
		h.index()
		h.must(change(h, h.base+"/p"))
		h.same(name)
		h.index()
		h.same(name + ", indexed again")
	}
}

func TestIndexFollowsAnyHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHost(t)
		path := func(label string) string {
			return fmt.Sprintf("p/%s/%s", rapid.SampledFrom([]string{".", "d", "d/e"}).Draw(rt, label+" dir"), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, label))
		}
		h.must(os.MkdirAll(h.base+"/p/d/e", 0o755))
		h.full("p")
		for range rapid.IntRange(1, 3).Draw(rt, "rounds") {
			h.index()
			for range rapid.IntRange(0, 3).Draw(rt, "edits") {
				at := path("file")
				switch rapid.SampledFrom([]string{"write", "remove", "chmod", "move"}).Draw(rt, "edit") {
				case "write":
					h.write(at, rapid.StringN(0, 2, 2).Draw(rt, "content"))
				case "remove":
					if err := os.Remove(h.base + "/" + at); err != nil && !errors.Is(err, fs.ErrNotExist) {
						rt.Fatal(err)
					}
				case "chmod":
					if err := os.Chmod(h.base+"/"+at, rapid.SampledFrom([]fs.FileMode{0o644, 0o755, 0o600}).Draw(rt, "mode")); err != nil && !errors.Is(err, fs.ErrNotExist) {
						rt.Fatal(err)
					}
				case "move":
					if err := os.Rename(h.base+"/"+at, h.base+"/"+path("to")); err != nil && !errors.Is(err, fs.ErrNotExist) {
						rt.Fatal(err)
					}
				}
			}
			if diff := cmp.Diff(h.inspect(""), h.inspect(h.req.Index), onlyShown); diff != "" {
				rt.Fatalf("(-files +index):\n%s", diff)
			}
		}
	})
}

func TestIndexLeavesOutWhatJustChanged(t *testing.T) {
	h := newHost(t)
	h.write("p/a", "A")
	h.write("q/a", "A")
	h.full("p")
	h.full("q")
	var st unix.Stat_t
	h.must(unix.Stat(h.base+"/q/a", &st))
	o := h.inspect("")
	for name, test := range map[string]struct {
		began time.Duration // after the last change
		want  int
	}{"long before": {time.Hour, 2}, "just outside the tick": {tick + 1, 2}, "within the tick": {tick, 0}, "later, the clock was put back": {-time.Hour, 0}} {
		latest := int64(0)
		for _, p := range o.imprints {
			p.each(func(n *node) { latest = max(latest, n.ctime) })
			for i := range p.files { // all of one age, however slow this machine is
				p.files[i].ctime = latest
			}
		}
		for _, p := range o.imprints {
			for i := range p.dirs {
				p.dirs[i].ctime = latest
			}
		}
		o.began = time.Unix(0, latest).Add(test.began)
		h.must(WriteIndex(safefs.OS(), h.req.Index, o))
		if got := len(readIndex(h.req.Index).known); got != test.want {
			t.Errorf("changed %s: the index keeps %d packs, want %d", name, got, test.want)
		}
	}
}

func TestWriteIndexWritesOnlyWhatIsNew(t *testing.T) {
	h := newHost(t)
	h.write("p/a", "A")
	h.full("p")
	h.index()
	inode := func() uint64 {
		var st unix.Stat_t
		h.must(unix.Stat(h.req.Index, &st))
		return st.Ino
	}
	before := inode()
	h.must(WriteIndex(safefs.OS(), h.req.Index, h.inspect(h.req.Index)))
	if inode() != before {
		t.Error("the index was written again although nothing changed")
	}
	h.write("p/b", "B")
	h.index()
	if inode() == before {
		t.Error("the index was not written although a file was added")
	}
	missing := t.TempDir() + "/.packsync/index"
	h.must(WriteIndex(safefs.OS(), missing, h.inspect(missing)))
	if _, err := os.Lstat(filepath.Dir(missing)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the work directory was made for a cache: %v", err)
	}
}

func TestWriteIndexThatFailsIsAnError(t *testing.T) {
	h := newHost(t)
	h.write("p/a", "A")
	full := safefs.WithHook(safefs.OS(), func(safefs.Step) error { return syscall.ENOSPC })
	if err := WriteIndex(full, h.req.Index, h.inspect("")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
}

func decode(data []byte) map[string]*imprint {
	return decodeIndex(bytes.NewReader(data), int64(len(data))).known
}

func TestIndexThatCannotBeTrustedIsLost(t *testing.T) {
	h := newHost(t)
	h.write("p/pack.yaml", "ref: p\n")
	h.write("q/pack.yaml", "ref: q\n")
	h.full("p")
	h.index()
	good, err := os.ReadFile(h.req.Index)
	h.must(err)
	if len(decode(good)) == 0 {
		t.Fatal("the index cannot be read")
	}
	for n := range good {
		if len(decode(good[:n])) != 0 {
			t.Fatalf("an index cut to %d bytes is used", n)
		}
		for bit := range 8 {
			flipped := slices.Clone(good)
			flipped[n] ^= 1 << bit
			if len(decode(flipped)) != 0 {
				t.Fatalf("an index with bit %d of byte %d flipped is used", bit, n)
			}
		}
	}
	for name, spoil := range map[string]func() error{
		"others may write to it": func() error { return os.Chmod(h.req.Index, 0o620) },
		"a link": func() error {
			return errors.Join(os.Rename(h.req.Index, h.req.Index+"2"), os.Symlink("index2", h.req.Index))
		},
		"a directory": func() error { return errors.Join(os.Remove(h.req.Index), os.Mkdir(h.req.Index, 0o700)) },
		"a pipe":      func() error { return errors.Join(os.Remove(h.req.Index), syscall.Mkfifo(h.req.Index, 0o600)) },
		"empty":       func() error { return errors.Join(os.Remove(h.req.Index), os.WriteFile(h.req.Index, nil, 0o600)) },
		"missing":     func() error { return os.Remove(h.req.Index) },
	} {
		h.must(os.RemoveAll(h.req.Index))
		h.must(os.WriteFile(h.req.Index, good, 0o600))
		if len(readIndex(h.req.Index).known) != 2 {
			t.Fatal("the good index is not used")
		}
		h.must(spoil())
		if len(readIndex(h.req.Index).known) > 0 {
			t.Errorf("%s: used", name)
		}
		h.same(name)
	}
}

// FuzzDecodeIndex seals whatever it gets: the checksum keeps accidents out, the
// decoder must stand anything else.
func FuzzDecodeIndex(f *testing.F) {
	h := newHost(f)
	h.write("p/pack.yaml", "ref: p\n")
	h.full("p")
	f.Add(encodeIndex(h.inspect("").imprints)[len(magic):])
	f.Add([]byte(strings.Repeat("\xff", 64)))
	f.Fuzz(func(t *testing.T, payload []byte) {
		seal := func(payload []byte) []byte {
			data := append([]byte(magic), payload...)
			sum := sha256.Sum256(data)
			return append(data, sum[:]...)
		}
		known := decode(seal(payload))
		for _, p := range known {
			again := decode(encodeIndex([]*imprint{p}))
			if diff := cmp.Diff(p, again[p.dir], cmp.AllowUnexported(imprint{}, dirNode{}, node{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("decoded, encoded and decoded again (-first +again):\n%s", diff)
			}
		}
	})
}
