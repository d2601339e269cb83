package view

import (
	"fmt"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/review"
)

// Grades counts what changes in the content of packs, by grade. What was accepted
// is counted apart.
type Grades struct {
	Breaking int `json:"breaking"`
	Caution  int `json:"caution"`
	Safe     int `json:"safe"`
	Accepted int `json:"accepted"` // breaking or caution, and accepted
	Used     int `json:"used"`     // of the breaking ones, those of which a user is known
}

func (g *Grades) count(findings []pack.Finding) {
	for _, f := range findings {
		switch {
		case f.Grade == pack.Safe:
			g.Safe++
		case f.Grade != "" && f.Accepted != "":
			g.Accepted++
		case f.Grade == pack.Caution:
			g.Caution++
		case f.Grade == pack.Breaking:
			g.Breaking++
			if len(f.Hits) > 0 {
				g.Used++
			}
		}
	}
}

// ReviewOf counts the grades of a plan.
func ReviewOf(p *plan.Plan) (g Grades) {
	for _, c := range p.Changes {
		g.count(c.Findings)
	}
	return g
}

// sentence says what is worth to be looked at, "" if nothing is.
func (g Grades) sentence() string {
	var parts []string
	if g.Breaking > 0 {
		parts = append(parts, plural(g.Breaking, "breaking change", "breaking changes")+g.users())
	}
	if g.Caution > 0 {
		parts = append(parts, plural(g.Caution, "change to be looked at", "changes to be looked at"))
	}
	if g.Accepted > 0 {
		parts = append(parts, fmt.Sprintf("%d accepted", g.Accepted))
	}
	if len(parts) == 0 {
		return ""
	}
	return "In the packs: " + strings.Join(parts, ", ") + "."
}

// users counts those breaking changes of which a user is known.
func (g Grades) users() string {
	switch {
	case g.Used == 0:
		return ""
	case g.Breaking == 1:
		return " with known users"
	}
	return fmt.Sprintf(" (%d with known users)", g.Used)
}

// How much of a long review is shown without --verbose.
const (
	fewOfAKind = 5
	fewHits    = 5
)

// kind is all findings with one grade and id: they are told together.
type kind struct {
	grade    pack.Grade
	id       string
	findings []pack.Finding
}

// kindsOf groups graded findings in the order of their first, and in each group
// puts those first that hit somebody.
func kindsOf(findings []pack.Finding) (kinds []*kind) {
	index := map[string]*kind{}
	for _, hits := range []bool{true, false} {
		for _, f := range findings {
			if f.Grade == "" || (len(f.Hits) > 0) != hits {
				continue
			}
			key := string(f.Grade) + f.ID
			if index[key] == nil {
				index[key] = &kind{grade: f.Grade, id: f.ID}
			}
			index[key].findings = append(index[key].findings, f)
		}
	}
	for _, grade := range []pack.Grade{pack.Breaking, pack.Caution, pack.Safe} {
		for _, f := range findings {
			if k := index[string(grade)+f.ID]; f.Grade == grade && k != nil {
				kinds = append(kinds, k)
				delete(index, string(grade)+f.ID)
			}
		}
	}
	return kinds
}

// review prints what changes in a pack: what breaks first, what is safe counted.
func (p *printer) review(findings []pack.Finding, style Style, indent string) {
	safe := 0
	for _, k := range kindsOf(findings) {
		if k.grade == pack.Safe && !style.Verbose {
			if k.id != review.PackAdded { // the pack's own line says so
				safe += len(k.findings)
			}
			continue
		}
		for i, f := range k.findings {
			if i >= fewOfAKind && len(f.Hits) == 0 && !style.Verbose {
				p.printf("%s%s and %d more [%s] (--verbose shows all)\n", indent, pad("", gradeWidth), len(k.findings)-i, k.id)
				break
			}
			p.change(f, style, indent)
		}
	}
	if safe > 0 {
		p.printf("%s%s %s (--verbose shows them)\n", indent, pad("safe", gradeWidth), plural(safe, "change", "changes"))
	}
}

const gradeWidth = len("breaking")

func (p *printer) change(f pack.Finding, style Style, indent string) {
	code := map[pack.Grade]string{pack.Breaking: red, pack.Caution: yellow, pack.Safe: faint}[f.Grade]
	text := f.Message
	if f.Resource != "" {
		text = f.Resource + ": " + text
	}
	p.wrapped(style, indent+pad(style.paint(code, string(f.Grade)), gradeWidth)+" ", text+" ["+f.ID+"]")
	below := indent + pad("", gradeWidth) + "   "
	for i, hit := range f.Hits {
		if i == fewHits && !style.Verbose {
			p.printf("%shits %d more (--verbose shows all)\n", below, len(f.Hits)-i)
			break
		}
		p.printf("%shits %s\n", below, Quote(hit))
	}
	if style.Verbose && len(f.At) > 0 {
		p.printf("%sat %s\n", below, Quote(strings.Join(f.At, ", ")))
	}
	switch {
	case f.Accepted != "":
		p.wrapped(style, below, "accepted: "+f.Accepted)
	case f.Severity == pack.Blocked:
		p.printf("%sblocks the apply (--fail-on)\n", below)
	}
}
