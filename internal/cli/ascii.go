package cli

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// onlyASCII reports whether the locale was set to C or POSIX: whoever does that,
// as Puppet does for what it runs, cannot read anything else. No locale at all
// says nothing.
func onlyASCII(env []string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := environ(env, name); value != "" {
			return value == "C" || value == "POSIX"
		}
	}
	return false
}

// asciiWriter writes text for a reader that knows only ASCII. JSON passes as it
// is: its encoding is not the locale's.
type asciiWriter struct {
	w    io.Writer
	json *bool
	rest []byte // of a character that was cut between two writes
}

func (a *asciiWriter) Write(p []byte) (int, error) {
	if *a.json {
		return a.w.Write(p)
	}
	text := append(a.rest, p...)
	a.rest = nil
	var out bytes.Buffer
	for len(text) > 0 {
		if !utf8.FullRune(text) {
			a.rest = bytes.Clone(text)
			break
		}
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		switch {
		case r < utf8.RuneSelf:
			out.WriteByte(byte(r))
		case r == '→':
			out.WriteString("->")
		case r == '…':
			out.WriteString("...")
		case r == '–' || r == '—':
			out.WriteByte('-')
		case r == '“' || r == '”':
			out.WriteByte('"')
		case r == '‘' || r == '’':
			out.WriteByte('\'')
		default:
			out.WriteByte('?')
		}
	}
	if _, err := a.w.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// plainWriter is what a child of the process writes to.
func plainWriter(w io.Writer) io.Writer {
	if a, is := w.(*asciiWriter); is {
		return a.w
	}
	return w
}
