package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/packsync/packsync/internal/reconcile"
)

// RegisterBody is the JSON of register, after the envelope.
type RegisterBody struct {
	Changed bool                `json:"changed"` // StackStorm was told something
	Packs   []RegisteredJSON    `json:"packs"`
	LeftOut []reconcile.LeftOut `json:"left_out"`
	Notes   []string            `json:"notes"`
}

// RegisteredJSON is one pack in the JSON of register.
type RegisteredJSON struct {
	reconcile.RegisteredNow
	Registered bool     `json:"registered"`
	Pending    []string `json:"pending"`
	Error      string   `json:"error,omitempty"`
}

// NewRegisterBody turns what register did into JSON.
func NewRegisterBody(r *reconcile.Registered) RegisterBody {
	body := RegisterBody{Packs: []RegisteredJSON{}, LeftOut: r.LeftOut, Notes: []string{}}
	if r.Report != nil {
		body.Changed, body.Notes = r.Report.Changed(), append(body.Notes, r.Report.Notes...)
	}
	for i, now := range r.Packs {
		entry := RegisteredJSON{RegisteredNow: now, Pending: []string{}}
		if r.Report != nil {
			result := r.Report.Packs[i]
			entry.Registered = result.Err == nil
			entry.Pending = append(entry.Pending, result.Pending...)
			if result.Err != nil {
				entry.Error = result.Err.Error()
			}
		}
		body.Packs = append(body.Packs, entry)
	}
	return body
}

// RegisteredSummary is the one line that says what register did.
func RegisteredSummary(r *reconcile.Registered) string {
	told := 0
	for _, p := range NewRegisterBody(r).Packs {
		if p.Registered {
			told++
		}
	}
	failed := len(r.Packs) - told
	if len(r.Packs) == 0 && len(r.LeftOut) == 0 {
		return "Nothing to register: StackStorm was told about everything."
	}
	text := "Registered: " + plural(told, "pack", "packs")
	if failed > 0 {
		text += fmt.Sprintf(", %d failed", failed)
	}
	if n := len(r.LeftOut); n > 0 {
		text += fmt.Sprintf(", %d left out", n)
	}
	return text + "."
}

// Registered prints what StackStorm was told on request, what it was not, and why.
func Registered(w io.Writer, r *reconcile.Registered, style Style) error {
	out := &printer{w: w}
	names := 0
	for _, p := range r.Packs {
		names = max(names, len(p.Ref))
	}
	for _, p := range NewRegisterBody(r).Packs {
		symbol := style.paint(green, "*")
		if !p.Registered {
			symbol = style.paint(red, "!")
		}
		out.printf("  %s %s  %s\n", symbol, style.paint(bold, pad(string(p.Ref), names)), strings.Join(p.Types, ", "))
		for _, reason := range p.Reasons {
			out.wrapped(style, "      ", reason)
		}
		if p.Error != "" {
			label := "failed:"
			if p.Managed {
				label = "pending:"
			}
			out.lines(style, "      "+style.paint(red, label)+" ", p.Error)
		}
	}
	for _, l := range r.LeftOut {
		out.wrapped(style, style.paint(yellow, "left out:")+" ", string(l.Ref)+": "+l.Reason)
	}
	if r.Report != nil {
		for _, note := range r.Report.Notes {
			out.wrapped(style, style.paint(yellow, "note:")+" ", note)
		}
	}
	out.printf("%s\n", style.paint(bold, RegisteredSummary(r)))
	return out.err
}

// lines prints a text of several lines, each of them wrapped below the first.
func (p *printer) lines(style Style, lead, text string) {
	for line := range strings.Lines(text) {
		p.wrapped(style, lead, strings.TrimRight(line, "\n"))
		lead = pad("", visible(lead))
	}
}
