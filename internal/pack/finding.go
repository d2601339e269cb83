package pack

// Severity grades a Finding.
type Severity string

// The grades, from harmless to blocking.
const (
	Note    Severity = "note"
	Warning Severity = "warning"
	Blocked Severity = "blocked" // nothing may be applied while it stands: exit 3
)

// Grade says what a change of a pack's content means for those who use it.
type Grade string

// The grades, from harmless to harmful. "" is for findings that are about no
// change of content.
const (
	Safe     Grade = "safe"     // whoever used the pack before can go on as before
	Caution  Grade = "caution"  // nobody is cut off, but something behaves in another way
	Breaking Grade = "breaking" // what was called, sent or listened to before fails, or is there no more
)

// AtLeast tells whether g is as harmful as limit, or more. "" is below every
// grade, and as a limit above.
func (g Grade) AtLeast(limit Grade) bool {
	rank := map[Grade]int{Safe: 1, Caution: 2, Breaking: 3}
	return limit != "" && rank[g] >= rank[limit]
}

// Finding is something a person should know about one pack, with a stable id.
type Finding struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	Resource string   `json:"resource,omitempty"` // what it is about, inside the pack; "" for the pack itself
	Message  string   `json:"message"`
	At       []string `json:"at,omitempty"` // file:line, where there is one

	// Of a change of content (package review), else empty.
	Grade    Grade    `json:"grade,omitempty"`
	Hits     []string `json:"hits,omitempty"`     // who uses what changes: PACK/FILE:LINE (what)
	Accepted string   `json:"accepted,omitempty"` // why somebody accepted it
}
