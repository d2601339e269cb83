package pack

// Severity grades a Finding.
type Severity string

// The grades, from harmless to blocking.
const (
	Note    Severity = "note"
	Warning Severity = "warning"
	Blocked Severity = "blocked" // nothing may be applied while it stands: exit 3
)

// Finding is something a person should know about one pack, with a stable id.
type Finding struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	Resource string   `json:"resource,omitempty"` // what it is about, inside the pack; "" for the pack itself
	Message  string   `json:"message"`
	At       []string `json:"at,omitempty"` // file:line, where there is one
}
