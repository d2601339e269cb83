package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// step is one scene: something happens around packsync, packsync runs, and what
// came of it is checked.
type step struct {
	title string
	tale  string // what is to be seen, in a sentence or two
	first func(w *world) error
	args  []string // of packsync
	exit  int
	says  []string // parts of what it prints, on stdout or stderr
	then  func(w *world) error
}

// tell plays one step.
func (w *world) tell(ctx context.Context, n int, s step) error {
	fmt.Printf("\n== %d. %s\n%s\n", n, s.title, s.tale)
	if s.first != nil {
		if err := s.first(w); err != nil {
			return err
		}
	}
	out, exit, err := w.packsync(ctx, s.args...)
	if err != nil {
		return err
	}
	fmt.Printf("\n   $ packsync %s\n%s   exit code %d\n", strings.Join(s.args, " "), indent(out), exit)
	if exit != s.exit {
		return fmt.Errorf("exit code %d, want %d", exit, s.exit)
	}
	for _, part := range s.says {
		if !strings.Contains(out, part) {
			return fmt.Errorf("the output does not say %q", part)
		}
	}
	if strings.Contains(out, password) {
		return errors.New("the output holds the password")
	}
	if s.then != nil {
		return s.then(w)
	}
	return nil
}

// packsync runs the binary in the folder of the declaration and returns what it
// printed, with the folder's own name cut short.
func (w *world) packsync(ctx context.Context, args ...string) (string, int, error) {
	cmd := exec.CommandContext(ctx, w.binary, args...)
	cmd.Dir, cmd.Env = w.declaration, w.environ()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", 0, fmt.Errorf("run packsync: %w", err)
	}
	return strings.ReplaceAll(out.String(), w.dir, "…"), cmd.ProcessState.ExitCode(), nil
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("   | " + line)
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		b.WriteString("\n")
	}
	return b.String()
}
