package gogit

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/vendored"
)

// packCache keeps one depth-1 packfile per commit, named by the commit. It is never
// trusted: whoever reads verifies every object, and that the commit is there.
// Deleting any part of it is safe at any time, and so are other packsync
// processes over the same directory. The zero packCache keeps nothing.
type packCache struct {
	dir    string
	bundle *vendored.Bundle // asked first, never written
}

// PackName is the name of a commit's packfile below a cache or in a vendored
// bundle, with slashes.
func PackName(commit pack.Commit) string {
	return "packs/" + string(commit[:2]) + "/" + string(commit) + ".pack"
}

// What lies in a cache directory, as patterns for fs.Glob: packfiles, and those
// that are being written.
const (
	CachePattern     = "packs/[0-9a-f][0-9a-f]/*.pack"
	CacheTempPattern = "packs/[0-9a-f][0-9a-f]/" + tempPrefix + "*"
)

const tempPrefix = ".new-"

// renewed is how precisely the last use of a cached file is kept.
const renewed = time.Hour

func (c packCache) path(commit pack.Commit) string {
	return filepath.Join(c.dir, filepath.FromSlash(PackName(commit)))
}

// read returns the packfile of a commit, or nil if there is none. limit bounds
// what is read.
func (c packCache) read(commit pack.Commit, limit int64) ([]byte, error) {
	if data, err := c.bundle.Read(PackName(commit)); data != nil || err != nil {
		return data, err
	}
	if c.dir == "" {
		return nil, nil
	}
	name := c.path(commit)
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read cache: %w", err)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("read cache: %s is larger than what is allowed", name)
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // cleaned in this moment
	}
	if err != nil {
		return nil, fmt.Errorf("read cache: %w", err)
	}
	// Judged before decoding, whose limits would blame the commit for what a
	// damaged file claims.
	if body := len(data) - sha1.Size; body < 0 || sha1.Sum(data[:body]) != [sha1.Size]byte(data[body:]) {
		return nil, fmt.Errorf("read cache: %s is not as it was written", name)
	}
	if time.Since(info.ModTime()) > renewed {
		// The modification time tells `cache clean` the last use. Where it cannot be
		// set, the cache belongs to somebody else, who cleans it.
		_ = os.Chtimes(name, time.Time{}, time.Now())
	}
	return data, nil
}

// write keeps a packfile. It is not made durable: a file that a power cut tore
// is found out when it is read, and fetched again.
func (c packCache) write(commit pack.Commit, data io.WriterTo) (err error) {
	if c.dir == "" {
		return nil
	}
	name := c.path(commit)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("write cache: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), tempPrefix+"*") // mode 0600
	if err != nil {
		return fmt.Errorf("write cache: %w", err)
	}
	_, err = data.WriteTo(f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write cache: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// flights lets one goroutine at a time fetch a commit; those that wait then find
// it in the cache.
type flights struct {
	mu   sync.Mutex
	busy map[string]chan struct{} // closed when the flight ends
}

// begin waits for its turn with key, or for the end of ctx.
func (f *flights) begin(ctx context.Context, key string) (end func(), err error) {
	for {
		f.mu.Lock()
		if f.busy == nil {
			f.busy = map[string]chan struct{}{}
		}
		other, taken := f.busy[key]
		if !taken {
			mine := make(chan struct{})
			f.busy[key] = mine
			f.mu.Unlock()
			return func() {
				f.mu.Lock()
				delete(f.busy, key)
				f.mu.Unlock()
				close(mine)
			}, nil
		}
		f.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
