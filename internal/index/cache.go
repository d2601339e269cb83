package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/safefs"
)

// document is an index as it was fetched.
type document struct {
	etag     string
	modified string // Last-Modified, as the server wrote it
	fetched  time.Time
	body     []byte
}

// CachePattern is what the documents in a cache directory match, for fs.Glob.
const CachePattern = "index/*.json"

// cacheHeader is the first line of a cached document; the body follows as it
// came. The sum tells a whole file from a damaged one.
type cacheHeader struct {
	URL      string    `json:"url"`
	ETag     string    `json:"etag,omitempty"`
	Modified string    `json:"last_modified,omitempty"`
	Fetched  time.Time `json:"fetched"`
	Sum      string    `json:"sha256"`
}

// docName names the file of one index below a cache or in a vendored bundle, with
// slashes. The URL is hashed because it may hold any character; the header has it
// in the clear.
func docName(address string) string {
	sum := sha256.Sum256([]byte(address))
	return "index/" + hex.EncodeToString(sum[:16]) + ".json"
}

func (o Options) cachePath(address string) string {
	return filepath.Join(o.CacheDir, filepath.FromSlash(docName(address)))
}

// readCache returns the remembered document, else that of the bundle, nil if there
// is none. A damaged one is an error: it is fetched anew, and missed where that is
// impossible.
func (o Options) readCache(address string) (*document, error) {
	var data []byte
	err := fs.ErrNotExist
	path := o.cachePath(address)
	if o.CacheDir != "" {
		data, err = readFile(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		path = docName(address) + " of the vendored bundle"
		data, err = o.Bundle.Read(docName(address))
	}
	if data == nil || err != nil {
		return nil, err
	}
	return decode(path, address, data)
}

// decode reads a document with its header; path is for messages.
func decode(path, address string, data []byte) (*document, error) {
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
	if o.CacheDir == "" || o.Disk == nil {
		return nil
	}
	if cached == fresh {
		// The modification time tells `cache clean` the last use; the document may
		// as well come from a bundle.
		_ = os.Chtimes(o.cachePath(address), time.Time{}, o.clock().Now())
		return nil
	}
	data, err := encode(address, fresh)
	if err != nil {
		return err
	}
	path := o.cachePath(address)
	if err := o.Disk.MkdirAll(filepath.Dir(path), safefs.Owner{Mode: 0o700, UID: -1, GID: -1}); err != nil {
		return err
	}
	return o.Disk.WriteFile(path, data, safefs.Owner{Mode: 0o600, UID: -1, GID: -1})
}

// encode writes a document with its header.
func encode(address string, d *document) ([]byte, error) {
	sum := sha256.Sum256(d.body)
	header, err := json.Marshal(cacheHeader{
		URL: address, ETag: d.etag, Modified: d.modified, Fetched: d.fetched.UTC(), Sum: hex.EncodeToString(sum[:]),
	})
	if err != nil {
		return nil, fmt.Errorf("write index: %w", err)
	}
	return append(append(header, '\n'), d.body...), nil
}

// Vendor returns the documents of the indexes as files for a vendored bundle, by
// name: those of the cache, which Load has just brought up to date. Indexes that
// are files are left out: they need no network.
func Vendor(indexes []config.Index, opts Options) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, index := range indexes {
		address := opts.Rewrites.Apply(index.URL)
		d, err := opts.readCache(address)
		if err != nil {
			return nil, fmt.Errorf("vendor index %q: %w", index.Name, err)
		}
		if d == nil {
			continue
		}
		if files[docName(address)], err = encode(address, d); err != nil {
			return nil, err
		}
	}
	return files, nil
}
