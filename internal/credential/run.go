package credential

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Command is a program that prints a secret. It runs without a shell.
type Command struct {
	Argv    []string
	Dir     string
	Environ []string // of the child, as ChildEnviron makes it
	Stdin   []byte
	Timeout time.Duration // 0 means half a minute
	Most    int           // bytes that it may print
}

// RunError says why a command gave nothing. It never holds what it printed on
// stdout.
type RunError struct {
	Problem string   // a clause whose subject is the command: "ended with exit code 1"
	Stderr  []string // the last lines that it wrote there, control characters and all
}

func (e *RunError) Error() string { return e.Problem }

// Run returns what a command prints on stdout. The error is a *RunError, or the
// end of ctx.
func Run(ctx context.Context, c Command) ([]byte, error) {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, c.Argv[0], c.Argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.Dir, c.Environ, bytes.NewReader(c.Stdin)
	out, said := boundedBuffer{most: c.Most, stop: cancel}, tailBuffer{}
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.WaitDelay = time.Second // for a child's child that keeps the pipe open
	err := cmd.Run()
	var status *exec.ExitError
	problem := ""
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case out.full:
		problem = fmt.Sprintf("printed more than %d bytes", c.Most)
	case limited.Err() != nil:
		problem = fmt.Sprintf("did not end within %v", timeout)
	case errors.As(err, &status) && status.Exited():
		problem = fmt.Sprintf("ended with exit code %d", status.ExitCode())
	case errors.As(err, &status):
		problem = fmt.Sprintf("was ended by a signal (%v)", status)
	case errors.Is(err, exec.ErrNotFound):
		problem = "is not on PATH"
	case err != nil:
		problem = fmt.Sprintf("could not be run: %v", err)
	default:
		return out.text, nil
	}
	return nil, &RunError{Problem: problem, Stderr: said.lines(out.text)}
}

// ChildEnviron is the environment for a child of packsync: without packsync's own
// variables, which carry the values of variables, and without the hidden ones.
func ChildEnviron(environ, hidden []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "PACKSYNC_") || slices.Contains(hidden, name)
	})
}

// boundedBuffer takes no more than most bytes, and stops who writes more.
type boundedBuffer struct {
	text []byte
	most int
	stop func()
	full bool
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if len(b.text)+len(p) > b.most {
		b.full = true
		b.stop()
		return 0, errors.New("too much output")
	}
	b.text = append(b.text, p...)
	return len(p), nil
}

// What is kept of stderr: the reason for a failure stands at its end.
const (
	tailBytes = 4 << 10
	tailLines = 5
	tailWidth = 200
)

// tailBuffer keeps the end of what is written to it.
type tailBuffer struct{ text []byte }

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.text = append(b.text, p...)
	if len(b.text) > 2*tailBytes {
		b.text = append(b.text[:0], b.text[len(b.text)-tailBytes:]...)
	}
	return len(p), nil
}

// leastRepeated is how long a line of stdout must be for a repetition of it on
// stderr to be no accident.
const leastRepeated = 4

// lines returns the last lines. A script that traces itself repeats on stderr
// what it prints: such a line is left out.
func (b *tailBuffer) lines(printed []byte) (lines []string) {
	var secrets []string
	for line := range strings.Lines(string(printed)) {
		if line = strings.TrimSpace(line); len(line) >= leastRepeated {
			secrets = append(secrets, line)
		}
	}
	for line := range strings.Lines(string(b.text)) {
		line = strings.TrimRight(line, " \t\r\n")
		repeats := func(secret string) bool { return strings.Contains(line, secret) }
		if line == "" || slices.ContainsFunc(secrets, repeats) {
			continue
		}
		if len(line) > tailWidth {
			line = strings.ToValidUTF8(line[:tailWidth], "") + "…"
		}
		lines = append(lines, line)
	}
	return lines[max(0, len(lines)-tailLines):]
}
