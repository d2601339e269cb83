package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/packsync/packsync/internal/safefs"
)

// Holder is who runs: what others are told while the lock is taken.
type Holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Command string    `json:"command"` // as typed, without secrets
	Since   time.Time `json:"since"`
}

// Lock keeps a second run out until Release, or until this process ends however
// it ends.
type Lock struct{ file *safefs.FileLock }

// LockedError reports that another run holds the lock.
type LockedError struct {
	Path   string
	Holder Holder        // zero if it has not said yet who it is
	Age    time.Duration // since the holder began; 0 if not known
}

func (e *LockedError) Error() string {
	if e.Holder == (Holder{}) {
		return fmt.Sprintf("another run holds the lock %s: wait for it, or use --lock-timeout", e.Path)
	}
	return fmt.Sprintf("another run holds the lock %s: process %d on %s, %q, for %s: wait for it, or use --lock-timeout",
		e.Path, e.Holder.PID, e.Holder.Host, e.Holder.Command, e.Age)
}

// lockPoll is how often a waiting run asks again. The kernel could wake it, but
// not so that the wait can be cancelled.
const lockPoll = 50 * time.Millisecond

// Lock takes the run lock of this root and makes the work directory if need be.
// While another run holds it, Lock waits for at most timeout (0: not at all),
// then returns a *LockedError.
func (s *Store) Lock(ctx context.Context, self Holder, timeout time.Duration) (*Lock, error) {
	if err := s.EnsureDir(); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, "lock")
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	var waited time.Duration
	for {
		file, err := safefs.TryLock(path)
		if err == nil {
			return s.hold(file, self)
		}
		if !errors.Is(err, safefs.ErrLocked) {
			return nil, err
		}
		if timeout <= 0 {
			return nil, s.lockedBy(path, self.Since)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for lock %s: %w", path, ctx.Err())
		case <-deadline.C:
			return nil, s.lockedBy(path, self.Since.Add(waited))
		case <-poll.C:
			waited += lockPoll
		}
	}
}

func (s *Store) hold(file *safefs.FileLock, self Holder) (*Lock, error) {
	note, err := json.Marshal(self)
	if err == nil {
		err = file.Note(append(note, '\n'))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("say who holds the lock: %w", err), file.Release())
	}
	return &Lock{file: file}, nil
}

// lockedBy reads who holds the lock. The holder may be about to write it, so a
// line that cannot be read only means that the answer is not known.
func (s *Store) lockedBy(path string, now time.Time) error {
	e := &LockedError{Path: path}
	data, _, err := readFile(path)
	if err != nil || json.Unmarshal(data, &e.Holder) != nil {
		e.Holder = Holder{}
		return e
	}
	e.Age = max(now.Sub(e.Holder.Since), 0).Round(time.Second)
	return e
}

// Release gives the lock back.
func (l *Lock) Release() error { return l.file.Release() }
