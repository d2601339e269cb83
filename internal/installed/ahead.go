package installed

import (
	"cmp"
	"context"
	"runtime"
	"time"
)

// Ahead looks at the packs that an index knows while others still find out which
// of them count: the looking is most of what a run costs in which nothing
// changed, and it needs nothing but the index.
type Ahead struct {
	path  string
	began time.Time // before the first look
	done  chan struct{}
	index index // once done is closed
}

// fresh is how long a look ahead counts. Whoever took longer to ask for it has
// waited for a network meanwhile, and the disk may be another.
const fresh = time.Second

// LookAhead begins to look at what the index at path knows. It changes nothing;
// workers is as Request.Parallel.
func LookAhead(ctx context.Context, path string, workers int) *Ahead {
	a := &Ahead{path: path, began: time.Now(), done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.index = readIndex(path)
		known := a.index.list
		// An error can only be that of ctx. Then nothing is held, and whoever goes on
		// all the same meets the error.
		_ = parallel(ctx, cmp.Or(workers, runtime.GOMAXPROCS(0)), len(known), func() func(int) error {
			return func(i int) error {
				known[i].held = known[i].holds()
				return nil
			}
		})
	}()
	return a
}

// Current returns a if it is of the index at path and still counts, else nil.
func (a *Ahead) Current(path string) *Ahead {
	if a == nil || a.path != path || time.Since(a.began) > fresh {
		return nil
	}
	return a
}

func (a *Ahead) wait() index {
	<-a.done
	return a.index
}
