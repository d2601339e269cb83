package reconcile

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
)

// inventories reads what packs contain, and remembers it below the cache
// directory: a tree has one tree hash, and what StackStorm reads in it never
// changes.
type inventories struct {
	dir     string // "" remembers nothing
	disk    safefs.Disk
	version string // of packsync: another one may read more
	// unwritten is told why something could not be remembered. That costs time, not
	// truth.
	unwritten func(error)
}

func (w *world) inventories(note func(string)) inventories {
	dir := w.opts.CacheDir
	if dir != "" {
		dir = filepath.Join(dir, "inventories")
	}
	told := false
	return inventories{dir: dir, disk: w.disk(), version: w.opts.Version, unwritten: func(err error) {
		if !told {
			note(fmt.Sprintf("what packs contain could not be remembered, so that the next run reads it again: %v", err))
		}
		told = true
	}}
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

// of returns the inventory of a tree. files is called only if it is not
// remembered; without a hash nothing is.
func (c inventories) of(hash pack.TreeHash, files func() (fs.FS, error)) (*content.Inventory, error) {
	path := ""
	if c.dir != "" && hash != "" {
		path = filepath.Join(c.dir, strings.ReplaceAll(string(hash), ":", "-")+".json")
	}
	if inv := c.read(path, hash); inv != nil {
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
	if path == "" {
		return inv, nil
	}
	if err := c.write(path, remembered{inventoryFormat, c.version, hash, inv}); err != nil {
		c.unwritten(err)
	}
	return inv, nil
}

// read returns nil for what is not remembered, or not by this packsync. What is
// damaged is read anew: it is only a cache.
func (c inventories) read(path string, hash pack.TreeHash) *content.Inventory {
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
	return r.Inventory
}

func (c inventories) write(path string, r remembered) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := c.disk.MkdirAll(filepath.Dir(path), safefs.Owner{Mode: 0o700, UID: -1, GID: -1}); err != nil {
		return err
	}
	return c.disk.WriteFile(path, data, safefs.Owner{Mode: 0o600, UID: -1, GID: -1})
}
