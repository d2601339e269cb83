package config

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/packsync/packsync/internal/diag"
)

// canary is the secret in every fixture. It may appear in no output.
const canary = "hunter2"

// fixture reads a request from the comments at the top of a declaration:
// "# mode: partial", "# env: …", "# var: …".
func fixture(t *testing.T, path string) (Request, string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	req := Request{File: abs, Version: "1.2.3"}
	for line := range strings.Lines(string(src)) {
		line = strings.TrimRight(line, "\n")
		switch key, value, _ := strings.Cut(line, ": "); key {
		case "# mode":
			req.Mode = Partial
		case "# env":
			req.Environ = append(req.Environ, value)
		case "# var":
			req.Vars = append(req.Vars, value)
		case "# var-file":
			req.VarFiles = append(req.VarFiles, filepath.Join(filepath.Dir(abs), value))
		}
	}
	return req, string(src)
}

// problem is what a fixture's comment says about its line; line 0 has no place.
type problem struct {
	Line    int
	Problem string // "ERROR: Summary"
}

var expectation = regexp.MustCompile(`# (NOWHERE )?(ERROR|WARNING): ([^#]*)`)

func expected(src string) []problem {
	var out []problem
	for i, line := range strings.Split(src, "\n") {
		for _, m := range expectation.FindAllStringSubmatch(line, -1) {
			p := problem{i + 1, m[2] + ": " + strings.TrimSpace(m[3])}
			if m[1] != "" {
				p.Line = 0
			}
			out = append(out, p)
		}
	}
	slices.SortFunc(out, comparePlaces)
	return out
}

func found(diags diag.List) []problem {
	var out []problem
	for _, d := range diags {
		p := problem{0, "ERROR: " + d.Summary}
		if d.Severity == hcl.DiagWarning {
			p.Problem = "WARNING: " + d.Summary
		}
		if d.Subject != nil {
			p.Line = d.Subject.Start.Line
		}
		out = append(out, p)
	}
	slices.SortFunc(out, comparePlaces)
	return out
}

func comparePlaces(a, b problem) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Problem, b.Problem))
}

func TestEveryMistakeIsReportedWhereItStands(t *testing.T) {
	for _, path := range glob(t, "testdata/bad/*.hcl") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			req, src := fixture(t, path)
			cfg, files, diags := Load(req)
			if diff := gocmp.Diff(expected(src), found(diags)); diff != "" {
				t.Errorf("diagnostics (-expected +found):\n%s", diff)
			}
			if cfg != nil {
				t.Error("there is a Config in spite of errors")
			}
			output := rendered(t, files, diags)
			if strings.Contains(output, canary) {
				t.Errorf("the output shows a secret:\n%s", output)
			}
			for _, d := range diags {
				checkStyle(t, d)
			}
		})
	}
}

// checkStyle holds messages to the house rules: a fixed summary, sentences.
func checkStyle(t *testing.T, d *diag.Diagnostic) {
	t.Helper()
	if d.Summary == "" || strings.HasSuffix(d.Summary, ".") || strings.ContainsAny(d.Summary, "\"%") {
		t.Errorf("summary %q is not a short fixed text", d.Summary)
	}
	if strings.Contains(d.Detail, "%!") || strings.HasSuffix(d.Detail, "..") || d.Detail == "" {
		t.Errorf("detail %q is not well-formed", d.Detail)
	}
	if d.Expression != nil || d.EvalContext != nil {
		t.Errorf("%q carries values along", d.Summary)
	}
}

func rendered(t *testing.T, files map[string]*hcl.File, diags diag.List) string {
	t.Helper()
	var out strings.Builder
	for _, color := range []bool{false, true} {
		if err := diag.Write(&out, files, diags, color, 80); err != nil {
			t.Fatal(err)
		}
	}
	for _, j := range diag.JSON(diags) {
		out.WriteString(strings.Join([]string{j.Severity, j.Code, j.Summary, j.Detail, j.File}, "\n"))
	}
	return out.String()
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files match %s (%v)", pattern, err)
	}
	return paths
}
