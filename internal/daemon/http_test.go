package daemon

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

type files map[string]string

func (f files) fs() fs.FS {
	out := fstest.MapFS{}
	for name, text := range f {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// ask sends one request to the daemon, over a connection of its own.
func ask(t *testing.T, l net.Listener, method, host, path string) (int, string) {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, l.Addr().Network(), l.Addr().String())
		},
	}}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+host+path, nil)
	must(t, err)
	resp, err := client.Do(req)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(body)
}

func TestHTTP(t *testing.T) {
	w := newWorld(t)
	var err error
	w.opts.Listener, err = Listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	w.write("packs.hcl", "broken")
	w.start()
	get := func(path string) (int, string) { return ask(t, w.opts.Listener, "GET", "localhost", path) }
	if code, body := get("/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("/healthz with a broken declaration: %d %s", code, body)
	}
	if code, _ := get("/readyz"); code != 503 {
		t.Errorf("/readyz before there was a plan: %d", code)
	}
	w.write("packs.hcl", strings.Replace(lab, "%s", w.url, 1))
	w.awaitRegistration("lab all")
	w.await("readiness", func() bool { code, _ := get("/readyz"); return code == 200 })

	code, body := get("/status")
	var s Status
	must(t, json.Unmarshal([]byte(body), &s))
	if code != 200 || !s.Ready || s.LastPass == nil || s.LastPass.Outcome != Applied && s.LastPass.Outcome != InSync || s.LastSuccess == nil || s.Followed == 0 || len(s.Packs) > 0 {
		t.Errorf("/status: %d %s", code, body)
	}
	for _, list := range []string{`"packs": []`, `"drift": []`, `"pending": []`, `"newer": []`, `"problems": []`} {
		if !strings.Contains(body, list) {
			t.Errorf("/status has not %s:\n%s", list, body)
		}
	}
	code, body = get("/metrics")
	for _, line := range []string{
		`packsync_changes_total{action="install"} 2`, `packsync_changes_total{action="remove"} 0`, "packsync_in_sync 1", "packsync_registrations_pending 0",
		`packsync_build_info{version="dev"} 1`, "packsync_packs_drifted 0", "packsync_last_pass_duration_seconds ", "go_goroutines ",
	} {
		if code != 200 || !strings.Contains(body, line) {
			t.Errorf("/metrics: %d, has not %s", code, line)
		}
	}
	if strings.Contains(body, "packsync_last_success_timestamp_seconds 0\n") {
		t.Error("there was no success, say the metrics")
	}

	for _, c := range []struct {
		method, host, path string
		want               int
	}{
		{"POST", "localhost", "/status", 405}, {"GET", "localhost", "/", 404}, {"GET", "localhost", "/debug/pprof/", 404},
		{"GET", "evil.example", "/status", 421}, {"GET", "127.0.0.1:9191", "/healthz", 200}, {"GET", "[::1]:9191", "/healthz", 200},
		{"GET", "127.0.0.1.evil.example", "/metrics", 421},
	} {
		if code, _ := ask(t, w.opts.Listener, c.method, c.host, c.path); code != c.want {
			t.Errorf("%s %s as %s: %d, want %d", c.method, c.path, c.host, code, c.want)
		}
	}
}

// TestStatusOfWhatWaits names packs, reasons and what StackStorm was not told.
func TestStatusOfWhatWaits(t *testing.T) {
	w := newWorld(t)
	w.opts.Approve = false
	var err error
	w.opts.Listener, err = Listen(t.Context(), "unix:"+filepath.Join(t.TempDir(), "s"))
	must(t, err)
	w.start()
	_, body := ask(t, w.opts.Listener, "GET", "anything", "/status")
	var s Status
	must(t, json.Unmarshal([]byte(body), &s))
	if len(s.Packs) != 2 || s.Packs[0].Action != "install" || s.LastPass.Outcome != Waiting || s.LastPass.Reason == "" || s.LastSuccess != nil {
		t.Errorf("/status: %s", body)
	}
	if _, body := ask(t, w.opts.Listener, "GET", "anything", "/metrics"); !strings.Contains(body, "packsync_packs_different 2") || !strings.Contains(body, "packsync_in_sync 0") {
		t.Error("the metrics say otherwise")
	}
}

func TestListen(t *testing.T) {
	for _, address := range []string{":9191", "0.0.0.0:9191", "192.0.2.1:80", "example.com:80", "[::]:80", "9191", "unix:relative", ""} {
		if l, err := Listen(t.Context(), address); err == nil {
			t.Errorf("%q was taken", address)
			must(t, l.Close())
		} else if !strings.Contains(err.Error(), "unix:") {
			t.Errorf("%q: the error does not say what is right: %v", address, err)
		}
	}
	path := filepath.Join(t.TempDir(), "socket")
	first, err := Listen(t.Context(), "unix:"+path)
	must(t, err)
	if _, err := Listen(t.Context(), "unix:"+path); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("a second listener: %v", err)
	}
	unix, ok := first.(*net.UnixListener)
	if !ok {
		t.Fatalf("%T", first)
	}
	unix.SetUnlinkOnClose(false) // as if it was killed
	must(t, first.Close())
	second, err := Listen(t.Context(), "unix:"+path)
	must(t, err)
	must(t, second.Close())
	must(t, os.WriteFile(path, []byte("somebody's"), 0o600))
	if _, err := Listen(t.Context(), "unix:"+path); err == nil {
		t.Error("a file was taken for a socket")
	}
	if data, err := os.ReadFile(path); err != nil || !slices.Equal(data, []byte("somebody's")) {
		t.Errorf("the file is %q, %v", data, err)
	}
}
