package interview

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
	"github.com/packsync/packsync/internal/testenv"
)

const jira = `
url: {type: string, required: true, description: "Where it is"}
verify: {type: boolean, default: true}
auth: {type: string, enum: [oauth, basic], default: oauth, required: true}
port: {type: integer, minimum: 1}
password: {type: string, secret: true}
`

func schemaOf(t *testing.T, text string) *packconfig.Schema {
	t.Helper()
	schema, problems := packconfig.ParseSchema([]byte(text))
	if schema == nil {
		t.Fatal(problems)
	}
	return schema
}

// TestRun reads as conversations: "path < answer" is a question and what is typed,
// "path ! text" what is said before the next question, "path ? text" something
// that it shows.
func TestRun(t *testing.T) {
	cases := map[string]struct {
		schema string
		file   bool
		before string // YAML
		talk   []string
		want   string // as describeAll prints it
		vars   string
		err    error
	}{
		"Enter everywhere changes nothing": {
			jira, false, "url: x\nport: 1\n", []string{"url <", "verify <", "auth <", "port <", "password <"}, "url=\"x\" port=1", "", nil,
		},
		"answers are taken as their type": {
			jira, false, "", []string{"url < https://x", "verify < n", "auth < 2", "port < 8443", "password <"},
			"url=\"https://x\" verify=false auth=\"basic\" port=8443", "", nil,
		},
		"a required key is asked for again, once": {
			jira, false, "", []string{"url <", "url ! it is missing", "url <", "verify < :quit"}, "", "", ErrStop,
		},
		"what does not fit is asked again with the reason": {
			jira, false, "url: x\n", []string{"url <", "verify < maybe", "verify ! one of 1, 2", "verify < yes", "auth < 3", "auth ! one of 1, 2", "auth < oauth", "port < many", "port ! an integer, but it is a string", "port < 0", "port ! at least 1", "port < 1", "password <"},
			"url=\"x\" verify=true auth=\"oauth\" port=1", "", nil,
		},
		"a dynamic value is refused where StackStorm refuses it": {
			jira, false, "url: x\n", []string{"url < {{ st2kv.system.url }}", "verify <", "auth < {{ st2kv.system.a }}", "auth ! StackStorm checks the text of the expression itself", "auth <", "port < {{ st2kv.system.p }}", "port ! StackStorm checks the text of the expression itself", "port <", "password <"},
			"url=\"{{ st2kv.system.url }}\"", "", nil,
		},
		"back, unset, empty, and enough": {
			jira, false, "url: x\nport: 1\n", []string{"url < :back", "url ! first question", "url <", "verify < y", "auth < :back", "verify < :unset", "auth <", "port < :unset", "password < :back", "port <", "password < :review"},
			"url=\"x\"", "", nil,
		},
		"a text that begins with a colon": {
			jira, false, "", []string{"url < :bakc", "url ! no command :bakc", "url < ::bakc", "verify < :r"}, "url=\":bakc\"", "", nil,
		},
		"help": {jira, false, "url: x\n", []string{"url < :help", "url ! :unset", "url < :empty", "verify < :review"}, "url=\"\"", "", nil},
		"the default is shown and not written": {
			"a: {type: integer, default: 5}\n", false, "", []string{"a ? default: 5", "a <"}, "", "", nil,
		},
		"a secret comes from the datastore": {
			jira, false, "url: x\n", []string{"url <", "verify <", "auth <", "port <", "password < hunter2", "password ! Not taken", "password < 1", "password < a b", "password ! no name", "password <"},
			"url=\"x\" password=(set, from StackStorm's datastore)", "", nil,
		},
		"a secret comes from a new variable": {
			jira, false, "url: x\n", []string{"url <", "verify <", "auth <", "port <", "password < 2", "password <", "password < etc", "password ! begin with a /", "password < /run/pw"},
			"url=\"x\" password=var.acme_password", "acme_password string /run/pw ", nil,
		},
		"a secret comes from the environment": {
			jira, false, "url: x\n", []string{"url <", "verify <", "auth <", "port <", "password < 3", "password < pw", "password <"},
			"url=\"x\" password=var.pw", "pw string  PW", nil,
		},
		"a secret comes from a declared variable": {
			jira, false, "url: x\n", []string{"url <", "verify <", "auth <", "port <", "password < var.open", "password ! not sensitive", "password < var.nope", "password ! There is no variable", "password < var.known"},
			"url=\"x\" password=var.known", "", nil,
		},
		"a variable is given when packsync runs": {
			jira, false, "url: x\n", []string{"url <", "verify <", "auth <", "port <", "password < 4", "password < pw"}, "url=\"x\" password=var.pw", "pw string  ", nil,
		},
		"a variable that nothing refers to any more is not declared": {
			"s: {type: string, secret: true}\nt: {type: string}\n", false, "", []string{"s < 4", "s < pw", "t < :back", "s ? var.pw", "s < :unset", "t <"}, "", "", nil,
		},
		"going back out of a name leads to the ways": {
			jira, false, "url: x\n", []string{"url <", "verify <", "auth <", "port <", "password < 4", "password < :back", "password <"}, "url=\"x\"", "", nil,
		},
		"decrypt_kv stands where StackStorm does not decrypt by itself": {
			"token: {type: string}\n", false, "", []string{"token ? type :secret", "token < :secret", "token < 1", "token < t"}, "token=\"{{ st2kv.system.t | decrypt_kv }}\"", "", nil,
		},
		"and not where it does": {
			"t: {type: string, secret: true}\n", true, "t: old\n", []string{"t < {{ st2kv.system.t | decrypt_kv }}", "t ! Leave decrypt_kv out", "t < {{ st2kv.system.t }}"}, "t=(set)", "", nil,
		},
		"a secret number needs a variable": {
			"pin: {type: integer, secret: true}\n", false, "", []string{"pin < 2", "pin < p", "pin <"}, "pin=var.p", "p number  P", nil,
		},
		"a secret of a file is typed": {
			jira, true, "url: x\npassword: old\n", []string{"url <", "verify <", "auth <", "port <", "password ? (set)", "password < hunter2"}, "url=\"x\" password=(set)", "", nil,
		},
		"the default of a secret is not shown": {
			"s: {type: string, secret: true, default: s3cr}\n", true, "", []string{"s ? not shown", "s <"}, "", "", nil,
		},
		"an object is entered or left": {
			"o: {type: object, properties: {a: {type: string}, n: {type: object, properties: {z: {type: number}}}}}\np: {type: object, properties: {a: {type: string}}}\n", false, "",
			[]string{"o < x", "o ! Type e", "o < e", "o.a < v", "o.n < e", "o.n.z < 1.5", "p <"}, "o.a=\"v\" o.n.z=1.5", "", nil,
		},
		"back out of an object": {
			"o: {type: object, properties: {a: {type: string}}}\n", false, "o: {a: x, more: 1}\n", []string{"o < e", "o.a ? kept as they are: more", "o.a < :back", "o < :unset"}, "", "", nil,
		},
		"a required object is entered at once": {
			"o: {type: object, required: true, properties: {a: {type: string, required: true}}}\n", false, "", []string{"o.a < v"}, "o.a=\"v\"", "", nil,
		},
		"a list of texts": {
			"l: {type: array, items: {type: string}}\n", false, "l: [a, b, c]\n", []string{"l < 4", "l ! number from 1 to 3", "l < -2", "l < 2", "l.1 < C", "l < +", "l.2 < d", "l.3 < e\nf\n", "l.5 <", "l <"},
			`l.0="a" l.1="C" l.2="d" l.3="e" l.4="f"`, "", nil,
		},
		"a list of numbers, which st2 could not take": {
			"l: {type: array, items: {type: integer}}\n", false, "", []string{"l < +", "l.0 < x", "l.0 ! an integer", "l.0 < 5", "l.1 <", "l <"}, "l.0=5", "", nil,
		},
		"a list of lists": {
			"l: {type: array, items: {type: array, items: {type: integer}}}\n", false, "", []string{"l < +", "l.0 < +", "l.0.0 < 1", "l.0.1 < 2", "l.0.2 <", "l.0 <", "l <"}, "l.0.0=1 l.0.1=2", "", nil,
		},
		"a list of objects": {
			"l: {type: array, items: {type: object, properties: {h: {type: string, required: true}, pw: {type: string, secret: true}}}}\n", true, "",
			[]string{"l < +", "l.0.h < one", "l.0.pw < x", "l < +", "l.1.h < :back", "l ? 1) { h = \"one\", pw = (set) }", "l <"}, `l.0.h="one" l.0.pw=(set)`, "", nil,
		},
		"an empty list, and none": {
			"l: {type: array}\nm: {type: array}\n", false, "m: [1]\n", []string{"l < :empty", "l <", "m < :unset"}, "l=an empty list", "", nil,
		},
		"keys that the schema knows by a pattern": {
			"c: {type: object, required: true, patternProperties: {'^\\w+$': {$ref: '#/properties/group'}}, additionalProperties: false}\ngroup: {type: object, properties: {port: {type: integer, required: true}}}\n", false, "",
			[]string{"c < default", "c ! Type + and a name", "c < +a-b", "c ! That does not do", "c < +default", "c.default.port < x", "c.default.port ! an integer", "c.default.port < 1", "c < +default", "c ! already", "c < 1", "c.default.port < 2", "c <", "group <"},
			"c.default.port=2", "", nil,
		},
		"values of any kind": {
			"a: {}\nb: {}\n", false, "", []string{"a < [1, x]", "b < 'yes'"}, `a.0=1 a.1="x" b="yes"`, "", nil,
		},
		"choices that are numbers have letters": {
			"e: {type: integer, enum: [2, 1]}\n", false, "", []string{"e ? a) 2", "e < 1"}, "e=1", "", nil,
		},
		"keys that nobody knows are named and kept": {
			"a: {type: string}\n", false, "a: x\nmore: [1]\n", []string{"a ? kept as they are: more", "a < y"}, `a="y" more.0=1`, "", nil,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before, err := packconfig.ReadFile([]byte(c.before))
			if err != nil {
				t.Fatal(err)
			}
			untouched := describeAll(schemaOf(t, c.schema), before)
			o := Options{Ref: "acme", Schema: schemaOf(t, c.schema), File: c.file, Variables: map[string]bool{"known": true, "open": false}}
			after, vars, err := Run(o, before, script(t, c.talk))
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if now := describeAll(o.Schema, before); now != untouched {
				t.Errorf("what was there became %s", now)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(c.want, describeAll(o.Schema, after)); diff != "" {
				t.Error(diff)
			}
			got := ""
			for _, v := range vars {
				got += fmt.Sprintf("%s %s %s %s", v.Name, v.Type, v.File, v.Env)
			}
			if got != c.vars {
				t.Errorf("variables %q, want %q", got, c.vars)
			}
		})
	}
}

// script answers as a talk says, and fails where the questions are others.
func script(t *testing.T, talk []string) Ask {
	return func(q Question) (string, error) {
		t.Helper()
		for len(talk) > 0 {
			line := talk[0]
			talk = talk[1:]
			path, rest, _ := strings.Cut(line, " ")
			if path != q.Path {
				t.Fatalf("it asks for %s where %q is expected (%s)", q.Path, line, q.Reply)
			}
			sign, text := rest[:1], strings.TrimPrefix(rest[1:], " ")
			switch shown := strings.Join(slices.Concat(q.Notes, q.Choices, []string{q.Now}), "\n"); {
			case sign == "<":
				return text, nil
			case sign == "!" && !strings.Contains(q.Reply, text):
				t.Errorf("%s: it says %q, want %q", q.Path, q.Reply, text)
			case sign == "?" && !strings.Contains(shown, text):
				t.Errorf("%s: it shows %q, want %q", q.Path, shown, text)
			}
		}
		t.Fatalf("it asks for %s after the end of the talk (%s)", q.Path, q.Reply)
		return "", nil
	}
}

// describeAll prints a config as leaves.
func describeAll(schema *packconfig.Schema, s *config.Setting) string {
	var parts []string
	for _, c := range Changes(schema, nil, s) {
		if c.Path != "" {
			parts = append(parts, c.Path+"="+c.After)
		}
	}
	return strings.Join(parts, " ")
}

func TestChanges(t *testing.T) {
	schema := schemaOf(t, jira+"o: {type: object, properties: {a: {type: string}}}\nl: {type: array}\n")
	before := config.NewSetting(map[string]any{"url": "x", "password": "old", "port": int64(1), "l": []any{int64(1), int64(2)}})
	after := config.NewSetting(map[string]any{"url": pack.NewSecret("y"), "password": "new", "o": map[string]any{"a": "v"}, "l": []any{int64(1)}})
	var lines []string
	for _, c := range Changes(schema, before, after) {
		lines = append(lines, fmt.Sprintf("%s %s %s/%s", c.Path, c.Kind, c.Before, c.After))
	}
	want := []string{"l.1 removed 2/", "password changed /", "port removed 1/", `url changed "x"/(set)`, `o.a added /"v"`}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	// An expression shows unless it may hold a secret.
	for text, s := range map[string]*config.Setting{
		"upper(\"x\")":            {Kind: config.Expression, Text: "upper(\"x\")", Known: true, Value: "X"},
		"(set, by an expression)": {Kind: config.Expression, Text: "\"${var.x}:hunter2\""},
		"var.x":                   {Kind: config.Expression, Text: "var.x"},
	} {
		sensitive := &config.Setting{Kind: config.Expression, Text: "sensitive(\"hunter2\")", Known: true, Value: pack.NewSecret("hunter2")}
		before := &config.Setting{Kind: config.Object, Members: []config.Member{{Name: "url", Setting: sensitive}}}
		after := &config.Setting{Kind: config.Object, Members: []config.Member{{Name: "url", Setting: s}}}
		c := Changes(schema, before, after)
		if len(c) != 1 || strings.Contains(c[0].Before, "hunter2") || c[0].After != text && c[0].Before+c[0].After != "" {
			t.Errorf("%s: %v", text, c)
		}
	}
	if len(Changes(schema, before, before.Clone())) != 0 {
		t.Error("there is a difference to itself")
	}
}

// TestEveryRealSchemaCanBeWalked goes through the schemas of the corpus with three
// kinds of person: one who only presses Enter, one who types texts, and one who
// enters everything there is.
func TestEveryRealSchemaCanBeWalked(t *testing.T) {
	archive, err := os.Open(filepath.Join(testenv.Shared(t), "corpus", "exchange-packs.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	schemas := 0
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if path.Base(header.Name) != "config.schema.yaml" {
			continue
		}
		data, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		schema, _ := packconfig.ParseSchema(data)
		if schema == nil {
			continue
		}
		schemas++
		for _, file := range []bool{false, true} {
			for _, person := range []func(q Question, n int) string{enters, types, curious} {
				walk(t, header.Name, schema, file, person)
			}
		}
	}
	if schemas < 90 {
		t.Fatalf("%d schemas", schemas)
	}
}

func enters(Question, int) string { return "" }

func types(_ Question, n int) string {
	switch {
	case n == 4: // of the same question
		return ":unset"
	case n > 4:
		return ""
	}
	return []string{"x", "1", "y", "var.known"}[n]
}

func curious(q Question, n int) string {
	for _, choice := range q.Choices {
		switch {
		case n > 1:
			return ""
		case strings.HasPrefix(choice, "e)"):
			return "e"
		case strings.HasPrefix(choice, "+NAME)"):
			return "+default"
		case strings.HasPrefix(choice, "+)"):
			return "+"
		}
	}
	return types(q, n)
}

var position = regexp.MustCompile(`\.[0-9]+(\.|$)`)

func walk(t *testing.T, name string, schema *packconfig.Schema, file bool, person func(Question, int) string) {
	t.Helper()
	asked, elements := map[string]int{}, map[string]int{}
	total := 0
	o := Options{Ref: "acme", Schema: schema, File: file, Variables: map[string]bool{"known": true}}
	after, _, err := Run(o, &config.Setting{Kind: config.Object}, func(q Question) (string, error) {
		n := max(asked[q.Path], elements[position.ReplaceAllString(q.Path, ".N")]) // a list ends too
		asked[q.Path]++
		elements[position.ReplaceAllString(q.Path, ".N")]++
		if total++; total > 500 {
			return "", errors.New("it never ends: " + q.Path)
		}
		return person(q, n), nil
	})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for _, a := range schema.Attributes() {
		if asked[a.Name] == 0 && !slices.ContainsFunc(keys(asked), func(p string) bool { return below(p, a.Name) }) {
			t.Errorf("%s: nobody is asked for %s", name, a.Name)
		}
	}
	Changes(schema, nil, after)
	Judge(schema, after, file)
}

func keys(m map[string]int) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}
