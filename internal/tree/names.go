package tree

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxNameBytes is what every file system of Linux takes for one name.
const maxNameBytes = 255

// CheckName judges one component of a path (reliability.md 1.3 rule 3). The
// error is a *RefusedError whose Path is the component.
func CheckName(name string) error {
	rule, reason := judgeName(name)
	if reason == "" {
		return nil
	}
	return &RefusedError{Path: name, Rule: rule, Reason: reason}
}

// judgeName returns the broken rule and why; an empty reason means that the
// name is good.
func judgeName(name string) (Rule, string) {
	switch {
	case name == "":
		return RuleName, "a component of its path is empty"
	case name == "." || name == "..":
		return RuleName, fmt.Sprintf("a component of its path is %q", name)
	case len(name) > maxNameBytes:
		return RuleLimit, fmt.Sprintf("a component of its path has %d bytes, %d are allowed", len(name), maxNameBytes)
	case isGitDisguise(name):
		return RuleGit, "a git directory is never installed, and nothing that some system takes for one"
	}
	ascii := true
	for i := range len(name) {
		switch c := name[i]; {
		case c == '/' || c == '\\' || c == ':':
			return RuleName, fmt.Sprintf("a component of its path contains %q", c)
		case c < ' ' || c == 0x7f:
			return RuleName, "its name contains a control character"
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if name[0] == ' ' || name[len(name)-1] == ' ' {
		return RuleName, "a component of its path begins or ends with a space"
	}
	if name[len(name)-1] == '.' {
		return RuleName, "a component of its path ends with a dot"
	}
	if ascii {
		return "", ""
	}
	return judgeUnicode(name)
}

func judgeUnicode(name string) (Rule, string) {
	if !utf8.ValidString(name) {
		return RuleName, "its name is not UTF-8"
	}
	for _, r := range name {
		// Cf holds the bidirectional and zero-width characters: what a person
		// reads would not be what is installed.
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return RuleName, fmt.Sprintf("its name contains the invisible character %U", r)
		}
	}
	if !norm.NFC.IsNormalString(name) {
		return RuleName, "its name is not in Unicode normal form C: rename it in the pack"
	}
	if first, _ := utf8.DecodeRuneInString(name); unicode.IsSpace(first) {
		return RuleName, "a component of its path begins or ends with a space"
	}
	if last, _ := utf8.DecodeLastRuneInString(name); unicode.IsSpace(last) {
		return RuleName, "a component of its path begins or ends with a space"
	}
	return "", ""
}

// isGitDisguise recognises .git as HFS+ and NTFS see it too (CVE-2014-9390,
// CVE-2019-1352, CVE-2026-45571): other letters' case, ignored characters,
// trailing spaces and dots, streams, and the short name git~1. The name is not
// empty.
func isGitDisguise(name string) bool {
	// Nearly every name ends here: a disguise begins with one of these or with a
	// character that is ignored.
	if c := name[0]; c != '.' && c != 'g' && c != 'G' && c < utf8.RuneSelf {
		return false
	}
	visible := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, name)
	visible, _, _ = strings.Cut(visible, ":")
	visible, _, _ = strings.Cut(visible, `\`)
	visible = strings.TrimRight(visible, " .")
	return strings.EqualFold(visible, ".git") || strings.EqualFold(visible, "git~1")
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// foldPath gives all names that some file system takes for the same one the
// same key: casefold(NFC(path)), where NFC is already sure. A path in lower-case
// ASCII is its own key and costs no memory.
func foldPath(path string) string {
	if isASCII(path) {
		return strings.ToLower(path)
	}
	return norm.NFC.String(cases.Fold().String(path))
}
