package cli

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func TestASCIIWriter(t *testing.T) {
	for in, want := range map[string]string{
		"version 1.0.0 → 2.0.0…": "version 1.0.0 -> 2.0.0...", "“so” — it's": "\"so\" - it's", "Grüße": "Gr??e", "": "", "plain\n": "plain\n", "\xff": "?",
	} {
		for cut := range len(in) + 1 { // wherever a write ends
			var out bytes.Buffer
			w := &asciiWriter{w: &out, json: new(bool)}
			for _, part := range []string{in[:cut], in[cut:]} {
				if n, err := w.Write([]byte(part)); err != nil || n != len(part) {
					t.Fatalf("Write gave %d, %v", n, err)
				}
			}
			if out.String() != want {
				t.Errorf("%q cut at %d is %q, want %q", in, cut, out.String(), want)
			}
		}
	}
	json := true
	var out bytes.Buffer
	if _, err := (&asciiWriter{w: &out, json: &json}).Write([]byte("→")); err != nil || !utf8.Valid(out.Bytes()) || out.String() != "→" {
		t.Errorf("JSON became %q, %v", out.String(), err)
	}
}

func TestOnlyASCII(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want bool
	}{
		{nil, false}, {[]string{"LANG=C"}, true}, {[]string{"LANG=C.UTF-8"}, false}, {[]string{"LANG=C", "LC_ALL=en_US.UTF-8"}, false},
		{[]string{"LANG=en_US.UTF-8", "LC_ALL=POSIX"}, true}, {[]string{"LC_ALL=", "LC_CTYPE=C"}, true},
	} {
		if got := onlyASCII(c.env); got != c.want {
			t.Errorf("%v: %t", c.env, got)
		}
	}
}
