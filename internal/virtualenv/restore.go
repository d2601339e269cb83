package virtualenv

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/packsync/packsync/internal/safefs"
)

// Restore copies a virtualenv that was displaced, and that had been built for
// r.Final under the same key, to r.Stage: without pip and without the network.
// That the key is the same is for the caller to know; that the copy can work is
// checked. After an error nothing is left.
func (b *Builder) Restore(ctx context.Context, r Request, kept string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("restore virtualenv of %s from %s: %w", r.Ref, kept, err)
		}
	}()
	if err := checkRequest(r); err != nil {
		return err
	}
	if err := Inspect(kept); err != nil {
		return err
	}
	python, err := filepath.EvalSymlinks(filepath.Join(kept, "bin/python"))
	if err != nil {
		return err
	}
	if err := b.opts.Disk.MkdirAll(r.Stage, safefs.Owner{Mode: 0o700, UID: -1, GID: -1}); err != nil {
		return err
	}
	c := copier{from: kept, to: r.Final, python: python, profile: b.opts.Profile}
	err = c.copy(ctx, r.Stage)
	if err == nil {
		err = Check(ctx, r.Stage)
	}
	if err != nil {
		return errors.Join(err, b.opts.Disk.RemoveAll(r.Stage))
	}
	return nil
}
