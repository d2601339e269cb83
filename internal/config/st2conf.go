package config

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
)

// exchangeIndex is what StackStorm looks names up in unless its configuration
// says otherwise (reference.md 5).
const exchangeIndex = "https://index.stackstorm.org/v1/index.json"

// st2Conf is what packsync reads of StackStorm's own configuration. The file also
// holds passwords: nothing else of it is kept, and nothing of it is shown.
type st2Conf struct {
	read      bool
	root      string   // [system] base_path
	group     string   // [content] pack_group
	basePaths []string // [content] packs_base_paths
	indexes   []string // [content] index_url
}

// readST2Conf reads the file that the argument conf names. In the partial mode a
// host's file need not be there.
func (b block) readST2Conf() st2Conf {
	path, ok := b.path("conf")
	if !ok {
		return st2Conf{}
	}
	at := b.body.Attributes["conf"].Expr.Range()
	src, err := b.l.readAny(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && b.l.req.Mode == Partial:
		return st2Conf{}
	case err != nil:
		b.l.error(at, "Unreadable st2.conf", "Cannot read %s: %s.", path, cause(err))
		return st2Conf{}
	}
	options := parseST2Conf(src)
	origins := overrideST2Conf(options, b.l.req.Environ)
	c := st2Conf{read: true, root: options["system.base_path"], group: options["content.pack_group"]}
	for part := range strings.SplitSeq(options["content.packs_base_paths"], ":") {
		// As StackStorm does, without empty parts and repeated ones (reference.md 5.1).
		if part != "" && !slices.Contains(c.basePaths, part) {
			c.basePaths = append(c.basePaths, part)
		}
	}
	for part := range strings.SplitSeq(options["content.index_url"], ",") {
		if part = strings.TrimSpace(part); part != "" {
			c.indexes = append(c.indexes, part)
		}
	}
	if len(c.indexes) == 0 {
		c.indexes = []string{exchangeIndex}
	}
	b.checkST2Conf(c, func(option string) string {
		if name := origins[option]; name != "" {
			return name
		}
		return fmt.Sprintf("[%s of %s", strings.Replace(option, ".", "] ", 1), path)
	}, at)
	return c
}

// overrideST2Conf lets the environment replace options, as StackStorm does since
// 3.9 (reference.md 5): ST2_CONTENT__INDEX_URL for index_url in [content]. It
// returns which variables did.
func overrideST2Conf(options map[string]string, environ []string) map[string]string {
	origins := map[string]string{}
	for _, option := range []string{"system.base_path", "content.pack_group", "content.packs_base_paths", "content.index_url"} {
		name := "ST2_" + strings.ToUpper(strings.Replace(option, ".", "__", 1))
		for _, entry := range environ {
			if value, ok := strings.CutPrefix(entry, name+"="); ok {
				options[option], origins[option] = value, name
			}
		}
	}
	return origins
}

// checkST2Conf refuses what packsync would read otherwise than StackStorm. origin
// says where an option was set.
func (b block) checkST2Conf(c st2Conf, origin func(option string) string, at diag.Range) {
	for option, values := range map[string][]string{"system.base_path": {c.root}, "content.packs_base_paths": c.basePaths} {
		for _, value := range values {
			switch {
			case strings.Contains(value, "$"):
				b.l.error(at, "Unsupported value in st2.conf", "%s refers to another option with $, which packsync does not follow. Write the value out there, or set it in this declaration.", origin(option))
			case value != "" && !filepath.IsAbs(value):
				b.l.error(at, "Unsupported value in st2.conf", "%s is no absolute path.", origin(option))
			}
		}
	}
	for _, index := range c.indexes {
		if problem := indexURLProblem(index); problem != "" {
			b.l.error(at, "Unsupported value in st2.conf", "A URL in %s %s. Declare the indexes in this declaration instead.", origin("content.index_url"), problem)
		}
	}
}

// parseST2Conf reads an INI file as oslo.config does: options by
// "section.option", the last one wins, a line that begins with a blank continues
// the one before. What is not understood is left out: the file is StackStorm's.
func parseST2Conf(src []byte) map[string]string {
	options := map[string]string{}
	section, key := "", ""
	lines := bufio.NewScanner(bytes.NewReader(src))
	lines.Buffer(nil, maxFileSize+1)
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r")
		text := strings.TrimSpace(line)
		switch {
		case text == "":
			key = ""
		case line[0] == '#', line[0] == ';':
		case line[0] == ' ' || line[0] == '\t':
			if key != "" {
				options[key] += unquoted(text)
			}
		case line[0] == '[':
			section, key = strings.TrimSpace(strings.Trim(text, "[]")), ""
		default:
			i := strings.IndexAny(line, "=:")
			if i < 0 {
				key = ""
				continue
			}
			key = section + "." + strings.TrimSpace(line[:i])
			options[key] = unquoted(strings.TrimSpace(line[i+1:]))
		}
	}
	return options
}

func unquoted(text string) string {
	if n := len(text); n > 1 && text[0] == text[n-1] && (text[0] == '"' || text[0] == '\'') {
		return text[1 : n-1]
	}
	return text
}

// addST2BasePaths joins the base paths of st2.conf to the declared ones, and says
// where the two do not fit: StackStorm alone decides where it looks.
func (l *loader) addST2BasePaths() {
	conf := l.conf
	if !conf.read {
		return
	}
	at := l.hostPlace("conf")
	order := map[string]int{}
	for i, path := range conf.basePaths {
		order[filepath.Clean(path)] = i
	}
	last := -1
	declared := map[string]bool{l.cfg.Host.PacksDir: true}
	for _, b := range l.cfg.BasePaths[1:] {
		declared[b.Path] = true
		i, searched := order[b.Path]
		switch place := l.places["base path "+b.Name]; {
		case b.Path == "":
		case !searched:
			l.warn(place, "Base path that StackStorm does not search", "%s is not in packs_base_paths of st2.conf: StackStorm will not find the packs in it. Add it there.", b.Path)
		case i < last:
			l.warn(place, "Base paths in another order", "st2.conf names %s before the one that is declared before it. StackStorm takes content from the first base path that has a pack.", b.Path)
		default:
			last = i
		}
	}
	for _, path := range conf.basePaths {
		path = filepath.Clean(path)
		if declared[path] {
			continue
		}
		declared[path] = true
		name := nameOfPath(path)
		if l.once("base path", name, at) {
			l.cfg.BasePaths = append(l.cfg.BasePaths, BasePath{Name: name, Path: path})
		}
	}
}

var notInName = lazyregexp.New(`[^a-z0-9]+`)

// nameOfPath makes the name under which a pack chooses a base path of st2.conf:
// /opt/acme/packs is opt_acme_packs.
func nameOfPath(path string) string {
	return strings.Trim(notInName().ReplaceAllString(strings.ToLower(path), "_"), "_")
}

// addST2Indexes takes the indexes of st2.conf, if none is declared: declared ones
// replace them, so that no name is looked up where nobody meant it to be.
func (l *loader) addST2Indexes() {
	if !l.conf.read || len(l.blocks["index"]) > 0 {
		return
	}
	for i, url := range l.conf.indexes {
		name := "st2.conf"
		if i > 0 {
			name += " " + string(rune('1'+i%9))
		}
		l.cfg.Indexes = append(l.cfg.Indexes, Index{Name: name, URL: url})
	}
}

// rootOr is the root that st2.conf names, if it was read and names one.
func (c st2Conf) rootOr(absent string) string {
	if filepath.IsAbs(c.root) {
		return filepath.Clean(c.root)
	}
	return absent
}

func (c st2Conf) groupOr(absent string) string {
	if c.group != "" {
		return c.group
	}
	return absent
}

// stackstormVersion reads the version that is declared for StackStorm.
func (b block) stackstormVersion() string {
	text, ok := b.text("version", textNonEmpty)
	if !ok {
		return ""
	}
	if _, isVersion := pack.ParseTagVersion(text); !isVersion {
		b.l.error(b.body.Attributes["version"].Expr.Range(), "Invalid version", "The version of StackStorm has three numbers, for example \"3.8.1\".")
		return ""
	}
	return strings.TrimPrefix(text, "v")
}
