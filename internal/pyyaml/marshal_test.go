package pyyaml

import (
	"bytes"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/packsync/packsync/internal/pack"
)

// same compares values as PyYAML sees them: NaN is NaN, big integers by value.
// (cmp.Equal's cost doubles with every level of nested lists.)
func same(a, b any) bool {
	switch a := a.(type) {
	case *big.Int:
		b, ok := b.(*big.Int)
		return ok && a.Cmp(b) == 0
	case float64:
		b, ok := b.(float64)
		return ok && (math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b))
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	}
	return a == b
}

func TestMarshalForm(t *testing.T) {
	got, err := Marshal(map[string]any{
		"url":      "https://jira.acme.example",
		"password": pack.NewSecret("pa\"ss\n"),
		"on":       true,
		"empty":    map[string]any{},
		"none":     []any{},
		"ports":    []any{1, int64(2), []any{"a"}, map[string]any{"z": nil, "a": 1e3}},
		"big":      new(big.Int).Lsh(big.NewInt(1), 70),
		"rate":     0.5,
		"long":     strings.Repeat("word ", 40),
		"ümlaut":   "ä 😀 \u2028 \x00",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `"big": 1180591620717411303424
"empty": {}
"long": "` + strings.Repeat("word ", 40) + `"
"none": []
"on": true
"password": "pa\"ss\n"
"ports":
- 1
- 2
- - "a"
- "a": 1000.0
  "z": null
"rate": 0.5
"url": "https://jira.acme.example"
"\xFCmlaut": "\xE4 \U0001F600 \L \0"
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestMarshalRefusals(t *testing.T) {
	deep := any("x")
	for range MaxDepth + 1 {
		deep = []any{deep}
	}
	cases := []struct {
		name string
		v    any
		want string
	}{
		{"an unknown type", map[string]any{"a": []any{0, struct{}{}}}, "a.1: a value of type struct {} has no YAML form"},
		{"not UTF-8", map[string]any{"a": "s3cret\xff"}, "a: it is not UTF-8"},
		{"a key that is not UTF-8", map[string]any{"\xff": 1}, "a key of the value itself: it is not UTF-8"},
		{"a secret of an unknown type", map[string]any{"a": pack.NewSecret(uint8(7))}, "a: a value of type uint8"},
		{"too deep", deep, "nested deeper than 100"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Marshal(c.v)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
}

// nasty are texts that some YAML writer or reader takes for something else.
var nasty = append([]string{
	" a", "a ", "a: ", "a:\n b", "\n", "\n\n", "a\n", "\na", "\r\n", "\r", "\t", " ", "  ", "'", "''", `"`, `\`, `\n`, "#", " # a", "- ", "-", "---", "...", "--- a", "? ", ":", "a:", ": a", ",", "[]", "{}", "|", ">", "%", "@", "`", "&", "*", "!", "!!int 1",
	"\u0000", "\u0007", "\u001b", "\u007f", "\u0080", "\u0085", "\u00a0", "\u2028", "\u2029", "\ufeff", "\ufeffa", "a\ufeff", "\ufffe", "\uffff", "\ufffd", "\U0001f600", "\U0010ffff", "\U0001fffe", "\ud7ff", "\ue000", "e\u0301", "\u202e", "0.", "0x", "1,000", "1 000", "1.2.3", "{{ st2kv.system.x | decrypt_kv }}", "{% if x %}",
	strings.Repeat("a", 127), strings.Repeat("a", 128), strings.Repeat("a", 129), strings.Repeat("long words ", 200), strings.Repeat("a", 2000), strings.Repeat("ä", 1100), strings.Repeat("x\n", 500),
}, scalars...)

func TestPyYAMLReadsBackWhatMarshalWrites(t *testing.T) {
	python := newOracle(t)
	for _, s := range nasty {
		assertReadsBack(t, python, map[string]any{s: s, "k": []any{s, []any{s}, map[string]any{s: s}}})
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 1, 1e3, 1e15, 1e16, 1e17, 123456789.125, 1e-4, 1e-5, 5e-324, math.MaxFloat64, -1e300, 0.1, 1.0 / 3, math.Inf(1), math.Inf(-1), math.NaN()} {
		assertReadsBack(t, python, map[string]any{"f": f, "l": []any{f}})
	}
	for _, v := range []any{nil, true, false, 0, -1, int64(math.MinInt64), new(big.Int).Lsh(big.NewInt(-1), 200), "x", []any{}, map[string]any{}} {
		assertReadsBack(t, python, v)
	}
}

func TestPyYAMLReadsBackAnyValue(t *testing.T) {
	python := newOracle(t)
	rapid.Check(t, func(t *rapid.T) {
		assertReadsBack(t, python, genValue(4).Draw(t, "value"))
	})
}

// assertReadsBack writes v and has both of PyYAML's loaders and our own reader
// read it.
func assertReadsBack(t rapid.TB, python *oracle, v any) {
	t.Helper()
	out, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range out {
		if b >= 0x7f || b < 0x20 && b != '\n' {
			t.Fatalf("byte %#x in %q", b, out)
		}
	}
	doc, err := Unmarshal(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := doc.Root.Value(); !same(normal(v), got) {
		t.Fatalf("our own reader: %v\nwant %v", got, normal(v))
	}
	for _, loader := range []string{"P", "C"} {
		form, problem := python.read(t, loader, out)
		if problem != "" {
			t.Fatalf("PyYAML (%s) refuses it: %s\n%s", loader, problem, out)
		}
		if want := formOf(doc.Root); !reflect.DeepEqual(want, form) {
			t.Fatalf("PyYAML (%s): %v\nwant %v", loader, form, want)
		}
	}
	again, err := Marshal(v)
	if err != nil || !bytes.Equal(out, again) {
		t.Fatalf("two writes of one value differ (%v)", err)
	}
}

// normal is v as our reader returns it: one integer type, no secrets.
func normal(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case *big.Int:
		if v.IsInt64() {
			return v.Int64()
		}
	case pack.Secret:
		return normal(v.Reveal())
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = normal(v[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for k := range v {
			m[k] = normal(v[k])
		}
		return m
	}
	return v
}

func genValue(depth int) *rapid.Generator[any] {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom(nasty), rapid.StringMatching(`[-+0-9._:exobTZ ]{0,12}`))
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		text.AsAny(),
		rapid.Map(text, func(s string) any { return pack.NewSecret(s) }),
		rapid.Int().AsAny(),
		rapid.Int64().AsAny(),
		rapid.Float64().AsAny(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 30), func(b []byte) any { return new(big.Int).SetBytes(b) }),
	}
	if depth > 0 {
		inner := rapid.Deferred(func() *rapid.Generator[any] { return genValue(depth - 1) })
		kinds = append(kinds,
			rapid.SliceOfN(inner, 0, 4).AsAny(),
			rapid.MapOfN(text, inner, 0, 4).AsAny())
	}
	return rapid.OneOf(kinds...)
}
