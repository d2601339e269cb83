package gittest

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ID is the id of a git object.
type ID [20]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Objects is a set of git objects, made byte by byte, so that it may hold what
// no git program would write. The zero value is empty.
type Objects struct {
	order []ID
	byID  map[ID]object
}

type object struct {
	kind    string
	content []byte
}

// kinds are the types of object with their numbers in a packfile.
var kinds = map[string]byte{"commit": 1, "tree": 2, "blob": 3, "tag": 4}

// Put adds an object and returns its id.
func (o *Objects) Put(kind string, content []byte) ID {
	id := ID(sha1.Sum(append(fmt.Appendf(nil, "%s %d\x00", kind, len(content)), content...)))
	o.putAs(id, kind, content)
	return id
}

// putAs adds an object under an id that need not be its own.
func (o *Objects) putAs(id ID, kind string, content []byte) {
	if o.byID == nil {
		o.byID = map[ID]object{}
	}
	if _, known := o.byID[id]; !known {
		o.order = append(o.order, id)
	}
	o.byID[id] = object{kind, content}
}

// Blob adds a file.
func (o *Objects) Blob(content string) ID { return o.Put("blob", []byte(content)) }

// Entry is one line of a tree object.
type Entry struct {
	Mode, Name string
	ID         ID
}

// Tree adds a tree object with exactly these entries, in this order.
func (o *Objects) Tree(entries ...Entry) ID {
	var raw bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&raw, "%s %s\x00", e.Mode, e.Name)
		raw.Write(e.ID[:])
	}
	return o.Put("tree", raw.Bytes())
}

// Commit adds a commit.
func (o *Objects) Commit(tree ID, message string, parents ...ID) ID {
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "tree %s\n", tree)
	for _, p := range parents {
		fmt.Fprintf(&raw, "parent %s\n", p)
	}
	fmt.Fprintf(&raw, "author %s %s\ncommitter %s %s\n\n%s\n", identity, epoch, identity, epoch, message)
	return o.Put("commit", raw.Bytes())
}

// Len returns the number of objects.
func (o *Objects) Len() int { return len(o.order) }

// WriteTo puts the objects into a repository: as loose files, wrong ids included,
// or where they are many as a pack.
func (o *Objects) WriteTo(repo *Repo) error {
	const many = 500
	if len(o.order) > many {
		_, err := Git(repo.Dir, o.Pack(), "index-pack", "--stdin")
		return err
	}
	for _, id := range o.order {
		obj := o.byID[id]
		name := filepath.Join(repo.Dir, "objects", id.String()[:2], id.String()[2:])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("write object: %w", err)
		}
		packed := deflate(append(fmt.Appendf(nil, "%s %d\x00", obj.kind, len(obj.content)), obj.content...))
		if err := os.WriteFile(name, packed, 0o644); err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("write object: %w", err)
		}
	}
	return nil
}

// Pack returns a packfile of the objects. Wrong ids do not survive: a packfile
// holds none.
func (o *Objects) Pack() []byte {
	var p PackWriter
	for _, id := range o.order {
		p.Add(kinds[o.byID[id].kind], nil, o.byID[id].content)
	}
	return p.Bytes()
}

// PackWriter makes a packfile entry by entry. The zero value is empty.
type PackWriter struct {
	body  bytes.Buffer
	last  int // where the last entry begins in body
	count uint32
	z     *zlib.Writer // used again for each entry: making one costs more than most entries
}

// Offset is where the next entry will begin.
func (p *PackWriter) Offset() int64 { return 12 + int64(p.body.Len()) }

// Add appends an entry: its type number, what stands between its header and its
// data (the base of a delta), and the data before compression.
func (p *PackWriter) Add(kind byte, base, data []byte) {
	p.AddDeclared(kind, base, data, len(data))
}

// AddDeclared is Add with a size that need not be true.
func (p *PackWriter) AddDeclared(kind byte, base, data []byte, size int) {
	p.last = p.body.Len()
	first := kind<<4 | byte(size&0x0f)
	for size >>= 4; size > 0; size >>= 7 {
		p.body.WriteByte(first | 0x80)
		first = byte(size & 0x7f)
	}
	p.body.WriteByte(first)
	p.body.Write(base)
	if p.z == nil {
		p.z = zlib.NewWriter(&p.body)
	} else {
		p.z.Reset(&p.body)
	}
	_, _ = p.z.Write(data) // a buffer takes everything
	_ = p.z.Close()
	p.count++
}

// Repeat adds the last entry n times more.
func (p *PackWriter) Repeat(n int) {
	entry := bytes.Clone(p.body.Bytes()[p.last:])
	for range n {
		p.body.Write(entry)
		p.count++
	}
}

// Bytes returns the packfile.
func (p *PackWriter) Bytes() []byte { return p.BytesClaiming(p.count) }

// BytesClaiming returns the packfile with a number of objects that need not be
// true.
func (p *PackWriter) BytesClaiming(count uint32) []byte {
	out := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), count)
	out = append(out, p.body.Bytes()...)
	sum := sha1.Sum(out)
	return append(out, sum[:]...)
}

// OffsetBase is what Add wants for a delta (type 6) whose base began distance
// bytes before it.
func OffsetBase(distance int64) []byte {
	out := []byte{byte(distance & 0x7f)}
	for distance >>= 7; distance > 0; distance >>= 7 {
		distance--
		out = append([]byte{0x80 | byte(distance&0x7f)}, out...)
	}
	return out
}

// Delta makes a delta that repeats the whole base (of size bytes) n times.
func Delta(size, n int) []byte {
	out := appendSize(nil, size)
	out = appendSize(out, size*n)
	for range n {
		// Copy from offset 0: a size of three bytes.
		out = append(out, 0x80|0x70, byte(size), byte(size>>8), byte(size>>16))
	}
	return out
}

func appendSize(out []byte, size int) []byte {
	for ; size >= 0x80; size >>= 7 {
		out = append(out, 0x80|byte(size&0x7f))
	}
	return append(out, byte(size))
}

func deflate(data []byte) []byte {
	var buf bytes.Buffer
	w := zlib.NewWriter(&buf)
	_, _ = w.Write(data) // a buffer takes everything
	_ = w.Close()
	return buf.Bytes()
}
