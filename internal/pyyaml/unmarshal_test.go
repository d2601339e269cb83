package pyyaml

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scalars that Go libraries and PyYAML read differently, and their neighbours.
var scalars = []string{
	"yes", "Yes", "YES", "yEs", "no", "on", "off", "ON", "y", "n", "true", "True", "TRUE", "tRue", "false",
	"012", "0o12", "0777", "08", "0", "00", "-0", "+12", "1_000", "1__0", "_1", "0b101", "0b_", "0x1F", "0xg", "-0x10", "0x", "0_7", "0_",
	"1:30", "12:30:45", "190:20:30", "190:20:30.15", "1:60", "01:30", "-1:30", "1:30:", "1:2.", "1:5.5",
	"1e3", "1.0e3", "1.0e+3", "1.e+3", "1E+3", ".5", "+.5", "-.5", ".5e+3", "5.", "1_0.5", "6.8523015e+5", "685_230.15", "1.", ".", "-", "+", "-.inf", ".inf", "+.INF", ".iNf", ".nan", "-.nan", "nan", "inf", "1.0.0", "1.10", "3.10", "1e400", "1.0e+400",
	"123456789012345678901234567890", "-9223372036854775808", "9223372036854775808", "9223372036854775807",
	"~", "null", "Null", "NULL", "nUll", "", "None", "nil",
	"2020-01-01", "2020-1-1", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10 -5", "2001-12-15 2:59:43.10", "2020-13-01", "2020-02-30", "2024-02-29", "0000-01-01",
	"2001-12-14 25:00:00", "2001-12-14 23:60:00", "2001-12-14T21:59:43Z", "2001-12-14 21:59:43 +99", "2001-12-14 21:59:43.1234567",
	"=", "<<", "<", "a=b", "!", "& a", "* a", "a: b", "a:b", "a #b", "a#b", "'a'", `"a\n"`, `"\x41\u0042\U00000043\e\_\N\L\P"`, `"\q"`,
	"[a, b]", "{a: b}", "{a, b: }", "[", "]", "{{ x }}", "@a", "`a", "%a", "a\tb", "\ta", "? a", "- a", "|\n  a\n  b\n", ">-\n  a\n  b\n", "|+\n  a\n\n",
	"! 12", "! a", "!!str 12", "!!int '12'", "!!int a", "!!int ''", "!!float 1", "!!float 1e3", "!!float a", "!!float 0x1p-2", "!!float inf", "!!bool yes", "!!bool y", "!!null x", "!!timestamp 2020-1-1", "!!timestamp x", "!foo x", "!!binary aGk=", "!!omap [a: b]", "!!set {a}", "!!python/object:os.system x", "!!seq a", "!!map [a]", "!!seq [a]", "!!map {a: b}", "! [a]",
	"\u00e4", "\u0085a", "a\u2028b", "\ufeff", "a\u00a0", "\U0001f600", "\x7f", "\x00", "a\x1bb", "\ufffe",
	"&a [*a]", "*a", "&x x", "&a a",
}

var documents = []string{
	"", "# only a comment\n", "---\n", "--- a\n", "---\na: 1\n...\n", "a: 1\n---\nb: 2\n", "...\n", "\ufeffa: 1\n", "a: 1\r\nb: 2\r\n", "a: 1\rb: 2\r", "%YAML 1.1\n---\na: 1\n",
	"a: 1\na: 2\n", "1: a\ntrue: b\n1.0: c\n", "on: push\n", "? a\n: b\n", "? [a, b]\n: c\n", "{a: b}: c\n", "a: {{ x }}\n", "null: a\n~: b\n",
	"a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}\n", "a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {<<: [*x, *y], n: 4}\n", "b: {l: 3, <<: {l: 4, m: 5}}\n", "<<: 1\n", "<<: [1]\n", "<<: {a: 1}\na: 2\nb: 3\n",
	"'<<': {a: 1}\n", "a: {<<: {x: 1}, <<: {x: 2, y: 3}}\n", "a: &x {<<: {b: 1}, c: 2}\nd: {<<: *x}\n", "=: 1\n", "a: =\n", "- <<\n", "- =\n",
	"a: &x 1\nb: &x 2\n", "a: &x 1\nb: *x\n", "a: *x\nb: &x 1\n", "&a a: 1\nb: *a\n", "a: &a\n  b: *a\n",
	"a:\n- 1\n- 2\nb:\n  - 3\n", "a:\n\tb: 1\n", "a:\n  b: 1\n c: 2\n", "a: b\n  c\n  d\n", "a: 'it''s'\n", "a: \"x\\\n  y\"\n", "a: |2\n    x\n", "a: |\n  x\n y\n",
	"k: >\n  folded\n  text\n\n  more\n", "- - a\n  - b\n- c\n", "a: [1, 2,\n 3]\n", "a: [1,, 2]\n", "{a: 1, b: 2,}\n", "a: 1 b: 2\n", "a\nb\n", "a: - b\n", "\"a\": 1\n'b': 2\n", "a : 1\n", "a:  # c\n  1\n",
	"a: \"b\n", "- a\nb: 1\n", "a: !!str\nb: !!null\n", "x: 2020-01-01\n2020-01-01: y\n", "a: [*x]\n", "!!map\na: 1\n", "key with spaces: v\n", "a: b: c\n", "a: 'x' y\n", ": 1\n", "? \n", "a: ?\n", "- ? a\n  : b\n",
}

// The same answer as PyYAML, or refusal where PyYAML refuses.
func TestUnmarshalReadsAsPyYAML(t *testing.T) {
	python := newOracle(t)
	inputs := documents
	for _, s := range scalars {
		inputs = append(inputs, s, "k: "+s+"\n", s+": v\n", "- "+s+"\n", "["+s+"]")
	}
	for _, in := range inputs {
		doc, err := Unmarshal([]byte(in))
		p, pErr := python.read(t, "P", []byte(in))
		c, cErr := python.read(t, "C", []byte(in))
		// Where Python's own two loaders disagree either answer will do.
		if why := compare(doc, err, p, pErr); why != "" && compare(doc, err, c, cErr) != "" && !refusedOnPurpose(err) && !slices.Contains(differences, in) {
			t.Errorf("%q: %s", in, why)
		}
	}
}

// differences are layouts where the library's scanner and PyYAML's disagree and
// that nobody writes: all but the last are read although PyYAML refuses them.
var differences = []string{"...\n", ": 1\n", ": v\n", "[!]", "- \ta\n", "\ufeff: v\n", "[-]"}

func refusedOnPurpose(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "not supported") || strings.Contains(err.Error(), "stands inside"))
}

func compare(doc *Document, err error, form any, problem string) string {
	switch {
	case err != nil && problem != "":
		return ""
	case err != nil:
		return fmt.Sprintf("refused (%v), but PyYAML reads %v", err, form)
	case problem != "":
		return fmt.Sprintf("read as %v, but PyYAML refuses: %s", formOf(doc.Root), problem)
	}
	// Not cmp.Diff: its cost doubles with every level of nesting.
	if ours := formOf(doc.Root); !reflect.DeepEqual(form, ours) {
		return fmt.Sprintf("PyYAML reads %v\n          ours %v", form, ours)
	}
	return ""
}

func TestUnmarshalSaysWhere(t *testing.T) {
	doc, err := Unmarshal([]byte("name: x\nhosts:\n  - name: a\n  - name: b\n    port: 012\n"))
	if err != nil {
		t.Fatal(err)
	}
	port := doc.Root.Lookup("hosts", "1", "port")
	if port == nil || port.Line != 5 || port.Column != 11 || port.Value() != int64(10) {
		t.Errorf("hosts.1.port is %+v", port)
	}
	if n := doc.Root.Lookup("hosts", "2", "port"); n != nil {
		t.Errorf("hosts.2.port should be nil, is %+v", n)
	}
	if n := doc.Root.Lookup("name", "x"); n != nil {
		t.Errorf("name.x should be nil, is %+v", n)
	}
}

func TestUnmarshalRefusals(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth+2) + strings.Repeat("]", MaxDepth+2)
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	chain := "a0: &a0 " + strings.Repeat("[", 60) + strings.Repeat("]", 60) + "\n"
	for i := 1; i < 8; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
		chain += fmt.Sprintf("a%d: &a%d %s*a%d%s\n", i, i, strings.Repeat("[", 60), i-1, strings.Repeat("]", 60))
	}
	cases := []struct {
		name, in string
		line     int
		want     string
	}{
		{"too large", strings.Repeat("#", MaxSize+1), 0, "larger than"},
		{"not UTF-8", "a: ü\nb: \xff", 2, "not UTF-8"},
		{"a control character", "a: 1\nb: \x1b[0m\n", 2, "U+001B is not allowed"},
		{"too deep", deep, 1, "nested deeper"},
		{"deep through aliases", chain, 2, "nested deeper"},
		{"a billion laughs", laughs, 6, "expand to more than"},
		{"a loop", "a: &x\n  b: *x\n", 2, "inside what it refers to"},
		{"two documents", "a: 1\n---\nb: 2\n", 2, "second document"},
		{"a template without quotes", "ok: 1\nurl: {{ st2kv.system.url }}\n", 2, "needs quotes"},
		{"a broken line", "a: 1\nb: c: d\n", 2, "mapping values are not allowed"},
		{"an unknown anchor", "a: *nowhere\n", 1, "what it refers to is not there"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Unmarshal([]byte(c.in))
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("want a SyntaxError, got %v", err)
			}
			if syntax.Line != c.line || !strings.Contains(syntax.Problem, c.want) {
				t.Errorf("line %d: %s\nwant line %d: …%s…", syntax.Line, syntax.Problem, c.line, c.want)
			}
		})
	}
}

func TestUnmarshalErrorsHideValues(t *testing.T) {
	for _, in := range []string{"password: !!int s3cret\n", "password: !!float s3cret\n", "password: \"s3cret\n", "password: s3cret: s3cret\n", "password: 's3cret' s3cret\n", "password: 2020-99-99\n",
		"password: *s3cret\n", "password: &s3cret\n  a: *s3cret\n", "a: &s3cret x\nb: &s3cret y\n", "password: !s3cret\n", "password: !s3cret [a]\n", "password: !s3cret {a: b}\n",
		"password: %s3cret\n", "password: @s3cret\n", "password: `s3cret\n", "password: \"\\s3cret\"\n", "password: [s3cret\n", "password: {s3cret\n", "? s3cret\n: {\n"} {
		_, err := Unmarshal([]byte(in))
		if err == nil {
			t.Errorf("%q should be refused", in)
		} else if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "2020") {
			t.Errorf("the error shows a value: %v", err)
		}
	}
}

func TestAKeyWrittenTwiceIsAWarning(t *testing.T) {
	doc, err := Unmarshal([]byte("a: 1\nb: {c: 1, <<: {c: 0, d: 0}, d: 1}\na: 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Warning{{3, 1, `key "a" is written twice (first in line 1): the last one counts`}}
	if diff := cmp.Diff(want, doc.Warnings); diff != "" {
		t.Error(diff)
	}
	if got := doc.Root.Get("a").Value(); got != int64(2) {
		t.Errorf("a is %v, want the last value", got)
	}
}

func TestTheNilNodeIsNothing(t *testing.T) {
	var n *Node
	if n.Get("x") != nil || n.Lookup("x", "y") != nil || n.Value() != nil || n.Truthy() || n.Str() != "" || n.Pairs() != nil || n.Items() != nil {
		t.Error("a nil node should be empty in every respect")
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, in := range append(documents, scalars...) {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := Unmarshal(data)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("want a SyntaxError, got %T %v", err, err)
			}
			return
		}
		// What was read can be written and read again as the same value.
		first := doc.Root.Value()
		out, err := Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Unmarshal(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if second := again.Root.Value(); !same(first, second) {
			t.Errorf("differs after a round trip: %v, then %v", first, second)
		}
	})
}
