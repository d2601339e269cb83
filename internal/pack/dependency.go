package pack

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/lazyregexp"
)

// Dependency is one entry of dependencies in a pack.yaml: the forms that `st2
// pack install` takes (reference.md 3.3), and ranges, which StackStorm takes for
// a part of the name.
type Dependency struct {
	Name     Ref    // short name, to be looked up in the indexes; "" if Source is given
	Source   Source // zero if Name is set
	Selector Selector
	text     string
}

// String returns the dependency as it was written, without blanks around it.
func (d Dependency) String() string { return d.text }

// githubPattern is OWNER/REPOSITORY, which means GitHub.
var githubPattern = lazyregexp.New(`\A[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*\z`)

// ParseDependency reads NAME, OWNER/REPOSITORY or a git URL, each alone, with
// =REVISION as StackStorm knows it, or with comparisons as in a version
// constraint (">= 1.2, < 2.0"). An empty revision counts as none. Unlike
// StackStorm it refuses a second "=", after which StackStorm drops the rest, and
// directories. The error never holds a password.
func ParseDependency(text string) (Dependency, error) {
	text = strings.TrimSpace(text)
	what, rest := text, ""
	if i := strings.IndexAny(text, "=<>"); i >= 0 {
		// ~> and != begin with a character that may end a URL, but no sane one.
		if i > 0 && (text[i] == '>' && text[i-1] == '~' || text[i] == '=' && text[i-1] == '!') {
			i--
		}
		what, rest = strings.TrimSpace(text[:i]), text[i:]
	}
	d := Dependency{text: text}
	selector, err := parseRequired(rest)
	if err == nil {
		d.Selector = selector
		d.Name, d.Source, err = parseRequiredPack(what)
	}
	if err != nil {
		return Dependency{}, fmt.Errorf("invalid dependency %q: %w", redactURL(text), err)
	}
	return d, nil
}

func parseRequiredPack(what string) (Ref, Source, error) {
	switch {
	case what == "":
		return "", Source{}, errors.New("it names no pack")
	case isRefText(what):
		if ref := Ref(what); ref.IsSystem() {
			return ref, Source{}, nil
		}
		ref, err := ParseRef(what)
		return ref, Source{}, err
	case !strings.ContainsAny(what, "/@"):
		return "", Source{}, errors.New("it is neither a pack's name (only lower-case letters, digits and _) nor an address")
	case githubPattern().MatchString(what):
		what = "https://github.com/" + what
	case strings.HasPrefix(what, "/"), strings.HasPrefix(what, "."):
		return "", Source{}, errors.New("it is a directory, which another machine does not have")
	}
	source, err := ParseSource(what)
	return "", source, err
}

// parseRequired reads what follows the name.
func parseRequired(rest string) (Selector, error) {
	revision, isRevision := strings.CutPrefix(rest, "=")
	revision = strings.TrimSpace(revision)
	switch {
	case isRevision && revision == "", rest == "":
		return Selector{}, nil
	case isRevision && strings.ContainsAny(revision, "=<> ,"):
		return Selector{}, errors.New("after = stands one version, tag, branch or commit; a range has no = before it, as in name>=1.2,<2.0")
	case isRevision:
		return Selector{Kind: SelectRevision, Text: revision}, nil
	}
	constraint := strings.TrimSpace(rest)
	_, err := ParseConstraint(constraint)
	return Selector{Kind: SelectVersion, Text: constraint}, err
}

// Names lists the refs under which StackStorm looks for the pack (reference.md
// 3.8): the name, or what an address ends in, without "stackstorm-". What the pack
// is really called, only its pack.yaml says.
func (d Dependency) Names() []Ref {
	if d.Name != "" {
		return []Ref{d.Name}
	}
	last := path.Base(strings.ReplaceAll(d.Source.URL, ":", "/"))
	last = strings.TrimSuffix(last, ".git")
	candidates := []string{last}
	if _, after, found := strings.Cut(last, "stackstorm-"); found {
		candidates = []string{after, last}
	}
	var names []Ref
	for _, text := range candidates {
		if ref, err := ParseRef(text); err == nil && !slices.Contains(names, ref) {
			names = append(names, ref)
		}
	}
	return names
}

// SatisfiedBy reports whether a pack at a version (from its pack.yaml), found
// under a full git ref ("" for none) at a commit, is what the dependency asks for.
// One without a revision is satisfied by any. A revision that is a version is
// compared as StackStorm does, by name; the rest of the sentence is ours:
// StackStorm takes a branch or commit for a conflict, always.
func (d Dependency) SatisfiedBy(version, ref string, commit Commit) bool {
	tag, isTag := strings.CutPrefix(ref, "refs/tags/")
	text := d.Selector.Text
	switch d.Selector.Kind {
	case SelectNone:
		return true
	case SelectVersion:
		constraint, err := ParseConstraint(text)
		if err != nil {
			return false
		}
		if _, ok := ParseTagVersion(tag); isTag && ok {
			return constraint.Matches(tag)
		}
		return constraint.Matches(version)
	}
	bare := func(s string) string { return strings.TrimPrefix(s, "v") }
	return bare(text) == bare(version) || isTag && bare(text) == bare(tag) ||
		ref != "" && (ref == text || ref == "refs/heads/"+text || ref == "refs/tags/"+text) ||
		commit != "" && len(text) >= 7 && strings.HasPrefix(string(commit), text)
}
