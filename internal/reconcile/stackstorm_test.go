package reconcile

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/packsync/packsync/internal/st2/st2test"
)

// stackstorm is a StackStorm whose memory can be put back to a point in time
// without moving to another address.
type stackstorm struct {
	t      testing.TB
	url    string
	opts   st2test.Options
	known  []string // packs that it knows after a reset
	byHand string   // the pack that somebody added an action to in StackStorm; "" for none
	now    atomic.Pointer[st2test.Server]
}

// addStackStorm gives the host a StackStorm that is told over its API.
func (h *host) addStackStorm() {
	s := &stackstorm{t: h.t, opts: st2test.Options{BasePaths: []string{h.path("root/packs")}, ConfigsDir: h.path("root/configs"), OverridesDir: h.path("root/overrides")}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.now.Load().ServeHTTP(w, r) }))
	h.t.Cleanup(server.Close)
	s.url = server.URL
	h.st2 = s
	s.reset()
}

// double is the server as it is now.
func (s *stackstorm) double() *st2test.Server { return s.now.Load() }

// remember makes what is registered now the point in time of reset.
func (s *stackstorm) remember() {
	s.known = nil
	for _, ref := range s.double().Refs("packs") {
		if !slices.Contains([]string{"core", "packs", "linux", "chatops", "default"}, ref) {
			s.known = append(s.known, ref)
		}
	}
}

// reset is StackStorm as it was when it was told to remember: the packs that it
// knew are read from disk, so the disk must be as it was too.
func (s *stackstorm) reset() {
	s.t.Helper()
	fresh := st2test.New(s.opts)
	for _, ref := range s.known {
		s.register(fresh, ref)
	}
	if s.byHand != "" { // an action that nobody but StackStorm knows of
		file := filepath.Join(s.opts.BasePaths[0], s.byHand, "actions", "adhoc.yaml")
		must(s.t, os.WriteFile(file, []byte("name: adhoc\nrunner_type: noop\n"), 0o600))
		s.register(fresh, s.byHand)
		must(s.t, os.Remove(file))
	}
	fresh.Forget()
	s.now.Store(fresh)
}

func (s *stackstorm) register(server *st2test.Server, ref string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"packs": [%q], "types": ["all"], "fail_on_failure": true}`, ref)
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/v1/packs/register", strings.NewReader(body)))
	if answer.Code != http.StatusOK {
		s.t.Fatalf("register %s again: %d %s", ref, answer.Code, answer.Body)
	}
}

// changes lists the calls that change something in StackStorm.
func (s *stackstorm) changes() []string {
	var out []string
	for _, c := range s.double().Calls() {
		if c.Method != http.MethodGet {
			out = append(out, c.Method+" "+c.Path+" "+c.Body)
		}
	}
	return out
}

// heal ends all faults. What StackStorm has learnt it keeps.
func (s *stackstorm) heal() { s.double().Heal() }
