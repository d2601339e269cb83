package pack

import (
	"os"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
	"pgregory.net/rapid"
)

func TestConstraints(t *testing.T) {
	text, err := os.ReadFile("testdata/constraints.txt")
	if err != nil {
		t.Fatal(err)
	}
	var constraint Constraint
	var parseErr error
	checked := 0
	for number, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		checked++
		switch key {
		case "constraint":
			constraint, parseErr = ParseConstraint(value)
			if parseErr == nil && constraint.String() != value {
				t.Errorf("line %d: String() = %q, want it as written", number+1, constraint.String())
			}
			continue
		case "error":
			if parseErr == nil || !strings.Contains(parseErr.Error(), value) {
				t.Errorf("line %d: the error is %v, want it to say %q", number+1, parseErr, value)
			}
			continue
		case "expanded":
			if got := constraint.Expanded(); parseErr != nil || got != value {
				t.Errorf("line %d: Expanded() = %q, %v, want %q", number+1, got, parseErr, value)
			}
		case "yes", "no":
			for _, version := range strings.Fields(value) {
				if got := constraint.Matches(version); got != (key == "yes") {
					t.Errorf("line %d: %q matches %s: %v", number+1, constraint, version, got)
				}
			}
		default:
			t.Fatalf("line %d: unknown key %q", number+1, key)
		}
	}
	if checked < 80 {
		t.Errorf("only %d lines were checked", checked)
	}
}

func TestEmptyConstraintIsAMistakeAndTheZeroOneMatchesNothing(t *testing.T) {
	if _, err := ParseConstraint(""); err == nil {
		t.Error("the empty constraint parses")
	}
	if (Constraint{}).Matches("1.0.0") {
		t.Error("the zero Constraint matches")
	}
	if c, err := ParseConstraint(">= 0"); err != nil || c.MatchesVersion(nil) {
		t.Errorf("no version matches (%v)", err)
	}
}

func TestParseTagVersion(t *testing.T) {
	for _, tag := range []string{"1.2.3", "v1.2.3", "v0.0.1", "v1.2.3-rc.1", "1.2.3+build.5", "v1.2.3-rc.1+b"} {
		if v, ok := ParseTagVersion(tag); !ok || v.String() != strings.TrimPrefix(tag, "v") {
			t.Errorf("%s: %v, %v", tag, v, ok)
		}
	}
	for _, tag := range []string{"", "v", "1.2", "v1", "vv1.2.3", "V1.2.3", "1.2.3.4", "01.2.3", "release-1.2.3", "1.2.3dev", " 1.2.3", "v1.2.3\n", "-1.2.3"} {
		if v, ok := ParseTagVersion(tag); ok {
			t.Errorf("%q is taken for %s", tag, v)
		}
	}
}

func drawVersion(t *rapid.T, label string) *semver.Version {
	small := rapid.Uint64Range(0, 3)
	pre := rapid.SampledFrom([]string{"", "", "", "alpha", "rc.1", "rc.2"}).Draw(t, label+" pre-release")
	return semver.New(small.Draw(t, label+" major"), small.Draw(t, label+" minor"), small.Draw(t, label+" patch"), pre, "")
}

// The pessimistic operator in words of its own: everything before the last
// written number is equal, the last one may grow.
func TestPessimisticMeansThatOnlyTheLastNumberGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, v := drawVersion(t, "base"), drawVersion(t, "version")
		numbers := rapid.IntRange(2, 3).Draw(t, "numbers")
		written := strings.Join(strings.SplitN(strings.SplitN(base.String(), "-", 2)[0], ".", 3)[:numbers], ".")
		c, err := ParseConstraint("~> " + written)
		if err != nil {
			t.Fatal(err)
		}
		want := v.Prerelease() == "" && v.Major() == base.Major() && v.Minor() >= base.Minor()
		if numbers == 3 {
			want = v.Prerelease() == "" && v.Major() == base.Major() && v.Minor() == base.Minor() && v.Patch() >= base.Patch()
		}
		if got := c.MatchesVersion(v); got != want {
			t.Fatalf("%s matches %s: %v", c, v, got)
		}
	})
}

func TestReleasesObeyTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound, v := drawVersion(t, "bound"), drawVersion(t, "version")
		if v.Prerelease() != "" {
			v = semver.New(v.Major(), v.Minor(), v.Patch(), "", "")
		}
		holds := map[string]bool{
			"=": v.Equal(bound), "!=": !v.Equal(bound), ">": v.GreaterThan(bound),
			"<=": !v.GreaterThan(bound), "<": v.LessThan(bound), ">=": !v.LessThan(bound),
		}
		for op, want := range holds {
			c, err := ParseConstraint(op + bound.String())
			if err != nil {
				t.Fatal(err)
			}
			if got := c.MatchesVersion(v); got != want {
				t.Fatalf("%s matches %s: %v", c, v, got)
			}
		}
	})
}

func TestCommaMeansAnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := rapid.SampledFrom([]string{"=", "!=", ">", ">=", "<", "<=", "~>"})
		one := op.Draw(t, "op 1") + " " + drawVersion(t, "bound 1").String()
		two := op.Draw(t, "op 2") + " " + drawVersion(t, "bound 2").String()
		v := semver.New(rapid.Uint64Range(0, 3).Draw(t, "major"), rapid.Uint64Range(0, 3).Draw(t, "minor"), 0, "", "")
		parse := func(text string) Constraint {
			c, err := ParseConstraint(text)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		both := parse(one + ", " + two).MatchesVersion(v)
		if want := parse(one).MatchesVersion(v) && parse(two).MatchesVersion(v); both != want {
			t.Fatalf("%q and %q match %s: %v, want %v", one, two, v, both, want)
		}
	})
}

// What parses is printed as written, and its expanded form means the same.
func FuzzParseConstraint(f *testing.F) {
	for _, seed := range []string{"~> 1.2", ">= 1.0, < 3.0", "= v1.2.3-rc.1+b", "1", "!= 0.1", "~>99.1,<2", ">= 1.0.0-", ""} {
		f.Add(seed, "1.2.3")
	}
	f.Fuzz(func(t *testing.T, text, version string) {
		c, err := ParseConstraint(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "invalid version constraint ") {
				t.Errorf("the error does not say what it is about: %v", err)
			}
			return
		}
		again, err := ParseConstraint(c.Expanded())
		if err != nil {
			t.Fatalf("%q expands to %q, which does not parse: %v", text, c.Expanded(), err)
		}
		if again.Expanded() != c.Expanded() {
			t.Errorf("%q expands to %q and then to %q", text, c.Expanded(), again.Expanded())
		}
		if again.Matches(version) != c.Matches(version) {
			t.Errorf("%q and %q disagree about %q", text, c.Expanded(), version)
		}
	})
}
