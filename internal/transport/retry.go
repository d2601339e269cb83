package transport

import (
	"context"
	"math/rand/v2"
	"time"
)

// How often and how long a reading request is tried again.
const (
	attempts  = 3
	firstWait = 500 * time.Millisecond
	maxWait   = 2 * time.Minute // a server that asks for more is given up at once
)

// Retry calls try up to three times, as long as Diagnose says that another try
// may help, waiting between them: what the server asked for, else half a second
// doubling, with jitter so that many hosts do not come back together. It does
// not wait past ctx's deadline. The error is that of the last try.
// Use it for reading requests only.
func Retry(ctx context.Context, clock Clock, try func(context.Context) error) error {
	wait := firstWait
	for n := 1; ; n++ {
		err := try(ctx)
		if err == nil || n == attempts || ctx.Err() != nil {
			return err
		}
		p := Diagnose(err, clock.Now())
		if !p.Retry || p.After > maxWait {
			return err
		}
		pause := max(p.After, wait/2+rand.N(wait))
		if deadline, ok := ctx.Deadline(); ok && clock.Now().Add(pause).After(deadline) {
			return err
		}
		if clock.Sleep(ctx, pause) != nil {
			return err
		}
		wait *= 2
	}
}
