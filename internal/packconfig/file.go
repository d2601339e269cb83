package packconfig

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pyyaml"
)

// ReadFile reads a config file that a person maintains. An empty one, or one that
// is not there (nil), is an empty config.
func ReadFile(data []byte) (*config.Setting, error) {
	doc, err := pyyaml.Unmarshal(data)
	if err != nil {
		return nil, err
	}
	root := emptyIsMapping(doc.Root)
	if root.Kind != pyyaml.Mapping {
		return nil, fmt.Errorf("it has the type %s; StackStorm needs a mapping", root.Kind)
	}
	s := &config.Setting{Kind: config.Object}
	for _, p := range root.Pairs() {
		s.Members = append(s.Members, config.Member{Name: p.Key.Str(), Setting: config.NewSetting(p.Value.Value())})
	}
	return s, nil
}

// errWhole says that a file cannot be changed key by key.
var errWhole = errors.New("the file has to be written as a whole")

// RewriteFile returns a config file with other values. The lines of top-level keys
// whose values stay are kept as they are, and what stands between them. Where the
// layout does not allow that, the file is written as a whole, and comments is
// false: those in it are lost. It holds secrets, like Render's result.
func RewriteFile(data []byte, after *config.Setting) (out []byte, comments bool, err error) {
	out, err = rewriteLines(data, after)
	if err == nil {
		if again, readErr := ReadFile(out); readErr == nil && config.SameSettings(again, after) {
			return out, true, nil
		}
	}
	values := written(after)
	if out, err = pyyaml.Marshal(values); err != nil {
		return nil, false, err
	}
	return out, !bytes.Contains(data, []byte("#")), nil
}

// written is a setting with its nulls, as a file has it.
func written(s *config.Setting) any {
	value, _ := s.Plain()
	return value
}

// rewriteLines changes the lines of the top-level keys that change. In the block
// style each of these begins a line, and ends where the next begins, or the
// comments above that.
func rewriteLines(data []byte, after *config.Setting) ([]byte, error) {
	doc, err := pyyaml.Unmarshal(data)
	if err != nil {
		return nil, err
	}
	lines := strings.SplitAfter(string(data), "\n")
	var out strings.Builder
	at := 0 // line that is not written yet
	seen := map[string]bool{}
	pairs := emptyIsMapping(doc.Root).Pairs()
	for i, p := range pairs {
		name, first := p.Key.Str(), p.Key.Line-1
		if p.Key.Column != 1 || first < at || seen[name] {
			return nil, errWhole
		}
		seen[name] = true
		end := len(lines)
		if i+1 < len(pairs) {
			end = pairs[i+1].Key.Line - 1
		}
		for end > first+1 && isBetween(lines[end-1]) {
			end--
		}
		out.WriteString(strings.Join(lines[at:first], ""))
		at = end
		to := after.Member(name)
		switch {
		case to != nil && config.SameSettings(config.NewSetting(p.Value.Value()), to):
			out.WriteString(strings.Join(lines[first:end], ""))
		case to != nil:
			if err := writeKey(&out, name, to); err != nil {
				return nil, err
			}
		}
	}
	tail := strings.Join(lines[at:], "")
	out.WriteString(tail)
	if text := out.String(); text != "" && !strings.HasSuffix(text, "\n") {
		out.WriteString("\n")
	}
	for _, m := range after.Members {
		if !seen[m.Name] {
			if err := writeKey(&out, m.Name, m.Setting); err != nil {
				return nil, err
			}
		}
	}
	return []byte(out.String()), nil
}

// isBetween tells whether a line belongs to no key: it is blank, or a comment.
func isBetween(line string) bool {
	return strings.TrimSpace(line) == "" || line[0] == '#'
}

func writeKey(out *strings.Builder, name string, s *config.Setting) error {
	text, err := pyyaml.Marshal(map[string]any{name: written(s)})
	line := string(text)
	if doc, readErr := pyyaml.Unmarshal([]byte(name)); readErr == nil && doc.Root.Kind == pyyaml.String && plainName().MatchString(name) {
		line = name + strings.TrimPrefix(line, `"`+name+`"`) // as a person writes it
	}
	out.WriteString(line)
	return err
}
