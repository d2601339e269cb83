package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/testenv"
)

// TestUnits lets systemd judge the units, and packsync their command lines.
func TestUnits(t *testing.T) {
	testenv.Need(t, "systemd-analyze")
	units, err := filepath.Glob(filepath.Join(testenv.Root(t), "integrations", "systemd", "*.*"))
	if err != nil || len(units) < 4 {
		t.Fatalf("found the units %v, %v", units, err)
	}
	dir := t.TempDir()
	argv := []string{"verify", "--man=no"}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if command, ok := strings.CutPrefix(strings.TrimSpace(line), "ExecStart=/usr/bin/packsync "); ok {
				out, err := packsync(t, append(strings.Fields(command), "--help")...).CombinedOutput()
				if err != nil {
					t.Errorf("%s: %v\n%s", filepath.Base(unit), err, out)
				}
			}
		}
		path := filepath.Join(dir, filepath.Base(unit))
		text = bytes.ReplaceAll(text, []byte("/usr/bin/packsync"), []byte("/bin/true"))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		argv = append(argv, path)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", argv...).CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}

// packsync is the program as another process.
func packsync(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("packsync")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = t.TempDir()
	return cmd
}

// TestSystemdIsTold runs watch as systemd does, with a socket to tell.
func TestSystemdIsTold(t *testing.T) {
	dir := t.TempDir()
	address := filepath.Join(dir, "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "root"), 0o755); err != nil {
		t.Fatal(err)
	}
	write("packs.hcl", "broken")
	cmd := packsync(t, "watch", "--chdir", dir, "--listen", "unix:"+filepath.Join(dir, "watch.sock"))
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+address, "WATCHDOG_USEC=200000", "JOURNAL_STREAM=1:2", "PACKSYNC_CACHE_DIR="+filepath.Join(dir, "cache"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	until := func(want string) {
		t.Helper()
		buf := make([]byte, 4096)
		for deadline := time.Now().Add(30 * time.Second); !told[want]; {
			if err := socket.SetReadDeadline(deadline); err != nil {
				t.Fatal(err)
			}
			n, err := socket.Read(buf)
			if err != nil {
				t.Fatalf("waiting for %s: %v; told was %v", want, err, told)
			}
			told[string(buf[:n])] = true
		}
	}
	until("WATCHDOG=1")
	if told["READY=1"] {
		t.Error("it was ready with a broken declaration")
	}
	write("packs.hcl", "stackstorm {\n  root  = \"./root\"\n  group = \"\"\n}\n")
	until("READY=1")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until("STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v\n%s", err, log.String())
	}
	if strings.Contains(log.String(), "time=") {
		t.Errorf("the journal has the time already:\n%s", log.String())
	}
	if _, err := os.Lstat(filepath.Join(dir, "watch.sock")); err == nil {
		t.Error("the socket was left behind")
	}
}
