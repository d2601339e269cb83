package interview

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
	"github.com/packsync/packsync/internal/pyyaml"
)

// meaning is what a person wants by an answer.
type meaning int

const (
	wantsValue meaning = iota
	wantsKeep          // an empty answer
	wantsUnset
	wantsEmpty
	wantsSecret
)

// put asks a question until the answer is one about the value. Going back, to the
// review, or out is an error.
func (t *talk) put(q *Question) (text string, m meaning, err error) {
	for {
		answer, err := t.ask(*q)
		q.Reply = ""
		if err != nil {
			return "", 0, err
		}
		text = answer
		if !q.Hidden && !strings.Contains(answer, "\n") { // the blanks of what was pasted are meant
			text = strings.TrimSpace(answer)
		}
		switch strings.TrimSpace(answer) {
		case "":
			return "", wantsKeep, nil
		case ":back", ":b":
			return "", 0, errBack
		case ":review", ":r":
			return "", 0, errReview
		case ":quit", ":q":
			return "", 0, ErrStop
		case ":unset", ":u":
			return "", wantsUnset, nil
		case ":empty":
			return "", wantsEmpty, nil
		case ":secret":
			return "", wantsSecret, nil
		case ":help", ":h", ":?", "?":
			q.Reply = helpText()
			continue
		}
		if word := strings.TrimSpace(answer); !q.Hidden && unknownCommand().MatchString(word) {
			q.Reply = fmt.Sprintf("There is no command %s. A text that begins with a colon is typed with two: :%s", word, word)
			continue
		}
		if strings.HasPrefix(text, "::") {
			text = text[1:]
		}
		return text, wantsValue, nil
	}
}

var unknownCommand = lazyregexp.New(`^:[a-z]+$`)

func helpText() string {
	var b strings.Builder
	b.WriteString("Instead of a value you can type:")
	for _, c := range Commands {
		fmt.Fprintf(&b, "\n%s  %s", c[0], c[1])
	}
	return b.String()
}

// hear asks a question about a value until the answer is not one that means the
// same of every value: keeping what is there and clearing it. After those it is
// done.
func (t *talk) hear(s slot, q *Question, warned *bool) (text string, m meaning, done bool, err error) {
	for {
		text, m, err = t.put(q)
		switch {
		case err != nil:
			return "", m, false, err
		case m == wantsUnset:
			s.set(nil)
			return "", m, true, nil
		case m != wantsKeep:
			return text, m, false, nil
		case t.leave(s, q, warned):
			return "", m, true, nil
		}
	}
}

// leave is what an empty answer does: it keeps what is there. Where that is wrong
// it says so the first time.
func (t *talk) leave(s slot, q *Question, warned *bool) (done bool) {
	found := t.problems(s.path)
	if len(found) == 0 || *warned {
		return true
	}
	*warned = true
	q.Reply = fmt.Sprintf("%s: %s. Enter once more leaves it so for now.", found[0].Path, found[0].Message)
	return false
}

// scalar asks for a text or a number.
func (t *talk) scalar(s slot, a packconfig.Attribute, q Question) error {
	q.Now, q.Enter, q.Edit = describe(s.get(), false), enterText(s.get(), a), editText(s.get(), a)
	if a.Type == "string" && looksSecret(s.path) {
		q.Notes = append(q.Notes, "The schema does not say that this is a secret. If it is one, type :secret.")
	}
	warned := false
	for {
		text, m, done, err := t.hear(s, &q, &warned)
		switch {
		case err != nil || done:
			return err
		case m == wantsSecret:
			return t.asSecret(s, a, q)
		}
		value := parse(text, a)
		if m == wantsEmpty {
			value = ""
		}
		if q.Reply = t.try(s, config.NewSetting(value)); q.Reply == "" {
			return nil
		}
	}
}

// choice asks for one of several values.
func (t *talk) choice(s slot, a packconfig.Attribute, q Question) error {
	values := a.Enum
	if len(values) == 0 {
		values = []any{true, false}
	}
	labels := labelsOf(values)
	for i, value := range values {
		text := labels[i] + ") " + plainText(value)
		if plainText(value) == "" {
			text = labels[i] + ") " + valueText(value)
		}
		if a.HasDefault && valueText(a.Default) == valueText(value) {
			text += " (default)"
		}
		q.Choices = append(q.Choices, text)
	}
	q.Now, q.Enter = describe(s.get(), false), enterText(s.get(), a)
	warned := false
	for {
		text, m, done, err := t.hear(s, &q, &warned)
		switch {
		case err != nil || done:
			return err
		case m == wantsSecret:
			return t.asSecret(s, a, q)
		}
		value, ok := pick(text, values, labels)
		if !ok && !isDynamic(text) {
			q.Reply = fmt.Sprintf("Type one of %s.", strings.Join(labels, ", "))
			continue
		}
		if q.Reply = t.try(s, config.NewSetting(value)); q.Reply == "" {
			return nil
		}
	}
}

// labelsOf is what to type for each of several values: its number, or a letter if
// the values are numbers themselves.
func labelsOf(values []any) []string {
	letters := false
	for _, v := range values {
		if _, err := strconv.ParseFloat(plainText(v), 64); err == nil {
			letters = true
		}
	}
	labels := make([]string, len(values))
	for i := range values {
		labels[i] = strconv.Itoa(i + 1)
		if letters && len(values) <= 26 {
			labels[i] = string(rune('a' + i))
		}
	}
	return labels
}

// pick finds the value that an answer means: by its label, or typed out. What
// means none is taken as text, for the validator to say why it is none.
func pick(text string, values []any, labels []string) (any, bool) {
	for i, v := range values {
		if text == labels[i] {
			return v, true
		}
	}
	for _, v := range values {
		if plainText(v) == text {
			return v, true
		}
		if flag, isFlag := v.(bool); isFlag {
			for _, word := range flagWords[flag] {
				if strings.EqualFold(text, word) {
					return v, true
				}
			}
		}
	}
	return text, false
}

var flagWords = map[bool][]string{true: {"y", "yes", "true", "on"}, false: {"n", "no", "false", "off"}}

// parse makes a value of what is typed. What is no number where one is wanted
// stays a text, and the validator says what is wrong with it.
func parse(text string, a packconfig.Attribute) any {
	switch a.Type {
	case "integer", "number":
		if i, ok := new(big.Int).SetString(text, 10); ok {
			return small(i)
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) && looksNumeric(text) {
			return f
		}
	case "boolean":
		if value, ok := pick(text, []any{true, false}, []string{"1", "2"}); ok {
			return value
		}
	case "string":
	default:
		if doc, err := pyyaml.Unmarshal([]byte(text)); err == nil && !isDynamic(text) {
			return doc.Root.Value()
		}
	}
	return text
}

// looksNumeric leaves out what Go reads as a number and nobody types as one: hex
// floats, underscores.
func looksNumeric(text string) bool { return !strings.ContainsAny(text, "xXpP_") }

func small(i *big.Int) any {
	if i.IsInt64() {
		return i.Int64()
	}
	return i
}

func isDynamic(text string) bool { return strings.Contains(text, "{{") || strings.Contains(text, "{%") }

// enterText says what an empty answer does.
func enterText(s *config.Setting, a packconfig.Attribute) string {
	switch {
	case s != nil:
		return "keeps it"
	case a.Required:
		return "leaves it out for now"
	}
	return "leaves it out"
}

// editText is the value as it would be typed again.
func editText(s *config.Setting, a packconfig.Attribute) string {
	switch {
	case s == nil && a.HasDefault:
		return plainText(a.Default)
	case s == nil || s.Kind != config.Literal:
		return ""
	}
	if _, secret := s.Value.(pack.Secret); secret {
		return ""
	}
	return plainText(s.Value)
}

// plainText is a value as it is typed; "" for lists and objects.
func plainText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool, int64, *big.Int:
		return fmt.Sprint(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return ""
}

// maxShown is how much of a value is shown.
const maxShown = 60

// valueText is a value as it is shown.
func valueText(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case pack.Secret:
		return "(set)"
	case string:
		return cut(strconv.Quote(v))
	case []any:
		if len(v) == 0 {
			return "an empty list"
		}
		texts := make([]string, len(v))
		for i, item := range v {
			texts[i] = valueText(item)
		}
		return cut("[" + strings.Join(texts, ", ") + "]")
	case map[string]any:
		return fmt.Sprintf("{ %d keys }", len(v))
	}
	return plainText(value)
}

func cut(text string) string {
	if runes := []rune(text); len(runes) > maxShown {
		return string(runes[:maxShown-1]) + "…"
	}
	return text
}

// reference is an expression that cannot hold a secret itself.
var reference = lazyregexp.New(`\A(var|local|each)\.[A-Za-z0-9_.\-]+\z`)

// describe says what a value is. Of a secret only where it comes from.
func describe(s *config.Setting, secret bool) string {
	if s == nil {
		return ""
	}
	_, sensitive := s.Value.(pack.Secret)
	text, isText := s.Value.(string)
	switch {
	case s.Kind == config.Expression && reference().MatchString(s.Text):
		return s.Text
	case s.Kind == config.Expression && (secret || sensitive || !s.Known): // it may hold one
		return "(set, by an expression)"
	case s.Kind == config.Expression:
		return cut(strings.Join(strings.Fields(s.Text), " "))
	case secret && isText && isDynamic(text):
		return "(set, from StackStorm's datastore)"
	case secret || sensitive:
		return "(set)"
	case s.Kind == config.List && len(s.Items) == 0:
		return "an empty list"
	case s.Kind == config.List:
		return count(len(s.Items), "element", "elements")
	case s.Kind == config.Object:
		return count(len(s.Members), "key", "keys")
	}
	return valueText(s.Value)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

var secretWords = lazyregexp.New(`(?i)(passw|passphrase|secret|token|api_?key|private_?key)`)

// looksSecret guesses by the name of a key.
func looksSecret(path []string) bool {
	name := path[len(path)-1]
	return secretWords().MatchString(name) && !strings.HasSuffix(name, "_file") && !strings.HasSuffix(name, "_path")
}
