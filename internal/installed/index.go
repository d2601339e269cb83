package installed

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

// magic begins the index and names its form: another form is another index, and
// so a lost one.
const magic = "packsync index 1\n"

// maxIndex is more than ten thousand packs need.
const maxIndex = 1 << 30

// tick is coarser than any clock that a file system takes its times from.
const tick = 20 * time.Millisecond

// index is what an index file says.
type index struct {
	list  []*imprint          // sorted by directory, as written
	known map[string]*imprint // the same by directory
	sum   []byte              // checksum of the file
}

// readIndex reads an index. It is a cache: whatever is wrong with it, or if
// others could have written it, nothing is known.
func readIndex(path string) index {
	if path == "" {
		return index{}
	}
	f, err := openFile(path, unix.O_NOFOLLOW)
	if err != nil {
		return index{}
	}
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil || int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		_ = f.Close() // nothing was written
		return index{}
	}
	ix := decodeIndex(f, st.Size)
	_ = f.Close() // nothing was written
	return ix
}

// WriteIndex keeps what Inspect found out, so that the next Inspect need not read
// files that did not change. It writes nothing where the index already says
// that, or where the work directory does not exist. An error costs nothing but
// time.
func WriteIndex(disk safefs.Disk, path string, o *Observed) error {
	if o.indexed {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var keep []*imprint
	for _, p := range o.imprints {
		if p.settled(o.began.Add(-tick).UnixNano()) {
			keep = append(keep, p)
		}
	}
	slices.SortFunc(keep, func(a, b *imprint) int { return strings.Compare(a.dir, b.dir) })
	data := encodeIndex(keep)
	if bytes.Equal(data[len(data)-sha256.Size:], o.index.sum) {
		return nil
	}
	if err := disk.WriteFile(path, data, safefs.Owner{Mode: 0o600, UID: -1, GID: -1}); err != nil {
		return fmt.Errorf("keep the fingerprints of installed packs: %w", err)
	}
	return nil
}

func encodeIndex(imprints []*imprint) []byte {
	e := encoder{buf: []byte(magic)}
	e.number(uint64(len(imprints)))
	for _, p := range imprints {
		e.text(p.dir)
		e.text(p.version)
		e.text(string(p.tree))
		e.text(string(p.content))
		full := uint64(0)
		if p.full {
			full = 1
		}
		e.number(full)
		e.number(p.dev)
		e.number(uint64(len(p.dirs)))
		e.number(uint64(len(p.files)))
		for i := range p.dirs {
			e.node(&p.dirs[i].node)
			e.number(uint64(p.dirs[i].end - p.dirs[i].first))
		}
		for i := range p.files {
			e.node(&p.files[i])
		}
		for i := range p.sums {
			e.buf = append(e.buf, p.sums[i][:]...)
		}
	}
	sum := sha256.Sum256(e.buf)
	return append(e.buf, sum[:]...)
}

// decodeIndex reads an index of a size. Anything but what encodeIndex wrote is no
// index.
func decodeIndex(r io.Reader, size int64) index {
	if size < int64(len(magic)+sha256.Size) || size > maxIndex {
		return index{}
	}
	// It is read once, into one text that all names are parts of, so that a million
	// of them cost no allocation.
	var text strings.Builder
	text.Grow(int(size))
	sha := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(&text, sha), r, size-sha256.Size); err != nil {
		return index{}
	}
	if _, err := io.CopyN(&text, r, sha256.Size); err != nil {
		return index{}
	}
	data, sum := text.String(), sha.Sum(nil)
	end := len(data) - sha256.Size
	if !strings.HasPrefix(data, magic) || data[end:] != string(sum) {
		return index{}
	}
	d := decoder{rest: data[len(magic):end]}
	ix := index{list: d.imprints(), sum: sum}
	ix.known = make(map[string]*imprint, len(ix.list))
	for _, p := range ix.list {
		ix.known[p.dir] = p
	}
	return ix
}

type encoder struct{ buf []byte }

func (e *encoder) number(n uint64) { e.buf = binary.LittleEndian.AppendUint64(e.buf, n) }

func (e *encoder) text(s string) {
	e.number(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

func (e *encoder) node(n *node) {
	e.text(n.path)
	for _, v := range [...]uint64{uint64(n.mode), uint64(n.uid), uint64(n.gid), uint64(n.size), uint64(n.mtime), uint64(n.ctime), n.ino} {
		e.number(v)
	}
}

// decoder reads what encoder wrote. After a first mistake it gives zeros and
// stays bad.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) take(n uint64) string {
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, ""
		return ""
	}
	part := d.rest[:n]
	d.rest = d.rest[n:]
	return part
}

func (d *decoder) number() uint64 {
	s := d.take(8)
	if len(s) < 8 {
		return 0
	}
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// count reads how many things of at least size bytes follow: never more than
// there is room for, so that no number can ask for more memory than the file has.
func (d *decoder) count(size int) int {
	n := d.number()
	if n > uint64(len(d.rest)/size) {
		d.bad = true
		return 0
	}
	return int(n)
}

func (d *decoder) text() string { return d.take(d.number()) }

func (d *decoder) node() node {
	return node{
		path: d.text(), mode: uint32(d.number()), uid: uint32(d.number()), gid: uint32(d.number()),
		size: int64(d.number()), mtime: int64(d.number()), ctime: int64(d.number()), ino: d.number(),
	}
}

const nodeBytes = 8 * 8 // with an empty path

func (d *decoder) imprints() []*imprint {
	list := make([]*imprint, d.count(8*8))
	for i := range list {
		if list[i] = d.imprint(); d.bad {
			return nil
		}
	}
	if d.rest != "" {
		return nil
	}
	return list
}

func (d *decoder) imprint() *imprint {
	p := &imprint{
		dir: d.text(), version: d.text(), tree: pack.TreeHash(d.text()), content: pack.TreeHash(d.text()),
		full: d.number() == 1, dev: d.number(),
	}
	p.dirs = make([]dirNode, d.count(nodeBytes+8))
	p.files = make([]node, d.count(nodeBytes))
	next := 0
	for i := range p.dirs {
		p.dirs[i] = dirNode{node: d.node(), first: next}
		next += d.count(1)
		p.dirs[i].end = next
	}
	for i := range p.files {
		p.files[i] = d.node()
	}
	if p.full {
		p.sums = make([][32]byte, len(p.files))
	}
	for i := range p.sums {
		copy(p.sums[i][:], d.take(32))
	}
	d.bad = d.bad || p.full && (next != len(p.files) || len(p.dirs) == 0)
	return p
}
