package apply

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/packsync/packsync/internal/safefs"
)

// takeBack withdraws an intent whose writing failed: it may be there all the
// same, and a later recovery would then carry out what this run reports as not
// done. Where that fails too, the error is an *UnfinishedError.
func (a *Applier) takeBack(in *intent, s *Staged, cause error) error {
	path := a.journalPath(in.Serial)
	there, err := inodeIfThere(path)
	if err == nil && there != 0 {
		if err = a.Disk.RemoveAll(path); err == nil {
			err = a.Disk.SyncDir(filepath.Dir(path))
		}
	}
	if err != nil {
		return &UnfinishedError{Err: errors.Join(cause, fmt.Errorf("withdraw the intent record: %w", err))}
	}
	return errors.Join(cause, a.discard(s))
}

// free returns path, or the first of path.2, path.3… that is not taken. A lost
// record begins to count from the start again, and then names come twice.
func free(path string) (string, error) {
	name := path
	for n := 2; ; n++ {
		there, err := inodeIfThere(name)
		if err != nil {
			return "", err
		}
		if there == 0 {
			return name, nil
		}
		name = fmt.Sprintf("%s.%d", path, n)
	}
}

// sweepAge is how old a temporary file must be in a place where others than the
// holder of the run lock write too: the index, which a plan renews, and W itself,
// which is made before it can be locked.
const sweepAge = time.Hour

// sweep removes the temporary names that crashes left. They are never needed, but
// nobody should have to wonder what they are.
func (a *Applier) sweep() error {
	shared := []string{filepath.Dir(a.Layout.Work), a.Layout.Work}
	own := append(a.Layout.files(), a.Layout.Dirs...)
	for _, work := range a.works() {
		own = append(own, filepath.Join(work, journalDir), filepath.Join(work, keepDir), filepath.Join(work, penDir))
		if work != a.Layout.Work {
			own = append(own, work)
		}
	}
	for _, dir := range shared {
		if err := a.sweepDir(dir, a.Now().Add(-sweepAge)); err != nil {
			return err
		}
	}
	for _, dir := range own {
		if err := a.sweepDir(dir, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// sweepDir removes the temporary names in dir that are older than before; the
// zero time means all.
func (a *Applier) sweepDir(dir string, before time.Time) error {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("clean up after an interrupted apply: %w", err)
	}
	for _, e := range entries {
		if !safefs.IsTemp(e.Name()) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && (before.IsZero() || info.ModTime().Before(before)) {
			err = a.Disk.RemoveAll(filepath.Join(dir, e.Name()))
		}
		if err != nil {
			return fmt.Errorf("clean up after an interrupted apply: %w", err)
		}
	}
	return nil
}
