package state_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/state"
)

var since = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func holder(command string) state.Holder {
	return state.Holder{PID: 4711, Host: "st2-1", Command: command, Since: since}
}

func TestLockTellsWhoHoldsIt(t *testing.T) {
	s := open(t)
	l, err := s.Lock(t.Context(), holder("packsync apply"), 0)
	if err != nil {
		t.Fatal(err)
	}
	late := holder("packsync update")
	late.Since = since.Add(90 * time.Second)
	var locked *state.LockedError
	if _, err := s.Lock(t.Context(), late, 0); !errors.As(err, &locked) {
		t.Fatalf("got %v", err)
	}
	if locked.Holder != holder("packsync apply") || locked.Age != 90*time.Second {
		t.Errorf("got %+v", locked)
	}
	for _, part := range []string{"process 4711 on st2-1", `"packsync apply"`, "1m30s", "--lock-timeout"} {
		if !strings.Contains(locked.Error(), part) {
			t.Errorf("%q does not say %q", locked, part)
		}
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	l, err = s.Lock(t.Context(), late, 0)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

func TestLockOfAHolderThatHasNotSaidWhoItIs(t *testing.T) {
	s := open(t)
	if err := s.EnsureDir(); err != nil {
		t.Fatal(err)
	}
	l, err := safefs.TryLock(filepath.Join(s.Dir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", `{"pid": 47`} {
		if err := l.Note([]byte(text)); err != nil {
			t.Fatal(err)
		}
		var locked *state.LockedError
		if _, err := s.Lock(t.Context(), holder("x"), 0); !errors.As(err, &locked) || locked.Holder != (state.Holder{}) {
			t.Errorf("after %q: %v", text, err)
		}
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

func TestLockWaits(t *testing.T) {
	s := open(t)
	first, err := s.Lock(t.Context(), holder("first"), 0)
	if err != nil {
		t.Fatal(err)
	}
	var locked *state.LockedError
	if _, err := s.Lock(t.Context(), holder("second"), time.Millisecond); !errors.As(err, &locked) {
		t.Errorf("after the timeout: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Lock(ctx, holder("second"), time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	got := make(chan error)
	go func() {
		second, err := s.Lock(t.Context(), holder("second"), time.Hour)
		if err == nil {
			err = second.Release()
		}
		got <- err
	}()
	if err := first.Release(); err != nil {
		t.Error(err)
	}
	if err := <-got; err != nil {
		t.Errorf("after the release: %v", err)
	}
}

// increment does what the lock must protect: read, change, write.
func increment(ctx context.Context, s *state.Store, counter string) error {
	l, err := s.Lock(ctx, holder("increment"), time.Minute)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(counter)
	if err != nil {
		return errors.Join(err, l.Release())
	}
	n, err := strconv.Atoi(string(data))
	if err == nil {
		err = os.WriteFile(counter, []byte(strconv.Itoa(n+1)), 0o600)
	}
	return errors.Join(err, l.Release())
}

const helperEnv = "PACKSYNC_STATE_LOCK_HELPER"

// TestLockHelper is not a test but the other process of the tests below.
func TestLockHelper(t *testing.T) {
	mode, dir, _ := strings.Cut(os.Getenv(helperEnv), ":")
	s := state.Open(dir, safefs.OS())
	switch mode {
	case "increment":
		for range 5 {
			if err := increment(t.Context(), s, dir+".counter"); err != nil {
				t.Fatal(err)
			}
		}
	case "hold":
		if _, err := s.Lock(t.Context(), holder("hold"), 0); err != nil {
			t.Fatal(err)
		}
		fmt.Println("held")
		select {} // until it is killed
	}
}

func helper(t *testing.T, mode string, s *state.Store) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestLockHelper$")
	cmd.Env = append(os.Environ(), helperEnv+"="+mode+":"+s.Dir())
	return cmd
}

func TestLockContention(t *testing.T) {
	s := open(t)
	mustWrite(t, s.Dir()+".counter", []byte("0"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if err := increment(t.Context(), s, s.Dir()+".counter"); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			if out, err := helper(t, "increment", s).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	if got := string(mustRead(t, s.Dir()+".counter")); got != "80" {
		t.Errorf("counted %s of 80", got)
	}
}

func TestLockDiesWithItsHolder(t *testing.T) {
	s := open(t)
	cmd := helper(t, "hold", s)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("the helper says %q, %v", line, err)
	}
	var locked *state.LockedError
	if _, err := s.Lock(t.Context(), holder("parent"), 0); !errors.As(err, &locked) {
		t.Errorf("while the helper lives: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the helper was not killed")
	}
	l, err := s.Lock(t.Context(), holder("parent"), 0)
	if err != nil {
		t.Fatalf("after kill -9 of the holder: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}
