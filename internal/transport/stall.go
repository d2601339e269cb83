package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// ErrStalled reports a server that sent next to nothing for StallWindow.
var ErrStalled = errors.New("the server stalled: less than 1000 bytes a second for 30 seconds")

// NewStallReader returns a reader that gives up with ErrStalled when r delivers
// less than StallRate over StallWindow. abort must make a blocked Read of r
// return. Only time spent waiting in Read counts, so a slow consumer is no
// stall. Not safe for concurrent use.
func NewStallReader(r io.Reader, abort func()) io.Reader {
	return &stallReader{r: r, abort: abort, left: StallWindow}
}

type stallReader struct {
	r     io.Reader
	abort func()

	mu      sync.Mutex
	left    time.Duration // of the window, in time spent waiting
	bytes   int64         // received in this window
	since   time.Time     // when the running Read began to use up left
	timer   *time.Timer
	read    int // number of the Read that runs, or of the next one
	stalled bool
}

func (s *stallReader) Read(p []byte) (int, error) {
	s.mu.Lock()
	s.since = time.Now()
	number := s.read
	s.timer = time.AfterFunc(s.left, func() { s.expire(number) })
	s.mu.Unlock()

	n, err := s.r.Read(p)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Stop()
	s.read++
	s.left -= time.Since(s.since)
	s.bytes += int64(n)
	if s.stalled {
		return n, ErrStalled
	}
	if s.left <= 0 {
		// Trickling: no single Read lasted long enough for the timer.
		if s.tooSlow() && err == nil {
			s.stalled = true
			s.abort()
			return n, ErrStalled
		}
		s.left, s.bytes = StallWindow, 0
	}
	return n, err
}

func (s *stallReader) tooSlow() bool { return s.bytes < StallRate*int64(StallWindow/time.Second) }

// expire judges a window that ends while a Read, by its number, waits.
func (s *stallReader) expire(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read != number {
		return // that Read ended in this moment and judges by itself
	}
	if s.tooSlow() {
		s.stalled = true
		s.abort()
		return
	}
	s.left, s.bytes, s.since = StallWindow, 0, time.Now()
	s.timer.Reset(StallWindow)
}

// stallGuard puts a stallReader on every answer.
type stallGuard struct{ base http.RoundTripper }

func (g *stallGuard) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	resp, err := g.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &guardedBody{Reader: NewStallReader(resp.Body, cancel), body: resp.Body, cancel: cancel}
	// Redirects and cookies are judged by resp.Request, which must stay the
	// caller's.
	resp.Request = req
	return resp, nil
}

func (g *stallGuard) CloseIdleConnections() { closeIdle(g.base) }

type guardedBody struct {
	io.Reader
	body   io.Closer
	cancel context.CancelFunc
}

func (b *guardedBody) Close() error {
	err := b.body.Close()
	b.cancel()
	return err
}
