package gogit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"github.com/packsync/packsync/internal/tree"
)

// keptBytes is how much decoded content stays in memory. It holds nearly every
// pack whole; what does not fit is inflated again when it is asked for, so that
// no repository, however hostile, takes more.
const keptBytes = 64 << 20

// errTruncated reports a pack that ends early: the connection was cut.
var errTruncated error = &plainError{"the packfile ends early", io.ErrUnexpectedEOF}

// errNoObject reports an id that no object has.
var errNoObject = errors.New("the object is missing")

// objects is a store of git objects by id.
type objects interface {
	// get returns the type and the content of an object; the caller must not
	// change it. The error wraps errNoObject if there is none.
	get(id plumbing.Hash) (plumbing.ObjectType, []byte, error)
	// size returns the type and length of an object without its content.
	size(id plumbing.Hash) (plumbing.ObjectType, int64, error)
	// withPrefix returns the ids that begin with hex digits.
	withPrefix(digits string) ([]plumbing.Hash, error)
}

// packed is a packfile in memory whose every byte was verified: its trailer, and
// the id of each object, which is recomputed (with sha1cd, which knows collision
// attacks). Safe for concurrent use.
type packed struct {
	data *chunks
	list []packedObject
	byID map[plumbing.Hash]int32
	kept *shelf
}

type packedObject struct {
	kind   plumbing.ObjectType // of the object itself, also where it is stored as a delta
	depth  int16               // number of deltas to apply; 0 for an object stored whole
	base   int32               // index of the base of a delta
	offset int64
	size   int64
}

// decode reads and verifies a packfile within bounds, as it arrives: what is
// wrong ends it at once, and sizes are judged where they are declared, before
// memory is taken.
func decode(ctx context.Context, r io.Reader, l Limits) (*packed, error) {
	data := &chunks{}
	in := &notingReader{r: &boundedReader{r: r, left: l.packBytes(), what: "its packfile"}}
	d := decoder{
		limits:   l,
		scanner:  packfile.NewScanner(io.TeeReader(in, data)),
		packed:   &packed{data: data, kept: &shelf{limit: keptBytes}, byID: map[plumbing.Hash]int32{}},
		byOffset: map[int64]int32{},
	}
	if err := d.all(ctx); err != nil {
		// How the stream ended says more than what the scanner made of it.
		if in.end != nil && !errors.Is(in.end, io.EOF) {
			return nil, in.end
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	// Read to the end, so that a connection can be used again.
	if _, err := io.Copy(data, in); err != nil {
		return nil, err
	}
	return d.packed, d.checkEnd()
}

// all reads from the header to the trailer.
func (d *decoder) all(ctx context.Context) error {
	_, count, err := d.scanner.Header()
	if err != nil {
		return packError(err)
	}
	if int64(count) > d.limits.Objects {
		return limitError("it has %d git objects, %d are allowed", count, d.limits.Objects)
	}
	for range count {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.next(); err != nil {
			return err
		}
	}
	if err := d.resolveWaiting(ctx); err != nil {
		return err
	}
	if d.trailer, err = d.scanner.Checksum(); err != nil {
		return packError(err)
	}
	return nil
}

// checkEnd makes sure that nothing follows the trailer.
func (d *decoder) checkEnd() error {
	var last plumbing.Hash
	if _, err := d.data.ReadAt(last[:], d.data.size-int64(len(last))); err != nil || last != d.trailer {
		return errors.New("damaged packfile: something follows its end")
	}
	return nil
}

type decoder struct {
	*packed
	limits   Limits
	scanner  *packfile.Scanner
	byOffset map[int64]int32
	total    int64 // bytes of content decoded so far
	waiting  []waitingDelta
	trailer  plumbing.Hash
}

// waitingDelta is a delta whose base stands later in the pack. git does not
// write such packs, but may.
type waitingDelta struct {
	index  int32
	baseID plumbing.Hash // zero if the base is known by index
}

// next reads the next object of the pack.
func (d *decoder) next() error {
	h, err := d.scanner.NextObjectHeader()
	if err != nil {
		return packError(err)
	}
	if err := d.admit(h.Length); err != nil {
		return err
	}
	w := newFixedWriter(h.Length)
	if _, _, err := d.scanner.NextObject(w); err != nil {
		return packError(err)
	}
	if int64(len(w.buf)) != h.Length {
		return fmt.Errorf("damaged packfile: an object has %d bytes instead of %d", len(w.buf), h.Length)
	}
	index := int32(len(d.list))
	d.byOffset[h.Offset] = index
	d.list = append(d.list, packedObject{kind: h.Type, offset: h.Offset, size: h.Length, base: -1})
	switch h.Type {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
		d.enter(index, w.buf)
		return nil
	case plumbing.OFSDeltaObject:
		base, ok := d.byOffset[h.OffsetReference]
		if !ok {
			return errors.New("damaged packfile: a delta has no base")
		}
		if base == index || d.list[base].kind.IsDelta() {
			d.list[index].base = base
			d.waiting = append(d.waiting, waitingDelta{index: index})
			return nil
		}
		return d.apply(index, base, w.buf)
	case plumbing.REFDeltaObject:
		base, ok := d.byID[h.Reference]
		if !ok {
			d.waiting = append(d.waiting, waitingDelta{index: index, baseID: h.Reference})
			return nil
		}
		return d.apply(index, base, w.buf)
	}
	return fmt.Errorf("damaged packfile: unknown type of object %d", h.Type)
}

// admit counts content that is about to take memory.
func (d *decoder) admit(size int64) error {
	if size > d.limits.ObjectBytes {
		return limitError("it holds a file of %d bytes, %d are allowed (%s)", size, d.limits.ObjectBytes, tree.RaiseBytes)
	}
	if d.total += size; d.total > d.limits.DecodedBytes {
		return limitError("its content has more than the %d bytes that are allowed (%s)", d.limits.DecodedBytes, tree.RaiseBytes)
	}
	return nil
}

// enter records a decoded object under the id that its content has.
func (d *decoder) enter(index int32, content []byte) {
	o := &d.list[index]
	o.size = int64(len(content))
	d.byID[plumbing.ComputeHash(o.kind, content)] = index
	d.kept.put(index, content)
}

// apply turns a delta into the object that it stands for.
func (d *decoder) apply(index, base int32, delta []byte) error {
	o, from := &d.list[index], &d.list[base]
	if int64(from.depth) >= d.limits.DeltaDepth {
		return limitError("its packfile chains more than %d deltas", d.limits.DeltaDepth)
	}
	size, err := deltaTarget(delta)
	if err != nil {
		return err
	}
	if err := d.admit(size); err != nil {
		return err
	}
	o.kind, o.base, o.depth = from.kind, base, from.depth+1
	source, err := d.content(base)
	if err != nil {
		return err
	}
	content, err := packfile.PatchDelta(source, delta)
	if err != nil {
		return fmt.Errorf("damaged packfile: %w", err)
	}
	d.enter(index, content)
	return nil
}

// resolveWaiting applies the deltas whose base came later, until none is left.
func (d *decoder) resolveWaiting(ctx context.Context) error {
	for len(d.waiting) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		var still []waitingDelta
		for _, w := range d.waiting {
			base, known := d.list[w.index].base, true
			if base < 0 {
				base, known = d.byID[w.baseID]
			}
			if !known || d.list[base].kind.IsDelta() {
				still = append(still, w)
				continue
			}
			delta, err := d.inflate(w.index)
			if err != nil {
				return err
			}
			if err := d.apply(w.index, base, delta); err != nil {
				return err
			}
		}
		if len(still) == len(d.waiting) {
			return errors.New("damaged packfile: a delta has no base")
		}
		d.waiting = still
	}
	return nil
}

// deltaTarget reads the size that a delta claims to make: two sizes in base 128
// stand at its beginning. It is judged before packfile.PatchDelta takes memory.
func deltaTarget(delta []byte) (int64, error) {
	rest := delta
	var size uint64
	for range 2 {
		size = 0
		for shift := 0; ; shift += 7 {
			if len(rest) == 0 || shift > 56 {
				return 0, errors.New("damaged packfile: a delta without sizes")
			}
			b := rest[0]
			rest = rest[1:]
			size |= uint64(b&0x7f) << shift
			if b&0x80 == 0 {
				break
			}
		}
	}
	return int64(size), nil
}

// content returns the bytes of an object, inflating again what was not kept.
func (p *packed) content(index int32) ([]byte, error) {
	// Down to the nearest base that is at hand …
	chain := []int32{index}
	base, found := p.kept.get(index)
	for !found && p.list[chain[len(chain)-1]].base >= 0 {
		next := p.list[chain[len(chain)-1]].base
		chain = append(chain, next)
		base, found = p.kept.get(next)
	}
	if !found {
		var err error
		bottom := chain[len(chain)-1]
		if base, err = p.inflate(bottom); err != nil {
			return nil, err
		}
		p.kept.put(bottom, base)
	}
	// … and up again, delta by delta.
	for i := len(chain) - 2; i >= 0; i-- {
		delta, err := p.inflate(chain[i])
		if err != nil {
			return nil, err
		}
		if base, err = packfile.PatchDelta(base, delta); err != nil {
			return nil, fmt.Errorf("damaged packfile: %w", err)
		}
		p.kept.put(chain[i], base)
	}
	return base, nil
}

// inflate returns what is stored for an object: its content or its delta.
func (p *packed) inflate(index int32) ([]byte, error) {
	scanner := packfile.NewScanner(io.NewSectionReader(p.data, 0, p.data.size))
	h, err := scanner.SeekObjectHeader(p.list[index].offset)
	if err != nil {
		return nil, packError(err)
	}
	w := newFixedWriter(h.Length)
	if _, _, err := scanner.NextObject(w); err != nil {
		return nil, packError(err)
	}
	return w.buf, nil
}

func (p *packed) find(id plumbing.Hash) (int32, error) {
	index, ok := p.byID[id]
	if !ok {
		return 0, fmt.Errorf("object %s: %w", id, errNoObject)
	}
	return index, nil
}

func (p *packed) get(id plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	index, err := p.find(id)
	if err != nil {
		return 0, nil, err
	}
	content, err := p.content(index)
	return p.list[index].kind, content, err
}

func (p *packed) size(id plumbing.Hash) (plumbing.ObjectType, int64, error) {
	index, err := p.find(id)
	if err != nil {
		return 0, 0, err
	}
	return p.list[index].kind, p.list[index].size, nil
}

func (p *packed) withPrefix(digits string) ([]plumbing.Hash, error) {
	var found []plumbing.Hash
	for id := range p.byID {
		if strings.HasPrefix(id.String(), digits) {
			found = append(found, id)
		}
	}
	return found, nil
}

// fixedWriter collects an object; the scanner stops at the size that was
// declared. A size is free to claim, so memory for more than a megabyte is taken
// once a megabyte is there.
type fixedWriter struct {
	buf  []byte
	size int64
}

func newFixedWriter(size int64) *fixedWriter {
	return &fixedWriter{buf: make([]byte, 0, min(size, 1<<20)), size: size}
}

func (w *fixedWriter) Write(p []byte) (int, error) {
	if len(w.buf)+len(p) > cap(w.buf) {
		w.buf = append(make([]byte, 0, max(w.size, int64(len(w.buf)+len(p)))), w.buf...)
	}
	w.buf = append(w.buf, p...)
	return len(p), nil
}

// chunks is a growing sequence of bytes. Only the first chunk is copied as it
// grows, since most packfiles fit into it.
type chunks struct {
	list [][]byte // all but the last are full: chunkSize bytes
	size int64
}

const chunkSize = 1 << 18

func (c *chunks) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		last := len(c.list) - 1
		if last < 0 || len(c.list[last]) == chunkSize {
			c.list = append(c.list, nil)
			last++
		}
		n := min(chunkSize-len(c.list[last]), len(rest))
		c.list[last] = append(c.room(last, n), rest[:n]...)
		c.size += int64(n)
		rest = rest[n:]
	}
	return len(p), nil
}

// room returns a chunk with room for n more bytes.
func (c *chunks) room(chunk, n int) []byte {
	old := c.list[chunk]
	switch need := len(old) + n; {
	case need <= cap(old):
		return old
	case chunk > 0:
		return make([]byte, 0, chunkSize) // the next ones are made to be filled
	default:
		return append(make([]byte, 0, min(max(need, 2*cap(old)), chunkSize)), old...)
	}
}

// ReadAt implements io.ReaderAt.
func (c *chunks) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, errors.New("read before the beginning")
	}
	for n < len(p) {
		if at >= c.size {
			return n, io.EOF
		}
		copied := copy(p[n:], c.list[at/chunkSize][at%chunkSize:])
		n, at = n+copied, at+int64(copied)
	}
	return n, nil
}

// WriteTo implements io.WriterTo.
func (c *chunks) WriteTo(w io.Writer) (total int64, err error) {
	for _, chunk := range c.list {
		n, err := w.Write(chunk)
		if total += int64(n); err != nil {
			return total, err
		}
	}
	return total, nil
}

// packError translates an error of go-git's scanner.
func packError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, packfile.ErrEmptyPackfile) {
		return errTruncated
	}
	return fmt.Errorf("damaged packfile: %w", err)
}

func limitError(format string, args ...any) error {
	return &tree.RefusedError{Rule: tree.RuleLimit, Reason: fmt.Sprintf(format, args...)}
}
