// Package diag is how a problem in a user's file is described: summary, detail
// and the place it stands. The types are those of HCL, without conversion.
//
// It is not for errors of the world (no permission, no network): those are
// ordinary Go errors.
package diag

import "github.com/hashicorp/hcl/v2"

// List is a list of problems; Diagnostic is one of them, Range a place in a file,
// Pos one end of it.
type (
	List       = hcl.Diagnostics
	Diagnostic = hcl.Diagnostic
	Range      = hcl.Range
	Pos        = hcl.Pos
)

// Error returns one error. The summary is a fixed text without user data; the
// detail says in sentences what is wrong, why, and how to mend it. at may be
// the zero Range if the problem has no place.
func Error(at Range, summary, detail string) *Diagnostic {
	return build(hcl.DiagError, at, summary, detail)
}

// Warning returns one warning, described like an Error.
func Warning(at Range, summary, detail string) *Diagnostic {
	return build(hcl.DiagWarning, at, summary, detail)
}

// confidential marks a diagnostic in Diagnostic.Extra.
type confidential struct{}

// Confidential returns a diagnostic whose snippet shows no literal, wherever it
// stands: what it points at is a value of a config.
func Confidential(d *Diagnostic) *Diagnostic {
	d.Extra = confidential{}
	return d
}

func build(severity hcl.DiagnosticSeverity, at Range, summary, detail string) *Diagnostic {
	d := &Diagnostic{Severity: severity, Summary: summary, Detail: detail}
	if at.Filename != "" {
		d.Subject = &at
	}
	return d
}
