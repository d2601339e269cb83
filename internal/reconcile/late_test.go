package reconcile

import (
	"io/fs"
	"sync/atomic"

	"github.com/packsync/packsync/internal/safefs"
)

// lateDisk is a disk whose operations have their effect and then fail as told.
type lateDisk struct {
	safefs.Disk
	before func() error
	after  func() error
}

// stopAfter is a disk on which the run ends after operation n; never with 0. It
// returns the count of operations too.
func stopAfter(d safefs.Disk, n int64) (safefs.Disk, *atomic.Int64) {
	var count atomic.Int64
	return lateDisk{d,
		func() error {
			if count.Add(1) > n && n > 0 {
				return errStopped
			}
			return nil
		},
		func() error {
			if n > 0 && count.Load() >= n {
				return errStopped
			}
			return nil
		}}, &count
}

// failAfter is a disk whose operation n has its effect and reports an error.
func failAfter(d safefs.Disk, n int64, err error) safefs.Disk {
	var count atomic.Int64
	return lateDisk{d, func() error { return nil }, func() error {
		if count.Add(1) == n {
			return &fs.PathError{Op: "late", Path: "/somewhere", Err: err}
		}
		return nil
	}}
}

func (d lateDisk) do(effect func() error) error {
	if err := d.before(); err != nil {
		return err
	}
	if err := effect(); err != nil {
		return err
	}
	return d.after()
}

func (d lateDisk) WriteFile(path string, data []byte, owner safefs.Owner) error {
	return d.do(func() error { return d.Disk.WriteFile(path, data, owner) })
}

func (d lateDisk) MkdirAll(path string, owner safefs.Owner) error {
	return d.do(func() error { return d.Disk.MkdirAll(path, owner) })
}

func (d lateDisk) MkdirStage(path string, owner safefs.Owner) error {
	return d.do(func() error { return d.Disk.MkdirStage(path, owner) })
}

func (d lateDisk) Exchange(a, b string) error {
	return d.do(func() error { return d.Disk.Exchange(a, b) })
}

func (d lateDisk) MoveNew(oldPath, newPath string) error {
	return d.do(func() error { return d.Disk.MoveNew(oldPath, newPath) })
}

func (d lateDisk) RemoveAll(path string) error {
	return d.do(func() error { return d.Disk.RemoveAll(path) })
}

func (d lateDisk) SyncFS(path string) error { return d.do(func() error { return d.Disk.SyncFS(path) }) }

func (d lateDisk) SyncDir(path string) error {
	return d.do(func() error { return d.Disk.SyncDir(path) })
}
