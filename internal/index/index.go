// Package index reads pack indexes, the JSON documents that say where the pack
// of a short name comes from (reference.md 7): fetching, remembering, merging,
// looking up.
//
// It is not for choosing a commit (package resolve), and it trusts an index for
// names and addresses only: what a pack contains is checked when it is fetched.
package index

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/nearest"
)

// Entry is what an index says about one pack.
type Entry struct {
	Name    string // the key in the index: the pack's ref
	RepoURL string // as written there, not yet parsed
	Version string // the version of the default branch when the index was built; "" if it says none
}

// Found is an entry and where it was found.
type Found struct {
	Entry
	IndexURL string
}

// Class is what is wrong with an index, in StackStorm's words (reference.md 7.2).
type Class string

// The classes of failure.
const (
	Malformed    Class = "malformed"    // it answers, but not with an index
	Unresponsive Class = "unresponsive" // it does not answer, or with an error
	Empty        Class = "empty"        // it is {}
	Uncached     Class = "uncached"     // it was read, but the cache cannot keep it
)

// Problem is something wrong with one index.
type Problem struct {
	Index  config.Index
	Class  Class
	Err    error
	Cached time.Time // when the copy was fetched that is used instead; zero if there is none
}

func (p Problem) Error() string {
	text := fmt.Sprintf("index %q (%s) is %s: %v", p.Index.Name, p.Index.URL, p.Class, p.Err)
	if !p.Cached.IsZero() {
		text += fmt.Sprintf("; the copy of %s from the cache is used", p.Cached.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return text
}

func (p Problem) Unwrap() error { return p.Err }

// UnknownError reports a name that no index has.
type UnknownError struct {
	Name    string
	Near    []string // similar names, the nearest first
	Indexes []string // URLs that were asked
}

func (e *UnknownError) Error() string {
	if len(e.Indexes) == 0 {
		return fmt.Sprintf("%q is a short name, and no index is declared to look it up in", e.Name)
	}
	text := fmt.Sprintf("no record of the pack %q in %s", e.Name, strings.Join(e.Indexes, ", "))
	if len(e.Near) > 0 {
		text += "; similar names: " + strings.Join(e.Near, ", ")
	}
	return text
}

// MissingError reports that a name cannot be looked up because an index that
// comes before could not be read: it might have the name, and taking a later
// index's answer is how one pack is passed off for another.
type MissingError struct {
	Name    string
	Problem Problem
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("cannot look up %q: %v", e.Name, e.Problem)
}

func (e *MissingError) Unwrap() error { return e.Problem }

// Set is several indexes in the order declared, read once. The first that has a
// name wins, with its whole entry. It is safe for concurrent use.
type Set struct {
	indexes []loaded
}

// loaded is one index: its packs by name, or why there are none.
type loaded struct {
	url      string
	optional bool
	packs    map[string]json.RawMessage
	problem  *Problem
}

// Find returns the entry of a short name: an exact, case-sensitive key
// (reference.md 3.3). The error is an *UnknownError, a *MissingError, or about an
// entry that names no repository.
func (s *Set) Find(name string) (Found, error) {
	for _, index := range s.indexes {
		if index.packs == nil && index.optional {
			continue // somebody said that the others may answer in its place
		}
		if index.packs == nil {
			return Found{}, &MissingError{Name: name, Problem: *index.problem}
		}
		raw, has := index.packs[name]
		if !has {
			continue
		}
		entry, err := parseEntry(name, raw)
		if err != nil {
			return Found{}, fmt.Errorf("read the entry of %q in the index %s: %w", name, index.url, err)
		}
		return Found{Entry: entry, IndexURL: index.url}, nil
	}
	unknown := &UnknownError{Name: name}
	var names []string
	for _, index := range s.indexes {
		if index.packs == nil {
			// Nobody knows whether it has the name; and it was the last.
			return Found{}, &MissingError{Name: name, Problem: *index.problem}
		}
		unknown.Indexes = append(unknown.Indexes, index.url)
		for known := range index.packs {
			names = append(names, known)
		}
	}
	slices.Sort(names)
	unknown.Near = nearest.Names(name, slices.Compact(names))
	return Found{}, unknown
}

// parseEntry reads the two keys that StackStorm reads when it installs
// (reference.md 7.1).
func parseEntry(name string, raw json.RawMessage) (Entry, error) {
	var fields struct {
		RepoURL json.RawMessage `json:"repo_url"`
		Version json.RawMessage `json:"version"`
	}
	if len(raw) == 0 || raw[0] != '{' {
		return Entry{}, errors.New("it is not an object")
	}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return Entry{}, err
	}
	entry := Entry{Name: name}
	if json.Unmarshal(fields.RepoURL, &entry.RepoURL) != nil || entry.RepoURL == "" {
		return Entry{}, errors.New("it has no repo_url")
	}
	switch {
	case len(fields.Version) == 0 || string(fields.Version) == "null":
	case fields.Version[0] == '"':
		if err := json.Unmarshal(fields.Version, &entry.Version); err != nil {
			return Entry{}, err
		}
	case fields.Version[0] == '-' || fields.Version[0] >= '0' && fields.Version[0] <= '9':
		// A version that was not quoted in pack.yaml.
		entry.Version = string(fields.Version)
	default:
		return Entry{}, errors.New("its version is not a text")
	}
	return entry, nil
}

// shapeError is a document that is no index, with its class.
type shapeError struct {
	class Class
	text  string
}

func (e *shapeError) Error() string { return e.text }

// parse reads an index document. It looks into no entry: most are never asked
// for. The error is a *shapeError.
func parse(document []byte) (map[string]json.RawMessage, error) {
	document = bytes.TrimSpace(bytes.TrimPrefix(document, []byte("\ufeff")))
	malformed := func(format string, args ...any) error {
		return &shapeError{Malformed, fmt.Sprintf(format, args...)}
	}
	switch {
	case len(document) == 0:
		return nil, malformed("the document has no content")
	case document[0] == '<':
		return nil, malformed("it is a web page, not JSON: a login page of a proxy or network, or the wrong address")
	}
	if !json.Valid(document) {
		return nil, malformed("it is not JSON (it begins with %q)", beginning(document))
	}
	if document[0] != '{' {
		return nil, malformed("it is not a JSON object (it begins with %q)", beginning(document))
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(document, &top); err != nil {
		return nil, malformed("%v", err)
	}
	if len(top) == 0 {
		return nil, &shapeError{Empty, "it is {}"}
	}
	packs, has := top["packs"]
	if !has {
		return nil, malformed(`it has no "packs"`)
	}
	var list map[string]json.RawMessage
	if packs[0] != '{' || json.Unmarshal(packs, &list) != nil {
		return nil, malformed(`its "packs" is not an object`)
	}
	return list, nil
}

func beginning(document []byte) string { return string(document[:min(len(document), 20)]) }
