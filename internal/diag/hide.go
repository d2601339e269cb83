package diag

import (
	"bytes"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/nearest"
)

// hidden is printed in place of a literal that may be a secret.
const hidden = "(hidden)"

// shownArguments lists, by block, the arguments whose literals a snippet may show
// (design.md 3). It is a list of what may be seen, so that a misspelt "config" or
// an unknown block shows nothing.
var shownArguments = map[string][]string{
	"packsync": {"required_version", "name"},
	"variable": {"type", "description", "sensitive", "file", "env", "systemd_credential", "default"}, // default: see makesSensitive
	"stackstorm": {
		"root", "packs_dir", "configs_dir", "virtualenvs_dir", "overrides_dir", "group", "config_user", "config_group", "on_drift",
		"python", "conf", "version", "mode", "keep", "new_content",
	},
	"auto_approve": {"actions", "max_removals", "fail_on"},
	"accept":       {"pack", "resource", "reason", "until"},
	"rewrite":      {"to"},
	"base_path":    {"path"},
	"index":        {"url", "optional"},
	"limits":       {"files", "bytes"},
	"python":       {"build_user", "only_binary", "timeout"},
	"actions":      {"default", "enable", "disable"},
	"aliases":      {"default", "enable", "disable"},
	"rules":        {"default", "enable", "disable"},
	"sensors":      {"default", "enable", "disable"},
	"network":      {"http_proxy", "https_proxy", "no_proxy", "ca_file"},
	"pack": {
		"source", "subdir", "version", "branch", "tag", "commit", "revision", "base_path", "config_file",
		"virtualenv", "replace", "on_drift", "depends_on", "for_each", "ref", "mode", "purge", "purge_config", "protect", "new_content",
	},
}

// hiddenArguments are those of the same blocks that may hold secrets: a name that
// is near to one of them is not taken for a misspelt harmless one.
var hiddenArguments = map[string][]string{"pack": {"config"}, "variable": {"command"}}

// innerBlocks are the blocks inside others that hold no secrets.
var innerBlocks = []string{"limits", "python", "overrides", "actions", "aliases", "rules", "sensors"}

// isShown tells whether the literals of an argument may be shown: of one that is
// known to be harmless, or of one that is spelt wrong by no more than a letter.
func isShown(block, name string, broken bool) bool {
	shown := shownArguments[block]
	if block == "locals" || slices.Contains(shown, name) {
		return true
	}
	near := nearest.Names(name, slices.Concat(hiddenArguments[block], shown))
	return !broken && len(near) > 0 && slices.Contains(shown, near[0]) && max(len(name)-len(near[0]), len(near[0])-len(name)) <= 1
}

// inDoubt lists the arguments that are shown only where the file's syntax leaves
// no doubt about what stands in them.
var inDoubt = []string{"default", "for_each", "description"}

// mask is a span of bytes, of which a snippet shows nothing but "(hidden)", or
// nothing at all if it is a comment.
type mask struct {
	start, end int
	comment    bool
}

// source is a file prepared for snippets.
type source struct {
	bytes  []byte
	masks  []mask // sorted, not overlapping
	broken bool   // the syntax is: what stands where is a guess
	safe   []mask // broken only: spans that may be shown
	bad    int    // broken only: from this offset on the tokens cannot be trusted; -1 if all can
}

// prepare finds what to hide. It works on tokens and not on the tree, so that it
// works for files that do not parse.
// With strict no literal at all is shown.
func prepare(name string, file *hcl.File, strict bool) *source {
	s := &source{bytes: file.Bytes, bad: -1}
	if isAllHidden(file) {
		s.broken, s.bad = true, 0
		return s
	}
	_, diags := hclsyntax.ParseConfig(file.Bytes, name, hcl.InitialPos)
	s.broken = diags.HasErrors()
	tokens, _ := hclsyntax.LexConfig(file.Bytes, name, hcl.InitialPos)
	w := walker{tokens: tokens, source: s, strict: strict}
	w.body("", true)
	slices.SortFunc(s.masks, func(a, b mask) int { return a.start - b.start })
	s.masks = slices.Compact(s.masks)
	if s.broken {
		s.bad = firstBad(tokens)
	}
	return s
}

// Hide returns a declaration in which every literal that may be a secret reads
// (hidden), and no comment says anything: for whoever prints more of it than a
// snippet. It is for files that parse; of others nothing is returned.
func Hide(name string, src []byte) []byte {
	s := prepare(name, &hcl.File{Bytes: src}, false)
	if s.broken {
		return nil
	}
	var out bytes.Buffer
	at := 0
	for _, m := range s.masks {
		out.Write(src[at:max(m.start, at)])
		at = max(m.end, at)
		if m.comment {
			out.WriteString("# …")
		} else {
			out.WriteString(hidden)
		}
		out.Write(bytes.Repeat([]byte("\n"), bytes.Count(src[m.start:m.end], []byte("\n")))) // lines keep their numbers
	}
	out.Write(src[at:])
	return out.Bytes()
}

// firstBad returns where the first token stands after which quotes may be out of
// step, or -1.
func firstBad(tokens hclsyntax.Tokens) int {
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenInvalid, hclsyntax.TokenBadUTF8, hclsyntax.TokenQuotedNewline, hclsyntax.TokenApostrophe, hclsyntax.TokenBacktick:
			return t.Range.Start.Byte
		}
	}
	return -1
}

// walker reads the structure of a file from its tokens, only as far as needed
// to tell whose value a literal is.
type walker struct {
	tokens hclsyntax.Tokens
	at     int
	source *source
	strict bool
}

func (w *walker) peek() hclsyntax.TokenType {
	if w.at >= len(w.tokens) {
		return hclsyntax.TokenEOF
	}
	return w.tokens[w.at].Type
}

func (w *walker) hide(t hclsyntax.Token) {
	// A heredoc's last line break stays, so that line numbers do.
	end := t.Range.Start.Byte + len(bytes.TrimRight(t.Bytes, "\r\n"))
	if end > t.Range.Start.Byte {
		w.source.masks = append(w.source.masks, mask{t.Range.Start.Byte, end, t.Type == hclsyntax.TokenComment})
	}
}

// body reads the content of a block up to its closing brace; block is its type,
// "" for the file.
func (w *walker) body(block string, top bool) {
	hideDefault := w.source.broken
	var defaults []hclsyntax.Token
	for {
		switch w.peek() {
		case hclsyntax.TokenEOF:
			return
		case hclsyntax.TokenCBrace:
			w.at++
			if top {
				continue // one too many: we are outside of everything, where nothing is shown
			}
			if hideDefault {
				w.hideExpression(defaults)
			}
			return
		case hclsyntax.TokenComment:
			w.hide(w.tokens[w.at])
			w.at++
		case hclsyntax.TokenIdent:
			name := string(w.tokens[w.at].Bytes)
			w.at++
			if w.peek() == hclsyntax.TokenEqual {
				expression := w.argument(block, name)
				if block == "variable" {
					hideDefault = hideDefault || makesSensitive(name, expression)
				}
				if name == "default" {
					defaults = append(defaults, expression...)
				}
				continue
			}
			w.header(name, top, w.tokens[w.at-1].Range.Start.Byte)
		default:
			w.at++
		}
	}
}

// makesSensitive tells whether an argument of a variable block says, or may have
// been meant to say, that its default is a secret.
func makesSensitive(name string, expression []hclsyntax.Token) bool {
	if name == "sensitive" {
		return len(expression) != 1 || string(expression[0].Bytes) != "false"
	}
	return !slices.Contains([]string{"type", "description", "default"}, name)
}

// header reads the rest of a block's first line, then its body.
func (w *walker) header(name string, top bool, start int) {
	for {
		switch w.peek() {
		case hclsyntax.TokenOBrace:
			end := w.tokens[w.at].Range.End.Byte
			if blockHeader().Match(w.source.bytes[start:end]) {
				w.source.safe = append(w.source.safe, mask{start: start, end: end})
			}
			w.at++
			if !top && !slices.Contains(innerBlocks, name) {
				name = "" // no other block inside a block shows anything but its label
			}
			w.body(name, false)
			return
		case hclsyntax.TokenOQuote, hclsyntax.TokenCQuote, hclsyntax.TokenQuotedLit, hclsyntax.TokenIdent:
			if mayCarryCredential(string(w.tokens[w.at].Bytes)) {
				w.hide(w.tokens[w.at])
			}
			w.at++
		default:
			return
		}
	}
}

// argument reads "= expression" up to the end of its line, hides what must not
// be shown, and returns the tokens of the expression.
func (w *walker) argument(block, name string) []hclsyntax.Token {
	shown := !w.strict && isShown(block, name, w.source.broken)
	if w.source.broken && (block == "locals" || slices.Contains(inDoubt, name)) {
		shown = false
	}
	start := w.at
	w.skipExpression()
	expression := w.tokens[start+1 : w.at]
	var literals []hclsyntax.Token
	var text strings.Builder
	for i, t := range expression {
		if string(t.Bytes) == "sensitive" && i+1 < len(expression) && expression[i+1].Type == hclsyntax.TokenOParen {
			shown = false
		}
		if isLiteral(t) {
			literals = append(literals, t)
			text.Write(t.Bytes)
		}
	}
	switch {
	case !shown || mayCarryCredential(text.String()):
		w.hideExpression(expression)
	case w.source.broken: // only the first line can be trusted to belong to it
		for _, t := range literals {
			if t.Range.Start.Line > w.tokens[start].Range.Start.Line {
				w.hide(t)
			}
		}
		equals := w.tokens[start].Range.Start.Byte
		line, _, _ := bytes.Cut(w.source.bytes[equals:], []byte("\n"))
		w.source.safe = append(w.source.safe, mask{start: w.lineStart(equals), end: equals + len(line)})
	}
	return expression
}

// skipExpression goes to the line break, brace or end of file after an expression
// and hides the comments in it.
func (w *walker) skipExpression() {
	depth := 0
	w.at++
	for ; w.peek() != hclsyntax.TokenEOF; w.at++ {
		t := w.tokens[w.at]
		switch t.Type {
		case hclsyntax.TokenComment:
			w.hide(t)
			if depth == 0 && bytes.HasSuffix(t.Bytes, []byte("\n")) {
				return
			}
		case hclsyntax.TokenNewline:
			if depth == 0 {
				return
			}
		case hclsyntax.TokenCBrace:
			if depth == 0 {
				return
			}
			depth--
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			depth = max(depth-1, 0)
		}
	}
}

func isLiteral(t hclsyntax.Token) bool {
	switch t.Type {
	case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenNumberLit:
		return true
	case hclsyntax.TokenIdent:
		return string(t.Bytes) == "true" || string(t.Bytes) == "false"
	}
	return false
}

// references are the words that an expression without secrets may begin with.
var references = []string{"var", "local", "each", "pack", "null", "for", "in", "if"}

// hideExpression hides all of an expression that may be a secret: whole texts with
// their ${…}, which a password may contain by accident, and names that are no
// reference, which may be a text without its quotes.
func (w *walker) hideExpression(tokens []hclsyntax.Token) {
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch {
		case t.Type == hclsyntax.TokenOQuote:
			i = w.hideBetween(tokens, i, hclsyntax.TokenOQuote, hclsyntax.TokenCQuote)
		case t.Type == hclsyntax.TokenOHeredoc:
			i = w.hideBetween(tokens, i, hclsyntax.TokenOHeredoc, hclsyntax.TokenCHeredoc)
		case isLiteral(t):
			w.hide(t)
		case t.Type == hclsyntax.TokenIdent:
			i = w.hideName(tokens, i)
		}
	}
}

// hideBetween hides a text between its quotes and returns where the last one is.
func (w *walker) hideBetween(tokens []hclsyntax.Token, i int, opener, closer hclsyntax.TokenType) int {
	start, depth := tokens[i].Range.End.Byte, 0
	for ; i < len(tokens); i++ {
		switch tokens[i].Type {
		case opener:
			depth++
		case closer:
			depth--
		}
		if depth == 0 {
			break
		}
	}
	end := len(w.source.bytes)
	if i < len(tokens) {
		end = tokens[i].Range.Start.Byte
	} else if len(tokens) > 0 {
		end = tokens[len(tokens)-1].Range.End.Byte
	}
	if end > start {
		w.source.masks = append(w.source.masks, mask{start: start, end: end})
	}
	return i
}

// hideName hides a name and what is chained to it by dots, unless it is a
// reference, a function or a key; it returns where the last of it is.
func (w *walker) hideName(tokens []hclsyntax.Token, i int) int {
	last := i
	for last+2 < len(tokens) && tokens[last+1].Type == hclsyntax.TokenDot {
		last += 2
	}
	next := hclsyntax.TokenEOF
	if last+1 < len(tokens) {
		next = tokens[last+1].Type
	}
	known := slices.Contains(references, string(tokens[i].Bytes)) ||
		last == i && (next == hclsyntax.TokenOParen || next == hclsyntax.TokenEqual || next == hclsyntax.TokenColon)
	if !known {
		w.source.masks = append(w.source.masks, mask{start: tokens[i].Range.Start.Byte, end: tokens[last].Range.End.Byte})
	}
	return last
}

// lineStart returns where the line of an offset begins.
func (w *walker) lineStart(at int) int { return bytes.LastIndexByte(w.source.bytes[:at], '\n') + 1 }

// trusted reports whether the tokens of a line say enough about it to show all of
// it that is not masked.
func (s *source) trusted(start, end int) bool {
	if !s.broken {
		return true
	}
	if s.bad >= 0 && end > s.bad {
		return false
	}
	covered := func(at int) bool {
		in := func(m mask) bool { return m.start <= at && at < m.end }
		return slices.ContainsFunc(s.safe, in) || slices.ContainsFunc(s.masks, in)
	}
	for at := start; at < end; at++ {
		if !strings.ContainsRune(" \t\r{}[](),=", rune(s.bytes[at])) && !covered(at) {
			return false
		}
	}
	return true
}

// plainUser is the one form in which an @ in a source carries no credential.
var plainUser = lazyregexp.New(`\A(ssh://)?[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9.\[\]-]+[:/][^@?#]*\z`)

// mayCarryCredential reports whether the text looks like a URL with a user, a
// password or a query.
func mayCarryCredential(text string) bool {
	if strings.Contains(text, "@") {
		return !plainUser().MatchString(text)
	}
	return strings.Contains(text, "://") && strings.ContainsAny(text, "?#")
}

var (
	punctuation = lazyregexp.New(`\A[\s{}\[\](),=]*\z`)
	blockHeader = lazyregexp.New(`\A\s*(packsync|variable|locals|stackstorm|registration|base_path|index|network|credentials|pack)(\s+"[A-Za-z0-9_./:-]*")?\s*\{?\s*\z`)
	// Two spaces around, as fmt writes them: a last line of base64 ends in = too.
	beforeEquals = lazyregexp.New(`\A\s*[a-z_][a-z0-9_]*\s+=\s`)
	indentation  = lazyregexp.New(`\A[ \t]*`)
)

// guessed returns what may be shown of a line whose tokens cannot be trusted.
func guessed(line string) string {
	switch {
	case punctuation().MatchString(line), blockHeader().MatchString(line):
		return line
	case beforeEquals().MatchString(line):
		return beforeEquals().FindString(line) + hidden
	}
	return indentation().FindString(line) + hidden
}
