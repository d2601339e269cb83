package st2

import (
	"context"
	"time"
)

// SystemClock returns the machine's clock.
func SystemClock() Clock { return systemClock{} }

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Retrying is the same for every client: what is known to pass is tried this
// often, with pauses that double.
const (
	maxAttempts = 4
	firstPause  = time.Second
)

// retry calls try until it succeeds, fails for good, or was called maxAttempts
// times. try says whether its error may pass. The error of a *Error gets the
// number of attempts.
func retry(ctx context.Context, clock Clock, try func() (mayPass bool, err error)) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		mayPass, err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || !mayPass || attempt == maxAttempts {
			setAttempts(err, attempt)
			return err
		}
		if err := clock.Sleep(ctx, pause); err != nil {
			return err
		}
		pause *= 2
	}
}
