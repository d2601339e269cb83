package installed

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/trace"
)

// chunk is how many files of one pack a worker takes at once: enough to open the
// pack's directory only once for them, few enough to keep all workers busy when
// one pack is a hundred times the size of the others.
const chunk = 64

// work is a part of one pack's files.
type work struct {
	p          *imprint
	first, end int
}

// hashAll hashes the files of all packs from one queue, then the packs.
func hashAll(ctx context.Context, imprints []*imprint, workers int) error {
	var queue []work
	for _, p := range imprints {
		for first := 0; first < len(p.files); first += chunk {
			queue = append(queue, work{p: p, first: first, end: min(first+chunk, len(p.files))})
		}
	}
	if len(queue) > 0 {
		var span *trace.Span
		ctx, span = trace.Do(ctx, trace.Hashing)
		defer span.End()
	}
	err := parallel(ctx, workers, len(queue), func() func(int) error {
		h := hasher{buf: make([]byte, 64<<10)}
		return func(i int) error { return h.hash(queue[i]) }
	})
	if err != nil {
		return err
	}
	return parallel(ctx, workers, len(imprints), func() func(int) error {
		return func(i int) error {
			m := imprints[i].manifest()
			imprints[i].tree, imprints[i].content = m.Tree(), m.Content()
			return nil
		}
	})
}

// parallel calls a worker's function for 0…n-1, on several goroutines, each with
// a function of its own. It stops at the first error, or when ctx ends.
func parallel(ctx context.Context, workers, n int, newWorker func() func(int) error) error {
	var next atomic.Int64
	var stop atomic.Bool
	errs := make([]error, min(workers, n))
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			do := newWorker()
			for !stop.Load() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[w] = ctx.Err(); errs[w] == nil {
					errs[w] = do(i)
				}
				if errs[w] != nil {
					stop.Store(true)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err // one is enough: the others are often the same
		}
	}
	return nil
}

type hasher struct{ buf []byte }

func (h *hasher) hash(w work) error {
	fd, err := openDir(unix.AT_FDCWD, w.p.dir)
	if err != nil {
		return &fs.PathError{Op: "open pack", Path: w.p.dir, Err: err}
	}
	for i := w.first; i < w.end && err == nil; i++ {
		f := &w.p.files[i]
		if f.kind() == unix.S_IFLNK {
			err = h.link(fd, f, &w.p.sums[i])
		} else {
			err = h.file(fd, f, &w.p.sums[i])
		}
		if err != nil {
			err = &fs.PathError{Op: "read", Path: w.p.at(f.path), Err: err}
		}
	}
	return errors.Join(err, unix.Close(fd))
}

// errChanged: what was read is not what was listed.
var errChanged = errors.New("it changed while packsync looked at it: run again when nothing writes to it")

func (h *hasher) file(dir int, f *node, sum *[32]byte) (err error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(dir, f.path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if f.size < int64(len(h.buf)) {
		n, err := h.fill(fd, f.size)
		if err != nil {
			return err
		}
		if int64(n) != f.size {
			return errChanged
		}
		*sum = sha256.Sum256(h.buf[:n])
		return nil
	}
	sha := sha256.New()
	var total int64
	for {
		n, err := h.fill(fd, f.size-total)
		if err != nil {
			return err
		}
		sha.Write(h.buf[:n]) // a hash.Hash never fails
		if total += int64(n); total > f.size {
			return errChanged
		}
		if n < len(h.buf) {
			break
		}
	}
	if total != f.size {
		return errChanged
	}
	sha.Sum(sum[:0])
	return nil
}

// fill reads until the buffer is full or the file ends, of which want bytes are
// left. The end is not read for itself: there was room for more than want, and a
// file that grew would have given more.
func (h *hasher) fill(fd int, want int64) (int, error) {
	n := 0
	for n < len(h.buf) {
		got, err := retry(func() (int, error) { return unix.Read(fd, h.buf[n:]) })
		if err != nil {
			return n, err
		}
		if n += got; got == 0 || int64(n) == want && n < len(h.buf) {
			break
		}
	}
	return n, nil
}

func (h *hasher) link(dir int, f *node, sum *[32]byte) error {
	n, err := retry(func() (int, error) { return unix.Readlinkat(dir, f.path, h.buf) })
	if err != nil {
		return err
	}
	*sum = sha256.Sum256(h.buf[:n])
	return nil
}
