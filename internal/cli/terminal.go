package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// terminal is where a person types lines. It is in raw mode from openTerminal to
// close, so that nothing that is typed is shown by anybody but the line editor:
// a secret that comes early is not either.
type terminal struct {
	in      *os.File
	out     io.Writer
	editor  *term.Terminal
	before  *term.State // of the terminal, as it was found
	taken   bool        // it is in raw mode
	bracket bool        // pastes are marked
}

// errTooLong reports a line that the editor has cut.
var errTooLong = errors.New("a line of more than 4096 characters cannot be typed or pasted here")

const longestLine = 4096 // of term.Terminal

// openTerminal takes the terminal over.
func (a *app) openTerminal() (*terminal, error) {
	in, ok := a.streams.In.(*os.File)
	if !ok {
		return &terminal{}, errors.New("open the terminal: stdin is no file")
	}
	t := &terminal{in: in, out: a.streams.Out, bracket: environ(a.streams.Environ, "TERM") != "dumb"}
	t.editor = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{&pasteReader{from: in}, a.streams.Out}, "")
	return t, t.open()
}

// open takes the terminal over, again after close: whatever ran meanwhile, the
// first time counts for how it is left.
func (t *terminal) open() error {
	before, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return fmt.Errorf("open the terminal: %w", err)
	}
	if t.taken = true; t.before == nil {
		t.before = before
	}
	if t.bracket {
		_, err = io.WriteString(t.out, "\x1b[?2004h")
	}
	return err
}

// close leaves the terminal as it was found. It may be called twice.
func (t *terminal) close() error {
	if !t.taken {
		return nil
	}
	t.taken = false
	var err error
	if t.bracket {
		_, err = io.WriteString(t.out, "\x1b[?2004l")
	}
	return errors.Join(err, term.Restore(int(t.in.Fd()), t.before))
}

// Write prints on the terminal.
func (t *terminal) Write(p []byte) (int, error) { return t.editor.Write(p) }

// width is that of the terminal now: it may have been resized.
func (t *terminal) width() int {
	width, height, err := term.GetSize(int(t.in.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	// The error is only that of a size it cannot have.
	_ = t.editor.SetSize(width, max(height, 1))
	return width
}

// read reads one answer. edit is what the arrow up brings in, to be changed. At the
// end of the input, ^C and ^D the error is io.EOF. A read from a terminal cannot
// be cancelled: one that ctx cuts short is left behind, as the process ends.
func (t *terminal) read(ctx context.Context, prompt string, hidden bool, edit string) (string, error) {
	type answer struct {
		text string
		err  error
	}
	typed := make(chan answer, 1)
	t.width()
	t.editor.History = recall("")
	if line := visibleBreaks.Replace(edit); !strings.ContainsFunc(line, unicode.IsControl) {
		t.editor.History = recall(line) // what else there is would be no text but do something
	}
	go func() {
		var a answer
		if hidden {
			a.text, a.err = t.editor.ReadPassword(prompt)
		} else {
			t.editor.SetPrompt(prompt)
			a.text, a.err = t.editor.ReadLine()
		}
		typed <- a
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-typed:
		if len([]rune(a.text)) >= longestLine {
			return "", errTooLong
		}
		return withBreaks(a.text), a.err
	}
}

// recall is a history with one entry, which stays what it is.
type recall string

// Add implements term.History.
func (recall) Add(string) {}

// Len implements term.History.
func (r recall) Len() int { return min(len(r), 1) }

// At implements term.History.
func (r recall) At(int) string { return string(r) }

// In a line of the editor a line break is shown as a sign, so that what is pasted
// is one answer, which a person sees before they press Enter.
const (
	breakSign = "⏎"
	tabSign   = "␉"
)

var (
	visibleBreaks = strings.NewReplacer("\n", breakSign, "\t", tabSign)
	realBreaks    = strings.NewReplacer(breakSign, "\n", tabSign, "\t")
)

// withBreaks turns the signs back. The break behind a single line that was pasted
// is no part of it.
func withBreaks(line string) string {
	text := realBreaks.Replace(line)
	if one := strings.Trim(text, "\n"); !strings.Contains(one, "\n") {
		return one
	}
	return text
}

// pasteReader reads keys from a terminal and makes one line of what is pasted:
// between the marks of a terminal that marks pastes, or, if it does not, in what
// arrives at once and goes on after a line break.
type pasteReader struct {
	from    io.Reader
	ready   []byte
	cut     []byte // begins like a mark
	pasting bool
}

var (
	pasteBegin = []byte("\x1b[200~")
	pasteEnd   = []byte("\x1b[201~")
)

// Read implements io.Reader.
func (r *pasteReader) Read(p []byte) (int, error) {
	for len(r.ready) == 0 {
		chunk := make([]byte, 4096)
		n, err := r.from.Read(chunk)
		r.ready = r.take(append(r.cut, chunk[:n]...))
		if err != nil {
			return copy(p, r.ready), err
		}
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// take turns what arrived into keys.
func (r *pasteReader) take(chunk []byte) (keys []byte) {
	r.cut = nil
	for {
		mark := pasteBegin
		if r.pasting {
			mark = pasteEnd
		}
		before, after, found := bytes.Cut(chunk, mark)
		if !found {
			keep := len(before) - partOf(before, mark)
			r.cut = bytes.Clone(before[keep:])
			return append(keys, r.keys(before[:keep])...)
		}
		keys = append(keys, r.keys(before)...)
		r.pasting, chunk = !r.pasting, after
	}
}

// partOf returns how many bytes at the end of a chunk may be the begin of a mark.
// A single escape is a key.
func partOf(chunk, mark []byte) int {
	for n := min(len(mark)-1, len(chunk)); n > 1; n-- {
		if bytes.HasSuffix(chunk, mark[:n]) {
			return n
		}
	}
	return 0
}

var lineEnds = strings.NewReplacer("\r\n", breakSign, "\r", breakSign, "\n", breakSign)

func (r *pasteReader) keys(chunk []byte) []byte {
	if !r.pasting && !goesOn(chunk) {
		return chunk
	}
	text := strings.ReplaceAll(lineEnds.Replace(string(chunk)), "\t", tabSign)
	return []byte(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1 // no key: it would do something
		}
		return c
	}, text))
}

// goesOn tells whether something follows a line break.
func goesOn(chunk []byte) bool {
	return bytes.ContainsAny(bytes.TrimRight(chunk, "\r\n"), "\r\n")
}
