package diag

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxSnippetLines keeps a problem that spans a whole block readable.
const maxSnippetLines = 5

const (
	styleReset   = "\x1b[0m"
	styleRed     = "\x1b[1;31m"
	styleYellow  = "\x1b[1;33m"
	styleBold    = "\x1b[1m"
	styleSubject = "\x1b[4m"
)

// Write prints the list for people, each problem with the lines it is about. A
// literal that may be a secret is printed as "(hidden)" (design.md 3), comments
// are left out, and control characters are escaped. Details are wrapped at width
// columns; 0 leaves them as they are.
func Write(w io.Writer, files Files, list List, color bool, width int) error {
	p := printer{files: files, sources: map[string]*source{}, color: color, width: width}
	for _, d := range list {
		p.diagnostic(d)
	}
	_, err := w.Write(p.out.Bytes())
	return err
}

type printer struct {
	out     bytes.Buffer
	files   Files
	sources map[string]*source
	color   bool
	width   int
}

func (p *printer) style(code, text string) string {
	if !p.color || text == "" {
		return text
	}
	return code + text + styleReset
}

func (p *printer) diagnostic(d *Diagnostic) {
	word, code := "Error", styleRed
	if d.Severity == hcl.DiagWarning {
		word, code = "Warning", styleYellow
	}
	fmt.Fprintf(&p.out, "%s %s\n\n", p.style(code, word+":"), p.style(styleBold, printable(d.Summary)))
	if d.Subject != nil {
		p.place(*d.Subject, d.Extra == confidential{})
	}
	if d.Detail != "" {
		fmt.Fprintf(&p.out, "%s\n\n", wrap(printable(d.Detail), p.width))
	}
}

// place prints where a problem is, and the lines of it.
func (p *printer) place(at Range, strict bool) {
	fmt.Fprintf(&p.out, "  on %s line %d", printable(at.Filename), at.Start.Line)
	file := p.files[at.Filename]
	if file == nil || file.Bytes == nil {
		p.out.WriteString("\n\n")
		return
	}
	key := fmt.Sprint(at.Filename, strict)
	src := p.sources[key]
	if src == nil {
		src = prepare(at.Filename, file, strict)
		p.sources[key] = src
	}
	// With a quote too few, what looks like a label may be anything.
	if in := enclosing(file, at.Start.Byte); in != "" && !src.broken {
		fmt.Fprintf(&p.out, ", in %s", printable(in))
	}
	p.out.WriteString(":\n")
	start := bytes.LastIndexByte(src.bytes[:min(at.Start.Byte, len(src.bytes))], '\n') + 1
	for line := at.Start.Line; start <= len(src.bytes); line++ {
		text, _, more := bytes.Cut(src.bytes[start:], []byte("\n"))
		end := start + len(text)
		if line > at.Start.Line && (start >= at.End.Byte) {
			break
		}
		if line-at.Start.Line == maxSnippetLines {
			p.out.WriteString("      …\n")
			break
		}
		fmt.Fprintf(&p.out, "%4d: %s\n", line, p.line(src, start, end, at))
		if !more {
			break
		}
		start = end + 1
	}
	p.out.WriteByte('\n')
}

// line prints one line without what must not be shown, and underlines the subject.
func (p *printer) line(src *source, start, end int, at Range) string {
	if !src.trusted(start, end) {
		return printable(guessed(strings.TrimRight(string(src.bytes[start:end]), "\r")))
	}
	var out strings.Builder
	show := func(from, to int, text string) {
		text = printable(text)
		if from < at.End.Byte && to > at.Start.Byte {
			text = p.style(styleSubject, text)
		}
		out.WriteString(text)
	}
	plain := func(from, to int) { // split where the subject begins and ends
		for from < to {
			next := to
			for _, edge := range []int{at.Start.Byte, at.End.Byte} {
				if edge > from && edge < next {
					next = edge
				}
			}
			show(from, next, string(src.bytes[from:next]))
			from = next
		}
	}
	for _, m := range src.masks {
		if m.end <= start || m.start >= end {
			continue
		}
		plain(start, max(m.start, start))
		if to := min(m.end, end); m.comment {
			start = to
		} else {
			show(max(m.start, start), to, hidden)
			start = to
		}
	}
	plain(start, end)
	return strings.TrimRight(out.String(), " \t")
}

// enclosing names the top-level block that an offset lies in: `pack "aws"`.
func enclosing(file *hcl.File, at int) string {
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return ""
	}
	for _, block := range body.Blocks {
		if block.Range().ContainsOffset(at) {
			name := block.Type
			for _, label := range block.Labels {
				if mayCarryCredential(label) {
					label = hidden
				}
				name += " " + strconv.Quote(label)
			}
			return name
		}
	}
	return ""
}

// printable escapes what could move the cursor, recolour a terminal or reorder
// text: a declaration may come from a stranger's pull request.
func printable(text string) string {
	clean := true
	for _, r := range text {
		if !shownAsIs(r) {
			clean = false
			break
		}
	}
	if clean && utf8.ValidString(text) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '\r':
		case shownAsIs(r):
			out.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return out.String()
}

func shownAsIs(r rune) bool { return r == '\n' || r == '\t' || unicode.IsPrint(r) }

// wrap breaks lines at width columns. Indented lines are commands or examples and
// stay whole.
func wrap(text string, width int) string {
	if width <= 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, " ") || utf8.RuneCountInString(line) <= width {
			continue
		}
		var out strings.Builder
		column := 0
		for j, word := range strings.Fields(line) {
			n := utf8.RuneCountInString(word)
			switch {
			case j == 0:
			case column+1+n > width:
				out.WriteByte('\n')
				column = 0
			default:
				out.WriteByte(' ')
				column++
			}
			out.WriteString(word)
			column += n
		}
		lines[i] = out.String()
	}
	return strings.Join(lines, "\n")
}
