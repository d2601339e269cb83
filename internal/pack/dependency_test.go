package pack

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func dependencyLines(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/dependencies.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

func TestDependencies(t *testing.T) {
	var d Dependency
	var parseErr error
	checked := 0
	for number, line := range dependencyLines(t) {
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "dependency":
			d, parseErr = ParseDependency(value)
			if parseErr == nil && d.String() != strings.TrimSpace(value) {
				t.Errorf("line %d: String() = %q", number+1, d)
			}
			continue
		case "is":
			got := strings.TrimSpace(fmt.Sprintf("%s%s %s", d.Name, d.Source, d.Selector))
			if want := strings.TrimSpace(value); parseErr != nil || got != want {
				t.Errorf("line %d: %q, %v, want %q", number+1, got, parseErr, want)
			}
		case "names":
			if got := d.Names(); len(got) == 0 || string(got[0]) != strings.TrimSpace(value) {
				t.Errorf("line %d: names are %q", number+1, got)
			}
		case "error":
			if parseErr == nil || !strings.Contains(parseErr.Error(), strings.TrimSpace(value)) || strings.Contains(parseErr.Error(), "hunter2") {
				t.Errorf("line %d: error is %v", number+1, parseErr)
			}
		default:
			continue
		}
		checked++
	}
	if checked < 40 {
		t.Errorf("only %d lines were checked", checked)
	}
}

func TestDependencySatisfiedBy(t *testing.T) {
	const commit = Commit("abcdef0123456789abcdef0123456789abcdef01")
	for _, c := range []struct {
		dependency, version, ref string
		want                     bool
	}{
		{"p", "0.0.1", "", true},
		{"p=1.2.0", "1.2.0", "refs/heads/main", true},
		{"p=v1.2.0", "1.2.0", "refs/heads/main", true},
		{"p=1.2.0", "1.1.0", "refs/tags/v1.2.0", true}, // whoever made the tag forgot the file
		{"p=1.2.0", "1.2.1", "refs/tags/v1.2.1", false},
		{"p=main", "1.2.1", "refs/heads/main", true},
		{"p=main", "1.2.1", "refs/heads/dev", false},
		{"p=refs/heads/main", "1.2.1", "refs/heads/main", true},
		{"p=stable", "1.2.1", "refs/tags/stable", true},
		{"p=abcdef0", "1.2.1", "", true},
		{"p=abcd", "1.2.1", "", false}, // too short to mean one commit
		{"p=abcdef1", "1.2.1", "", false},
		{"p>=1.0", "1.2.1", "", true},
		{"p>=1.0,<1.2", "1.2.1", "refs/heads/main", false},
		{"p~>1.2", "9.9.9", "refs/tags/v1.3.0", true}, // the tag is what a constraint chooses by
		{"p~>1.2", "1.2.0", "refs/tags/v9.9.9", false},
		{"p~>1.2", "1.2.0", "refs/tags/stable", true},
	} {
		d, err := ParseDependency(c.dependency)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.SatisfiedBy(c.version, c.ref, commit); got != c.want {
			t.Errorf("%s is satisfied by %s %s: %v", c.dependency, c.version, c.ref, got)
		}
	}
}

// What parses means one thing, whichever way it is written, and an error shows no
// password.
func FuzzParseDependency(f *testing.F) {
	for _, line := range dependencyLines(f) {
		if value, ok := strings.CutPrefix(line, "dependency:"); ok {
			f.Add(value)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDependency(text)
		if err != nil {
			if strings.Contains(text, "://u:hunter2@") && strings.Contains(err.Error(), "hunter2") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if (d.Name == "") == (d.Source == Source{}) {
			t.Fatalf("%q is %q and %q", text, d.Name, d.Source)
		}
		again, err := ParseDependency(d.String())
		if err != nil || again != d {
			t.Fatalf("%q is %+v, and then %+v, %v", text, d, again, err)
		}
		switch d.Selector.Kind {
		case SelectVersion:
			if _, err := ParseConstraint(d.Selector.Text); err != nil {
				t.Fatalf("%q has the constraint %q: %v", text, d.Selector.Text, err)
			}
		case SelectRevision:
			if strings.ContainsAny(d.Selector.Text, "=<>, ") || d.Selector.Text == "" {
				t.Fatalf("%q has the revision %q", text, d.Selector.Text)
			}
		case SelectNone:
			if !d.SatisfiedBy("", "", "") {
				t.Fatalf("%q is not satisfied by anything", text)
			}
		default:
			t.Fatalf("%q has the selector %v", text, d.Selector)
		}
		for _, ref := range d.Names() {
			if _, err := ParseRef(string(ref)); err != nil && !ref.IsSystem() {
				t.Fatalf("%q has the name %q", text, ref)
			}
		}
	})
}
