package packconfig

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/packsync/packsync/internal/nearest"
	"github.com/packsync/packsync/internal/pack"
)

// checkDecrypt finds decrypt_kv at the top level of the config, where StackStorm
// looks for it: not in a secret, which it decrypts anyway, and not under a key
// that the schema does not know, where looking makes it fail.
func (s *Schema) checkDecrypt(config, given *dict) (problems []Problem) {
	for _, name := range config.keys {
		text, isText := config.values[name].(string)
		if !isText || !isJinja(text) || !strings.Contains(text, "decrypt_kv") {
			continue
		}
		schema := s.attributes.child(name)
		p := Problem{Path: pathText([]string{name}), Keys: []string{name}, Kind: Decrypt, Severity: pack.Blocked}
		switch {
		case schema == nil:
			p.Message = "it uses decrypt_kv, but the pack's schema says nothing of this key: StackStorm fails on it instead of ignoring it" + suggestion(name, s.attributes)
		case !schema.truthy("secret"):
			continue
		case given.values[name] == nil:
			p.Message = "the default in the pack's schema uses decrypt_kv although the value is secret, and StackStorm refuses that; give a value of your own"
		default:
			p.Message = "it uses decrypt_kv, but the pack's schema says that the value is secret: StackStorm decrypts it anyway, and refuses the config. Leave decrypt_kv out"
		}
		problems = append(problems, p)
	}
	return problems
}

// adviser walks over a config as it was given, with the secrets in their
// wrapping, and finds what StackStorm accepts but nobody can want.
type adviser struct {
	v        *validator
	problems []Problem
}

func (s *Schema) advise(values any, v *validator) []Problem {
	a := &adviser{v: v}
	root := newDict(1)
	root.set("properties", s.prepared.child("properties"))
	a.walk(values, found{root, true}, nil)
	return a.problems
}

func (a *adviser) warn(path []string, kind ProblemKind, format string, args ...any) {
	a.problems = append(a.problems, Problem{Path: pathText(path), Keys: path, Attribute: strings.Join(path, "."), Kind: kind, Severity: pack.Warning, Message: fmt.Sprintf(format, args...)})
}

// found is the schema of a value, nil if it has none.
type found struct {
	schema *dict
	// direct: no $ref led to it. StackStorm follows $ref to validate, but not to
	// decrypt.
	direct bool
}

func (a *adviser) walk(value any, at found, path []string) {
	if at.schema.truthy("secret") && isLiteral(value) {
		a.warn(path, LiteralSecret, "it is secret by the pack's schema, but is written here as it is; take it from a sensitive variable, or from StackStorm's datastore with {{ st2kv.system.… }}")
		return
	}
	if secret, isSecret := value.(pack.Secret); isSecret {
		value = secret.Reveal()
	}
	switch v := value.(type) {
	case string:
		// At the top level it is a mistake that checkDecrypt finds.
		if len(path) > 1 && at.direct && at.schema.truthy("secret") && isJinja(v) && strings.Contains(v, "decrypt_kv") {
			a.warn(path, Decrypt, "it uses decrypt_kv, but the pack's schema says that the value is secret: StackStorm decrypts it a second time when it is used, and fails. Leave decrypt_kv out")
		}
	case []any:
		for i, item := range v {
			a.walk(item, a.v.element(at, i), below(path, strconv.Itoa(i)))
		}
	case map[string]any:
		for _, name := range sortedKeys(v) {
			child, known := a.v.property(at, name, path)
			if !known {
				a.warn(below(path, name), UnknownKey, "the pack's schema has no such key: StackStorm ignores it%s", suggestion(name, at.schema.child("properties")))
			}
			a.walk(v[name], child, below(path, name))
		}
	}
}

// isLiteral tells whether any text, number or flag of a value is written down:
// neither secret, nor dynamic, nor null.
func isLiteral(value any) bool {
	switch v := value.(type) {
	case nil, pack.Secret:
		return false
	case string:
		return !isJinja(v) && v != ""
	case []any:
		for _, item := range v {
			if isLiteral(item) {
				return true
			}
		}
		return false
	case map[string]any:
		for _, item := range v {
			if isLiteral(item) {
				return true
			}
		}
		return false
	}
	return true
}

// suggestion names the keys that a wrong one may have been meant for.
func suggestion(name string, known *dict) string {
	if known == nil {
		return ""
	}
	near := nearest.Names(name, known.keys)
	if len(near) == 0 {
		return ""
	}
	for i, candidate := range near {
		near[i] = strconv.Quote(candidate)
	}
	return " (did you mean " + orList(near) + "?)"
}
