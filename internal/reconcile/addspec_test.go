package reconcile

import "testing"

func TestCutConstraint(t *testing.T) {
	for _, c := range []struct {
		text, what, constraint string
		given                  bool
	}{
		{"aws", "aws", "", false},
		{"aws@~> 2.0", "aws", "~> 2.0", true},
		{"aws@", "aws", "", true},
		{"jira=3.3.0", "jira=3.3.0", "", false},
		{"jira=release/3@home", "jira=release/3", "home", true},
		{"acme/tools@1.0", "acme/tools", "1.0", true},
		{"git@git.example.com:st2/tools.git", "git@git.example.com:st2/tools.git", "", false},
		{"git@git.example.com:tools.git", "git@git.example.com:tools.git", "", false},
		{"git@git.example.com:tools.git@>= 1", "git@git.example.com:tools.git", ">= 1", true},
		{"ssh://git@git.example.com/st2/tools.git", "ssh://git@git.example.com/st2/tools.git", "", false},
		{"ssh://git@git.example.com/st2/tools.git@~> 1.2", "ssh://git@git.example.com/st2/tools.git", "~> 1.2", true},
	} {
		what, constraint, given := cutConstraint(c.text)
		if what != c.what || constraint != c.constraint || given != c.given {
			t.Errorf("%q: %q, %q, %t", c.text, what, constraint, given)
		}
	}
}

func TestTheConstraintOfAnAddedVersionAllowsWhatShouldBreakNothing(t *testing.T) {
	for ref, want := range map[string]string{
		"refs/tags/v2.1.3":     "~> 2.1",
		"refs/tags/3.3.0":      "~> 3.3",
		"refs/tags/v0.4.2":     "~> 0.4.2",
		"refs/tags/v1.0.0-rc1": "",
		"refs/tags/v1.0":       "",
		"refs/heads/main":      "",
		"":                     "",
	} {
		if have := compatibleWith(ref); have != want {
			t.Errorf("%q: %q, want %q", ref, have, want)
		}
	}
}
