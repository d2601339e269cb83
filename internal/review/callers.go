package review

import (
	"fmt"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
)

func (c *comparison) aliases(before, after []content.Alias) {
	var gone, come []*content.Alias
	pairs(before, after, func(a *content.Alias) string { return a.Name }, func(_ string, was, is *content.Alias) {
		switch {
		case was == nil:
			come = append(come, is)
		case is == nil:
			gone = append(gone, was)
		default:
			c.alias(was, is)
		}
	})
	for _, was := range gone {
		// Whoever types the words notices nothing of another name.
		same := slices.IndexFunc(come, func(is *content.Alias) bool {
			words := representations(was)
			gone, _, _ := reworded(words, representations(is))
			return len(words) > 0 && len(gone) == 0
		})
		if same < 0 {
			c.add(Change{
				ID: AliasRemoved, Grade: pack.Breaking, Kind: "alias", Name: was.Name,
				Message: "it is gone; it took " + quoteAll(representations(was)), At: was.Place, Gone: true,
			})
			continue
		}
		is := come[same]
		come = slices.Delete(come, same, same+1)
		c.add(Change{ID: AliasRenamed, Grade: pack.Caution, Kind: "alias", Name: was.Name, Message: "it is called " + is.Name + " now, and takes the same words", At: is.Place})
		c.alias(was, is)
	}
	for _, is := range come {
		c.add(Change{ID: AliasAdded, Grade: pack.Safe, Kind: "alias", Name: is.Name, Message: "it is new, and takes " + quoteAll(representations(is)), At: is.Place})
	}
}

func (c *comparison) alias(was, is *content.Alias) {
	add := func(id string, grade pack.Grade, format string, args ...any) {
		c.add(Change{ID: id, Grade: grade, Kind: "alias", Name: is.Name, Message: fmt.Sprintf(format, args...), At: is.Place})
	}
	switch {
	case was.Enabled && !is.Enabled:
		add(AliasDisabled, pack.Breaking, "it is disabled: nothing answers its words any more")
	case is.Enabled && !was.Enabled:
		add(AliasEnabled, pack.Safe, "it is enabled")
	}
	before, after := representations(was), representations(is)
	gone, come, otherwise := reworded(before, after)
	if len(gone) > 0 {
		add(AliasFormatRemoved, pack.Breaking, "it does not take %s any more", quoteAll(gone))
	}
	if len(come) > 0 {
		add(AliasFormatAdded, pack.Safe, "it takes %s", quoteAll(come))
	}
	switch {
	case len(otherwise) > 0:
		add(AliasChanged, pack.Caution, "the same words give %s no more, but other parameters", strings.Join(otherwise, ", "))
	case was.Action != is.Action:
		add(AliasChanged, pack.Caution, "it runs %s instead of %s", is.Action, was.Action)
	case was.ImmutableParameters != is.ImmutableParameters:
		add(AliasChanged, pack.Caution, "it gives %s other fixed parameters", is.Action)
	}
}

// representations are the words that run an alias, sorted.
func representations(a *content.Alias) (all []string) {
	for _, f := range a.Formats {
		all = append(all, f.Representations...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// missing returns what is in all and not in those.
func missing(all, those []string) (rest []string) {
	for _, text := range all {
		if !slices.Contains(those, text) {
			rest = append(rest, text)
		}
	}
	return rest
}

func quoteAll(texts []string) string {
	const most = 4
	var parts []string
	for i, text := range texts {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(texts)-most))
			break
		}
		parts = append(parts, fmt.Sprintf("%q", text))
	}
	if len(parts) == 0 {
		return "no words"
	}
	return strings.Join(parts, ", ")
}

func (c *comparison) policies(before, after []content.Policy) {
	pairs(before, after, func(p *content.Policy) string { return p.Name }, func(name string, was, is *content.Policy) {
		add := func(id, format string, args ...any) {
			change := Change{ID: id, Grade: pack.Caution, Kind: "policy", Name: name, Message: fmt.Sprintf(format, args...)}
			if is != nil {
				change.At = is.Place
			} else {
				change.At, change.Gone = was.Place, true
			}
			c.add(change)
		}
		switch {
		case was == nil:
			add(PolicyAdded, "it is new: %s for %s", is.Type, is.Resource)
		case is == nil:
			add(PolicyRemoved, "it is gone: it was %s for %s", was.Type, was.Resource)
		case was.Enabled != is.Enabled:
			add(PolicyChanged, "it is %s now", map[bool]string{true: "enabled", false: "disabled"}[is.Enabled])
		case was.Type != is.Type, was.Resource != is.Resource:
			add(PolicyChanged, "it is %s for %s instead of %s for %s", is.Type, is.Resource, was.Type, was.Resource)
		case was.Parameters != is.Parameters:
			add(PolicyChanged, "it changes from %s to %s", short(was.Parameters), short(is.Parameters))
		}
	})
}

// workflows compares those that are there before and after: one that comes or
// goes does so with its action.
func (c *comparison) workflows(before, after []content.Workflow, actions []content.Action) {
	pairs(before, after, func(w *content.Workflow) string { return w.File }, func(file string, was, is *content.Workflow) {
		if was == nil || is == nil {
			return
		}
		name := strings.TrimPrefix(file, "actions/")
		add := func(id string, grade pack.Grade, part, format string, args ...any) {
			c.add(Change{ID: id, Grade: grade, Kind: "workflow", Name: name, Parameter: part, Message: fmt.Sprintf(format, args...), At: content.Place{File: file}})
		}
		pairs(was.Input, is.Input, func(i *content.Input) string { return i.Name }, func(name string, was, is *content.Input) {
			switch {
			case was == nil && is.Default == "" && given(actions, file, name):
				add(WorkflowInputAdded, pack.Safe, name, "it is new, and its action gives it")
			case was == nil && is.Default == "":
				add(WorkflowInputRequired, pack.Caution, name, "it is new and has no default: without a value from its action the workflow fails")
			case was == nil:
				add(WorkflowInputAdded, pack.Safe, name, "it is new, with the default %s", short(is.Default))
			case is == nil:
				add(WorkflowInputRemoved, pack.Safe, name, "it is not used any more")
			case was.Default != is.Default:
				add(WorkflowInputDefault, pack.Caution, name, "its default changes from %s to %s", short(was.Default), short(is.Default))
			}
		})
		for _, output := range missing(sorted(was.Output), is.Output) {
			add(WorkflowOutputRemoved, pack.Breaking, output, "it is gone: whoever reads it from the result finds nothing")
		}
		for _, output := range missing(sorted(is.Output), was.Output) {
			add(WorkflowOutputAdded, pack.Safe, output, "it is new")
		}
		if text := tasksText(was.Tasks, is.Tasks); text != "" {
			add(WorkflowTasks, pack.Safe, "", "%s", text)
		}
	})
}

// given tells whether every action that runs a workflow has a parameter of the name
// of an input, which is how inputs get their values.
func given(actions []content.Action, workflow, input string) bool {
	runs := 0
	for i := range actions {
		if file, ok := actions[i].EntryFile(); !ok || file != workflow {
			continue
		}
		runs++
		if !slices.ContainsFunc(actions[i].Parameters, func(p content.Parameter) bool { return p.Name == input }) {
			return false
		}
	}
	return runs > 0
}

func sorted(texts []string) []string { return slices.Compact(slices.Sorted(slices.Values(texts))) }

// tasksText says which tasks differ, "" for none.
func tasksText(before, after []content.Task) string {
	var come, gone, other []string
	pairs(before, after, func(t *content.Task) string { return t.Name }, func(name string, was, is *content.Task) {
		switch {
		case was == nil:
			come = append(come, name)
		case is == nil:
			gone = append(gone, name)
		case was.Action != is.Action || !slices.Equal(was.Parameters, is.Parameters):
			other = append(other, name)
		}
	})
	var parts []string
	for _, part := range []struct {
		verb  string
		names []string
	}{{"new tasks", come}, {"tasks gone", gone}, {"tasks that call in another way", other}} {
		if len(part.names) > 0 {
			parts = append(parts, part.verb+": "+strings.Join(part.names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}
