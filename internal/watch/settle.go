package watch

import "time"

// settle sends on out when a burst of pokes is over: quiet after the last one, or
// limit after the first if they do not end. Without pokes it sends every poll.
// What nobody has received yet is not sent again: it says all there is to say.
func settle(stop, pokes <-chan struct{}, out chan<- struct{}, quiet, limit time.Duration, poll func() time.Duration) {
	var first time.Time // of the burst; zero between bursts
	timer := time.NewTimer(poll())
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-pokes:
			if first.IsZero() {
				first = time.Now()
			}
			timer.Reset(max(0, min(quiet, limit-time.Since(first))))
		case <-timer.C:
			first = time.Time{}
			select {
			case out <- struct{}{}:
			default:
			}
			timer.Reset(poll())
		}
	}
}
