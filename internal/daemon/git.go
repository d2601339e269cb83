package daemon

import (
	"context"

	"github.com/packsync/packsync/internal/reconcile"
)

// follow asks the repository of the declaration; a new commit is a reason for a
// pass.
func (d *daemon) follow(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, d.opts.Timing.Pass)
	defer cancel()
	moved, err := d.checkOut(asking)
	if err != nil {
		d.tellAway(ctx, err)
	}
	if moved {
		d.pass(ctx, cause{why: "declaration"})
	}
}

// tellAway says that the repository cannot be asked: once, until it can be or the
// reason is another one.
func (d *daemon) tellAway(ctx context.Context, err error) {
	if ctx.Err() == nil && d.away != err.Error() {
		d.away = err.Error()
		d.opts.Log.Error("the declaration could not be fetched: the last one stays", "error", d.away)
	}
}

// checkOut brings the declaration to the newest commit and reports whether it
// moved. If that fails, one that was checked out before is used again.
func (d *daemon) checkOut(ctx context.Context) (moved bool, err error) {
	before := d.board.commit()
	checkout, err := reconcile.CheckOut(ctx, d.opts.Run, *d.opts.Git)
	if err == nil {
		d.away = ""
	}
	if checkout.Commit == "" {
		return false, err
	}
	d.opts.Run.Config.File, d.opts.Run.LockFile = d.opts.Git.Paths(checkout)
	d.board.checkedOut(checkout, d.opts.Run.Config.File)
	if err == nil && before != checkout.Commit {
		d.opts.Log.Info("declaration", "commit", string(checkout.Commit), "title", checkout.Title)
	}
	return before != checkout.Commit, err
}
