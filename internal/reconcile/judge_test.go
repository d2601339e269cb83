package reconcile

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/pyyaml"
	"github.com/packsync/packsync/internal/testenv"
)

// configVector is a schema and configs, with what StackStorm's own code made of
// them.
type configVector struct {
	Title      string
	SchemaYAML string `json:"schema_yaml"`
	SchemaOK   bool   `json:"schema_ok"`
	OlderOK    bool   `json:"schema_ok_st2_3_9_and_older"`
	Cases      []struct {
		ConfigYAML string `json:"config_yaml"`
		OK         bool
		ErrorLine  string `json:"error_first_line"`
	}
}

func configVectors(t *testing.T) []configVector {
	data, err := os.ReadFile(filepath.Join(testenv.Shared(t), "stackstorm", "golden", "config_validation.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []configVector }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Vectors
}

var namedByStackStorm = regexp.MustCompile(`^Failed validating attribute "([^"]*)"`)

// Every config that StackStorm refuses is refused by the plan, at the line of the
// key that StackStorm names; every config that it takes is not blocked. Where HCL
// cannot say a value (a null, 5.0, no mapping at all) it is a config_file.
func TestWrongConfigsAreRefusedAtTheirLine(t *testing.T) {
	h := newHost(t)
	h.source("p", "1.0.0")
	inHCL, inFile := 0, 0
	for _, vec := range configVectors(t) {
		h.write("sources/p/config.schema.yaml", vec.SchemaYAML)
		for _, c := range vec.Cases {
			t.Run(vec.Title+" "+c.ConfigYAML, func(t *testing.T) {
				doc, err := pyyaml.Unmarshal([]byte(c.ConfigYAML))
				if err != nil {
					t.Fatal(err)
				}
				source := hclSource{lines: map[string]int{}}
				if source.top(doc.Root.Value()); source.unsayable || !c.OK && vec.SchemaOK && strings.Contains(c.ConfigYAML, "5.0") {
					source = hclSource{lines: map[string]int{"": 1}, name: "p.yaml"}
					h.write("p.yaml", c.ConfigYAML)
					h.declare(block("p", `config_file = "p.yaml"`))
				} else {
					h.declare(block("p", source.text))
					source.name = "packs.hcl"
					source.shift(lineOfText(t, h.path("packs.hcl"), source.text))
				}
				_, err = Plan(t.Context(), h.options(nil), Callbacks{})
				var blocked *BlockedError
				if isBlocked := errors.As(err, &blocked); err != nil && !isBlocked {
					t.Fatal(err)
				}
				if c.OK && (vec.SchemaOK || vec.OlderOK) {
					if blocked != nil {
						t.Errorf("StackStorm takes it, and it is blocked: %v", blocked.Findings)
					}
					return
				}
				if blocked == nil {
					t.Fatalf("not blocked, and StackStorm says %s", c.ErrorLine)
				}
				if !vec.SchemaOK || strings.Contains(c.ErrorLine, "null', 'null'") {
					return // the schema is at fault, whatever the config is
				}
				if source.name == "p.yaml" {
					inFile++
				} else {
					inHCL++
				}
				want := source.places(c.ErrorLine)
				for _, f := range blocked.Findings {
					if len(f.At) == 1 && slices.Contains(want, f.At[0]) {
						return
					}
				}
				t.Errorf("StackStorm says %s; want a finding at one of %q, got %v", c.ErrorLine, want, blocked.Findings)
			})
		}
	}
	if inHCL < 30 || inFile < 4 {
		t.Errorf("only %d wrong configs in HCL, %d in files", inHCL, inFile)
	}
	t.Logf("%d wrong configs in HCL, %d in files", inHCL, inFile)
}

func lineOfText(t *testing.T, path, text string) int {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(string(data), text)
	if !found {
		t.Fatalf("%s lacks %s", path, text)
	}
	return strings.Count(before, "\n")
}

// hclSource writes a config with one key or element a line, and remembers where.
type hclSource struct {
	name      string
	text      string
	line      int
	lines     map[string]int // by path, from 1
	unsayable bool
}

func (s *hclSource) add(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.line += strings.Count(text, "\n")
	s.text += text
}

func (s *hclSource) top(v any) {
	s.line = 1
	s.lines[""] = 1
	if _, is := v.(map[string]any); !is {
		s.unsayable = true
		return
	}
	s.add("config = ")
	s.value("", v)
}

func (s *hclSource) value(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		s.add("{")
		for key, item := range v {
			s.add("\n")
			s.lines[joined(path, key)] = s.line
			s.add("%q = ", key)
			s.value(joined(path, key), item)
		}
		s.add("\n}")
	case []any:
		s.add("[")
		for i, item := range v {
			s.add("\n")
			s.lines[joined(path, strconv.Itoa(i))] = s.line
			s.value(joined(path, strconv.Itoa(i)), item)
			s.add(",")
		}
		s.add("\n]")
	case nil:
		s.unsayable = true
	case string:
		s.add("%q", v)
	default:
		s.add("%v", v)
	}
}

func joined(path, key string) string { return strings.TrimPrefix(path+"."+key, ".") }

func (s *hclSource) shift(by int) {
	for path := range s.lines {
		s.lines[path] += by
	}
}

// places lists where a finding may stand for what StackStorm says: at what it
// names, at what holds it if it is not there, at the one key that is too many.
func (s *hclSource) places(errorLine string) (places []string) {
	at := func(line int) string { return s.name + ":" + strconv.Itoa(line) }
	if s.name == "p.yaml" {
		return []string{at(1)}
	}
	m := namedByStackStorm.FindStringSubmatch(errorLine)
	if m == nil { // it names nothing: any key, or all
		for _, line := range s.lines {
			places = append(places, at(line))
		}
		return places
	}
	if strings.Contains(errorLine, "does not match any of the regexes") {
		for path, line := range s.lines {
			if parent, _, found := strings.Cut(path, m[1]+"."); found && parent == "" {
				places = append(places, at(line))
			}
		}
		return places
	}
	path := m[1]
	for {
		if line, there := s.lines[path]; there {
			return []string{at(line)}
		}
		path = path[:max(0, strings.LastIndexByte(path, '.'))]
	}
}
