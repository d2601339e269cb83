package gittest

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/packsync/packsync/internal/testenv"
)

// Server answers HTTP on the loopback. Its settings may be changed while it
// runs, through Configure.
type Server struct {
	URL string // without a trailing slash
	CA  []byte // PEM of the authority to trust; nil without TLS

	server *httptest.Server
	inner  http.Handler

	mu       sync.Mutex
	settings Settings
	requests []Request
}

// Settings say how a Server behaves. The zero value serves everything to
// everybody.
type Settings struct {
	User, Password string // wanted as Basic authentication; "" for none
	// Fault is asked before each request is answered; nil means no fault. n
	// counts the requests from 1.
	Fault func(n int, r *http.Request) *Fault
}

// Fault is an answer that goes wrong. Exactly one thing should be set, with
// Header beside it.
type Fault struct {
	Status   int    // answer with this status
	Body     string // and this body
	Header   http.Header
	Redirect string // to this URL, with 302
	CutAfter int64  // answer properly, but cut the connection after so many bytes; -1 before the first
	Flip     int64  // answer properly, but change this byte of the body (counted from 1)
	Hang     bool   // say nothing until the client gives up
}

// Request is a request that a Server got.
type Request struct {
	Method, Path  string
	Authorization string
}

func (r Request) String() string { return r.Method + " " + r.Path }

// StartHTTP serves the repositories below root over smart HTTP, through git's
// own http-backend, until Close.
func StartHTTP(root string, withTLS bool) (*Server, error) {
	backend, err := backendPath()
	if err != nil {
		return nil, err
	}
	handler := &cgi.Handler{
		Path: backend,
		Env: append(Env(), "GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1",
			// Repositories may belong to somebody else than who serves them.
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"),
		Stderr: io.Discard,
	}
	return StartHandler(handler, withTLS), nil
}

func backendPath() (string, error) {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return "", fmt.Errorf("find git http-backend: %w", err)
	}
	path := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find git http-backend: %w", err)
	}
	return path, nil
}

// StartHandler serves any handler as StartHTTP does.
func StartHandler(inner http.Handler, withTLS bool) *Server {
	s := &Server{inner: inner}
	s.server = httptest.NewUnstartedServer(s)
	s.server.Config.ErrorLog = silentLog()
	if withTLS {
		s.server.StartTLS()
		s.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
	} else {
		s.server.Start()
	}
	s.URL = s.server.URL
	return s
}

// ServeHTTPRepos is StartHTTP for the life of a test.
func ServeHTTPRepos(t testing.TB, root string) *Server {
	t.Helper()
	return start(t, root, false)
}

// ServeTLSRepos is ServeHTTPRepos over TLS.
func ServeTLSRepos(t testing.TB, root string) *Server {
	t.Helper()
	return start(t, root, true)
}

func start(t testing.TB, root string, withTLS bool) *Server {
	t.Helper()
	testenv.Need(t, "git")
	s, err := StartHTTP(root, withTLS)
	if err != nil {
		testenv.Skip(t, err.Error())
	}
	t.Cleanup(s.Close)
	return s
}

// Configure changes the settings and forgets the requests so far.
func (s *Server) Configure(settings Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings, s.requests = settings, nil
}

// Requests returns what was asked since the last Configure, and forgets it.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.requests
	s.requests = nil
	return all
}

// Close ends the server and its connections.
func (s *Server) Close() {
	s.server.CloseClientConnections()
	s.server.Close()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	settings := s.settings
	s.requests = append(s.requests, Request{r.Method, r.URL.RequestURI(), r.Header.Get("Authorization")})
	n := len(s.requests)
	s.mu.Unlock()

	if settings.User != "" {
		if user, password, ok := r.BasicAuth(); !ok || user != settings.User || password != settings.Password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
	}
	if settings.Fault != nil {
		if fault := settings.Fault(n, r); fault != nil {
			s.fail(w, r, fault)
			return
		}
	}
	s.inner.ServeHTTP(w, r)
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, f *Fault) {
	for key, values := range f.Header {
		w.Header()[key] = values
	}
	switch {
	case f.Hang:
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client is gone
		<-r.Context().Done()
	case f.Redirect != "":
		http.Redirect(w, r, f.Redirect, http.StatusFound)
	case f.Status != 0:
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body) // the client may be gone
	default:
		s.inner.ServeHTTP(&spoiler{ResponseWriter: w, cutAfter: f.CutAfter, flip: f.Flip}, r)
	}
}

// spoiler damages an answer.
type spoiler struct {
	http.ResponseWriter
	cutAfter, flip int64
	written        int64
}

func (s *spoiler) Write(p []byte) (int, error) {
	if s.cutAfter != 0 && s.written+int64(len(p)) > max(s.cutAfter, 0) {
		if keep := max(s.cutAfter, 0) - s.written; keep > 0 {
			_, _ = s.ResponseWriter.Write(p[:keep])
		}
		s.cut()
	}
	if at := s.flip - 1 - s.written; s.flip > 0 && at >= 0 && at < int64(len(p)) {
		p = append([]byte(nil), p...)
		p[at] ^= 0x20
	}
	n, err := s.ResponseWriter.Write(p)
	s.written += int64(n)
	return n, err
}

// cut ends the connection without the end of the answer.
func (s *spoiler) cut() {
	if conn, buffered, err := http.NewResponseController(s.ResponseWriter).Hijack(); err == nil {
		_ = errors.Join(buffered.Flush(), conn.Close()) // cut is cut
	}
	panic(http.ErrAbortHandler)
}

// Flush passes on what CGI flushes.
func (s *spoiler) Flush() {
	if f, ok := s.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// DeadAddress returns an address on the loopback on which nothing listens.
func DeadAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}
