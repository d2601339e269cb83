package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/pack"
)

// Read reads the lock at path. A missing file is an empty lock; one that cannot
// be read or understood is an error, never taken for empty.
func Read(path string) (*File, diag.List) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &File{}, nil
	}
	if err != nil {
		return nil, diag.List{diag.Error(diag.Range{}, "Cannot read the lock", fmt.Sprintf(
			"The lock cannot be read: %v. Nothing is assumed about what it holds; make it readable and run again.", err))}
	}
	return Parse(data, path)
}

// Parse reads a lock; filename is used for messages only. Every mistake is
// reported at once, at its line. A byte order mark and CRLF line ends, as
// editors and git make them, are accepted.
func Parse(data []byte, filename string) (*File, diag.List) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	p := &parser{filename: filename, data: data}
	if offset := mergeMarker(data); offset >= 0 {
		p.fail(offset, "Merge conflict in the lock", "The lock holds conflict markers of a merge. "+
			"Take one side whole (git checkout --theirs FILE, or --ours), then run packsync lock: it keeps what satisfies the declaration and pins the rest.")
		return nil, p.diags
	}
	if !utf8.Valid(data) {
		p.fail(invalidUTF8(data), "Invalid lock", "The lock is not UTF-8 text. Restore it from version control.")
		return nil, p.diags
	}
	file := p.file()
	if p.diags.HasErrors() {
		return nil, p.diags
	}
	return file, nil
}

// mergeMarker returns where the first conflict marker stands, -1 if there is
// none. A JSON text without one has no line that begins so.
func mergeMarker(data []byte) int {
	offset := 0
	for line := range bytes.Lines(data) {
		for _, marker := range []string{"<<<<<<<", "=======", ">>>>>>>", "|||||||"} {
			if bytes.HasPrefix(line, []byte(marker)) {
				return offset
			}
		}
		offset += len(line)
	}
	return -1
}

func invalidUTF8(data []byte) int {
	for offset := 0; offset < len(data); {
		r, size := utf8.DecodeRune(data[offset:])
		if r == utf8.RuneError && size == 1 {
			return offset
		}
		offset += size
	}
	return len(data)
}

type parser struct {
	filename string
	data     []byte
	diags    diag.List
}

// fail reports a mistake at a byte offset.
func (p *parser) fail(offset int, summary, detail string) {
	p.diags = append(p.diags, diag.Error(p.place(offset), summary, detail))
}

func (p *parser) place(offset int) diag.Range {
	offset = min(max(offset, 0), len(p.data))
	at := diag.Range{Filename: p.filename}
	before := p.data[:offset]
	at.Start.Line = bytes.Count(before, []byte("\n")) + 1
	at.Start.Column = utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	at.Start.Byte = offset
	at.End = at.Start
	return at
}

// whole reports a text that is not one JSON value from its begin to its end.
func (p *parser) whole() bool {
	if json.Valid(p.data) {
		return true
	}
	var value json.RawMessage
	err := json.Unmarshal(p.data, &value)
	at := len(p.data)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = int(syntax.Offset) - 1
	}
	p.fail(at, "Invalid lock", fmt.Sprintf(
		"The lock is not a whole JSON text: %v. Nothing is pinned anew because of that: restore the file from version control.", err))
	return false
}

// members lists what the object at offset holds. Another kind of value and a key
// that stands twice are reported; ok is false then.
func (p *parser) members(offset int, what string) (list []member, ok bool) {
	if p.data[offset] != '{' {
		p.fail(offset, "Invalid lock", fmt.Sprintf("%s must be a JSON object ({ … }).", what))
		return nil, false
	}
	list = scanMembers(p.data, offset)
	return list, p.unique(list)
}

// unique reports keys that stand twice.
func (p *parser) unique(list []member) bool {
	ok := true
	seen := make(map[string]int, len(list))
	for _, m := range list {
		if first, twice := seen[m.key]; twice {
			p.twice(m, first)
			ok = false
			continue
		}
		seen[m.key] = m.at
	}
	return ok
}

func (p *parser) twice(m member, first int) {
	p.fail(m.at, "Key stands twice in the lock", fmt.Sprintf(
		"%q stands at line %d and again at line %d; which one counts must not be left to chance. This is what a merge can leave behind: delete one of them and run packsync lock.",
		m.key, p.place(first).Start.Line, p.place(m.at).Start.Line))
}

func (p *parser) file() *File {
	if !p.whole() {
		return nil
	}
	members, ok := p.members(skipSpace(p.data, 0), "The lock")
	if !ok || !p.formatVersion(members) {
		return nil
	}
	file := &File{Packs: map[pack.Ref]Entry{}}
	hasPacks := false
	for _, m := range members {
		switch m.key {
		case "format_version":
		case "packs":
			hasPacks = true
			p.packs(file, m)
		default:
			file.extra = p.keep(file.extra, m)
		}
	}
	if !hasPacks {
		p.fail(len(p.data), "Invalid lock", `The lock has no "packs". Restore it from version control, or delete it to pin everything anew.`)
	}
	return file
}

// formatVersion judges the version before anything else: a format of the future
// may mean anything.
func (p *parser) formatVersion(members []member) bool {
	for _, m := range members {
		if m.key != "format_version" {
			continue
		}
		version, err := strconv.Atoi(string(m.raw))
		switch {
		case err != nil || version < 1:
			p.fail(m.rawAt, "Invalid lock", "format_version must be a whole number from 1.")
		case version > FormatVersion:
			p.fail(m.rawAt, "Lock of a newer packsync", fmt.Sprintf(
				"The lock has format %d, and this packsync understands format %d. The lock is left as it is: upgrade packsync.", version, FormatVersion))
		default:
			return true
		}
		return false
	}
	p.fail(0, "Invalid lock", "The lock has no format_version. Restore it from version control, or delete it to pin everything anew.")
	return false
}

func (p *parser) packs(file *File, packs member) {
	members, _ := p.members(packs.rawAt, `"packs"`)
	for _, m := range members {
		ref, err := pack.ParseRef(m.key)
		if err != nil {
			p.fail(m.at, "Invalid pack in the lock", fmt.Sprintf("It names a pack by an %v. Restore it from version control.", err))
			continue
		}
		file.Packs[ref] = p.entry(ref, m)
	}
}

// entry reads the pin of one pack and reports everything that is wrong with it.
func (p *parser) entry(ref pack.Ref, m member) Entry {
	before := len(p.diags)
	members, ok := p.members(m.rawAt, fmt.Sprintf("The entry of pack %s", ref))
	if !ok {
		return Entry{}
	}
	e := Entry{}
	for _, field := range members {
		var err error
		switch field.key {
		case "source":
			err = text(field.raw, &e.Source, checkSource)
		case "index":
			err = text(field.raw, &e.Index, checkIndex)
		case "subdir":
			err = text(field.raw, &e.Subdir, checkSubdir)
		case "constraint":
			e.Constraint, err = p.constraint(field)
		case "ref":
			err = text(field.raw, &e.Ref, checkGitRef)
		case "commit":
			err = text(field.raw, (*string)(&e.Commit), func(s string) error { _, err := pack.ParseCommit(s); return err })
		case "tree":
			err = text(field.raw, (*string)(&e.Tree), func(s string) error { _, err := pack.ParseTreeHash(s); return err })
		case "version":
			err = text(field.raw, &e.Version, nil)
		case "title":
			err = text(field.raw, &e.Title, nil)
		case "requires":
			e.Requires, err = texts(field.raw)
		case "direct":
			err = boolean(field.raw, &e.Direct)
		case "unreachable":
			err = boolean(field.raw, &e.Unreachable)
		default:
			e.extra = p.keep(e.extra, field)
		}
		if err != nil {
			p.fail(field.rawAt, "Invalid entry in the lock", fmt.Sprintf("Pack %s, %s: %v. Restore the entry from version control, or delete it and run packsync lock.", ref, field.key, err))
		}
	}
	if len(p.diags) == before {
		p.complete(ref, e, m.at)
	}
	return e
}

// complete checks that an entry pins what it should. An entry without commit or
// tree is never filled in: what the pin was cannot be known.
func (p *parser) complete(ref pack.Ref, e Entry, at int) {
	problem := ""
	switch {
	case e.Source == "":
		problem = "It has no source."
	case e.IsDir() && (e.Commit != "" || e.Tree != "" || e.Ref != "" || e.Index != "" || e.Unreachable || e.Constraint != (pack.Selector{})):
		problem = "Its source is a plain directory, which has no commit, tree, ref, index or constraint."
	case !e.IsDir() && (e.Commit == "" || e.Tree == ""):
		problem = "It has no commit and tree: which content was pinned cannot be known."
	default:
		return
	}
	p.fail(at, "Incomplete entry in the lock", fmt.Sprintf("Pack %s: %s Restore the entry from version control, or delete it and run packsync lock to choose anew.", ref, problem))
}

func (p *parser) constraint(m member) (pack.Selector, error) {
	members, ok := p.members(m.rawAt, `"constraint"`)
	if !ok {
		return pack.Selector{}, nil
	}
	if len(members) != 1 {
		return pack.Selector{}, errors.New("it must have one key, as in {\"version\": \"~> 1.0\"}")
	}
	selector := pack.Selector{Kind: pack.SelectorKind(members[0].key)}
	switch selector.Kind {
	case pack.SelectVersion, pack.SelectBranch, pack.SelectTag, pack.SelectCommit, pack.SelectRevision:
		return selector, text(members[0].raw, &selector.Text, nil)
	}
	return pack.Selector{}, fmt.Errorf("%q is not a way to choose: want version, branch, tag, commit or revision", selector.Kind)
}

// keep adds a key that this packsync does not know, in canonical form.
func (p *parser) keep(extra map[string]json.RawMessage, m member) map[string]json.RawMessage {
	if !p.uniqueKeys(m) {
		return extra
	}
	canonical, err := canonicalize(m.raw)
	if err != nil {
		p.fail(m.rawAt, "Invalid lock", fmt.Sprintf("%s: %v.", m.key, err))
		return extra
	}
	if extra == nil {
		extra = map[string]json.RawMessage{}
	}
	extra[m.key] = canonical
	return extra
}

// uniqueKeys reports keys that stand twice anywhere in an unknown value: writing
// the lock again would drop one of them.
func (p *parser) uniqueKeys(m member) bool {
	ok := true
	var inner []member
	switch m.raw[0] {
	case '{':
		inner = scanMembers(p.data, m.rawAt)
		ok = p.unique(inner)
	case '[':
		inner = scanItems(p.data, m.rawAt)
	}
	for _, value := range inner {
		ok = p.uniqueKeys(value) && ok
	}
	return ok
}

// text decodes a string that people will see, and checks it.
func text(raw json.RawMessage, into *string, check func(string) error) error {
	if raw[0] != '"' {
		return errors.New("it must be a text in quotes")
	}
	*into = unquote(raw)
	if !printable(*into) {
		return fmt.Errorf("%q contains a character that is not printable", *into)
	}
	if check == nil {
		return nil
	}
	return check(*into)
}

// printable reports whether a text can be shown as it is: it has no control,
// bidirectional or invisible characters.
func printable(text string) bool {
	for _, r := range text {
		if (r < ' ' || r > '~') && !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

func texts(raw json.RawMessage) ([]string, error) {
	var items []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &items) != nil {
		return nil, errors.New("it must be a list of texts")
	}
	var list []string
	for _, item := range items {
		var value string
		if err := text(item, &value, nil); err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

func boolean(raw json.RawMessage, into *bool) error {
	if s := string(raw); s != "true" && s != "false" {
		return errors.New("it must be true or false")
	}
	return json.Unmarshal(raw, into)
}

func checkSource(source string) error {
	if isDirPath(source) {
		return nil
	}
	_, err := pack.ParseSource(source)
	return err
}

func checkIndex(index string) error {
	u, err := url.Parse(index)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "file" {
		return errors.New("it is not the URL of an index")
	}
	if u.User != nil {
		return pack.ErrCredentialInURL
	}
	return nil
}

func checkSubdir(subdir string) error {
	clean, err := pack.ParseSubdir(subdir)
	if err == nil && clean != subdir {
		err = fmt.Errorf("write it as %q", clean)
	}
	return err
}

func checkGitRef(ref string) error {
	if !strings.HasPrefix(ref, "refs/") {
		return fmt.Errorf("%q is not a full name as refs/tags/v1.0.0", ref)
	}
	return nil
}
