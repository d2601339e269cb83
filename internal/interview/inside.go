package interview

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/packconfig"
)

// opaque asks about a list or an object that an expression gives.
func (t *talk) opaque(s slot, a packconfig.Attribute, q Question) error {
	q.Now, q.Enter = describe(s.get(), false), "keeps it"
	q.Notes = append(q.Notes, "An expression gives it. To replace it by values, clear it first with :unset.")
	for {
		_, m, err := t.put(&q)
		switch {
		case err != nil:
			return err
		case m == wantsKeep:
			return nil
		case m == wantsUnset:
			s.set(nil)
			q.Notes = q.Notes[:len(q.Notes)-1]
			return t.attribute(s, a, q)
		}
		q.Reply = "Enter keeps the expression; :unset clears it; it can be changed in the editor, before saving."
	}
}

// nested asks whether to go into an object, and then for its keys.
func (t *talk) nested(s slot, a packconfig.Attribute, q Question) error {
	if s.get() != nil && s.get().Kind != config.Object {
		q.Notes = append(q.Notes, "What is there now is no object.")
	}
	if s.get() == nil && a.Required { // there is nothing to decide
		return t.object(s, a.Properties, false)
	}
	warned := false
	for {
		q.Now, q.Enter = describe(s.get(), false), enterText(s.get(), a)
		q.Choices = []string{"e) " + goThrough(s.get(), a)}
		text, m, err := t.put(&q)
		switch {
		case err != nil:
			return err
		case m == wantsKeep:
			if t.leave(s, &q, &warned) {
				return nil
			}
		case m == wantsUnset:
			s.set(nil)
			return nil
		case m == wantsValue && (text == "e" || text == "+"):
			if err := t.object(s, a.Properties, false); err == nil {
				return nil
			} else if !errors.Is(err, errBack) {
				return err
			}
		default:
			q.Reply = "Type e to go through its keys."
		}
	}
}

func goThrough(s *config.Setting, a packconfig.Attribute) string {
	names := make([]string, len(a.Properties))
	for i, p := range a.Properties {
		names[i] = p.Name
	}
	verb := "change its keys"
	if s == nil {
		verb = "fill it in"
	}
	return verb + ": " + cut(strings.Join(names, ", "))
}

// list asks about the elements of a list.
func (t *talk) list(s slot, a packconfig.Attribute, q Question) error {
	of := packconfig.Attribute{}
	if a.Items != nil {
		of = *a.Items
	}
	warned := false
	for {
		q.Now, q.Enter = describe(s.get(), false), enterText(s.get(), a)
		q.Choices = t.elements(s)
		n := len(q.Choices)
		q.Choices = append(q.Choices, "+) add", "N) change element N, -N takes it out")
		if n == 0 {
			q.Choices = q.Choices[:1]
		}
		text, m, done, err := t.hear(s, &q, &warned)
		switch {
		case err != nil || done:
			return err
		case m == wantsEmpty:
			s.set(&config.Setting{Kind: config.List})
			continue
		case m == wantsSecret:
			return t.asSecret(s, a, q)
		}
		warned = false
		if text == "+" {
			err = t.addTo(s, of)
		} else if i, remove, ok := element(text, n); !ok {
			q.Reply = listHelp(n)
		} else if remove {
			item(s, i).set(nil)
		} else {
			err = t.change(item(s, i), of)
		}
		if err != nil && !errors.Is(err, errBack) {
			return err
		}
	}
}

// change asks for a value that is there: at once for its keys, if it has any.
func (t *talk) change(place slot, of packconfig.Attribute) error {
	if s := place.get(); s.Kind == config.Object && of.Type == "object" && len(of.Properties) > 0 && !of.Secret {
		return t.object(place, of.Properties, false)
	}
	return t.attribute(place, of, Question{})
}

func listHelp(n int) string {
	if n == 0 {
		return "Type + to add an element."
	}
	return fmt.Sprintf("Type + to add an element, a number from 1 to %d to change one, or the number with a - to take it out.", n)
}

// element reads N or -N.
func element(text string, n int) (i int, remove, ok bool) {
	rest, remove := strings.CutPrefix(text, "-")
	i, err := strconv.Atoi(rest)
	return i - 1, remove, err == nil && i >= 1 && i <= n
}

// elements lists what is in a list.
func (t *talk) elements(s slot) (lines []string) {
	list := s.get()
	if list == nil {
		return nil
	}
	for i, one := range list.Items {
		lines = append(lines, fmt.Sprintf("%d) %s", i+1, t.summary(one, item(s, i).path)))
	}
	return lines
}

// summary is a value on one line.
func (t *talk) summary(s *config.Setting, path []string) string {
	if s.Kind != config.Object {
		return describe(s, t.Schema.IsSecret(path...))
	}
	var parts []string
	for _, m := range s.Members {
		if m.Kind == config.Literal || m.Kind == config.Expression {
			parts = append(parts, m.Name+" = "+describe(m.Setting, t.Schema.IsSecret(append(slices.Clone(path), m.Name)...)))
		}
	}
	return cut("{ " + strings.Join(parts, ", ") + " }")
}

// addTo asks for new elements: one object, or any number of simple values.
func (t *talk) addTo(s slot, of packconfig.Attribute) error {
	if s.get() == nil || s.get().Kind != config.List {
		s.set(&config.Setting{Kind: config.List})
	}
	place := item(s, len(s.get().Items))
	if of.Type == "object" || of.Type == "array" || of.Secret || len(of.Enum) > 0 || of.Type == "boolean" {
		return t.addInside(place, of)
	}
	q := Question{Facts: facts(of), About: strings.TrimSpace(of.Description), Enter: "ends the list", Notes: []string{"Several lines that are pasted become several elements."}}
	for {
		place := item(s, len(s.get().Items))
		q.Path = packconfig.Path(place.path...)
		text, m, err := t.put(&q)
		switch {
		case err != nil:
			return err
		case m == wantsSecret:
			if err := t.asSecret(place, of, q); err != nil {
				return err
			}
			continue
		case m == wantsEmpty:
			q.Reply = t.try(place, config.NewSetting(""))
			continue
		case m != wantsValue:
			return nil
		}
		q.Notes = nil
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			if q.Reply = t.try(item(s, len(s.get().Items)), config.NewSetting(parse(line, of))); q.Reply != "" {
				break
			}
		}
	}
}

// addInside asks for one new value that has parts of its own. If nothing comes of
// it, nothing is added.
func (t *talk) addInside(place slot, of packconfig.Attribute) error {
	switch {
	case of.Type == "object" && len(of.Properties) > 0:
		place.set(&config.Setting{Kind: config.Object})
		err := t.object(place, of.Properties, false)
		if made := place.get(); made != nil && made.Kind == config.Object && len(made.Members) == 0 {
			place.set(nil)
		}
		return err
	case of.Type == "array":
		place.set(&config.Setting{Kind: config.List})
	case of.Type == "object":
		place.set(&config.Setting{Kind: config.Object})
	}
	return t.attribute(place, of, Question{})
}

// named asks about an object whose keys the schema does not list.
func (t *talk) named(s slot, a packconfig.Attribute, q Question) error {
	warned := false
	for {
		q.Now, q.Enter = describe(s.get(), false), enterText(s.get(), a)
		var names []string
		q.Choices = nil
		if object := s.get(); object != nil {
			for _, m := range object.Members {
				names = append(names, m.Name)
				q.Choices = append(q.Choices, fmt.Sprintf("%d) %s: %s", len(names), m.Name, t.summary(m.Setting, append(slices.Clone(s.path), m.Name))))
			}
		}
		q.Choices = append(q.Choices, "+NAME) add the key NAME")
		if len(names) > 0 {
			q.Choices = append(q.Choices, "N) change key N, -N takes it out")
		}
		text, m, done, err := t.hear(s, &q, &warned)
		switch {
		case err != nil || done:
			return err
		case m == wantsEmpty:
			s.set(&config.Setting{Kind: config.Object})
			continue
		}
		warned = false
		if name, adds := strings.CutPrefix(text, "+"); adds {
			q.Reply, err = t.addNamed(s, strings.TrimSpace(name), names)
		} else if i, remove, ok := element(text, len(names)); !ok {
			q.Reply = "Type + and a name to add a key, for example +default."
		} else if remove {
			member(s, names[i]).set(nil)
		} else {
			_, err = t.addNamed(s, names[i], nil)
		}
		if err != nil && !errors.Is(err, errBack) {
			return err
		}
	}
}

// addNamed asks for the value of a key that the schema knows by a pattern only, or
// not at all.
func (t *talk) addNamed(s slot, name string, taken []string) (reply string, err error) {
	switch {
	case name == "":
		return "Type the name behind the +, for example +default.", nil
	case slices.Contains(taken, name):
		return fmt.Sprintf("There is a key %s already: type its number.", name), nil
	}
	place := member(s, name)
	of, _ := t.Schema.At(place.path...)
	isNew := place.get() == nil
	if isNew {
		// The validator knows whether there may be a key of this name.
		if reason := t.refuses(place, of); reason != "" {
			return reason, nil
		}
	}
	switch {
	case isNew && of.Type == "object":
		return "", t.addInside(place, of)
	case isNew:
		return "", t.attribute(place, of, Question{})
	}
	return "", t.change(place, of)
}

// refuses says why a key may not be there, whatever its value.
func (t *talk) refuses(place slot, of packconfig.Attribute) string {
	try := config.NewSetting("")
	if of.Type == "object" {
		try = &config.Setting{Kind: config.Object}
	}
	place.set(try)
	defer place.set(nil)
	at := packconfig.Path(place.path...)
	for _, p := range t.problems(place.path) {
		if p.Path == at && p.Kind == packconfig.Unexpected {
			return "That does not do: " + p.Message + "."
		}
	}
	return ""
}
