package packconfig

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// answer is what a pattern says of a text.
type answer int

const (
	no answer = iota
	yes
	unknown // the pattern cannot be judged
)

// pattern is a regular expression of a schema; expr is nil if it needs Python.
type pattern struct{ expr *regexp.Regexp }

// matches searches text for a pattern of the schema. A pattern that only Python
// can judge is a warning, once.
func (v *validator) matches(expr, text string, path []string) answer {
	p := v.patterns[expr]
	if p == nil {
		compiled, err := regexp.Compile(fromPython(expr))
		p = &pattern{compiled}
		v.patterns[expr] = p
		if err != nil {
			v.unchecked = append(v.unchecked, Problem{Path: pathText(path), Keys: path, Attribute: strings.Join(path, "."), Kind: Unchecked, Severity: pack.Warning,
				Message: fmt.Sprintf("it is not compared with the pattern %q of the pack's schema, which needs Python (StackStorm will compare it)", expr)})
		}
	}
	switch {
	case p.expr == nil:
		return unknown
	case p.expr.MatchString(text):
		return yes
	}
	return no
}

func (v *validator) pattern(want, value any, _ *dict, path []string) []fault {
	text, isText := value.(string)
	expr, _ := want.(string)
	if !isText || v.matches(expr, text, path) != no {
		return nil
	}
	return []fault{{path: path, keyword: "pattern", value: value, want: fmt.Sprintf("must match the pattern %q", expr)}}
}

// pythonSets are \d, \w and \s, which in Python know all of Unicode.
var pythonSets = map[byte]string{
	'd': `\p{Nd}`,
	'w': `\p{L}\p{N}_`,
	's': `\t-\r\x{1c}-\x{20}\x{85}\p{Z}`,
}

// cannotTranslate compiles nowhere.
const cannotTranslate = `\p{}`

// fromPython translates what Go's syntax spells otherwise: classes, \Z, \u00e4, $
// (which in Python also stands before a last newline) and {,n}. What Go lacks,
// such as look-ahead, does not compile then.
func fromPython(expr string) string {
	var out strings.Builder
	inClass := false
	for i := 0; i < len(expr); i++ {
		rest := expr[i:]
		switch c := expr[i]; {
		case c == '\\' && len(rest) > 1:
			text, size := escape(rest[1:], inClass)
			out.WriteString(text)
			i += size
		case inClass && c == '[':
			out.WriteString(`\[`) // Go takes [: for the begin of a name
		case inClass:
			inClass = c != ']'
			out.WriteByte(c)
		case c == '[':
			inClass = true
			size := len(rest) - len(strings.TrimPrefix(rest[1:], "^")) // 1, or 2 with ^
			out.WriteString(rest[:size])
			if strings.HasPrefix(rest[size:], "]") {
				out.WriteString(`\]`)
				size++
			}
			i += size - 1
		case c == '$':
			out.WriteString(`(?:\n?\z)`)
		case strings.HasPrefix(rest, "{,"):
			out.WriteString("{0")
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// escape translates what follows a backslash, and says how many bytes of it it
// took. What it does not know stays, and Go judges it.
func escape(rest string, inClass bool) (text string, size int) {
	c := rest[0]
	set, isSet := pythonSets[c]
	without, isComplement := pythonSets[c|0x20]
	switch {
	case isSet && inClass:
		return set, 1
	case isSet:
		return "[" + set + "]", 1
	case isComplement && inClass:
		return cannotTranslate, 1
	case isComplement:
		return "[^" + without + "]", 1
	case c == 'Z':
		return `\z`, 1
	case c == 'u' && len(rest) > 4:
		return `\x{` + rest[1:5] + "}", 5
	}
	return `\` + rest[:1], 1
}
