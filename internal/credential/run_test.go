package credential

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	many := strings.Repeat("x", 300)
	for _, c := range []struct {
		name, script string
		want         string
		problem      string
		stderr       []string
	}{
		{"what it prints, all of it", "printf ' hunter2 \\n\\n'", " hunter2 \n\n", "", nil},
		{"stderr of a success is dropped", "echo warn >&2; printf hunter2", "hunter2", "", nil},
		{"a failure", "echo hunter2; echo 'no key' >&2; exit 3", "", "ended with exit code 3", []string{"no key"}},
		{"a failure that traces itself", "set -x; echo hunter2; echo 'bad luck' >&2; exit 1", "", "ended with exit code 1", []string{"+ echo bad luck", "bad luck", "+ exit 1"}},
		{"only the end is shown", "for i in 1 2 3 4 5 6 7 8; do echo line $i >&2; done; exit 1", "", "ended with exit code 1", []string{"line 4", "line 5", "line 6", "line 7", "line 8"}},
		{"long lines are cut", "echo " + many + " >&2; exit 1", "", "ended with exit code 1", []string{many[:tailWidth] + "…"}},
		{"a flood is bounded", "i=0; while [ $i -lt 3000 ]; do echo 0123456789 >&2; i=$((i+1)); done; echo end >&2; exit 1", "", "ended with exit code 1",
			append(slices.Repeat([]string{"0123456789"}, tailLines-1), "end")},
		{"too much", "head -c 2000 /dev/zero; sleep 600", "", "printed more than 1000 bytes", nil},
		{"too slow", "sleep 600", "", "did not end within 200ms", nil},
		{"killed", "kill -9 $$", "", "was ended by a signal (signal: killed)", nil},
		{"nobody to ask", "read answer && echo got it", "", "ended with exit code 1", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			timeout := 30 * time.Second
			if c.name == "too slow" {
				timeout = 200 * time.Millisecond
			}
			out, err := Run(t.Context(), Command{Argv: []string{"sh", "-c", c.script}, Dir: t.TempDir(), Environ: environ(), Timeout: timeout, Most: 1000})
			if c.problem == "" {
				if err != nil || string(out) != c.want {
					t.Errorf("got %q, %v", out, err)
				}
				return
			}
			var failed *RunError
			if !errors.As(err, &failed) || failed.Problem != c.problem || out != nil {
				t.Fatalf("got %q, %v", out, err)
			}
			if diff := cmp.Diff(c.stderr, failed.Stderr); diff != "" {
				t.Errorf("stderr (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRunWithoutAShell(t *testing.T) {
	dir := t.TempDir()
	out, err := Run(t.Context(), Command{Argv: []string{"printf", "%s", "$HOME;*`x`"}, Dir: dir, Environ: environ(), Most: 100})
	if err != nil || string(out) != "$HOME;*`x`" {
		t.Errorf("got %q, %v", out, err)
	}
	if out, err = Run(t.Context(), Command{Argv: []string{"pwd", "-P"}, Dir: "/", Environ: environ(), Most: 100}); err != nil || string(out) != "/\n" {
		t.Errorf("it runs in %q, %v", out, err)
	}
	for _, program := range []string{"no-such-program-anywhere", "./no-such-program"} {
		var failed *RunError
		if _, err := Run(t.Context(), Command{Argv: []string{program}, Dir: dir, Most: 1}); !errors.As(err, &failed) {
			t.Errorf("%s: %v", program, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Command{Argv: []string{"true"}, Dir: dir, Most: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func TestChildrenGetNoSecrets(t *testing.T) {
	s := New(Options{
		Credentials: []Credential{{Host: "a", TokenEnv: "A_TOKEN"}, {Host: "b"}},
		Environ:     []string{"PATH=/bin", "A_TOKEN=x", "B_TOKEN=x", "PACKSYNC_VAR_c=x", "=odd", "A_TOKENS=y"}, HiddenEnv: []string{"B_TOKEN"},
	})
	if diff := cmp.Diff([]string{"PATH=/bin", "=odd", "A_TOKENS=y"}, s.Environ()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
