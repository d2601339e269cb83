package lockfile

import (
	"bytes"
	"encoding/json"
)

// The lock is walked once by hand: encoding/json tells neither where a key
// stands nor that it stands twice, and scans each level of nesting anew, which
// is most of what reading a lock of a thousand packs would cost. Everything here
// takes text that encoding/json has found to be whole.

// skipSpace returns the next place from i on that is no white space.
func skipSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the end of the text whose opening quote is at i.
func skipString(data []byte, i int) int {
	for {
		i += 1 + bytes.IndexByte(data[i+1:], '"')
		escapes := 0
		for data[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

// skipValue returns the end of the value that begins at i.
func skipValue(data []byte, i int) int {
	depth := 0
	for i < len(data) {
		switch data[i] {
		case '"':
			i = skipString(data, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\t', '\r':
			i++
			continue
		default: // a number, true, false, null
			for i++; i < len(data) && isLiteral(data[i]); i++ {
			}
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

func isLiteral(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b == 'E' || b == '-' || b == '+' || b == '.'
}

// member is one key of an object, with where it and its value stand.
type member struct {
	key   string
	at    int
	raw   json.RawMessage
	rawAt int
}

// scanMembers lists the members of the object at offset in data.
func scanMembers(data []byte, offset int) []member {
	var list []member
	i := skipSpace(data, offset+1)
	for data[i] == '"' {
		m := member{at: i}
		end := skipString(data, i)
		m.key = unquote(data[i:end])
		m.rawAt = skipSpace(data, skipSpace(data, end)+1) // behind the colon
		end = skipValue(data, m.rawAt)
		m.raw = data[m.rawAt:end:end]
		list = append(list, m)
		if i = skipSpace(data, end); data[i] != ',' {
			break
		}
		i = skipSpace(data, i+1)
	}
	return list
}

// scanItems lists the values of the list at offset in data; their keys are "".
func scanItems(data []byte, offset int) []member {
	var list []member
	i := skipSpace(data, offset+1)
	for data[i] != ']' {
		end := skipValue(data, i)
		list = append(list, member{at: i, raw: data[i:end:end], rawAt: i})
		if i = skipSpace(data, end); data[i] == ',' {
			i = skipSpace(data, i+1)
		}
	}
	return list
}

// unquote returns the text that a JSON string means.
func unquote(raw []byte) string {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return string(inner) // cannot be: the text was found to be whole
	}
	return text
}
