package interview

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
)

// hidden asks for a secret that goes into a file as it is.
func (t *talk) hidden(s slot, a packconfig.Attribute, q Question) error {
	q.Hidden = true
	q.Now, q.Enter = describe(s.get(), true), enterText(s.get(), a)
	warned := false
	for {
		text, m, done, err := t.hear(s, &q, &warned)
		if err != nil || done {
			return err
		}
		value := parse(text, a)
		if m == wantsEmpty {
			value = ""
		}
		if q.Reply = t.try(s, config.NewSetting(pack.NewSecret(value))); q.Reply == "" {
			return nil
		}
	}
}

// asSecret asks for a value anew, as for a secret.
func (t *talk) asSecret(s slot, a packconfig.Attribute, q Question) error {
	q.Choices, q.Edit, q.Reply = nil, "", ""
	if !strings.Contains(q.Facts, "secret") {
		q.Facts += ", secret"
	}
	if t.File {
		return t.hidden(s, a, q)
	}
	return t.secret(s, a, q)
}

// The places that a secret of packs.hcl can come from.
const (
	fromDatastore = "StackStorm's datastore: {{ st2kv.system.NAME }}"
	fromFile      = "a variable that reads a file on the host"
	fromEnv       = "a variable that reads an environment variable"
	fromRun       = "a variable that is given when packsync runs (PACKSYNC_VAR_NAME, --var-file)"
)

// secret asks where a secret comes from: it is never written into packs.hcl.
func (t *talk) secret(s slot, a packconfig.Attribute, q Question) error {
	q.Now, q.Enter = describe(s.get(), true), enterText(s.get(), a)
	q.Notes = append(q.Notes, "A secret is not written into packs.hcl. It can come from:")
	ways := []string{fromFile, fromEnv, fromRun}
	if a.Type == "string" || a.Type == "" {
		ways = append([]string{fromDatastore}, ways...)
	}
	for i, way := range ways {
		q.Choices = append(q.Choices, fmt.Sprintf("%d) %s", i+1, way))
	}
	warned := false
	for {
		text, m, done, err := t.hear(s, &q, &warned)
		if err != nil || done {
			return err
		}
		if i, remove, ok := element(text, len(ways)); m == wantsValue && ok && !remove {
			done, q.Reply, err = t.take(ways[i], s, a, q)
		} else {
			done, q.Reply = t.written(text, m, s)
		}
		if done || err != nil {
			return err
		}
	}
}

// written takes what was typed in the place of a number: a dynamic value, or a
// variable that is declared. Anything else may be the secret itself.
func (t *talk) written(text string, m meaning, s slot) (done bool, reply string) {
	name, isVariable := strings.CutPrefix(text, "var.")
	switch {
	case m == wantsValue && isDynamic(text):
		reply = t.try(s, config.NewSetting(text))
		return reply == "", reply
	case m == wantsValue && isVariable && variableName().MatchString(name):
		sensitive, declared := t.Variables[name]
		switch {
		case !declared:
			return false, fmt.Sprintf("There is no variable %q. The numbers make a new one.", name)
		case !sensitive:
			return false, notSensitive(name)
		}
		s.set(config.Reference(name))
		return true, ""
	}
	return false, "Not taken: it would stand in packs.hcl. Type the number of a way, {{ st2kv.… }}, or var.NAME of a variable that is declared."
}

func notSensitive(name string) string {
	return fmt.Sprintf("The variable %q is not sensitive, so that its value could be shown. Take another name, or write sensitive = true in its block.", name)
}

var (
	datastoreName = lazyregexp.New(`\A[A-Za-z_][A-Za-z0-9_]*\z`)
	variableName  = lazyregexp.New(`\A[A-Za-z_][A-Za-z0-9_-]*\z`)
	envName       = lazyregexp.New(`\A[A-Za-z_][A-Za-z0-9_]*\z`)
	notInNames    = lazyregexp.New(`[^A-Za-z0-9_]+`)
)

// take carries out one of the ways.
func (t *talk) take(way string, s slot, a packconfig.Attribute, about Question) (done bool, reply string, err error) {
	suggested := notInNames().ReplaceAllString(strings.Join(s.path, "_"), "_")
	if !strings.HasPrefix(suggested, string(t.Ref)+"_") {
		suggested = string(t.Ref) + "_" + suggested
	}
	if way == fromDatastore {
		name, err := t.name(about, "The key of the datastore, without its scope", suggested, datastoreName())
		if err != nil {
			return false, "", backIsNoError(err)
		}
		reply := t.fromStore(s, name)
		return reply == "", reply, nil
	}
	name, err := t.name(about, "The name of the variable", suggested, variableName())
	if err != nil {
		return false, "", backIsNoError(err)
	}
	if sensitive, declared := t.Variables[name]; declared {
		if !sensitive {
			return false, notSensitive(name), nil
		}
		s.set(config.Reference(name))
		return true, "", nil
	}
	v := config.NewVariable{Name: name, Type: variableType(a)}
	switch way {
	case fromFile:
		v.File, err = t.name(about, "The file that holds the secret and nothing else", "/etc/packsync/"+name, nil)
	case fromEnv:
		v.Env, err = t.name(about, "The environment variable", strings.ToUpper(strings.ReplaceAll(name, "-", "_")), envName())
	}
	if err != nil {
		return false, "", backIsNoError(err)
	}
	t.vars = append(slices.DeleteFunc(t.vars, func(old config.NewVariable) bool { return old.Name == name }), v)
	s.set(config.Reference(name))
	return true, "", nil
}

// backIsNoError lets :back lead to the list of ways.
func backIsNoError(err error) error {
	if errors.Is(err, errBack) {
		return nil
	}
	return err
}

// fromStore makes a value that StackStorm looks up. Whether it has to be decrypted
// there is the validator's to say: StackStorm decrypts by itself what the schema
// calls secret, but not everywhere.
func (t *talk) fromStore(s slot, name string) (reply string) {
	old := s.get()
	decrypted := "{{ st2kv.system." + name + " | decrypt_kv }}"
	s.set(config.NewSetting(decrypted))
	at := packconfig.Path(s.path...)
	twice := slices.ContainsFunc(Judge(t.Schema, t.root, t.File), func(p packconfig.Problem) bool {
		return p.Path == at && p.Kind == packconfig.Decrypt
	})
	s.set(old)
	if twice {
		return t.try(s, config.NewSetting("{{ st2kv.system."+name+" }}"))
	}
	return t.try(s, config.NewSetting(decrypted))
}

// name asks for a name, with one suggested.
func (t *talk) name(about Question, what, suggested string, pattern *regexp.Regexp) (string, error) {
	q := Question{Path: about.Path, About: what + ".", Prompt: "name", Enter: "takes " + suggested, Edit: suggested}
	for {
		text, m, err := t.put(&q)
		switch {
		case err != nil:
			return "", err
		case m == wantsKeep:
			return suggested, nil
		case m != wantsValue || pattern != nil && !pattern.MatchString(text):
			q.Reply = "That is no name: it must begin with a letter and have only letters, digits and _."
		case pattern == nil && !strings.HasPrefix(text, "/"):
			q.Reply = "That is no path: it must begin with a /."
		default:
			return text, nil
		}
	}
}

func variableType(a packconfig.Attribute) string {
	switch a.Type {
	case "string":
		return "string"
	case "integer", "number":
		return "number"
	case "boolean":
		return "bool"
	}
	return ""
}

var datastoreKey = lazyregexp.New(`\{\{\s*st2kv\.system\.([A-Za-z0-9_.]+)\s*(\|\s*decrypt_kv\s*)?\}\}`)

// DatastoreKeys lists the keys that StackStorm is to look up for a config and
// decrypt, sorted.
func DatastoreKeys(s *config.Setting) (names []string) {
	if text, isText := s.Value.(string); isText {
		for _, found := range datastoreKey().FindAllStringSubmatch(text, -1) {
			names = append(names, found[1])
		}
	}
	for _, inner := range s.Items {
		names = append(names, DatastoreKeys(inner)...)
	}
	for _, m := range s.Members {
		names = append(names, DatastoreKeys(m.Setting)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
