package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/packsync/packsync/internal/pack"
)

// SettingKind tells how a value of a config is written.
type SettingKind int

// The kinds of setting.
const (
	Literal    SettingKind = iota // a text, number, flag or null
	Expression                    // anything that has to be evaluated: var.x, a call, a condition
	List                          // [ … ]
	Object                        // { … }
)

// Setting is one value of a pack's config as it is written, or is to be written:
// what was an expression stays one when what is beside it changes. Literals and
// Expressions are never changed but replaced.
type Setting struct {
	Kind SettingKind
	// Value is that of a Literal, or what an Expression gives, as PackConfig.Values
	// holds values; nil for null and for what is not known.
	Value   any
	Text    string // of an Expression
	Known   bool   // the Value of an Expression is known
	Items   []*Setting
	Members []Member

	at   span // where it stands in the file; the zero span for what is new
	over span // what a new one stands in the place of: an element of a List
}

// Member is one key of an Object.
type Member struct {
	Name string
	*Setting
}

// span is a range of bytes of the file.
type span struct{ start, end int }

func spanOf(r hcl.Range) span { return span{r.Start.Byte, r.End.Byte} }

// NewSetting makes a setting of a value as PackConfig.Values holds values.
func NewSetting(value any) *Setting {
	switch v := value.(type) {
	case []any:
		s := &Setting{Kind: List}
		for _, item := range v {
			s.Items = append(s.Items, NewSetting(item))
		}
		return s
	case map[string]any:
		s := &Setting{Kind: Object}
		for _, name := range sortedNames(v) {
			s.Members = append(s.Members, Member{name, NewSetting(v[name])})
		}
		return s
	}
	return &Setting{Kind: Literal, Value: value, Known: true}
}

func sortedNames(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Reference makes a setting that takes its value from a variable.
func Reference(variable string) *Setting {
	return &Setting{Kind: Expression, Text: "var." + variable}
}

// Member returns the setting under a name, or nil.
func (s *Setting) Member(name string) *Setting {
	if s == nil {
		return nil
	}
	for _, m := range s.Members {
		if m.Name == name {
			return m.Setting
		}
	}
	return nil
}

// SetMember puts a setting under a name; nil takes the name out.
func (s *Setting) SetMember(name string, to *Setting) {
	i := slices.IndexFunc(s.Members, func(m Member) bool { return m.Name == name })
	switch {
	case to == nil && i >= 0:
		s.Members = slices.Delete(s.Members, i, i+1)
	case to == nil:
	case i >= 0:
		s.Members[i].Setting = to
	default:
		s.Members = append(s.Members, Member{name, to})
	}
}

// SetItem replaces an element of a List.
func (s *Setting) SetItem(i int, to *Setting) {
	if old := s.Items[i]; old != to {
		placed := *to
		if placed.over = old.over; old.kept() {
			placed.over = old.at
		}
		s.Items[i] = &placed
	}
}

// kept tells whether a setting stands in the file.
func (s *Setting) kept() bool { return s.at.end > 0 }

// Clone copies a setting, to be changed without the original.
func (s *Setting) Clone() *Setting {
	if s == nil {
		return nil
	}
	c := *s
	c.Items, c.Members = nil, nil
	for _, item := range s.Items {
		c.Items = append(c.Items, item.Clone())
	}
	for _, m := range s.Members {
		c.Members = append(c.Members, Member{m.Name, m.Setting.Clone()})
	}
	return &c
}

// Plain returns the value, and the paths of all that is not known: it is left out
// of an Object, and null in a List. What is written as null is null.
func (s *Setting) Plain() (value any, unknown [][]string) { return s.plain(nil) }

func (s *Setting) plain(path []string) (value any, unknown [][]string) {
	below := func(step string, inner *Setting) any {
		v, more := inner.plain(append(slices.Clone(path), step))
		unknown = append(unknown, more...)
		return v
	}
	switch s.Kind {
	case Expression:
		if !s.Known {
			return nil, [][]string{path}
		}
	case List:
		list := make([]any, len(s.Items))
		for i, item := range s.Items {
			list[i] = below(strconv.Itoa(i), item)
		}
		return list, unknown
	case Object:
		values := make(map[string]any, len(s.Members))
		for _, m := range s.Members {
			if v := below(m.Name, m.Setting); v != nil || m.Kind == Literal {
				values[m.Name] = v
			}
		}
		return values, unknown
	}
	return s.Value, nil
}

// OpaqueConfigError reports a config that cannot be taken apart, because it is
// not written as { … }.
type OpaqueConfigError struct {
	Ref   pack.Ref
	Place string // "packs.hcl line 12"
	Why   string // a clause
}

func (e *OpaqueConfigError) Error() string {
	return fmt.Sprintf("the config of %s (%s) cannot be changed key by key, because %s: change it in an editor", e.Ref, e.Place, e.Why)
}

// ReadSettings takes the config of a pack apart, as it is written in a file of
// the declaration; an empty Object if it has none. The error is a *GroupError for
// a pack that a for_each makes, or an *OpaqueConfigError.
func ReadSettings(src []byte, p Pack) (*Setting, error) {
	b, err := findPack(src, p)
	if err != nil {
		return nil, err
	}
	attr := b.Body.Attributes["config"]
	if attr == nil {
		return &Setting{Kind: Object}, nil
	}
	opaque := func(why string) error {
		return &OpaqueConfigError{Ref: p.Ref, Place: place(attr.SrcRange), Why: why}
	}
	object, ok := attr.Expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return nil, opaque("it is an expression and not written as { … }")
	}
	var values any
	if p.Config != nil {
		values = p.Config.Values
	}
	s, twice := readSetting(src, object, values)
	if twice != "" {
		return nil, opaque(fmt.Sprintf("the key %q stands there twice", twice))
	}
	return s, nil
}

// findPack finds the block that declares a pack, in a file that may have been
// edited since it was loaded.
func findPack(src []byte, p Pack) (*hclsyntax.Block, error) {
	name := p.Range.Filename
	file, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("edit %s: it cannot be parsed any more", name)
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, fmt.Errorf("edit %s: it is not in HCL's own syntax", name)
	}
	for _, b := range body.Blocks {
		if b.Type == "pack" && len(b.Labels) == 1 && b.Labels[0] == string(p.Ref) && !isGroup(b) {
			return b, nil
		}
	}
	for _, b := range body.Blocks {
		if b.Type == "pack" && b.DefRange().Start.Byte == p.Range.Start.Byte && isGroup(b) {
			return nil, &GroupError{Ref: p.Ref, Label: b.Labels[0]}
		}
	}
	return nil, fmt.Errorf("edit %s: the block of pack %q is not there any more", name, p.Ref)
}

// readSetting takes an expression apart; value is what it gives, nil if that is
// null or not known. twice is a key that an object has twice, "" for none.
func readSetting(src []byte, expr hclsyntax.Expression, value any) (s *Setting, twice string) {
	secret := false
	if wrapped, is := value.(pack.Secret); is {
		value, secret = wrapped.Reveal(), true
	}
	inner := func(v any) any {
		if v != nil && secret {
			return pack.NewSecret(v)
		}
		return v
	}
	at := spanOf(expr.Range())
	for at.end > at.start && src[at.end-1] == '\n' { // a heredoc ends behind its last line
		at.end--
	}
	switch e := expr.(type) {
	case *hclsyntax.ObjectConsExpr:
		s = &Setting{Kind: Object, at: at}
		values, _ := value.(map[string]any)
		for _, item := range e.Items {
			name, constant := keyName(item.KeyExpr)
			if !constant {
				continue // nobody can ask for it; it is kept
			}
			if s.Member(name) != nil {
				return s, name
			}
			member, again := readSetting(src, item.ValueExpr, inner(values[name]))
			if again != "" {
				return s, again
			}
			s.Members = append(s.Members, Member{name, member})
		}
		return s, ""
	case *hclsyntax.TupleConsExpr:
		s = &Setting{Kind: List, at: at}
		values, _ := value.([]any)
		for i, item := range e.Exprs {
			var v any
			if i < len(values) {
				v = values[i]
			}
			element, again := readSetting(src, item, inner(v))
			if again != "" {
				return s, again
			}
			s.Items = append(s.Items, element)
		}
		return s, ""
	}
	if plain, is := literalValue(expr); is {
		return &Setting{Kind: Literal, Value: plain, Known: true, at: at}, ""
	}
	return &Setting{Kind: Expression, Text: string(src[at.start:at.end]), Value: inner(value), Known: value != nil, at: at}, ""
}

// keyName returns the name of a key of an object, if it is written down.
func keyName(expr hclsyntax.Expression) (string, bool) {
	if wrapped, is := expr.(*hclsyntax.ObjectConsKeyExpr); is && !wrapped.ForceNonLiteral {
		if name := hcl.ExprAsKeyword(wrapped.Wrapped); name != "" {
			return name, true
		}
		expr = wrapped.Wrapped
	}
	v, is := literalValue(expr)
	name, isText := v.(string)
	return name, is && isText
}

// literalValue returns the value of an expression that refers to nothing: a
// number, also a negative one, a flag, null, or a text.
func literalValue(expr hclsyntax.Expression) (value any, literal bool) {
	if minus, is := expr.(*hclsyntax.UnaryOpExpr); is && minus.Op == hclsyntax.OpNegate && isLiteral(minus.Val) {
		literal = true
	}
	if template, is := expr.(*hclsyntax.TemplateExpr); is { // more than one part: a heredoc
		literal = !slices.ContainsFunc(template.Parts, func(part hclsyntax.Expression) bool { return !isLiteral(part) })
	}
	if !literal && !isLiteral(expr) {
		return nil, false
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.Type() == cty.DynamicPseudoType && !v.IsNull() {
		return nil, false
	}
	plain, unknown, err := plainValue(v)
	return plain, err == nil && !unknown
}

// SameSettings tells whether two settings are written alike, whatever the spaces
// and the order of keys.
func SameSettings(a, b *Setting) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case Expression:
		return strings.Join(strings.Fields(a.Text), " ") == strings.Join(strings.Fields(b.Text), " ")
	case List:
		return slices.EqualFunc(a.Items, b.Items, SameSettings)
	case Object:
		if len(a.Members) != len(b.Members) {
			return false
		}
		for _, m := range a.Members {
			if other := b.Member(m.Name); other == nil || !SameSettings(m.Setting, other) {
				return false
			}
		}
		return true
	}
	return sameLiteral(a.Value, b.Value)
}

func sameLiteral(a, b any) bool {
	if s, is := a.(pack.Secret); is {
		a = s.Reveal()
	}
	if s, is := b.(pack.Secret); is {
		b = s.Reveal()
	}
	_, aText := a.(string)
	_, bText := b.(string)
	return aText == bText && fmt.Sprint(a) == fmt.Sprint(b)
}
