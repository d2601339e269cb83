package st2_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/st2"
	"github.com/packsync/packsync/internal/st2/st2test"
	"github.com/packsync/packsync/internal/testenv"
)

// shell answers command lines in the place of a machine.
type shell struct {
	argv   [][]string
	answer func(call int) (stderr string, code int, err error)
}

func (s *shell) run(_ context.Context, argv, _ []string) (stdout, stderr []byte, code int, err error) {
	s.argv = append(s.argv, argv)
	if s.answer == nil {
		return nil, nil, 0, nil
	}
	text, code, err := s.answer(len(s.argv))
	return nil, []byte(text), code, err
}

func TestCommandLine(t *testing.T) {
	w := st2test.NewWorld(t)
	w.AddPack(t, "acme")
	w.Write(t, "bare/pack.yaml", st2test.PackYAML("bare", "1.0.0"))
	acme, bare := filepath.Join(w.Packs, "acme"), filepath.Join(w.Packs, "bare")
	content := "st2-register-content"
	cases := []struct {
		name  string
		argv  []string
		conf  string
		pack  string
		types []string
		want  []string
	}{
		{"everything", []string{content}, "/etc/st2/st2.conf", "acme", []string{"all"},
			[]string{content, "--config-file", "/etc/st2/st2.conf", "--register-pack", acme, "--register-all"}},
		{"configs", []string{content}, "", "acme", []string{"configs"},
			[]string{content, "--register-pack", acme, "--register-configs"}},
		{"singular words", []string{content}, "", "acme", []string{"config", "policy", "alias"},
			[]string{content, "--register-pack", acme, "--register-aliases", "--register-policies", "--register-configs"}},
		{"a pack without actions: all but these", []string{content}, "", "bare", []string{"all"},
			[]string{content, "--register-pack", bare, "--register-triggers", "--register-sensors", "--register-rules", "--register-aliases", "--register-policies", "--register-configs"}},
		{"a command in front", []string{"sudo", "-n", "/opt/" + content}, "", "acme", []string{"all"},
			[]string{"sudo", "-n", "/opt/" + content, "--register-pack", acme, "--register-all"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			sh := &shell{}
			client := st2.NewCommand(st2.CommandOptions{Argv: c.argv, ConfigFile: c.conf, Run: sh.run, Clock: st2test.NewClock()})
			req := w.Request(c.pack, c.types)
			req.Dir += "/" // a trailing slash makes StackStorm's command fail
			if _, err := client.Register(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([][]string{c.want}, sh.argv); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A run over all packs ends at the first that is broken, so what can do nothing
// else is not called; and what would do nothing succeeds at nothing.
func TestCommandRefusesWhatIsNotOnePack(t *testing.T) {
	w := st2test.NewWorld(t)
	w.AddPack(t, "acme")
	for _, c := range []struct {
		argv  []string
		types []string
		want  string
	}{
		{[]string{"sudo", "/usr/bin/st2ctl"}, []string{"all"}, "only all of them at once"},
		{[]string{"st2-register-content"}, []string{"rule_types"}, "rule types with rules"},
	} {
		sh := &shell{}
		client := st2.NewCommand(st2.CommandOptions{Argv: c.argv, Run: sh.run, Clock: st2test.NewClock()})
		_, err := client.Register(t.Context(), w.Request("acme", c.types))
		if err == nil || !strings.Contains(err.Error(), c.want) || len(sh.argv) > 0 {
			t.Errorf("%v %v: called %v, %v", c.argv, c.types, sh.argv, err)
		}
	}
}

const configFailure = `2026-11-23 18:21:07,140 INFO [-] ############## Registering configs ######################
2026-11-23 18:21:07,158 WARNING [-] Failed to register configs: Failed validating attribute "port" in config for pack "acme" (/opt/stackstorm/configs/acme.yaml): 's3cret' is not of type 'integer'

On instance['port']:
    's3cret'
Traceback (most recent call last):
jsonschema.exceptions.ValidationError: Failed validating attribute "port" in config for pack "acme" (/opt/stackstorm/configs/acme.yaml): 's3cret' is not of type 'integer'

Failed validating 'type' in schema['properties']['port']:
    {'type': 'integer', 'default': 8080}

On instance['port']:
    's3cret'
`

const outage = `2026-11-23 17:53:49,717 ERROR [-] Failed to connect to database
Traceback (most recent call last):
pymongo.errors.ServerSelectionTimeoutError: 127.0.0.1:27999: [Errno 111] ECONNREFUSED, Timeout: 3.0s, Topology Description: <TopologyDescription id: 6b04>
`

func TestCommandFailures(t *testing.T) {
	collision := "Traceback (most recent call last):\nValueError: Failed to register pack \"acme\": Tried to save duplicate unique keys (E11000 duplicate key error)\n"
	cases := []struct {
		name     string
		stderr   string
		code     int
		times    int // 0: always
		attempts int
		want     string // "" for success
	}{
		{"an invalid config", configFailure, 1, 0, 1, `answered 1: Failed validating attribute "port" in config for pack "acme" (/opt/stackstorm/configs/acme.yaml): the value does not fit the schema`},
		{"a collision", collision, 1, 1, 2, ""},
		{"an outage", outage, 1, 2, 3, ""},
		{"an outage that lasts", outage, 1, 0, 4, "StackStorm's database cannot be reached"},
		{"a wrong flag", "usage: st2-register-content\n\nst2-register-content: error: unrecognized arguments: --x\n", 2, 0, 1, "answered 2: usage: st2-register-content\nst2-register-content: error: unrecognized arguments: --x"},
		{"silence", "", 3, 0, 1, "said nothing on stderr"},
		{"a pack elsewhere", "Traceback (most recent call last):\nValueError: Directory \"/opt/acme\" doesn't exist\n", 1, 0, 1, "compare packs_base_paths"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := st2test.NewWorld(t)
			req := w.AddPack(t, "acme")
			req.Due = nil
			sh := &shell{answer: func(call int) (string, int, error) {
				if c.times > 0 && call > c.times {
					return "", 0, nil
				}
				return c.stderr, c.code, nil
			}}
			client := st2.NewCommand(st2.CommandOptions{Argv: []string{"st2-register-content"}, Run: sh.run, Clock: st2test.NewClock()})
			_, err := client.Register(t.Context(), req)
			if len(sh.argv) != c.attempts {
				t.Errorf("%d attempts, want %d", len(sh.argv), c.attempts)
			}
			var e *st2.Error
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && !errors.As(err, &e):
				t.Errorf("want a *st2.Error, got %v", err)
			case c.want != "":
				if all := e.Error() + " | " + e.Hint; !strings.Contains(all, c.want) || strings.Contains(all, "s3cret") {
					t.Errorf("%s\nwant …%s…", all, c.want)
				}
			}
		})
	}
}

func TestCommandThatIsNotThere(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	w := st2test.NewWorld(t)
	req := w.AddPack(t, "acme")
	for _, argv := range [][]string{nil, {"/nowhere/st2-register-content"}} {
		if _, err := os.Stat("/opt/stackstorm/st2/bin"); err == nil && argv == nil {
			continue // this machine has a real one
		}
		client := st2.NewCommand(st2.CommandOptions{Argv: argv, Clock: st2test.NewClock()})
		_, err := client.Register(t.Context(), req)
		var e *st2.Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, "set command in registration") {
			t.Errorf("%v: got %v", argv, err)
		}
	}
}

func TestCommandIsFoundOnThePath(t *testing.T) {
	testenv.Need(t, "/bin/sh")
	bin := t.TempDir()
	log := filepath.Join(bin, "log")
	w := st2test.NewWorld(t)
	if _, err := st2test.WriteCommand(bin, w.Configs, log); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	client := st2.NewCommand(st2.CommandOptions{Clock: st2test.NewClock()})
	req := w.AddPack(t, "acme")
	if _, err := client.Register(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if want := "--register-pack\n" + req.Dir + "\n--register-all\n--\n"; string(text) != want {
		t.Errorf("called with %q", text)
	}
}

// script writes a shell script and returns the client that calls it.
func scriptClient(t *testing.T, text string, env []string) st2.Client {
	t.Helper()
	testenv.Need(t, "/bin/sh")
	path := filepath.Join(t.TempDir(), "st2-register-content")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return st2.NewCommand(st2.CommandOptions{Argv: []string{path}, Env: env, Clock: st2test.NewClock()})
}

func TestCommandEndsWithTheContext(t *testing.T) {
	w := st2test.NewWorld(t)
	req := w.AddPack(t, "acme")
	started := filepath.Join(t.TempDir(), "started")
	client := scriptClient(t, "trap 'exit 9' INT\n: >'"+started+"'\nwhile :; do :; done\n", nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if _, err := os.Stat(started); err == nil {
				return
			}
		}
	}()
	began := time.Now()
	if _, err := client.Register(ctx, req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the command was not interrupted but killed, after %v", took)
	}
}

func TestCommandGetsOnlyTheEnvironmentGiven(t *testing.T) {
	t.Setenv("PACKSYNC_VAR_password", "s3cret")
	w := st2test.NewWorld(t)
	req := w.AddPack(t, "acme")
	req.Due = nil
	client := scriptClient(t, "[ \"$ST2_CONF\" = x ] && [ -z \"$PACKSYNC_VAR_password\" ]\n", []string{"ST2_CONF=x"})
	if _, err := client.Register(t.Context(), req); err != nil {
		t.Error(err)
	}
}

func TestCommandCountsThroughAFloodOfOutput(t *testing.T) {
	w := st2test.NewWorld(t)
	req := w.AddPack(t, "acme")
	req.Due = []string{"actions"}
	client := scriptClient(t, "head -c 9000000 /dev/zero | tr '\\0' x >&2\necho >&2\necho 'INFO [-] Registered 14 runners.' >&2\necho 'INFO [-] Registered 3 policy types.' >&2\necho 'INFO [-] Registered 2 actions.' >&2\n", nil)
	out, err := client.Register(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"runners": 14, "policy_types": 3, "actions": 2}, out.Counts); diff != "" {
		t.Error(diff)
	}
}

func TestEveryClientSaysItsKind(t *testing.T) {
	api, _ := newAPI("http://127.0.0.1:1")
	kinds := []string{api.Kind(), st2.NewCommand(st2.CommandOptions{}).Kind(), st2.None().Kind()}
	if !slices.Equal(kinds, []string{"api", "command", "none"}) {
		t.Error(kinds)
	}
}

func TestSystemClockWaits(t *testing.T) {
	clock := st2.SystemClock()
	before := clock.Now()
	if err := clock.Sleep(t.Context(), time.Millisecond); err != nil || clock.Now().Sub(before) < time.Millisecond {
		t.Errorf("slept %v, %v", clock.Now().Sub(before), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := clock.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
