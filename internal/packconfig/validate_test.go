package packconfig

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/pack"
)

// Each case reads: under this schema, this config has these problems.
func TestProblems(t *testing.T) {
	cases := []struct{ name, schema, config, want string }{
		{"a config that fits", `{url: {type: string, required: true}}`, `{url: "https://x"}`, ``},
		{"a required key is missing", `{url: {type: string, required: true}}`, `{}`, `
blocked missing url: it is missing: the pack's schema requires it and has no default`},
		{"all problems at once", `{a: {type: string, required: true}, b: {type: integer}, c: {type: string, enum: [x, y]}}`, `{b: z, c: z}`, `
blocked missing a: it is missing: the pack's schema requires it and has no default
blocked type b: it must be an integer, but it is a string
blocked value c: it must be "x" or "y"`},
		{"deep inside", `{hosts: {type: array, items: {type: object, properties: {port: {type: integer, required: true}}}}}`, `{hosts: [{port: 1}, {port: "2"}, {}]}`, `
blocked missing hosts.2.port: it is missing: the pack's schema requires it and has no default
blocked type hosts.1.port: it must be an integer, but it is a string`},
		{"a null is not a value", `{a: {type: string, required: true}}`, `{a: null}`, `
blocked type a: it must be a string, but it is null`},
		{"a null takes the default", `{a: {type: integer, default: 5}}`, `{a: null}`, ``},
		{"a null in a list takes the default of its elements", `{a: {type: array, items: {type: integer, default: 5}}}`, `{a: [null, 1]}`, ``},
		{"a null in a list that has none", `{a: {type: array, items: {type: integer}}}`, `{a: [null, 1]}`, `
blocked type a.0: it must be an integer, but it is null`},
		{"an untyped attribute takes strings only", `{a: {description: x}}`, `{a: 5}`, `
blocked type a: it must be a string, but it is an integer`},
		{"a dynamic value where a number is wanted", `{port: {type: integer}}`, `{port: "{{ st2kv.system.port }}"}`, `
blocked dynamic port: it must be an integer, but StackStorm checks the text of the expression itself when it registers the config, and refuses it. Write the value without {{ }}, or have the schema take any string: what an expression gives is a string in any case`},
		{"a dynamic value that is no choice", `{level: {type: string, enum: [low, high]}}`, `{level: "{{ st2kv.system.level }}"}`, `
blocked dynamic level: it must be "low" or "high", but StackStorm checks the text of the expression itself when it registers the config, and refuses it. Write the value without {{ }}, or have the schema take any string: what an expression gives is a string in any case`},
		{"a dynamic value where any string is taken", `{url: {type: string, required: true}}`, `{url: "{{ st2kv.system.url }}"}`, ``},
		{"a secret that is decrypted twice", `{token: {type: string, secret: true}}`, `{token: "{{ st2kv.system.t | decrypt_kv }}"}`, `
blocked decrypt token: it uses decrypt_kv, but the pack's schema says that the value is secret: StackStorm decrypts it anyway, and refuses the config. Leave decrypt_kv out`},
		{"a secret inside that is decrypted twice", `{o: {type: object, properties: {token: {type: string, secret: true}}}}`, `{o: {token: "{{ st2kv.system.t | decrypt_kv }}"}}`, `
warning decrypt o.token: it uses decrypt_kv, but the pack's schema says that the value is secret: StackStorm decrypts it a second time when it is used, and fails. Leave decrypt_kv out`},
		{"a secret behind a reference is not decrypted by itself", `{o: {type: object, patternProperties: {"^x": {$ref: "#/properties/cred"}}}, cred: {type: object, properties: {token: {type: string, secret: true}}}}`, `{o: {x: {token: "{{ st2kv.system.t | decrypt_kv }}"}}}`, ``},
		{"decrypt_kv under a key that nobody knows", `{url: {type: string}}`, `{uri: "{{ st2kv.system.t | decrypt_kv }}"}`, `
blocked decrypt uri: it uses decrypt_kv, but the pack's schema says nothing of this key: StackStorm fails on it instead of ignoring it (did you mean "url"?)
warning unknown-key uri: the pack's schema has no such key: StackStorm ignores it (did you mean "url"?)`},
		{"decrypt_kv outside a secret", `{url: {type: string}}`, `{url: "{{ st2kv.system.t | decrypt_kv }}"}`, ``},
		{"decrypt_kv in a secret default", `{t: {type: string, secret: true, default: "{{ st2kv.system.t | decrypt_kv }}"}}`, `{}`, `
blocked decrypt t: the default in the pack's schema uses decrypt_kv although the value is secret, and StackStorm refuses that; give a value of your own`},
		{"a misspelt key", `{password: {type: string}, username: {type: string}}`, `{pasword: x}`, `
warning unknown-key pasword: the pack's schema has no such key: StackStorm ignores it (did you mean "password"?)`},
		{"a misspelt key inside", `{auth: {type: object, properties: {username: {type: string}}}}`, `{auth: {user_name: x}}`, `
warning unknown-key auth.user_name: the pack's schema has no such key: StackStorm ignores it (did you mean "username"?)`},
		{"an object that lists no keys takes all", `{extra: {type: object}}`, `{extra: {anything: x}}`, ``},
		{"an object that is open on purpose", `{extra: {type: object, properties: {a: {}}, additionalProperties: true}}`, `{extra: {anything: x}}`, ``},
		{"a key that is forbidden", `{auth: {type: object, properties: {username: {type: string}}, additionalProperties: false}}`, `{auth: {user_name: x}}`, `
blocked unexpected auth.user_name: the pack's schema allows no such key here (did you mean "username"?)`},
		{"a secret that is written down", `{password: {type: string, secret: true}}`, `{password: hunter2}`, `
warning literal-secret password: it is secret by the pack's schema, but is written here as it is; take it from a sensitive variable, or from StackStorm's datastore with {{ st2kv.system.… }}`},
		{"a secret behind a reference that is written down", `{o: {type: object, patternProperties: {"^x": {$ref: "#/properties/cred"}}}, cred: {type: object, properties: {password: {type: string, secret: true}}}}`, `{o: {x: {password: hunter2}}}`, `
warning literal-secret o.x.password: it is secret by the pack's schema, but is written here as it is; take it from a sensitive variable, or from StackStorm's datastore with {{ st2kv.system.… }}`},
		{"an empty secret hides nothing", `{password: {type: string, secret: true}}`, `{password: ""}`, ``},
		{"a default that does not fit", `{a: {type: integer, default: x}}`, `{}`, `
blocked schema a: the default in the pack's schema does not fit the schema (it must be an integer, but it is a string); give a value of your own`},
		{"a default that does not fit in the place of a null", `{a: {type: integer, default: x}}`, `{a: null}`, `
blocked schema a: the default in the pack's schema does not fit the schema (it must be an integer, but it is a string); give a value of your own`},
		{"a default that does not fit but is not used", `{a: {type: integer, default: x}}`, `{a: 1}`, ``},
		{"limits", `{n: {type: number, minimum: 1, exclusiveMinimum: true}, s: {type: string, maxLength: 2}, l: {type: array, minItems: 1, uniqueItems: true}, m: {type: integer, multipleOf: 5}}`, `{n: 1, s: äöü, l: [1, 1.0], m: 7}`, `
blocked value l: it must not hold an element twice
blocked value m: it must be a multiple of 5
blocked value n: it must be more than 1
blocked value s: it must have at most 2 character(s)`},
		{"alternatives", `{a: {anyOf: [{type: string}, {type: array}]}, b: {oneOf: [{type: integer}, {type: number}]}, c: {not: {enum: [x]}}}`, `{a: 1, b: 1, c: x}`, `
blocked value a: it must fit one of the 3 alternatives of the pack's schema (a string, a list or null), but it is an integer
blocked value b: it must fit only one of the 3 alternatives of the pack's schema, but it is an integer
blocked value c: it must not be what the pack's schema excludes`},
		{"dependencies", `{o: {type: object, properties: {a: {type: string}, b: {type: string}}, dependencies: {a: [b]}}}`, `{o: {a: x}}`, `
blocked value o.b: it is missing: the pack's schema requires it where there is a`},
		{"a pattern of Python", `{a: {type: string, pattern: "^(?!bad)"}}`, `{a: bad}`, `
warning unchecked a: it is not compared with the pattern "^(?!bad)" of the pack's schema, which needs Python (StackStorm will compare it)`},
		{"a key that needs quotes", `{o: {type: object, additionalProperties: {type: integer}}}`, `{o: {"a.b": x}}`, `
blocked type o."a.b": it must be an integer, but it is a string`},
		{"a list instead of a config", `{a: {type: string}}`, `[x]`, `
blocked type it must be an object, but it is a list`},
		{"an empty file is an empty config", `{a: {type: string}}`, ``, ``},
		{"a schema that spoils every config", `{a: {type: array, items: [{type: string}]}}`, `{}`, `
blocked schema StackStorm refuses every config of this pack, because of a mistake in the pack's schema: an array with a list of schemas under "items" makes StackStorm fail`},
		{"a schema that refers to itself", `{a: {type: object, patternProperties: {x: {$ref: "#/properties/a"}}}}`, `{a: {x: {x: {x: 1}}}}`, `
blocked type a.x.x.x: it must be an object, but it is an integer`},
		{"a schema that refers to itself without end", `{o: {type: object, additionalProperties: {$ref: "#/properties/o/additionalProperties"}}}`, `{o: {x: 1}}`, `
blocked schema the pack's schema refers to itself without end, and StackStorm fails on it`},
		{"a schema that branches without end", `{o: {type: object, additionalProperties: {anyOf: [{$ref: "#/properties/o/additionalProperties"}, {$ref: "#/properties/o/additionalProperties"}]}}}`, `{o: {x: 1}}`, `
blocked schema the pack's schema refers to itself without end, and StackStorm fails on it`},
		{"a schema that would read a file", `{o: {type: object, properties: {a: {$ref: "file:///etc/hostname"}}}}`, `{o: {a: x}}`, `
blocked schema o.a: the pack's schema refers to another one that is not there, and StackStorm fails on it`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			schema, _ := ParseSchema([]byte(c.schema))
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), lines(schema.Validate(readYAML(t, c.config)))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// lines prints problems in the order of their texts.
func lines(problems []Problem) string {
	var lines []string
	for _, p := range problems {
		lines = append(lines, fmt.Sprintf("%s %s %s", p.Severity, p.Kind, p))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestSecretsAreJudgedButNotShown(t *testing.T) {
	const canary = "s3cret-canary"
	schema, _ := ParseSchema([]byte(`
port: {type: integer}
level: {type: string, enum: [low], secret: true}
token: {type: string, secret: true, maxLength: 3, pattern: "^[0-9]+$"}
open: {type: string}
auth: {type: object, properties: {password: {type: string, secret: true}}}
list: {type: array, items: {type: integer}}
`))
	problems := schema.Validate(map[string]any{
		"port": canary, "level": pack.NewSecret(canary), "token": pack.NewSecret(canary), "open": pack.NewSecret(int64(5)),
		"auth": pack.NewSecret(map[string]any{"password": canary, canary: canary}), "list": []any{canary, pack.NewSecret(canary)},
		"other": map[string]any{"deep": canary},
	})
	kinds := map[string]bool{}
	for _, p := range problems {
		kinds[string(p.Kind)+" "+p.Path] = true
		// The name of a key is no secret, and may stand in a path.
		if text := strings.ReplaceAll(fmt.Sprintf("%+v", p), `"`+canary+`"`, ""); strings.Contains(text, canary) && !strings.Contains(p.Path, canary) {
			t.Errorf("a problem shows a value: %+v", p)
		}
	}
	for _, want := range []string{"type port", "value level", "value token", "type open", "type list.0", "type list.1"} {
		if !kinds[want] {
			t.Errorf("no problem %q in %v", want, problems)
		}
	}
	for _, not := range []string{"literal-secret level", "literal-secret token", "literal-secret auth"} {
		if kinds[not] {
			t.Errorf("%q although the value comes from a secret", not)
		}
	}
}

func TestADeclaredNullIsLeftOut(t *testing.T) {
	schema, _ := ParseSchema([]byte("a: {type: string, required: true}\nb: {type: string, enum: [x]}\n"))
	values := map[string]any{"a": "x", "b": nil}
	if problems := schema.Validate(values); len(blocked(problems)) != 1 {
		t.Errorf("StackStorm refuses a null that is no choice: %v", problems)
	}
	if problems := schema.ValidateDeclared(values); len(problems) != 0 {
		t.Errorf("a null that is not written is no problem: %v", problems)
	}
}

func TestAValueThatYAMLDoesNotKnow(t *testing.T) {
	schema, _ := ParseSchema([]byte("a: {type: string}"))
	for _, values := range []any{map[string]any{"a": struct{}{}}, []any{make(chan int)}, map[int]string{}} {
		if problems := schema.Validate(values); len(blocked(problems)) != 1 {
			t.Errorf("%T: %v", values, problems)
		}
	}
}

// Python's patterns, with what Python's re.search says.
func TestPatterns(t *testing.T) {
	cases := []struct {
		expr, text string
		want       answer
	}{
		{`^\w+$`, "größe_1", yes}, {`^\w+$`, "a-b", no}, {`^a$`, "a\n", yes}, {`^a\Z`, "a\n", no}, {`^a\Z`, "a", yes},
		{`^\d+$`, "١٢", yes}, {`^[\d.]+$`, "1.٢", yes}, {`^\D$`, "x", yes}, {`^\D$`, "5", no}, {`^\S+$`, "a b", no}, {`^\s$`, "\u00a0", yes},
		{`^[]a]+$`, "]a", yes}, {`^[^]a]+$`, "]", no}, {`[[:x]`, ":", yes}, {`a{,2}b`, "aab", yes}, {`^a{,2}$`, "aaa", no},
		{`^\u00e4$`, "ä", yes}, {`^\x41$`, "A", yes}, {`^[\w-]+$`, "a-ö", yes}, {`[$]`, "$", yes}, {`\$`, "$", yes},
		{`(?P<x>a)`, "a", yes}, {`(?i)A`, "a", yes}, {`^(?!a)`, "b", unknown}, {`(a)\1`, "aa", unknown}, {`[\W]`, "ä", unknown}, {`a++`, "a", unknown},
	}
	for _, c := range cases {
		v := &validator{patterns: map[string]*pattern{}}
		if got := v.matches(c.expr, c.text, nil); got != c.want {
			t.Errorf("%q in %q: %d, want %d", c.expr, c.text, got, c.want)
		}
	}
}

func FuzzValidate(f *testing.F) {
	for _, vec := range []struct{ schema, config string }{
		{"a: {type: string, required: true}", "a: x"},
		{`a: {anyOf: [{$ref: "#/properties/a"}, {$ref: "#"}]}`, "a: {a: 1}"},
		{`a: {type: object, patternProperties: {"^x": {$ref: "#/properties/a"}}, dependencies: {x: [y]}}`, "a: {x: {x: null}}"},
		{"a: {type: array, items: {multipleOf: 0.1, enum: [1, 2]}, uniqueItems: true}", "a: [1, 1.0, .nan]"},
		{`a: {default: {b: [{}]}, type: object, properties: {b: {type: array, items: {default: 3}}}}`, "{}"},
		{"a: {type: array, items: [{type: integer}], additionalItems: false}\n", "- x"},
	} {
		f.Add([]byte(vec.schema), []byte(vec.config))
	}
	f.Fuzz(func(t *testing.T, schemaYAML, configYAML []byte) {
		schema, problems := ParseSchema(schemaYAML)
		for _, p := range problems {
			checkText(t, p)
		}
		if schema == nil {
			if len(blocked(problems)) == 0 {
				t.Fatal("no schema, and no reason")
			}
			return
		}
		values, ok := tryYAML(configYAML)
		if !ok {
			return
		}
		// What has been judged valid stays so with its defaults put in, and the
		// same config is judged the same again.
		first := schema.Validate(values)
		for _, p := range first {
			checkText(t, p)
		}
		if diff := cmp.Diff(lines(first), lines(schema.Validate(values))); diff != "" {
			t.Errorf("judged differently a second time:\n%s", diff)
		}
		if len(blocked(first)) > 0 {
			return
		}
		config, _ := fromGo(values)
		assignObject(config, schema.prepared)
		if again := schema.Validate(toGo(config)); len(blocked(again)) > 0 {
			t.Errorf("valid, but not with its defaults: %v", again)
		}
	})
}
