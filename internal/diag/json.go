package diag

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// JSONDiagnostic is one diagnostic as machines read it (design.md 8). It carries
// no source text: what a snippet has to hide cannot leak here.
type JSONDiagnostic struct {
	Severity string     `json:"severity"` // "error" or "warning"
	Code     string     `json:"code"`     // the summary as a slug: stable, for machines to branch on
	Summary  string     `json:"summary"`
	Detail   string     `json:"detail"`
	File     string     `json:"file,omitempty"`
	Range    *JSONRange `json:"range,omitempty"` // nil if the problem has no place
}

// JSONRange is a place in a file; End is exclusive.
type JSONRange struct {
	Start JSONPos `json:"start"`
	End   JSONPos `json:"end"`
}

// JSONPos is a position: Line and Column count from 1, Byte from 0.
type JSONPos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// JSON returns the list in the form that is printed with --json; never nil.
func JSON(list List) []JSONDiagnostic {
	out := make([]JSONDiagnostic, 0, len(list))
	for _, d := range list {
		j := JSONDiagnostic{Severity: severityWord(d), Code: slug(d.Summary), Summary: d.Summary, Detail: d.Detail}
		if d.Subject != nil {
			j.File = d.Subject.Filename
			j.Range = &JSONRange{Start: jsonPos(d.Subject.Start), End: jsonPos(d.Subject.End)}
		}
		out = append(out, j)
	}
	return out
}

func jsonPos(p hcl.Pos) JSONPos { return JSONPos{Line: p.Line, Column: p.Column, Byte: p.Byte} }

func severityWord(d *Diagnostic) string {
	if d.Severity == hcl.DiagWarning {
		return "warning"
	}
	return "error"
}

// slug turns a summary into words of lower-case letters and digits joined by "-".
func slug(summary string) string {
	words := strings.FieldsFunc(strings.ToLower(summary), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}
