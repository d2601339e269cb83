package config

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
)

func (b block) decodeSource(p *Pack) {
	subdir := b.decodeSubdir()
	if !b.given("source") {
		p.ShortName = string(p.Ref)
		if b.given("subdir") {
			b.l.error(b.body.Attributes["subdir"].NameRange, "Conflicting arguments", "subdir needs a source. For a pack without one, the index says where it lies.")
		}
		if len(b.l.blocks["index"]) == 0 && !b.l.hostNames("conf") && p.Ref != "" {
			b.l.error(p.Range, "No index declared", "The pack %q has no source, so it is looked up in the indexes, but none is declared. Give it a source, or declare the index of the StackStorm Exchange:\n\n    index \"exchange\" { url = \"https://index.stackstorm.org/v1/index.json\" }", string(p.Ref))
		}
		return
	}
	p.SourceRange = b.body.Attributes["source"].Expr.Range()
	text, ok := b.text("source", textNonEmpty|textKnown)
	if !ok {
		return
	}
	p.SourceText = text
	if isDirectory(text) {
		p.Source = pack.Source{Kind: pack.SourceDir, URL: b.l.absolute(filepath.FromSlash(text)), Subdir: subdir}
		return
	}
	source, err := pack.ParseSource(text)
	switch {
	case errors.Is(err, pack.ErrCredentialInURL):
		b.reportCredential(text)
	case err != nil:
		b.l.error(p.SourceRange, "Invalid source", "%s.", capital(err.Error()))
	}
	source.Subdir = subdir
	p.Source = source
}

func isDirectory(text string) bool {
	return text == "." || text == ".." || strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../") || strings.HasPrefix(text, "/")
}

func (b block) decodeSubdir() string {
	text, ok := b.text("subdir", textKnown)
	if !ok {
		return ""
	}
	subdir, err := pack.ParseSubdir(text)
	if err != nil {
		b.l.error(b.body.Attributes["subdir"].Expr.Range(), "Invalid subdir", "%s.", capital(err.Error()))
	}
	return subdir
}

// urlHost finds the host in a URL that need not be well-formed, whatever stands
// in front of it.
var urlHost = lazyregexp.New(`://(?:.*@)?([A-Za-z0-9][A-Za-z0-9.-]*)(?::[0-9]+)?(?:/|\z)`)

// reportCredential shows the right way without showing the credential.
func (b block) reportCredential(text string) {
	base, _, _ := strings.Cut(text, "?")
	base, _, _ = strings.Cut(base, "#")
	host := "HOST"
	if m := urlHost().FindStringSubmatch(base); m != nil {
		host = m[1]
	}
	b.l.error(b.body.Attributes["source"].Expr.Range(), "Credential in a source",
		"A source must not carry a user name, password, token or query: it is written to the lock, to plans and to logs. Remove it there, and declare how to log in to the host:\n\n    credentials %q {\n      username   = \"…\"\n      token_file = \"/etc/packsync/token\"\n    }\n\nIf the credential was committed, treat it as known to others and replace it.", host)
}

// selectors are the arguments that choose a commit, in the order of design.md 3.
var selectors = []pack.SelectorKind{pack.SelectVersion, pack.SelectBranch, pack.SelectTag, pack.SelectCommit, pack.SelectRevision}

func (b block) decodeSelector(p *Pack) {
	var first *hclsyntax.Attribute
	for _, attr := range sortedAttributes(b.body) {
		kind := pack.SelectorKind(attr.Name)
		if !slices.Contains(selectors, kind) || !b.given(attr.Name) {
			continue
		}
		if first != nil {
			b.l.error(attr.NameRange, "Two selectors", "A pack has at most one of version, branch, tag, commit and revision, and %s is already set at %s.", first.Name, place(first.NameRange))
			continue
		}
		first = attr
		p.SelectorRange = attr.Expr.Range()
		text, ok := b.text(attr.Name, textNonEmpty|textKnown)
		if !ok {
			continue
		}
		p.Selector = pack.Selector{Kind: kind, Text: text}
		if problem := selectorProblem(p.Selector); problem != "" {
			b.l.error(p.SelectorRange, "Invalid "+attr.Name, "%s", problem)
		}
	}
	if first != nil && p.Source.Kind == pack.SourceDir {
		b.l.error(first.NameRange, "Conflicting arguments", "The source is a directory, which is copied as it is: there is nothing to select with %s. For a git repository on this machine, write file:///path.", first.Name)
	}
}

var (
	hexDigits = lazyregexp.New(`\A[0-9A-Fa-f]+\z`)
	// revisionSteps lead from a revision to one before it: HEAD~1, v1.0.0^{}.
	revisionSteps = lazyregexp.New(`(?:[~^][0-9]*|\^\{(?:commit)?\})+\z`)
	badRevision   = lazyregexp.New(`[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\z|\A/|\A-|\.lock\z|\.\z`)
)

// selectorProblem says what is wrong with the text of a selector.
func selectorProblem(s pack.Selector) string {
	switch s.Kind {
	case pack.SelectVersion:
		if _, err := pack.ParseConstraint(s.Text); err != nil {
			return capital(err.Error()) + "."
		}
	case pack.SelectCommit:
		return commitProblem(s.Text)
	default:
		name := s.Text
		if s.Kind == pack.SelectRevision {
			name = revisionSteps().ReplaceAllString(name, "")
		}
		if name == "" || badRevision().MatchString(name) {
			return "The " + string(s.Kind) + " " + quoted(s.Text) + " is not a name that git allows."
		}
		if strings.HasPrefix(s.Text, "refs/") && s.Kind != pack.SelectRevision {
			return "Write the short name of the " + string(s.Kind) + ", without refs/heads/ or refs/tags/."
		}
	}
	return ""
}

func commitProblem(text string) string {
	if _, err := pack.ParseCommit(text); err == nil {
		return ""
	}
	if _, err := pack.ParseCommit(strings.ToLower(text)); err == nil {
		return "A commit is written in lower case: " + quoted(strings.ToLower(text)) + "."
	}
	if hexDigits().MatchString(text) && len(text) < 40 {
		return "A commit needs all 40 digits: a short one may come to mean another. git rev-parse " + text + " prints them; revision accepts short ones."
	}
	return "A commit has exactly 40 hexadecimal digits. For a tag or branch, use tag or branch."
}
