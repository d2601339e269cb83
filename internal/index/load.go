package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/transport"
	"github.com/packsync/packsync/internal/vendored"
)

const (
	// maxBytes bounds a document, unpacked; that of the Exchange has 0.7 MiB.
	maxBytes = 32 << 20
	// timeout bounds one index with all tries. The stall limits of transport end
	// a hanging server earlier; this ends one that drips.
	timeout = 2 * time.Minute
)

// Options says how indexes are fetched.
type Options struct {
	HTTP     *http.Client     // see package transport
	Clock    transport.Clock  // nil: the system's
	Bundle   *vendored.Bundle // has documents beside the cache; nil for none
	CacheDir string           // documents are remembered in CacheDir/index; "" remembers nothing
	Disk     safefs.Disk      // writes the cache; nil only reads it
	Offline  bool             // ask no server; files are still read
	// Sign adds what a request needs to be let in; nil for nothing.
	Sign     func(*http.Request) error
	Rewrites pack.Rewrites // where documents are asked for instead of at their address
}

func (o Options) clock() transport.Clock {
	if o.Clock == nil {
		return transport.SystemClock{}
	}
	return o.Clock
}

// Load reads all indexes at once. A document that cannot be had is replaced by
// the copy in the cache, and a Problem says so; without a copy the index is
// missing, which Find reports for the names that it decides about. The problems
// come in the order of the indexes.
func Load(ctx context.Context, indexes []config.Index, opts Options) (*Set, []Problem) {
	set := &Set{indexes: make([]loaded, len(indexes))}
	var group errgroup.Group
	group.SetLimit(8)
	for i, index := range indexes {
		group.Go(func() error {
			set.indexes[i] = load(ctx, index, opts)
			set.indexes[i].optional = index.Optional
			return nil
		})
	}
	_ = group.Wait() // the functions return no error: each index keeps its own
	var problems []Problem
	for _, index := range set.indexes {
		if index.problem != nil {
			problems = append(problems, *index.problem)
		}
	}
	return set, problems
}

func load(ctx context.Context, index config.Index, opts Options) loaded {
	address := opts.Rewrites.Apply(index.URL)
	u, err := url.Parse(address)
	if err != nil {
		err = errors.New("its address is not a URL") // the error would repeat the URL
	} else if u.Scheme == "file" {
		return loadFile(index, u.Path)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	cached, cacheErr := opts.readCache(address)
	var fresh *document
	if err == nil {
		fresh, err = opts.fetch(ctx, address, cached)
	}
	if err == nil {
		packs, shape := parse(fresh.body)
		if shape == nil {
			result := loaded{url: index.URL, packs: packs}
			if err := opts.writeCache(address, cached, fresh); err != nil {
				result.problem = &Problem{Index: index, Class: Uncached, Err: err}
			}
			return result
		}
		err = shape
	}
	result := loaded{url: index.URL, problem: &Problem{Index: index, Class: classOf(err), Err: err}}
	if cached == nil {
		if cacheErr != nil {
			result.problem.Err = fmt.Errorf("%w; and its copy in the cache cannot be used: %w", err, cacheErr)
		}
		return result
	}
	packs, shape := parse(cached.body)
	if shape == nil { // only whole indexes are cached
		result.packs, result.problem.Cached = packs, cached.fetched
	}
	return result
}

// loadFile reads an index on this machine: it needs no cache, and an error is no
// matter of a network.
func loadFile(index config.Index, path string) loaded {
	body, err := readFile(path)
	if err == nil {
		var packs map[string]json.RawMessage
		packs, err = parse(body)
		if err == nil {
			return loaded{url: index.URL, packs: packs}
		}
	}
	return loaded{url: index.URL, problem: &Problem{Index: index, Class: classOf(err), Err: err}}
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(file)
}

func readAll(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBytes {
		return nil, &shapeError{Malformed, fmt.Sprintf("it is larger than %d MiB", maxBytes>>20)}
	}
	return body, nil
}

func classOf(err error) Class {
	if shape, ok := errors.AsType[*shapeError](err); ok {
		return shape.class
	}
	return Unresponsive
}

// fetch brings the document, or confirms that the cached one is still right.
func (o Options) fetch(ctx context.Context, address string, cached *document) (*document, error) {
	if o.Offline {
		return nil, source.ErrOffline
	}
	var fresh *document
	err := transport.Retry(ctx, o.clock(), func(ctx context.Context) error {
		var err error
		fresh, err = o.ask(ctx, address, cached)
		return err
	})
	if err == nil {
		return fresh, nil
	}
	if _, ok := errors.AsType[*shapeError](err); ok {
		return nil, err
	}
	// The plain words stand for the error, whose text repeats the URL.
	return nil, &unreachableError{text: transport.Diagnose(err, o.clock().Now()).Text, err: err}
}

// unreachableError is a failed request in plain words.
type unreachableError struct {
	text string
	err  error
}

func (e *unreachableError) Error() string { return e.text }
func (e *unreachableError) Unwrap() error { return e.err }

func (o Options) ask(ctx context.Context, address string, cached *document) (*document, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	if cached != nil && cached.etag != "" {
		request.Header.Set("If-None-Match", cached.etag)
	}
	if cached != nil && cached.modified != "" {
		request.Header.Set("If-Modified-Since", cached.modified)
	}
	if o.Sign != nil {
		if err := o.Sign(request); err != nil {
			return nil, err
		}
	}
	response, err := o.HTTP.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotModified && cached != nil {
		return cached, nil
	}
	if err := transport.CheckStatus(response, o.clock().Now()); err != nil {
		return nil, err
	}
	body, err := readAll(response.Body)
	if err != nil {
		return nil, err
	}
	return &document{
		etag:     response.Header.Get("ETag"),
		modified: response.Header.Get("Last-Modified"),
		fetched:  o.clock().Now(),
		body:     body,
	}, nil
}

// Lazy loads the indexes when the first name is looked up: a run whose lock
// satisfies the declaration asks none. It is safe for concurrent use.
type Lazy struct {
	indexes []config.Index
	opts    Options

	once     sync.Once
	set      *Set
	problems []Problem
}

// NewLazy prepares a look-up and reads nothing yet.
func NewLazy(indexes []config.Index, opts Options) *Lazy {
	return &Lazy{indexes: indexes, opts: opts}
}

// Find is Set.Find. The first call waits for all indexes, under its context.
func (l *Lazy) Find(ctx context.Context, name string) (Found, error) {
	l.once.Do(func() { l.set, l.problems = Load(ctx, l.indexes, l.opts) })
	return l.set.Find(name)
}

// Problems returns what Load reported: nothing before the first Find. Call it
// when no Find is under way.
func (l *Lazy) Problems() []Problem { return l.problems }
