package pyyaml

import (
	"regexp"
	"strings"
	"testing"
)

// The implicit resolvers, word for word from yaml/resolver.py. Python's $ also
// matches before a last newline; a plain scalar never ends in one.
var (
	floatPattern = regexp.MustCompile(`^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?` +
		`|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?` +
		`|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*` +
		`|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	intPattern = regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)` +
		`|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	timestampPattern = regexp.MustCompile(`^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}` +
		`|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?` +
		`(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?)$`)
)

func likePyYAML(t *testing.T, s string) {
	t.Helper()
	for _, c := range []struct {
		kind string
		got  func(string) bool
		want *regexp.Regexp
	}{{"float", looksFloat, floatPattern}, {"int", looksInt, intPattern}, {"timestamp", looksTimestamp, timestampPattern}} {
		if got, want := c.got(s), c.want.MatchString(s); got != want {
			t.Errorf("%q is a %s: %v, by the expression %v", s, c.kind, got, want)
		}
	}
}

// TestNumbersAreRecognisedAsByTheExpressions tries every text of up to five
// characters of those that decide, and pieces that longer ones are made of.
func TestNumbersAreRecognisedAsByTheExpressions(t *testing.T) {
	const deciding = "069-+.:_bxeZ"
	texts := []string{""}
	for range 5 {
		var longer []string
		for _, s := range texts {
			for _, c := range deciding {
				longer = append(longer, s+string(c))
			}
		}
		for _, s := range longer {
			likePyYAML(t, s)
		}
		texts = longer
	}
	pieces := [][]string{
		{"2001", "201", "20011", "-2001"},
		{"-1", "-12", "-123", "-", ""},
		{"-1", "-12", "-123", ""},
		{"", "T1", "t12", " 1", " \t12", "T", "T123", "  "},
		{"", ":59", ":5", ":123"},
		{"", ":59", ":5"},
		{"", ".", ".123", ".x"},
		{"", "Z", " Z", "\tZ", " ", "+1", " -12", "+123", "z"},
		{"", ":30", ":3", ":300", "x"},
	}
	var try func(s string, rest [][]string)
	try = func(s string, rest [][]string) {
		if len(rest) == 0 {
			likePyYAML(t, s)
			return
		}
		for _, piece := range rest[0] {
			try(s+piece, rest[1:])
		}
	}
	try("", pieces)
	for _, s := range []string{".inf", "+.inf", "-.INF", ".Inf", ".nan", "-.nan", ".NaN", ".NAN", ".iNF", "0b", "0b1", "0x", "0xaF_", "-0xg", "190:20:30.15", "190:20:30", "1:60", "0:1", "01:1.", "1e3", "1.e+3", "1_000.5e-10", "+.5", ".5e+1", "é", "1é"} {
		likePyYAML(t, s)
		likePyYAML(t, strings.ToUpper(s))
	}
}

func FuzzNumbersAreRecognisedAsByTheExpressions(f *testing.F) {
	for _, s := range []string{"0x1F", "1:20:30.5", "2001-01-02 03:04:05.6 +07:08", "-1_0.e-5", ".inf"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { likePyYAML(t, s) })
}
