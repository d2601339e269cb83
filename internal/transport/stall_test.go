package transport_test

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/packsync/packsync/internal/transport"
)

// drip is a reader that delivers size bytes after each pause, in virtual time.
type drip struct {
	pauses []time.Duration
	size   int
	abort  chan struct{}
}

func (d *drip) Read(p []byte) (int, error) {
	if len(d.pauses) == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(d.pauses[0]):
	case <-d.abort:
		return 0, errors.New("aborted")
	}
	d.pauses = d.pauses[1:]
	return min(d.size, len(p)), nil
}

func times(n int, d time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = d
	}
	return all
}

func TestStall(t *testing.T) {
	for _, c := range []struct {
		name   string
		pauses []time.Duration
		size   int
		stalls time.Duration // after so long; 0 for never
	}{
		{"steady and fast", times(1000, 100*time.Millisecond), 4096, 0},
		{"just fast enough", times(200, time.Second), 1050, 0},
		{"silent from the start", []time.Duration{time.Hour}, 1, 30 * time.Second},
		{"slow-loris, a byte a second", times(1000, time.Second), 1, 30 * time.Second},
		{"a little too slow", times(1000, time.Second), 990, 30 * time.Second},
		{"a long pause after much", []time.Duration{time.Second, time.Second, time.Second, time.Second, time.Second, 40 * time.Second, time.Second}, 8000, 0},
		{"silent after much", []time.Duration{time.Second, time.Second, time.Second, time.Second, time.Second, time.Hour}, 8000, 60 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &drip{pauses: c.pauses, size: c.size, abort: make(chan struct{})}
				start := time.Now()
				_, err := io.Copy(io.Discard, transport.NewStallReader(d, func() { close(d.abort) }))
				took := time.Since(start)
				switch {
				case c.stalls == 0 && err != nil:
					t.Errorf("after %v: %v", took, err)
				case c.stalls != 0 && !errors.Is(err, transport.ErrStalled):
					t.Errorf("after %v the error is %v, want ErrStalled", took, err)
				case c.stalls != 0 && (took < c.stalls || took > c.stalls+time.Second):
					t.Errorf("it stalled after %v, want %v", took, c.stalls)
				}
			})
		})
	}
}

// TestSlowConsumerIsNoStall: who does not read cannot complain.
func TestSlowConsumerIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &drip{pauses: times(10, time.Millisecond), size: 100, abort: make(chan struct{})}
		r := transport.NewStallReader(d, func() { close(d.abort) })
		buf := make([]byte, 100)
		for {
			_, err := r.Read(buf)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute) // virtual
		}
	})
}
