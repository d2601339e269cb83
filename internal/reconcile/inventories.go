package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

// inventories reads what packs contain, each once in a run, and remembers it below
// the cache directory: a tree has one tree hash, and what StackStorm reads in it
// never changes. Safe for concurrent use.
type inventories struct {
	dir     string // "" remembers nothing beyond this run
	version string // of packsync: another one may read more
	// note is told why something could not be remembered. That costs time, not
	// truth.
	note func(string)

	mu   sync.Mutex
	held map[pack.TreeHash]*content.Inventory
	told bool
}

// Where they lie in the cache directory: those that are remembered, and those that
// are being written.
const (
	inventoriesDir         = "inventories"
	inventoriesPattern     = inventoriesDir + "/t1-*.json"
	inventoriesTempPattern = inventoriesDir + "/.packsync-*.tmp"
)

// inventoryRenewed is how precisely the last use of an inventory is kept.
const inventoryRenewed = 24 * time.Hour

func (w *world) inventories(note func(string)) *inventories {
	dir := w.opts.CacheDir
	if dir != "" {
		dir = filepath.Join(dir, inventoriesDir)
	}
	return &inventories{dir: dir, version: w.opts.Version, note: note, held: map[pack.TreeHash]*content.Inventory{}}
}

func (c *inventories) hold(hash pack.TreeHash, inv *content.Inventory) {
	if hash != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.held[hash] = inv
	}
}

func (c *inventories) unwritten(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.told {
		c.note(fmt.Sprintf("what packs contain could not be remembered, so that the next run reads it again: %v", err))
	}
	c.told = true
}

// inventoryFormat counts up whenever package content reads more, or otherwise,
// into the same words: builds without a version must not take each other's
// inventories for their own.
const inventoryFormat = 2

// remembered is what the cache holds: Inventory, and what it belongs to.
type remembered struct {
	Format    int                `json:"format"`
	Packsync  string             `json:"packsync"`
	Tree      pack.TreeHash      `json:"tree"`
	Inventory *content.Inventory `json:"inventory"`
}

// of returns the inventory of a tree, which the caller must not change. files is
// called only if it is not remembered; without a hash nothing is.
func (c *inventories) of(hash pack.TreeHash, files func() (fs.FS, error)) (*content.Inventory, error) {
	if inv := c.known(hash); inv != nil {
		return inv, nil
	}
	fsys, err := files()
	if err != nil {
		return nil, err
	}
	inv, err := content.Read(fsys)
	if err != nil {
		return nil, err
	}
	c.hold(hash, inv)
	if path := c.path(hash); path != "" {
		if err := c.write(path, remembered{inventoryFormat, c.version, hash, inv}); err != nil {
			c.unwritten(err)
		}
	}
	return inv, nil
}

// known returns what this run or an earlier one read of a tree, or nil.
func (c *inventories) known(hash pack.TreeHash) *content.Inventory {
	c.mu.Lock()
	inv := c.held[hash]
	c.mu.Unlock()
	if inv == nil {
		if inv = c.read(c.path(hash), hash); inv != nil {
			c.hold(hash, inv)
		}
	}
	return inv
}

// ahead takes what is remembered of many trees at once into this run: decoding is
// most of what a review of a thousand packs costs of which one changes.
func (c *inventories) ahead(ctx context.Context, trees []pack.TreeHash) {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, hash := range trees {
		group.Go(func() error {
			if ctx.Err() == nil {
				c.known(hash)
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return no error
}

func (c *inventories) path(hash pack.TreeHash) string {
	if c.dir == "" || hash == "" {
		return ""
	}
	return filepath.Join(c.dir, strings.ReplaceAll(string(hash), ":", "-")+".json")
}

// read returns nil for what is not remembered, or not by this packsync. What is
// damaged is read anew: it is only a cache.
func (c *inventories) read(path string, hash pack.TreeHash) *content.Inventory {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var r remembered
	if json.Unmarshal(data, &r) != nil || r.Format != inventoryFormat || r.Tree != hash || r.Packsync != c.version {
		return nil
	}
	if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > inventoryRenewed {
		// The modification time tells `cache clean` the last use. Where it cannot be
		// set, the cache belongs to somebody else, who cleans it.
		_ = os.Chtimes(path, time.Time{}, time.Now())
	}
	return r.Inventory
}

func (c *inventories) write(path string, r remembered) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return safefs.WriteCache(path, data)
}
