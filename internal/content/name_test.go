package content

import (
	"regexp"
	"testing"
)

func TestParameterNamesArePythonWords(t *testing.T) {
	word := regexp.MustCompile(`^[\p{L}\p{N}_]+\n?$`)
	for _, name := range []string{
		"", "\n", "_", "host", "Host_2", "2host", "größe", "端口", "٣", "²", "Ⅷ", "host\n", "host\n\n", "\nhost",
		"ho st", "ho-st", "ho.st", "host\r\n", "e\u0301", "\xff", "host\xff", "\ufffd", "a\x00",
	} {
		if got, want := isParameterName(name), word.MatchString(name); got != want {
			t.Errorf("%q is a name: %v, Python says %v", name, got, want)
		}
	}
}
