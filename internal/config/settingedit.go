package config

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/packsync/packsync/internal/pack"
)

// WriteSettings returns a file of the declaration in which the config of a pack is
// what after says: a changed Clone of what ReadSettings gave. Only what changed
// is written; comments and all else stay, byte for byte, except that a file that
// was in the canonical layout stays in it.
func WriteSettings(src []byte, p Pack, after *Setting) ([]byte, error) {
	b, err := findPack(src, p)
	if err != nil {
		return nil, err
	}
	e := editor{src: src}
	switch attr := b.Body.Attributes["config"]; {
	case attr == nil && len(after.Members) == 0:
		return src, nil
	case attr == nil:
		e.addAttribute(b, "config = "+settingText(after, indentAt(src, b.DefRange().Start.Byte)+"  "))
	default:
		object, ok := attr.Expr.(*hclsyntax.ObjectConsExpr)
		if !ok {
			return nil, &OpaqueConfigError{Ref: p.Ref, Place: place(attr.SrcRange), Why: "it is an expression and not written as { … }"}
		}
		e.object(object, after)
	}
	if e.inline {
		return nil, &OpaqueConfigError{Ref: p.Ref, Place: place(b.DefRange()), Why: "a comment stands in the middle of a line there"}
	}
	out := e.apply()
	if bytes.Equal(hclwrite.Format(src), src) {
		out = hclwrite.Format(out)
	}
	written, err := ReadSettings(out, p)
	if err != nil {
		return nil, err
	}
	if !SameSettings(written, after) {
		return nil, fmt.Errorf("edit %s: the config of %s would not be what was asked for; nothing was written. Change it in an editor", p.Range.Filename, p.Ref)
	}
	return out, nil
}

// ConfigText returns the config argument of a pack as it is written, from the
// begin of its line; one without values if there is none.
func ConfigText(src []byte, p Pack) ([]byte, error) {
	b, err := findPack(src, p)
	if err != nil {
		return nil, err
	}
	attr := b.Body.Attributes["config"]
	if attr == nil {
		return []byte("  config = {\n  }\n"), nil
	}
	at := spanOf(attr.SrcRange)
	if start := lineStart(src, at.start); strings.TrimSpace(string(src[start:at.start])) == "" {
		at.start = start
	}
	return append(bytes.Clone(src[at.start:at.end]), '\n'), nil
}

// ReplaceConfig returns a file of the declaration in which the config argument of
// a pack is written as text, which need not be right; it goes if there is no text.
// A file that was in the canonical layout stays in it.
func ReplaceConfig(src []byte, p Pack, text []byte) ([]byte, error) {
	b, err := findPack(src, p)
	if err != nil {
		return nil, err
	}
	e := editor{src: src}
	line := strings.TrimSpace(string(text))
	switch attr := b.Body.Attributes["config"]; {
	case attr == nil && line == "":
		return src, nil
	case attr == nil:
		e.addAttribute(b, line)
	case line == "":
		at := spanOf(attr.SrcRange)
		e.remove([]part{{all: at}}, 0, span{b.OpenBraceRange.Start.Byte, b.CloseBraceRange.End.Byte})
	default:
		e.replace(spanOf(attr.SrcRange), line)
	}
	out := e.apply()
	if bytes.Equal(hclwrite.Format(src), src) {
		out = hclwrite.Format(out)
	}
	return out, nil
}

// NewVariable is a variable block to be written: a sensitive one.
type NewVariable struct {
	Name string
	Type string // "string", "number", "bool"; "" for any
	File string // path of a file that holds the value; "" without
	Env  string // environment variable that holds it; "" without
}

// AppendVariables returns a declaration with variable blocks added at its end.
func AppendVariables(src []byte, vars []NewVariable) []byte {
	var out bytes.Buffer
	out.Write(bytes.TrimRight(src, "\n"))
	out.WriteString("\n")
	for _, v := range vars {
		file := hclwrite.NewEmptyFile()
		body := file.Body().AppendNewBlock("variable", []string{v.Name}).Body()
		if v.Type != "" {
			body.SetAttributeTraversal("type", hcl.Traversal{hcl.TraverseRoot{Name: v.Type}})
		}
		body.SetAttributeValue("sensitive", cty.True)
		if v.File != "" {
			body.SetAttributeValue("file", cty.StringVal(v.File))
		}
		if v.Env != "" {
			body.SetAttributeValue("env", cty.StringVal(v.Env))
		}
		out.WriteString("\n")
		out.Write(hclwrite.Format(file.Bytes()))
	}
	return out.Bytes()
}

// editor collects changes of a file, which do not overlap.
type editor struct {
	src    []byte
	edits  []textEdit
	inline bool // a comment stands where it cannot be kept
}

type textEdit struct {
	at   span
	text string
}

func (e *editor) replace(at span, text string) { e.edits = append(e.edits, textEdit{at, text}) }

func (e *editor) apply() []byte {
	slices.SortStableFunc(e.edits, func(a, b textEdit) int { return a.at.start - b.at.start })
	var out bytes.Buffer
	from := 0
	for _, edit := range e.edits {
		out.Write(e.src[from:edit.at.start])
		out.WriteString(edit.text)
		from = edit.at.end
	}
	out.Write(e.src[from:])
	return out.Bytes()
}

// addAttribute writes an argument at the end of a block.
func (e *editor) addAttribute(b *hclsyntax.Block, text string) {
	open, end := b.OpenBraceRange.End.Byte, b.CloseBraceRange.Start.Byte
	indent := indentAt(e.src, b.DefRange().Start.Byte)
	inside := strings.TrimSpace(string(e.src[open:end]))
	if !strings.Contains(string(e.src[open:end]), "\n") { // one line holds one argument only
		lines := "\n"
		if inside != "" {
			lines += indent + "  " + inside + "\n"
		}
		e.replace(span{open, end}, lines+indent+"  "+text+"\n"+indent)
		return
	}
	e.replace(span{lineStart(e.src, end), lineStart(e.src, end)}, indent+"  "+text+"\n")
}

func (e *editor) setting(expr hclsyntax.Expression, after *Setting) {
	switch expr := expr.(type) {
	case *hclsyntax.ObjectConsExpr:
		e.object(expr, after)
	case *hclsyntax.TupleConsExpr:
		e.list(expr, after)
	}
}

// part is one element of a list or one key of an object, as it stands there.
type part struct {
	all, value span // all: with the key
	expr       hclsyntax.Expression
	after      *Setting // what it is to be; nil for nothing
	fixed      bool     // a key that is computed: it stays
}

func (e *editor) object(expr *hclsyntax.ObjectConsExpr, after *Setting) {
	var parts []part
	named := map[string]bool{}
	for _, item := range expr.Items {
		p := part{value: e.valueSpan(item.ValueExpr), expr: item.ValueExpr}
		p.all = span{item.KeyExpr.Range().Start.Byte, p.value.end}
		name, constant := keyName(item.KeyExpr)
		if p.fixed = !constant; constant {
			p.after, named[name] = after.Member(name), true
		}
		parts = append(parts, p)
	}
	var fresh []string
	indent := e.childIndent(spanOf(expr.SrcRange), parts)
	for _, m := range after.Members {
		if !named[m.Name] {
			fresh = append(fresh, keySource(m.Name)+" = "+settingText(m.Setting, indent))
		}
	}
	e.container(spanOf(expr.SrcRange), parts, fresh, indent, false)
}

func (e *editor) list(expr *hclsyntax.TupleConsExpr, after *Setting) {
	var parts []part
	for _, item := range expr.Exprs {
		at := e.valueSpan(item)
		p := part{all: at, value: at, expr: item}
		for _, s := range after.Items {
			if s.at == at || !s.kept() && s.over == at {
				p.after = s
			}
		}
		parts = append(parts, p)
	}
	var fresh []string
	indent := e.childIndent(spanOf(expr.SrcRange), parts)
	for _, s := range after.Items {
		if !s.kept() && s.over == (span{}) {
			fresh = append(fresh, settingText(s, indent))
		}
	}
	e.container(spanOf(expr.SrcRange), parts, fresh, indent, true)
}

// valueSpan is where an expression stands; a heredoc ends behind its last line.
func (e *editor) valueSpan(expr hclsyntax.Expression) span {
	at := spanOf(expr.Range())
	for at.end > at.start && e.src[at.end-1] == '\n' {
		at.end--
	}
	return at
}

// container changes a list or an object: each part on its own, then what goes,
// then what is new.
func (e *editor) container(at span, parts []part, fresh []string, indent string, isList bool) {
	goes := slices.ContainsFunc(parts, func(p part) bool { return p.after == nil && !p.fixed })
	if !bytes.Contains(e.src[at.start:at.end], []byte("\n")) && (goes || len(fresh) > 0) {
		e.rebuild(at, parts, fresh, indent, isList)
		return
	}
	for i, p := range parts {
		switch {
		case p.fixed:
		case p.after == nil:
			e.remove(parts, i, at)
		case !p.after.kept():
			e.replace(p.value, settingText(p.after, indentAt(e.src, p.all.start)))
		default:
			e.setting(p.expr, p.after)
		}
	}
	if len(fresh) > 0 {
		e.add(at, parts, fresh, indent, isList)
	}
}

// rebuild writes a list or an object of one line anew: what is kept keeps its
// text.
func (e *editor) rebuild(at span, parts []part, fresh []string, indent string, isList bool) {
	if e.has(hclsyntax.TokenComment, at) {
		e.inline = true
		return
	}
	var texts []string
	for _, p := range parts {
		if p.after == nil && !p.fixed {
			continue
		}
		inner := editor{src: e.src[:p.all.end]}
		switch {
		case p.fixed:
		case !p.after.kept():
			inner.replace(p.value, settingText(p.after, indent))
		default:
			inner.setting(p.expr, p.after)
		}
		e.inline = e.inline || inner.inline
		texts = append(texts, string(inner.apply()[p.all.start:]))
	}
	e.replace(at, join(append(texts, fresh...), indent, isList, len(fresh) == 0))
}

// remove takes a part out: its lines if nothing else stands there.
func (e *editor) remove(parts []part, i int, in span) {
	p := parts[i].all
	first, last := lineStart(e.src, p.start), len(e.src)
	if next := bytes.IndexByte(e.src[p.end:], '\n'); next >= 0 {
		last = p.end + next + 1
	}
	before := strings.TrimSpace(string(e.src[first:p.start]))
	behind := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(e.src[p.end:max(p.end, last-1)])), ","))
	if before == "" && (behind == "" || strings.HasPrefix(behind, "#") || strings.HasPrefix(behind, "//")) && first > in.start && last <= in.end {
		e.replace(span{first, last}, "")
		return
	}
	// It shares a line: one of the commas around it goes too.
	end := p.end
	for end < in.end && (e.src[end] == ' ' || e.src[end] == '\t') {
		end++
	}
	if e.src[end] == ',' {
		for end++; e.src[end] == ' '; end++ {
		}
		e.replace(span{p.start, end}, "")
		return
	}
	e.replace(p, "")
}

// add writes what is new at the end of a list or an object of several lines.
func (e *editor) add(at span, parts []part, fresh []string, indent string, isList bool) {
	last := at.start + 1 // what is behind the bracket
	kept := slices.IndexFunc(parts, func(p part) bool { return p.after != nil || p.fixed }) >= 0
	if len(parts) > 0 {
		last = parts[len(parts)-1].all.end
	}
	if isList && kept && !e.has(hclsyntax.TokenComma, span{last, at.end}) {
		if end := parts[len(parts)-1]; end.after != nil {
			e.replace(span{last, last}, ",")
		}
	}
	var lines strings.Builder
	for _, text := range fresh {
		lines.WriteString(indent + text)
		if isList {
			lines.WriteString(",")
		}
		lines.WriteString("\n")
	}
	closing := at.end - 1
	start := lineStart(e.src, closing)
	if strings.TrimSpace(string(e.src[start:closing])) == "" {
		e.replace(span{start, start}, lines.String())
		return
	}
	e.replace(span{closing, closing}, "\n"+lines.String()+indentAt(e.src, at.start))
}

// has tells whether a token stands in a span.
func (e *editor) has(kind hclsyntax.TokenType, at span) bool {
	tokens, _ := hclsyntax.LexConfig(e.src[at.start:at.end], "", hcl.InitialPos)
	return slices.ContainsFunc(tokens, func(t hclsyntax.Token) bool { return t.Type == kind })
}

// childIndent is how far the parts of a list or an object are indented.
func (e *editor) childIndent(at span, parts []part) string {
	for _, p := range parts {
		if start := lineStart(e.src, p.all.start); start > at.start && strings.TrimSpace(string(e.src[start:p.all.start])) == "" {
			return string(e.src[start:p.all.start])
		}
	}
	return indentAt(e.src, at.start) + "  "
}

// indentAt is the blank space that the line of an offset begins with.
func indentAt(src []byte, at int) string {
	line := src[lineStart(src, at):at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// settingText writes a setting; indent is that of the line it begins on.
func settingText(s *Setting, indent string) string {
	switch s.Kind {
	case Expression:
		return s.Text
	case List:
		var texts []string
		for _, item := range s.Items {
			texts = append(texts, settingText(item, indent+"  "))
		}
		return join(texts, indent+"  ", true, true)
	case Object:
		var texts []string
		for _, m := range s.Members {
			texts = append(texts, keySource(m.Name)+" = "+settingText(m.Setting, indent+"  "))
		}
		return join(texts, indent+"  ", false, false)
	}
	return string(hclwrite.TokensForValue(ctyOf(s.Value)).Bytes())
}

// maxLine is how long a list on one line may become.
const maxLine = 80

// join writes the parts of a list or an object, on one line if that is short and
// allowed.
func join(texts []string, indent string, isList, oneLine bool) string {
	open, end := "{", "}"
	if isList {
		open, end = "[", "]"
	}
	if len(texts) == 0 {
		return open + end
	}
	line := open + strings.Join(texts, ", ") + end
	if !isList {
		line = open + " " + strings.Join(texts, ", ") + " " + end
	}
	if !strings.Contains(line, "\n") && len(line) <= maxLine && (oneLine || isList) {
		return line
	}
	var b strings.Builder
	b.WriteString(open + "\n")
	for _, text := range texts {
		b.WriteString(indent + text)
		if isList {
			b.WriteString(",")
		}
		b.WriteString("\n")
	}
	b.WriteString(strings.TrimSuffix(indent, "  ") + end)
	return b.String()
}

// keySource writes a key: in quotes unless it is a plain name.
func keySource(name string) string {
	if hclsyntax.ValidIdentifier(name) && !slices.Contains([]string{"for", "null", "true", "false"}, name) {
		return name
	}
	return string(hclwrite.TokensForValue(cty.StringVal(name)).Bytes())
}

// ctyOf is the opposite of plainValue for what is no list and no map.
func ctyOf(value any) cty.Value {
	switch v := value.(type) {
	case pack.Secret:
		return ctyOf(v.Reveal())
	case string:
		return cty.StringVal(v)
	case bool:
		return cty.BoolVal(v)
	case int:
		return cty.NumberIntVal(int64(v))
	case int64:
		return cty.NumberIntVal(v)
	case *big.Int:
		return cty.NumberVal(new(big.Float).SetInt(v))
	case float64:
		return cty.NumberFloatVal(v)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}
