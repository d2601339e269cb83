package tree

import "fmt"

// Rule is the stable name of the rule that a refused tree breaks.
type Rule string

// The rules (reliability.md 1.3). Those of the last group are about git objects
// and are applied by package source/gogit.
const (
	RuleName  Rule = "name"  // a name that is unsafe or means different things to different systems
	RuleGit   Rule = "git"   // a git directory, plain or in disguise
	RuleClash Rule = "clash" // two names that some file systems take for one, or a file that is also a directory
	RuleLink  Rule = "link"  // a link that leaves the pack or leads nowhere
	RuleLFS   Rule = "lfs"   // a git LFS pointer instead of the content
	RuleLimit Rule = "limit" // larger than what is allowed
	RuleMode  Rule = "mode"  // neither file, executable file nor link

	RuleBytecode Rule = "bytecode" // a tree to be written that did not go through Filter

	RuleSubmodule Rule = "submodule" // a git submodule
	RuleMalformed Rule = "malformed" // a tree that git itself would not write: unsorted, duplicate or broken entries
)

// RefusedError says why a tree is not installed. Nothing of it was written.
type RefusedError struct {
	Path   string // of the offending file; "" for the tree as a whole. Hostile: quote before printing
	Rule   Rule
	Reason string // a sentence without full stop, safe to print
}

func (e *RefusedError) Error() string {
	if e.Path == "" {
		return "refused pack: " + e.Reason
	}
	return fmt.Sprintf("refused file %s of the pack: %s", quote(e.Path), e.Reason)
}

// quote makes a hostile text harmless on a terminal, and short: %q escapes
// control, bidirectional and invisible characters.
func quote(text string) string {
	const longest = 200
	if len(text) > longest {
		return fmt.Sprintf("%.*q… (%d bytes)", longest, text, len(text))
	}
	return fmt.Sprintf("%q", text)
}
