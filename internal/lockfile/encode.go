package lockfile

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/packsync/packsync/internal/pack"
)

// Bytes returns the one way to write this lock: sorted keys, two spaces, LF, a
// final newline. The same pins give the same bytes on every host.
//
// It is what encoding/json makes of the same maps, but written straight down: a
// plan with nothing to do takes it twice, for its digests.
func (f *File) Bytes() []byte {
	w := encoder{buf: make([]byte, 0, 512*(len(f.Packs)+1))}
	w.open(f.extra)
	w.key("format_version")
	w.buf = strconv.AppendInt(w.buf, FormatVersion, 10)
	w.key("packs")
	w.open(nil)
	for _, ref := range slices.Sorted(maps.Keys(f.Packs)) {
		w.key(string(ref))
		w.entry(f.Packs[ref])
	}
	w.close()
	w.close()
	return append(w.buf, '\n')
}

// entry writes one pin, its keys sorted. A directory has no pin, and keys that
// say nothing are left out.
func (w *encoder) entry(e Entry) {
	pinned := !e.IsDir()
	w.open(e.extra)
	if pinned {
		w.text("commit", string(e.Commit))
		if e.Constraint.Kind != pack.SelectNone {
			w.key("constraint")
			w.open(nil)
			w.text(string(e.Constraint.Kind), e.Constraint.Text)
			w.close()
		}
	}
	w.key("direct")
	w.buf = strconv.AppendBool(w.buf, e.Direct)
	w.optional("index", e.Index)
	if pinned {
		w.optional("ref", e.Ref)
		w.texts("requires", e.Requires)
	}
	w.text("source", e.Source)
	w.optional("subdir", e.Subdir)
	if pinned {
		w.text("title", e.Title)
		w.text("tree", string(e.Tree))
		if e.Unreachable {
			w.key("unreachable")
			w.buf = append(w.buf, "true"...)
		}
		w.text("version", e.Version)
	}
	w.close()
}

// encoder writes indented JSON. Keys come in their order; the unknown ones of an
// object are put between them.
type encoder struct {
	buf    []byte
	levels []level
}

// level is an object that is not closed yet.
type level struct {
	extra  map[string]json.RawMessage
	due    []string // keys of extra that are yet to be written, sorted
	filled bool
}

func (w *encoder) open(extra map[string]json.RawMessage) {
	l := level{extra: extra}
	if len(extra) > 0 {
		l.due = slices.Sorted(maps.Keys(extra))
	}
	w.levels = append(w.levels, l)
	w.buf = append(w.buf, '{')
}

func (w *encoder) close() {
	l := &w.levels[len(w.levels)-1]
	for len(l.due) > 0 {
		w.unknown(l)
	}
	filled := l.filled
	w.levels = w.levels[:len(w.levels)-1]
	if filled {
		w.line()
	}
	w.buf = append(w.buf, '}')
}

// key begins a member of the object on top, after the unknown ones that are
// sorted before it.
func (w *encoder) key(name string) {
	l := &w.levels[len(w.levels)-1]
	for len(l.due) > 0 && l.due[0] < name {
		w.unknown(l)
	}
	w.member(l, name)
}

func (w *encoder) unknown(l *level) {
	name := l.due[0]
	l.due = l.due[1:]
	w.member(l, name)
	var indented bytes.Buffer
	// It was found to be JSON when it was read.
	_ = json.Indent(&indented, l.extra[name], w.margin(), "  ")
	w.buf = append(w.buf, indented.Bytes()...)
}

func (w *encoder) member(l *level, name string) {
	if l.filled {
		w.buf = append(w.buf, ',')
	}
	l.filled = true
	w.line()
	w.quote(name)
	w.buf = append(w.buf, ": "...)
}

func (w *encoder) text(key, value string) {
	w.key(key)
	w.quote(value)
}

func (w *encoder) optional(key, value string) {
	if value != "" {
		w.text(key, value)
	}
}

// texts writes a list: [], never null.
func (w *encoder) texts(key string, list []string) {
	w.key(key)
	w.buf = append(w.buf, '[')
	for i, value := range list {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.line()
		w.buf = append(w.buf, "  "...)
		w.quote(value)
	}
	if len(list) > 0 {
		w.line()
	}
	w.buf = append(w.buf, ']')
}

func (w *encoder) line() { w.buf = append(append(w.buf, '\n'), w.margin()...) }

func (w *encoder) margin() string {
	const spaces = "                "
	return spaces[:2*len(w.levels)]
}

// quote writes a text as encoding/json does; nearly all need no escape.
func (w *encoder) quote(text string) {
	for i := range len(text) {
		if b := text[i]; b < ' ' || b > '~' || b == '"' || b == '\\' {
			w.buf = append(w.buf, bytes.TrimSuffix(mustEncode(text, ""), []byte("\n"))...)
			return
		}
	}
	w.buf = append(append(append(w.buf, '"'), text...), '"')
}
