package st2test

import (
	"net/http"
	"strings"
)

// Fault is something that goes wrong with chosen requests. At most one of
// Status, Hang and Cut says what; without one the request is answered well.
type Fault struct {
	Method string // "" for any
	Path   string // how the path begins, e.g. /v1/packs/register; "" for any
	Skip   int    // this many matching requests go well before the first that does not
	Times  int    // how many go wrong; 0 means all from then on

	Status int    // answer with this status and Body
	Body   string // JSON, or HTML if it begins with <
	Hang   bool   // never answer, until the client gives up
	Cut    bool   // close the connection without an answer
	After  bool   // with Cut: the request is carried out first

	// Meanwhile is called, if set, when the fault strikes.
	Meanwhile func()

	seen, struck int
}

// Outage and Collision are faultstrings as recorded: the database is away
// (api-134), and two registrations of a new pack met (api-120x).
const (
	Outage    = `{"faultstring": "Failed to register pack \"core\": 127.0.0.1:27118: [Errno 111] ECONNREFUSED, Timeout: 3.0s, Topology Description: <TopologyDescription id: 6b04, topology_type: Single>"}`
	Collision = `{"faultstring": "Failed to register action \"/opt/stackstorm/packs/p/actions/a.yaml\" from pack \"p\": Tried to save duplicate unique keys (E11000 duplicate key error collection: st2.action_d_b)"}`
)

// Inject plans a fault. Of several that match a request, the first planned that
// is not used up decides.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal takes back all faults that were planned.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// matches counts a request and reports whether the fault strikes it. The caller
// holds the server's lock.
func (f *Fault) matches(r *http.Request) bool {
	if f.Method != "" && f.Method != r.Method || !strings.HasPrefix(r.URL.Path, f.Path) {
		return false
	}
	f.seen++
	if f.seen <= f.Skip || f.Times > 0 && f.struck >= f.Times {
		return false
	}
	f.struck++
	return true
}

// act does the harm and reports whether the request is thereby answered.
func (f *Fault) act(w http.ResponseWriter, r *http.Request) bool {
	if f.Meanwhile != nil {
		f.Meanwhile()
	}
	switch {
	case f.Hang:
		<-r.Context().Done()
	case f.Cut && !f.After:
		panic(http.ErrAbortHandler) // closes the connection
	case f.Status != 0:
		kind := "application/json"
		if strings.HasPrefix(f.Body, "<") {
			kind = "text/html"
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body)) // the client may be gone
	default:
		return false
	}
	return true
}
