package st2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
)

// CommandOptions configure the command client.
type CommandOptions struct {
	// Argv is how to call st2-register-content, e.g. ["sudo",
	// "st2-register-content"]. Empty: from PATH or where StackStorm's packages put it.
	Argv       []string
	ConfigFile string   // st2.conf for st2-register-content; "" leaves its default
	Env        []string // environment of the command; nil is packsync's own
	Clock      Clock    // nil means SystemClock
	// Run runs a command; nil means on this machine. code is its exit code; err
	// tells that it could not be run.
	Run func(ctx context.Context, argv, env []string) (stdout, stderr []byte, code int, err error)
}

// NewCommand returns the client that calls StackStorm's own commands
// (reference.md 4.1, 4.2). It can register but not unregister.
func NewCommand(opts CommandOptions) Client {
	if opts.Clock == nil {
		opts.Clock = SystemClock()
	}
	if opts.Run == nil {
		opts.Run = runCommand
	}
	return &command{opts}
}

type command struct{ CommandOptions }

func (*command) Kind() string { return "command" }

func (c *command) Unregister(ctx context.Context, ref pack.Ref) (Outcome, error) {
	if err := refuseSystem(ref); err != nil {
		return Outcome{}, err
	}
	return Outcome{Left: everythingLeft(ref)}, ctx.Err()
}

func (*command) Purge(_ context.Context, ref pack.Ref, _ []pack.Object) (Purged, error) {
	return Purged{}, cannot("purge", ref, "command")
}

func (*command) Unload(_ context.Context, ref pack.Ref) error {
	return cannot("unload", ref, "command")
}

func (*command) RulesOn(ctx context.Context, _ pack.Ref) ([]Rule, error) { return nil, ctx.Err() }

func (c *command) Register(ctx context.Context, req Request) (Outcome, error) {
	argv, err := c.argv(req)
	if err != nil {
		return Outcome{}, err
	}
	var counts map[string]int
	err = retry(ctx, c.Clock, func() (bool, error) {
		_, stderr, code, err := c.Run(ctx, argv, c.Env)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		e := &Error{Op: "register " + string(req.Ref), Status: code}
		if err != nil {
			e.Err, e.Hint = fmt.Errorf("run %s: %w", argv[0], err), notFoundHint
			return false, e
		}
		if code != 0 {
			e.Text, e.Hint = c.explain(string(stderr), req)
			return isTransient(e.Text), e
		}
		counts = readCounts(stderr)
		return false, checkCounts(req, counts)
	})
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Counts: counts}, nil
}

const notFoundHint = "set command in registration \"command\" to how st2-register-content is called on this host, or use registration \"api\" or \"none\""

// explain takes the reason out of what the command wrote to stderr.
func (c *command) explain(stderr string, req Request) (text, hint string) {
	text = lastWords(stderr)
	switch {
	case strings.Contains(text, "is missing pack.yaml file"), strings.Contains(text, "doesn't exist"), strings.Contains(text, "not located inside"):
		hint = visibilityHint
	case isOutage(text):
		hint = "StackStorm's database cannot be reached: check [database] in st2.conf and that the database runs"
	case strings.Contains(text, valueHidden), strings.Contains(text, "is not readable YAML"):
		hint = "mend the config of pack " + string(req.Ref) + " in packs.hcl; st2-validate-pack-config shows what StackStorm expects"
	}
	return text, hint
}

// exceptionLine begins the reason after a Python traceback.
var exceptionLine = lazyregexp.New(`^[A-Za-z_][\w.]*: `)

// lastWords returns the reason that a Python program ends with: the exception
// after its last traceback, without the config values that StackStorm quotes. A
// program that ends without one gets its last lines.
func lastWords(stderr string) string {
	const traceback = "Traceback (most recent call last):\n"
	if i := strings.LastIndex(stderr, traceback); i >= 0 {
		lines := strings.Split(stderr[i+len(traceback):], "\n")
		for n, line := range lines {
			if exceptionLine().MatchString(line) {
				_, reason, _ := strings.Cut(strings.Join(lines[n:], "\n"), ": ")
				return shorten(hideValues(strings.TrimSpace(reason)))
			}
		}
	}
	if strings.Contains(stderr, "Failed validating ") {
		return valueHidden
	}
	// What is hidden is found by the words before it, so the whole text is looked at
	// before it is cut.
	var lines []string
	for line := range strings.Lines(hideValues(stderr)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return "it said nothing on stderr"
	}
	return shorten(hideValues(strings.Join(lines[max(0, len(lines)-5):], "\n")))
}

// shorten keeps the beginning of a long reason: the rest is Python's view of the
// objects at hand.
func shorten(text string) string {
	const enough = 1000
	if len(text) <= enough {
		return text
	}
	return strings.ToValidUTF8(text[:enough], "") + "…"
}

var countLine = lazyregexp.New(`Registered (\d+) ([a-z ]+)\.`)

// readCounts reads what the command says that it registered, in the words of the
// API's answer. A line for each kind is always there on success.
func readCounts(stderr []byte) map[string]int {
	counts := map[string]int{}
	for _, m := range countLine().FindAllSubmatch(stderr, -1) {
		if n, err := strconv.Atoi(string(m[1])); err == nil {
			counts[strings.ReplaceAll(string(m[2]), " ", "_")] = n
		}
	}
	return counts
}

// argv is the whole command line for a request.
func (c *command) argv(req Request) ([]string, error) {
	argv := slices.Clone(c.Argv)
	if len(argv) == 0 {
		found, err := findCommand()
		if err != nil {
			return nil, &Error{Op: "register " + string(req.Ref), Err: err, Hint: notFoundHint}
		}
		argv = []string{found}
	}
	if slices.ContainsFunc(argv, func(arg string) bool { return filepath.Base(arg) == "st2ctl" }) {
		// It refuses --register-pack (reference.md 4.2). A run over all packs ends at
		// the first that is broken, whoever that belongs to.
		return nil, &Error{Op: "register " + string(req.Ref), Text: "st2ctl cannot register one pack, only all of them at once", Hint: notFoundHint}
	}
	if c.ConfigFile != "" {
		argv = append(argv, "--config-file", c.ConfigFile)
	}
	hasActions, err := hasActions(req.Dir)
	if err != nil {
		return nil, &Error{Op: "register " + string(req.Ref), Err: err}
	}
	kinds := flags(req.Types, hasActions)
	if len(kinds) == 0 {
		return nil, &Error{Op: "register " + string(req.Ref), Text: "st2-register-content has no flag for only " + strings.Join(req.Types, ", ") +
			": it registers rule types with rules and policy types with policies; and it registers no actions of a pack that has no directory actions/"}
	}
	argv = append(argv, "--register-pack", filepath.Clean(req.Dir))
	return append(argv, kinds...), nil
}

// hasActions reports whether the pack has the directory without which
// --register-pack fails with a TypeError when actions are asked for.
func hasActions(dir string) (bool, error) {
	info, err := os.Stat(filepath.Join(dir, "actions"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for actions: %w", err)
	}
	return info.IsDir(), nil
}

// flags turns registration types into the command's flags.
func flags(types []string, actions bool) []string {
	if actions && slices.Contains(types, "all") {
		return []string{"--register-all"}
	}
	kinds := requested(types)
	var args []string
	for _, kind := range kinds {
		if kind != "actions" || actions {
			args = append(args, "--register-"+kind)
		}
	}
	if slices.Contains(types, "runner") {
		args = append(args, "--register-runners")
	}
	return args
}

// findCommand looks for StackStorm's command.
func findCommand() (string, error) {
	candidates := []string{"st2-register-content", "/opt/stackstorm/st2/bin/st2-register-content"}
	for _, name := range candidates {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("find st2-register-content: it is neither on PATH nor in /opt/stackstorm/st2/bin")
}

// keptOutput is how much of a command's output is kept, its end: a whole reload
// with --verbose writes megabytes.
const keptOutput = 1 << 20

// interruptGrace is how long an interrupted command may take to end.
const interruptGrace = 10 * time.Second

// runCommand runs a command on this machine. When ctx ends it is interrupted,
// and killed if that does not help.
func runCommand(ctx context.Context, argv, env []string) (stdout, stderr []byte, code int, err error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = env
	var out, errs tail
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = interruptGrace
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return out.Bytes(), errs.Bytes(), exit.ExitCode(), nil
	}
	return out.Bytes(), errs.Bytes(), 0, err
}

// tail is a writer that keeps the end of what is written.
type tail struct{ bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	n, err := t.Buffer.Write(p)
	if excess := t.Len() - 2*keptOutput; excess > 0 {
		t.Next(excess + keptOutput)
	}
	return n, err
}
