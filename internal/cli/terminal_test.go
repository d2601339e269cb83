package cli

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// chunks gives out one chunk a read, as a terminal does.
type chunks []string

func (c *chunks) Read(p []byte) (int, error) {
	if len(*c) == 0 {
		return 0, io.EOF
	}
	n := copy(p, (*c)[0])
	*c = (*c)[1:]
	return n, nil
}

func TestPasteReader(t *testing.T) {
	cases := map[string]struct {
		chunks chunks
		want   string
	}{
		"keys":                                    {chunks{"a", "b", "\r"}, "ab\r"},
		"a typed line":                            {chunks{"ab\r"}, "ab\r"},
		"a key of more than one byte":             {chunks{"\x1b[A", "\x1b"}, "\x1b[A\x1b"},
		"a marked paste":                          {chunks{"\x1b[200~a\r\nb\tc\x1b[201~\r"}, "a⏎b␉c\r"},
		"a mark that is cut":                      {chunks{"x\x1b[20", "0~a\nb\x1b[2", "01~\r"}, "xa⏎b\r"},
		"control keys in a paste":                 {chunks{"\x1b[200~a\x03\x04\x7fb\x1b[A\x1b[201~"}, "ab[A"},
		"a paste of several reads":                {chunks{"\x1b[200~a\n", "b\n", "c\x1b[201~"}, "a⏎b⏎c"},
		"a paste that the terminal does not mark": {chunks{"a\rb\r"}, "a⏎b⏎"},
		"one line that is pasted without marks":   {chunks{"a\r"}, "a\r"},
		"Enter that is held down":                 {chunks{"\r\r\r"}, "\r\r\r"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, small := range []bool{false, true} {
				from := append(chunks(nil), c.chunks...)
				var r io.Reader = &pasteReader{from: &from}
				if small {
					r = iotest.OneByteReader(r)
				}
				got, err := io.ReadAll(r)
				if err != nil || string(got) != c.want {
					t.Errorf("got %q (%v), want %q", got, err, c.want)
				}
			}
		})
	}
}

func TestWithBreaks(t *testing.T) {
	for line, want := range map[string]string{"a": "a", "a⏎": "a", "⏎a⏎": "a", "a⏎b": "a\nb", "a⏎b⏎": "a\nb\n", "a␉b": "a\tb", "": ""} {
		if got := withBreaks(line); got != want {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
	}
	if got := strings.ToUpper(withBreaks(visibleBreaks.Replace("a\n\tb"))); got != "A\n\tB" {
		t.Errorf("there and back: %q", got)
	}
}
