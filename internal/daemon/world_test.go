package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/st2/st2test"
	"github.com/packsync/packsync/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a host with a StackStorm double, a declaration and a daemon.
type world struct {
	t      *testing.T
	dir    string
	st2    *st2test.Server
	url    string
	log    *logbook
	opts   Options
	pokes  chan struct{}
	said   *notes
	cancel context.CancelFunc
	done   chan error
}

const lab = `stackstorm {
  root  = "./root"
  group = ""
  registration "api" { url = "%s" }
}
pack "lab" {
  source      = "./packs/lab"
  virtualenv  = false
  config_file = "./lab.yaml"
}
pack "den" {
  source     = "./packs/den"
  virtualenv = false
}
`

const meta = "ref: %[1]s\nname: %[1]s\ndescription: %[1]s\nversion: %[2]s\nauthor: A\nemail: a@example.com\n"

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, dir: dir, log: &logbook{}, pokes: make(chan struct{}, 1), said: &notes{}}
	for _, d := range []string{"root/packs", "root/configs", "root/overrides"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	w.st2 = st2test.New(st2test.Options{BasePaths: []string{w.path("root/packs")}, ConfigsDir: w.path("root/configs"), OverridesDir: w.path("root/overrides")})
	server := httptest.NewServer(w.st2)
	t.Cleanup(server.Close)
	w.url = server.URL
	for _, ref := range []string{"lab", "den"} {
		w.write("packs/"+ref+"/pack.yaml", fmt.Sprintf(meta, ref, "0.1.0"))
		w.write("packs/"+ref+"/config.schema.yaml", "level:\n  type: integer\n")
		w.write("packs/"+ref+"/actions/hello.yaml", "name: hello\nrunner_type: local-shell-cmd\n")
	}
	w.write("lab.yaml", "level: 1\n")
	w.write("packs.hcl", fmt.Sprintf(lab, w.url))
	w.opts = Options{
		Run: reconcile.Options{
			Config:   config.Request{File: w.path("packs.hcl"), Version: "dev"},
			LockFile: w.path("packs.lock.json"), CacheDir: w.path("cache"), Command: "packsync watch", Version: "dev", AllowRemovals: -1,
		},
		Approve: true, Log: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Pokes: w.pokes, Notify: w.said.add,
		Timing: Timing{Watch: watch.Options{Poll: time.Hour}, Sweep: time.Hour, Retry: 50 * time.Millisecond, Most: time.Second},
	}
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	must(w.t, os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	// As editors do: what is half written is never seen.
	must(w.t, os.WriteFile(w.path(name)+"~", []byte(text), 0o644))
	must(w.t, os.Rename(w.path(name)+"~", w.path(name)))
}

// start runs the daemon until the test ends, or stop.
func (w *world) start() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel, w.done = cancel, make(chan error, 1)
	go func() { w.done <- Run(ctx, w.opts) }()
	w.t.Cleanup(w.stop)
	w.await("the first pass", func() bool { return len(w.log.passes()) > 0 })
}

func (w *world) stop() {
	w.t.Helper()
	if w.cancel == nil {
		return
	}
	w.cancel()
	w.cancel = nil
	select {
	case err := <-w.done:
		must(w.t, err)
	case <-time.NewTimer(20 * time.Second).C:
		w.t.Fatal("the daemon does not stop")
	}
}

// await waits for something that is bound to happen.
func (w *world) await(what string, happened func() bool) {
	w.t.Helper()
	ticker, deadline := time.NewTicker(2*time.Millisecond), time.NewTimer(20*time.Second)
	defer ticker.Stop()
	defer deadline.Stop()
	for !happened() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			log := w.log.String()
			w.t.Fatalf("%s did not happen; the log ends in\n%s", what, log[max(0, len(log)-8000):])
		}
	}
}

// registrations lists what was registered since the last look: "lab configs".
func (w *world) registrations() []string {
	var out []string
	for _, c := range w.st2.Calls() {
		var body struct{ Packs, Types []string }
		if c.Method == "POST" && c.Path == "/v1/packs/register" && json.Unmarshal([]byte(c.Body), &body) == nil {
			out = append(out, strings.Join(body.Packs, ",")+" "+strings.Join(body.Types, ","))
		}
	}
	return out
}

func (w *world) awaitRegistration(want string) {
	w.t.Helper()
	w.await("the registration "+want, func() bool { return slices.Contains(w.registrations(), want) })
}

// level is what StackStorm holds of a pack's config.
func (w *world) level(ref string) string { return fmt.Sprint(w.st2.Config(ref)["level"]) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// logbook keeps what was logged.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// passes lists the passes so far: "edit applied".
func (l *logbook) passes() []string {
	var out []string
	for line := range strings.Lines(l.String()) {
		var entry struct{ Msg, Cause, Outcome string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "pass" {
			out = append(out, entry.Cause+" "+entry.Outcome)
		}
	}
	return out
}

func (l *logbook) has(text string) bool { return strings.Contains(l.String(), text) }

// notes is what a service manager was told.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(state string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, state)
}

func (n *notes) has(state string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.lines, func(line string) bool { return strings.HasPrefix(line, state) })
}
