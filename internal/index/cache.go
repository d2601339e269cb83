package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/packsync/packsync/internal/safefs"
)

// document is an index as it was fetched.
type document struct {
	etag     string
	modified string // Last-Modified, as the server wrote it
	fetched  time.Time
	body     []byte
}

// cacheHeader is the first line of a cached document; the body follows as it
// came. The sum tells a whole file from a damaged one.
type cacheHeader struct {
	URL      string    `json:"url"`
	ETag     string    `json:"etag,omitempty"`
	Modified string    `json:"last_modified,omitempty"`
	Fetched  time.Time `json:"fetched"`
	Sum      string    `json:"sha256"`
}

// cachePath names the file of one index. The URL is hashed because it may hold
// any character; the header has it in the clear.
func (o Options) cachePath(address string) string {
	sum := sha256.Sum256([]byte(address))
	return filepath.Join(o.CacheDir, "index", hex.EncodeToString(sum[:16])+".json")
}

// readCache returns the remembered document, nil if there is none. A damaged one
// is an error: it is fetched anew, and missed where that is impossible.
func (o Options) readCache(address string) (*document, error) {
	if o.CacheDir == "" {
		return nil, nil
	}
	path := o.cachePath(address)
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	line, body, _ := bytes.Cut(data, []byte("\n"))
	var header cacheHeader
	if err := json.Unmarshal(line, &header); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	if sum := sha256.Sum256(body); header.Sum != hex.EncodeToString(sum[:]) || header.URL != address {
		return nil, fmt.Errorf("%s is damaged: its checksum or address is another", path)
	}
	return &document{etag: header.ETag, modified: header.Modified, fetched: header.Fetched, body: body}, nil
}

// writeCache remembers a document unless the cache has just that.
func (o Options) writeCache(address string, cached, fresh *document) error {
	if o.CacheDir == "" || o.Disk == nil || cached == fresh {
		return nil
	}
	sum := sha256.Sum256(fresh.body)
	header, err := json.Marshal(cacheHeader{
		URL: address, ETag: fresh.etag, Modified: fresh.modified, Fetched: fresh.fetched.UTC(), Sum: hex.EncodeToString(sum[:]),
	})
	if err != nil {
		return err
	}
	path := o.cachePath(address)
	if err := o.Disk.MkdirAll(filepath.Dir(path), safefs.Owner{Mode: 0o700, UID: -1, GID: -1}); err != nil {
		return err
	}
	data := append(append(header, '\n'), fresh.body...)
	return o.Disk.WriteFile(path, data, safefs.Owner{Mode: 0o600, UID: -1, GID: -1})
}
