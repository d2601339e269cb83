package pack

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/packsync/packsync/internal/lazyregexp"
)

// Constraint is which versions a user allows, in the sense that HCL users know
// from Terraform: "~> 1.2" is >= 1.2.0, < 2.0.0. The library compares versions
// only: its own constraints read "~> 1.2", "> 1.2" and "= 1.2" differently.
// The zero Constraint was never parsed and matches nothing.
type Constraint struct {
	text  string
	terms []term
}

// term is one comparison with a full version.
type term struct {
	op      string // one of = != > >= < <=
	version *semver.Version
}

var (
	termPattern    = lazyregexp.New(`\A([=!<>~]*)\s*[vV]?([0-9][^\s]*)\z`)
	versionPattern = lazyregexp.New(`\A([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?([-+].*)?\z`)
)

// ParseConstraint reads comparisons separated by commas, all of which must
// hold. A comparison is an operator (=, !=, >, >=, <, <=, ~> or none for =) and
// a version of one to three numbers; missing numbers count as zero. "~>" lets
// the last number that is written grow, and "~> 1" is "~> 1.0".
func ParseConstraint(text string) (Constraint, error) {
	constraint := Constraint{text: text}
	for part := range strings.SplitSeq(text, ",") {
		terms, err := parseTerm(strings.TrimSpace(part))
		if err != nil {
			return Constraint{}, fmt.Errorf("invalid version constraint %q: %w", text, err)
		}
		constraint.terms = append(constraint.terms, terms...)
	}
	return constraint, nil
}

// parseTerm reads one comparison; "~>" becomes two.
func parseTerm(text string) ([]term, error) {
	if text == "" {
		return nil, errors.New(`a comparison is empty: want for example "~> 1.2" or ">= 1.0, < 3.0"`)
	}
	m := termPattern().FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("%q is not an operator and a version: a tag or branch that is no version is chosen with tag or branch", text)
	}
	op, written := m[1], m[2]
	version, numbers, err := parsePartial(written)
	if err != nil {
		return nil, err
	}
	switch op {
	case "", "=":
		return []term{{"=", version}}, nil
	case "!=", ">", ">=", "<", "<=":
		return []term{{op, version}}, nil
	case "~>":
		return []term{{">=", version}, {"<", bump(version, numbers)}}, nil
	case "==":
		return nil, errors.New("the operator == does not exist: write =")
	case "~", "~=", "=>", "=<":
		hint := map[string]string{"~": "~>", "~=": "~>", "=>": ">=", "=<": "<="}[op]
		return nil, fmt.Errorf("the operator %s does not exist: write %s", op, hint)
	}
	return nil, fmt.Errorf("the operator %s does not exist: want =, !=, >, >=, <, <= or ~>", op)
}

// parsePartial reads a version of one to three numbers and says how many were
// written.
func parsePartial(text string) (*semver.Version, int, error) {
	m := versionPattern().FindStringSubmatch(text)
	if m == nil {
		return nil, 0, fmt.Errorf("%q is not a version: want one to three numbers, as in 1.2.3", text)
	}
	written := 0
	for _, number := range m[1:4] {
		if number == "" {
			break
		}
		// 63 bits, so that bump cannot overflow.
		if _, err := strconv.ParseUint(number, 10, 63); err != nil {
			return nil, 0, fmt.Errorf("%q is not a version: the number %s is too large", text, number)
		}
		written++
	}
	full := m[1] + "." + cmp.Or(m[2], "0") + "." + cmp.Or(m[3], "0") + m[4]
	version, err := semver.StrictNewVersion(full)
	if err != nil {
		return nil, 0, fmt.Errorf("%q is not a version: %w", text, err)
	}
	return version, written, nil
}

// bump returns the first version that ~> leaves out.
func bump(version *semver.Version, numbers int) *semver.Version {
	if numbers == 3 {
		return semver.New(version.Major(), version.Minor()+1, 0, "", "")
	}
	return semver.New(version.Major()+1, 0, 0, "", "")
}

// String returns the constraint as it was written.
func (c Constraint) String() string { return c.text }

// Expanded returns what the constraint means, with full versions:
// ">= 1.2.0, < 2.0.0" for "~> 1.2".
func (c Constraint) Expanded() string {
	parts := make([]string, len(c.terms))
	for i, t := range c.terms {
		parts[i] = t.op + " " + t.version.String()
	}
	return strings.Join(parts, ", ")
}

// Matches reports whether a version, with or without a leading v, satisfies the
// constraint. A text that is not a full version satisfies none.
func (c Constraint) Matches(version string) bool {
	v, ok := ParseTagVersion(version)
	return ok && c.MatchesVersion(v)
}

// MatchesVersion reports whether a version satisfies the constraint. A
// pre-release satisfies it only if a comparison asks for a pre-release of the
// same three numbers: "~> 1.2" never chooses 1.3.0-rc1. Naming one to exclude
// it (!=) does not ask for its siblings.
func (c Constraint) MatchesVersion(version *semver.Version) bool {
	if version == nil || len(c.terms) == 0 {
		return false
	}
	invited := version.Prerelease() == ""
	for _, t := range c.terms {
		if !t.holds(version) {
			return false
		}
		invited = invited || t.op != "!=" && t.version.Prerelease() != "" && sameNumbers(t.version, version)
	}
	return invited
}

func sameNumbers(a, b *semver.Version) bool {
	return a.Major() == b.Major() && a.Minor() == b.Minor() && a.Patch() == b.Patch()
}

func (t term) holds(version *semver.Version) bool {
	order := version.Compare(t.version)
	switch t.op {
	case "=":
		return order == 0 && t.sameBuild(version)
	case "!=":
		return order != 0 || !t.sameBuild(version)
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	}
	return false
}

// sameBuild tells builds of one version apart where the term names a build.
// Build metadata has no order, so that only = and != can mean it.
func (t term) sameBuild(version *semver.Version) bool {
	return t.version.Metadata() == "" || t.version.Metadata() == version.Metadata()
}

// ParseTagVersion returns the version that a tag names: X.Y.Z or vX.Y.Z, with
// pre-release and build metadata if it has any, and nothing looser. Tags such
// as v1.0, 1.2.3.4 or release-1.0.0 name none.
func ParseTagVersion(tag string) (*semver.Version, bool) {
	version, err := semver.StrictNewVersion(strings.TrimPrefix(tag, "v"))
	return version, err == nil
}
