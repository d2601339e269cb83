package watch

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// run feeds pokes at the given times to settle and returns when it sent, as
// milliseconds, up to end.
func run(t *testing.T, end time.Duration, pokesAt ...time.Duration) (sent []string) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		stop, pokes, out := make(chan struct{}), make(chan struct{}, 1), make(chan struct{}, 1)
		began := time.Now()
		go settle(stop, pokes, out, 200*time.Millisecond, 2*time.Second, func() time.Duration { return 30 * time.Second })
		go func() {
			for _, at := range pokesAt {
				<-time.NewTimer(at - time.Since(began)).C
				select {
				case pokes <- struct{}{}:
				default:
				}
			}
		}()
		over := time.NewTimer(end)
		for {
			select {
			case <-out:
				sent = append(sent, fmt.Sprint(time.Since(began).Milliseconds()))
			case <-over.C:
				close(stop)
				return
			}
		}
	})
	return sent
}

func TestSettle(t *testing.T) {
	var flood, endless []time.Duration
	for i := range 10_000 { // in one second
		flood = append(flood, time.Duration(i)*100*time.Microsecond)
	}
	for i := range 50 { // every 100 ms for five seconds
		endless = append(endless, time.Duration(i)*100*time.Millisecond)
	}
	ms := time.Millisecond
	for _, c := range []struct {
		name  string
		end   time.Duration
		pokes []time.Duration
		want  string
	}{
		{"one event waits for quiet", 5 * time.Second, []time.Duration{0}, "[200]"},
		{"a burst counts from its last event", 5 * time.Second, []time.Duration{0, 150 * ms, 300 * ms}, "[500]"},
		{"two bursts are two", 5 * time.Second, []time.Duration{0, 201 * ms}, "[200 401]"},
		{"10,000 events in a second are one", 10 * time.Second, flood, "[1199]"},
		{"a burst without an end is looked at every two seconds", 10 * time.Second, endless, "[2000 4000 5100]"},
		{"nothing happens for a minute", 61 * time.Second, nil, "[30000 60000]"},
		{"an event puts the slow look off", 35 * time.Second, []time.Duration{10 * time.Second}, "[10200]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fmt.Sprint(run(t, c.end, c.pokes...)); got != c.want {
				t.Errorf("sent at %s ms, want %s", got, c.want)
			}
		})
	}
}

// TestSettleDoesNotWaitForItsReader: a pass that takes long must not make two of
// the bursts that fell into it.
func TestSettleDoesNotWaitForItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, pokes, out := make(chan struct{}), make(chan struct{}, 1), make(chan struct{}, 1)
		go settle(stop, pokes, out, 200*time.Millisecond, 2*time.Second, func() time.Duration { return time.Hour })
		for range 5 {
			pokes <- struct{}{}
			<-time.NewTimer(time.Second).C
		}
		<-out
		synctest.Wait()
		select {
		case <-out:
			t.Error("two were sent for one reader")
		default:
		}
		close(stop)
	})
}
