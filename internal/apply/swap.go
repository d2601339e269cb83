package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/tree"
)

// errHalfway marks a swap that was stopped between its two steps and could not
// be taken back: the pack is missing, and only the intent record brings it back.
var errHalfway = errors.New("stopped halfway through the swap")

// swap carries out one op, or finishes one that was interrupted anywhere. What it
// displaces waits to be filed away.
func (a *Applier) swap(o op) error {
	if o.Kind.takes() {
		return a.moveOut(o)
	}
	return a.swapIn(o)
}

// swapIn makes Staged live. A file server may have done it and lost the answer:
// what is live now decides.
func (a *Applier) swapIn(o op) error {
	err := a.trySwapIn(o)
	if err != nil && isAt(o.Live, o.Inode) {
		return nil
	}
	return err
}

// isAt reports whether the file with this inode number is at path for sure.
func isAt(path string, ino uint64) bool {
	now, err := inode(path)
	return err == nil && now == ino
}

// trySwapIn makes Staged live, in one step where the file system can.
func (a *Applier) trySwapIn(o op) error {
	live, err := inodeIfThere(o.Live)
	if err != nil {
		return err
	}
	if live == o.Inode {
		return nil // the swap happened before a crash
	}
	if staged, err := inodeIfThere(o.Staged); err != nil {
		return err
	} else if staged != o.Inode {
		return fmt.Errorf("%s is neither live nor staged any more: somebody removed it; run apply again", o.Ref)
	}
	if live == 0 {
		err := a.Disk.MoveNew(o.Staged, o.Live)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		// Somebody put something there meanwhile: swap, and look at what comes out.
	}
	err = a.Disk.Exchange(o.Staged, o.Live)
	if !errors.Is(err, safefs.ErrNoExchange) {
		return err
	}
	// Two steps instead of one: the pack is missing in between, and the intent
	// record brings it back if we are stopped there.
	if err := a.moveLive(o); err != nil {
		return err
	}
	if err := a.Disk.MoveNew(o.Staged, o.Live); err != nil {
		if back := a.Disk.MoveNew(o.Out, o.Live); back != nil {
			return errors.Join(errHalfway, err, back)
		}
		return err
	}
	return nil
}

// moveOut takes Live away, to where it can be looked at.
func (a *Applier) moveOut(o op) error {
	live, err := inodeIfThere(o.Live)
	if err != nil {
		return err
	}
	if live == 0 {
		return nil
	}
	if err := a.Disk.MkdirAll(filepath.Dir(o.Out), private); err != nil {
		return err
	}
	return a.moveLive(o)
}

// moveLive takes Live away from its place. A lost answer must not pass for a
// failure here: the pack would be missing, and nobody would bring it back.
func (a *Applier) moveLive(o op) error {
	live, err := inode(o.Live)
	if err != nil {
		return err
	}
	err = a.Disk.MoveNew(o.Live, o.Out)
	if err != nil && isAt(o.Out, live) && !isAt(o.Live, live) {
		return nil
	}
	return err
}

// fileAway looks at what was displaced: what packsync put there goes to keep/,
// anything else to pen/, and nothing is deleted.
func (a *Applier) fileAway(ctx context.Context, o op) (penned string, err error) {
	for _, path := range []string{o.Staged, o.Out} {
		if path == "" {
			continue
		}
		there, err := inodeIfThere(path)
		if err != nil {
			return "", err
		}
		if there == 0 || there == o.Inode && path == o.Staged {
			continue
		}
		target, foreign := o.Keep, o.Old == "" || a.identify(ctx, o, path) != o.Old
		if foreign {
			target = o.Pen
		}
		if target, err = free(target); err != nil {
			return "", err
		}
		if foreign {
			penned = target
		}
		if err := a.Disk.MkdirAll(filepath.Dir(target), private); err != nil {
			return "", err
		}
		if err := a.Disk.MoveNew(path, target); err != nil {
			return "", fmt.Errorf("put away what was at %s: %w", o.Live, err)
		}
	}
	return penned, nil
}

// builtVenv stands for any virtualenv: what lies in one comes from pip and can be
// built again, so the one that packsync built before is not looked at in detail.
const builtVenv = "virtualenv"

// identify returns the digest of something displaced, or "" if it cannot be
// read: then it is not known to be ours, and goes to pen/.
func (a *Applier) identify(ctx context.Context, o op, path string) string {
	if o.Kind.aFile() {
		data, err := os.ReadFile(path)
		if err != nil {
			return ""
		}
		return a.Key.HMAC(data)
	}
	if o.Kind == opVenv || o.Kind == opTakeVenv {
		return builtVenv
	}
	t, err := tree.ReadDir(ctx, path)
	if err != nil {
		return ""
	}
	m, err := tree.HashOf(t)
	if err != nil {
		return ""
	}
	return string(m.Content())
}

// inodeIfThere returns 0 for a path that is not there.
func inodeIfThere(path string) (uint64, error) {
	ino, err := inode(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return ino, err
}
