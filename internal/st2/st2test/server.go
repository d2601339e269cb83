// Package st2test is what tests and the demo use in place of StackStorm: a
// double of its API server that answers as the recorded one did
// (server-behaviour.md), a stand-in for its command st2-register-content, and
// the suite that every st2.Client passes.
//
// It is for tests and the demo only: it knows the requests that packsync makes,
// not all of StackStorm.
package st2test

import (
	"bytes"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Options set up a Server. The zero value is a StackStorm without packs on disk
// and without authentication.
type Options struct {
	BasePaths  []string // absolute directories that hold packs, searched in order
	ConfigsDir string   // holds REF.yaml; "" is a StackStorm without configs
	// OverridesDir holds _global.yaml and REF.yaml; "" is a StackStorm without
	// overrides.
	OverridesDir string
	APIKey       string // with Token, "" and "" turn authentication off
	Token        string
	Validator    *Validator // judges every request; nil judges none
}

// Server is the double, an http.Handler. Its state is in memory and it never
// writes to disk. It may be used by several goroutines.
type Server struct {
	opts Options

	mu         sync.Mutex
	store      store
	engineDown bool
	storeDown  bool
	faults     []*Fault
	calls      []Call
	violations []string
}

// New returns a Server with the packs that come with StackStorm registered.
func New(opts Options) *Server {
	s := &Server{opts: opts}
	s.store.seed()
	return s
}

// Call is one request that the server received.
type Call struct {
	Method string
	Path   string // with query, as sent
	Body   string
	Auth   string // "api key", "token" or "": the credential itself is not kept
}

// Calls returns the requests so far, in order.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Forget empties the list of calls.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// Violations returns what the validator found in the requests so far. A test
// must fail if there are any; Start does that.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Refs returns the refs of what is registered in a collection of the API
// ("packs", "actions", "rules", "actionalias", "policies", "triggertypes",
// "sensortypes"), sorted, and for "configs" and "config_schemas" their packs.
func (s *Server) Refs(collection string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var refs []string
	for _, d := range s.store.rows[collection] {
		ref := d.text("ref")
		if ref == "" {
			ref = d.text("pack")
		}
		refs = append(refs, ref)
	}
	slices.Sort(refs)
	return refs
}

// RefOf returns the ref of the object that has or had an id, "" if there was none.
func (s *Server) RefOf(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.names[id]
}

// Enabled tells whether a sensor is on, and whether it is registered at all.
func (s *Server) Enabled(sensor string) (on, there bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.store.find("sensortypes", sensor)
	on, _ = d["enabled"].(bool)
	return on, d != nil
}

// Version returns the version of a registered pack, "" if it is not registered.
func (s *Server) Version(ref string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.find("packs", ref).text("version")
}

// Config returns the registered config of a pack as StackStorm holds it, secrets
// included; nil if there is none.
func (s *Server) Config(ref string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.byPack("configs", ref); d != nil {
		return maps.Clone(mapping(d["values"]))
	}
	return nil
}

// Lose drops an object, or the row of a pack, as a person or a restored database
// does. It reports whether it was there.
func (s *Server) Lose(collection, ref string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.store.rows[collection])
	s.store.remove(collection, func(d doc) bool {
		return d.text("ref") == ref || d.text("ref") == "" && d.text("pack") == ref
	})
	return len(s.store.rows[collection]) < before
}

// SetConfig changes the registered config of a pack, as PUT /v1/configs does.
func (s *Server) SetConfig(ref string, values map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putByPack("configs", ref, doc{"values": values})
}

// Execute asks for an execution, as a person does with st2 run, and returns its
// id; "" if StackStorm refuses it.
func (s *Server) Execute(action string, parameters map[string]any) (id string) {
	body, err := json.Marshal(map[string]any{"action": action, "parameters": parameters})
	if err != nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	made, _ := s.execute(body).body.(doc)
	return made.text("id")
}

// Disabled lists what is registered and not enabled: "rules jira.on_create", sorted.
func (s *Server) Disabled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, collection := range []string{"actions", "actionalias", "policies", "rules", "sensortypes"} {
		for _, d := range s.store.rows[collection] {
			if d["enabled"] == false {
				out = append(out, collection+" "+d.text("ref"))
			}
		}
	}
	slices.Sort(out)
	return out
}

// SetEngine stops StackStorm's workflow engine or starts it. Executions wait
// while it is stopped and are carried out when it starts.
func (s *Server) SetEngine(up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engineDown = !up
	if up {
		s.finishAll()
	}
}

// SetDatabase takes StackStorm's database away or brings it back.
func (s *Server) SetDatabase(up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.storeDown = !up
}

// Listen serves on a free port of the loopback address until stop is called.
func (s *Server) Listen() (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen for the StackStorm double: %w", err)
	}
	server := &http.Server{Handler: s}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ErrServerClosed, always
	}()
	return "http://" + listener.Addr().String(), func() {
		_ = server.Close() // nothing is left to do if closing fails
		<-done
	}, nil
}

// ServeHTTP answers a request as StackStorm does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	planned := s.record(r, body)
	if planned != nil && planned.act(w, r) {
		return
	}
	s.mu.Lock()
	ans := s.answer(r, body)
	s.mu.Unlock()
	if planned != nil && planned.Cut {
		panic(http.ErrAbortHandler)
	}
	ans.write(w)
}

// record logs a request, has it judged, and returns the fault that was planned
// for it, if any.
func (s *Server) record(r *http.Request, body []byte) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{r.Method, r.URL.RequestURI(), string(body), credentialKind(r)})
	if s.opts.Validator != nil {
		if problem := s.opts.Validator.check(r, body); problem != "" {
			s.violations = append(s.violations, problem)
		}
	}
	for _, fault := range s.faults {
		if fault.matches(r) {
			return fault
		}
	}
	return nil
}

func credentialKind(r *http.Request) string {
	switch {
	case r.Header.Get("X-Auth-Token") != "":
		return "token"
	case r.Header.Get("St2-Api-Key") != "":
		return "api key"
	}
	return ""
}

// reply is an answer before it is written.
type reply struct {
	status int
	body   any               // as JSON; nil for none
	header map[string]string // beyond the content type
}

func fault(status int, format string, args ...any) reply {
	return reply{status: status, body: map[string]any{"faultstring": fmt.Sprintf(format, args...)}}
}

func notFound() reply { return fault(http.StatusNotFound, "The resource could not be found.") }

func (a reply) write(w http.ResponseWriter) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body) // the client may be gone
}

// answer is the router. The caller holds the lock.
func (s *Server) answer(r *http.Request, body []byte) reply {
	if denied := s.authenticate(r); denied != nil {
		return *denied
	}
	path := strings.TrimSuffix(r.URL.Path, "/")
	if path == "" || path == "/v1" {
		return reply{status: http.StatusOK, body: map[string]any{"version": "3.10dev", "docs_url": "http://docs.stackstorm.com/latest"}}
	}
	rest, found := strings.CutPrefix(path, "/v1/")
	if !found {
		return notFound()
	}
	if r.Method == http.MethodPost && rest == "packs/register" {
		return s.register(body)
	}
	if s.storeDown {
		return fault(http.StatusInternalServerError, "Internal Server Error")
	}
	collection, id, _ := strings.Cut(rest, "/")
	switch {
	case collection == "executions":
		return s.executions(r, id, body)
	case collection == "configs" || collection == "config_schemas":
		return s.configs(r, collection, id)
	}
	return s.objects(r, collection, id, body)
}

// authenticate looks for credentials in StackStorm's order; the first that is
// there decides.
func (s *Server) authenticate(r *http.Request) *reply {
	if s.opts.APIKey == "" && s.opts.Token == "" {
		return nil
	}
	var denied reply
	query := r.URL.Query()
	token := r.Header.Get("X-Auth-Token")
	key := r.Header.Get("St2-Api-Key")
	if token == "" && key == "" {
		token, key = query.Get("x-auth-token"), query.Get("st2-api-key")
	}
	switch {
	case token != "":
		if s.opts.Token != "" && token == s.opts.Token {
			return nil
		}
		denied = fault(http.StatusUnauthorized, "Unauthorized")
	case key != "":
		if s.opts.APIKey != "" && key == s.opts.APIKey {
			return nil
		}
		denied = fault(http.StatusUnauthorized, "Unauthorized - ApiKey with key_hash=%x not found.", sha512.Sum512([]byte(key)))
	default:
		denied = fault(http.StatusUnauthorized, "Unauthorized - One of Token or API key required.")
	}
	return &denied
}
