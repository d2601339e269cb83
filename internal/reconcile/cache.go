package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/packsync/packsync/internal/index"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/source/gogit"
)

// Cache is what the cache holds, or what was removed from it.
type Cache struct {
	Dir     string     `json:"dir"`
	Commits CachedPart `json:"commits"`
	Indexes CachedPart `json:"indexes"`
	// Inventories say what packs contain, so that a review need not read them again.
	Inventories CachedPart `json:"inventories"`
}

// CachedPart is one kind of file in the cache.
type CachedPart struct {
	Files  int       `json:"files"`
	Bytes  int64     `json:"bytes"`
	Oldest time.Time `json:"oldest,omitzero"` // last use of the file that nobody used for longest
	Newest time.Time `json:"newest,omitzero"`
}

func (p *CachedPart) add(f cachedFile) {
	p.Files++
	p.Bytes += f.size
	if p.Oldest.IsZero() || f.used.Before(p.Oldest) {
		p.Oldest = f.used
	}
	if f.used.After(p.Newest) {
		p.Newest = f.used
	}
}

// cachedFile is one file of the cache.
type cachedFile struct {
	path string
	size int64
	used time.Time // the modification time: whoever uses a file renews it
	part func(*Cache) *CachedPart
}

// unfinished is how old a temporary file must be to be nobody's: a run that still
// writes it is done long before.
const unfinished = 24 * time.Hour

// LookAtCache counts what is in the cache of opts. A cache that is not there is
// empty.
func LookAtCache(opts Options) (Cache, error) {
	out := Cache{Dir: opts.CacheDir}
	files, err := cachedFiles(opts.CacheDir)
	for _, f := range files {
		if f.part != nil {
			f.part(&out).add(f)
		}
	}
	return out, err
}

// CleanCache removes what nobody has used since before. Other runs may use the
// cache at the same time: who misses a file fetches it again. Nothing is removed
// that is not packsync's own by its name.
func CleanCache(opts Options, before time.Time) (Cache, error) {
	out := Cache{Dir: opts.CacheDir}
	files, err := cachedFiles(opts.CacheDir)
	if err != nil {
		return out, err
	}
	disk := opts.Disk
	if disk == nil {
		disk = safefs.OS()
	}
	for _, f := range files {
		limit := before
		if f.part == nil {
			limit = time.Now().Add(-unfinished)
		}
		if !f.used.Before(limit) {
			continue
		}
		if err := disk.RemoveAll(f.path); err != nil {
			return out, fmt.Errorf("clean cache: %w", err)
		}
		if f.part != nil {
			f.part(&out).add(f)
		}
	}
	return out, nil
}

func cachedFiles(dir string) ([]cachedFile, error) {
	if dir == "" {
		return nil, errors.New("there is no cache: neither PACKSYNC_CACHE_DIR nor XDG_CACHE_HOME nor HOME says where")
	}
	var out []cachedFile
	for _, kind := range []struct {
		pattern string
		part    func(*Cache) *CachedPart
	}{
		{gogit.CachePattern, func(c *Cache) *CachedPart { return &c.Commits }},
		{index.CachePattern, func(c *Cache) *CachedPart { return &c.Indexes }},
		{inventoriesPattern, func(c *Cache) *CachedPart { return &c.Inventories }},
		{gogit.CacheTempPattern, nil},
		{inventoriesTempPattern, nil},
	} {
		names, err := fs.Glob(os.DirFS(dir), kind.pattern)
		if err != nil {
			return nil, fmt.Errorf("look at cache: %w", err)
		}
		for _, name := range names {
			path := filepath.Join(dir, filepath.FromSlash(name))
			info, err := os.Lstat(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue // another run cleans too
			}
			if err != nil {
				return nil, fmt.Errorf("look at cache: %w", err)
			}
			if info.Mode().IsRegular() {
				out = append(out, cachedFile{path: path, size: info.Size(), used: info.ModTime(), part: kind.part})
			}
		}
	}
	return out, nil
}
