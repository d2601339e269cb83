// Package cli turns arguments into one run of the pipeline and its result into
// text or JSON and an exit code. One file a command.
//
// It is not for deciding or doing anything (package reconcile) nor for the look
// of the output (package view).
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/trace"
	"github.com/packsync/packsync/internal/view"
)

// Streams are the process as a command sees it.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	InTTY    bool
	OutTTY   bool
	ErrTTY   bool
	Width    int // columns of the terminal; 0 if there is none
	// Size asks how large the terminal of Err is now; nil if there is none.
	Size    func() (columns, rows int)
	Environ []string
	Dir     string // working directory
}

// OSStreams returns the streams of this process.
func OSStreams() Streams {
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	s := Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), Dir: dir}
	s.InTTY = term.IsTerminal(int(os.Stdin.Fd()))
	s.OutTTY = term.IsTerminal(int(os.Stdout.Fd()))
	s.ErrTTY = term.IsTerminal(int(os.Stderr.Fd()))
	if s.ErrTTY {
		s.Size = func() (columns, rows int) {
			// A terminal that does not say has the size that terminals had.
			if columns, rows, err := term.GetSize(int(os.Stderr.Fd())); err == nil && columns > 0 && rows > 0 {
				return columns, rows
			}
			return 80, 24
		}
	}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		s.Width = width
	}
	return s
}

// Main runs one command and returns its exit code.
func Main(ctx context.Context, args []string, s Streams) int {
	a := &app{streams: s, trace: trace.New(time.Now)}
	if onlyASCII(s.Environ) {
		a.streams.Out = &asciiWriter{w: s.Out, json: &a.globals.json}
		a.streams.Err = &asciiWriter{w: s.Err, json: new(bool)}
	}
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil || a.shown {
		return exitOf(err)
	}
	// The error comes from cobra: an unknown command or flag.
	a.globals.json = a.globals.json || wantsJSON(args)
	return a.show(outcome{}, usageError{err})
}

// wantsJSON looks for --json before the flags could be parsed: stdout is one
// document whatever happens, also for usage errors.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			return false
		}
		if arg == "--json" || arg == "--json=true" {
			return true
		}
	}
	return false
}

type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// app is what all commands share.
type app struct {
	streams  Streams
	globals  globals
	shown    bool // the outcome was printed
	trace    *trace.Trace
	progress *view.Progress // nil: nothing shows any
}

// outcome is the result of a command, to be printed as text or as JSON.
type outcome struct {
	body     any                               // of the JSON document; nil for none
	text     func(io.Writer, view.Style) error // the result for people, on stdout; nil for none
	msg      string                            // one line for JSON
	notes    []string                          // shown on stderr, and as warnings in JSON
	warnings diag.List                         // shown on stderr
	files    diag.Files
	exit     int // where err is nil
}

// command is the body of a command: it does the work and prints nothing.
type command func(ctx context.Context, args []string) (outcome, error)

// run adapts a command to cobra: one place prints every result and every error.
func (a *app) run(c command) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.globals.command = cmd.CommandPath()
		if err := a.globals.resolve(a.streams); err != nil {
			return &exitError{a.show(outcome{}, err)}
		}
		out, err := c(trace.With(cmd.Context(), a.trace), args)
		return &exitError{a.show(out, err)}
	}
}

// show prints an outcome and the error that came with it, and returns the exit
// code that agrees with both.
func (a *app) show(out outcome, err error) int {
	a.shown = true
	exit := out.exit
	if err != nil {
		exit = exitOf(err)
	}
	var printErr error
	if a.globals.json {
		printErr = a.showJSON(out, err, exit)
	} else {
		printErr = errors.Join(a.showText(out, err), a.showTimings())
	}
	if printErr != nil && exit == ExitOK {
		_, _ = fmt.Fprintf(a.streams.Err, "Error: %v\n", printErr) // stdout is broken; say so where it may still be read
		return ExitError
	}
	return exit
}

func (a *app) showJSON(out outcome, err error, exit int) error {
	head := view.Envelope{Failed: err != nil, Msg: out.msg, Exit: exit}
	list := out.warnings
	for _, note := range out.notes {
		list = append(list, diag.Warning(diag.Range{}, "About this host", note))
	}
	if err != nil {
		head.Msg = view.Quote(err.Error())
		var decl *reconcile.DeclarationError
		if errors.As(err, &decl) {
			list = append(decl.Diagnostics, list...)
			head.Msg = summarise(decl.Diagnostics)
		}
		var blocked *reconcile.BlockedError
		if errors.As(err, &blocked) {
			list = append(blocked.Diagnostics, list...)
		}
	}
	head.Diagnostics = diag.JSON(list)
	if a.globals.timings {
		head.Timings = view.NewTimingsJSON(a.trace.Snapshot())
	}
	return view.Document(a.streams.Out, head, out.body)
}

func summarise(list diag.List) string {
	n := 0
	first := ""
	for _, d := range list {
		if (diag.List{d}).HasErrors() {
			if n++; n == 1 {
				first = d.Summary
			}
		}
	}
	if n > 1 {
		return fmt.Sprintf("%s, and %d more", first, n-1)
	}
	return first
}

func (a *app) showText(out outcome, err error) error {
	errStyle := a.globals.style(a.streams, a.streams.ErrTTY)
	if len(out.warnings) > 0 {
		if e := diag.Write(a.streams.Err, out.files, out.warnings, errStyle.Color, errStyle.Width); e != nil {
			return e
		}
	}
	for _, note := range out.notes {
		a.note("%s %s", errStyle.Label("Note:"), view.Quote(note))
	}
	if out.text != nil {
		if e := out.text(a.streams.Out, a.globals.style(a.streams, a.streams.OutTTY)); e != nil {
			return e
		}
	}
	if err == nil {
		return nil
	}
	var decl *reconcile.DeclarationError
	if errors.As(err, &decl) {
		return diag.Write(a.streams.Err, decl.Files, decl.Diagnostics, errStyle.Color, errStyle.Width)
	}
	var blocked *reconcile.BlockedError
	if errors.As(err, &blocked) {
		if e := diag.Write(a.streams.Err, blocked.Files, blocked.Diagnostics, errStyle.Color, errStyle.Width); e != nil {
			return e
		}
	}
	text := view.Quote(err.Error())
	var usage usageError
	if errors.As(err, &usage) {
		text += "\nRun packsync --help for usage."
	}
	_, e := fmt.Fprintf(a.streams.Err, "%s %s\n", errStyle.Label("Error:"), text)
	return e
}

func (a *app) showTimings() error {
	if !a.globals.timings {
		return nil
	}
	return view.Timings(a.streams.Err, a.trace.Snapshot(), a.globals.style(a.streams, a.streams.ErrTTY))
}

// note prints a line of progress or explanation on stderr. stdout carries only
// the result, and under --json nothing but the document.
func (a *app) note(format string, args ...any) {
	a.aside(func() {
		// A note that cannot be written must not stop the work.
		_, _ = fmt.Fprintf(a.streams.Err, format+"\n", args...)
	})
}

// aside prints something while progress may be shown on the same terminal.
func (a *app) aside(print func()) {
	if a.progress == nil {
		print()
		return
	}
	a.progress.Aside(print)
}

// abs makes a path given on the command line absolute; --chdir counts first.
func (g *globals) abs(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(g.dir, path)
}

func environ(list []string, name string) string {
	for _, entry := range list {
		if key, value, ok := strings.Cut(entry, "="); ok && key == name {
			return value
		}
	}
	return ""
}
