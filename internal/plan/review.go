package plan

import "github.com/packsync/packsync/internal/pack"

// reviewed adds what the review found about a pack. What is as harmful as
// Input.FailOn, or more, and was not accepted blocks.
func (c *Change) reviewed(in Input) {
	for _, f := range in.Reviewed[c.Ref] {
		if f.Accepted == "" && f.Grade.AtLeast(in.FailOn) {
			f.Severity = pack.Blocked
		}
		c.Findings = append(c.Findings, f)
	}
}
