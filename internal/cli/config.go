package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/interview"
	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/packconfig"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newConfig(a *app) *cobra.Command {
	var yaml bool
	cmd := &cobra.Command{
		Use:   "config PACK",
		Short: "Fill in the config of a pack, asked key by key",
		Long: "Asks for each key that the pack's config.schema.yaml lists, in the version that the lock pins,\n" +
			"judges each answer at once, shows what changes, and writes it into the pack's block in\n" +
			"packs.hcl; everything else in the file stays as it is. Secrets are not written there: they\n" +
			"come from StackStorm's datastore or from a sensitive variable. Needs a terminal. Nothing is\n" +
			"written before the last question is answered with s; ^C leaves everything as it is.",
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			ref, err := pack.ParseRef(args[0])
			if err != nil {
				return outcome{}, err
			}
			return a.config(ctx, ref, yaml)
		}),
	}
	cmd.Flags().BoolVar(&yaml, "yaml", false, "write the YAML file: config_file if there is one, else configs/PACK.yaml if packsync does not own it")
	return cmd
}

func (a *app) config(ctx context.Context, ref pack.Ref, yaml bool) (outcome, error) {
	if !a.streams.InTTY || !a.streams.OutTTY || a.globals.noInput || a.globals.json {
		return outcome{}, fmt.Errorf("packsync config asks questions, and there is nobody to answer them: it needs a terminal, and neither --no-input nor --json.\n"+
			"Without one, write config = { … } into the block of pack %q in packs.hcl; packsync plan checks it against the schema of the pack", string(ref))
	}
	cb, done := a.watching()
	edit, err := reconcile.EditConfig(ctx, a.globals.options(a.streams, config.Partial), cb, ref, yaml)
	done()
	if err != nil {
		return outcome{}, err
	}
	t, err := a.openTerminal()
	if err != nil {
		return outcome{}, errors.Join(err, t.close())
	}
	// It is closed again below, where the error counts; here after a panic.
	defer func() { _ = t.close() }()
	d := &dialogue{app: a, terminal: t, edit: edit}
	saved, err := d.run(ctx)
	err = errors.Join(err, t.close())
	switch {
	case ctx.Err() != nil, errors.Is(err, interview.ErrStop), errors.Is(err, io.EOF):
		return outcome{}, errors.New("stopped: nothing was written")
	case err != nil:
		return outcome{}, err
	case !saved:
		return outcome{msg: "Nothing changed.", text: printLine("Nothing changed: nothing was written.")}, nil
	}
	return outcome{msg: "Wrote " + edit.Path, text: printLine(strings.Join(d.next(), "\n"))}, nil
}

func printLine(text string) func(io.Writer, view.Style) error {
	return func(w io.Writer, _ view.Style) error {
		_, err := fmt.Fprintln(w, view.Quote(text))
		return err
	}
}

// dialogue is one run of config: questions, review, and perhaps both again.
type dialogue struct {
	*app
	terminal *terminal
	edit     *reconcile.ConfigEdit
	vars     []config.NewVariable // that were written
}

func (d *dialogue) style() view.Style {
	style := d.globals.style(d.streams, d.streams.OutTTY)
	style.Width = d.terminal.width()
	return style
}

// say prints a sentence on the terminal.
func (d *dialogue) say(format string, args ...any) error {
	return view.Sentence(d.terminal, fmt.Sprintf(format, args...), d.style())
}

// run returns whether something was written.
func (d *dialogue) run(ctx context.Context) (saved bool, err error) {
	e := d.edit
	for _, problem := range e.Problems {
		if err := d.say("About the schema of the pack: %s", problem); err != nil {
			return false, err
		}
	}
	err = d.say("The config of %s %s, for %s. Enter leaves a value as it is, :help shows what else can be typed, ^C stops and writes nothing.", e.Ref, e.Version, filepath.Base(e.Path))
	if err != nil {
		return false, err
	}
	current, err := e.Settings()
	if err != nil {
		return false, err
	}
	for ask := true; ; {
		if ask {
			if current, err = d.questions(ctx, current); err != nil {
				return false, err
			}
		}
		choice, err := d.review(ctx)
		if err != nil {
			return false, err
		}
		ask = choice == 'q'
		switch choice {
		case 's':
			if !e.Changed() {
				return false, nil
			}
			return true, e.Write()
		case 'e':
			if err := d.inEditor(ctx); err != nil {
				return false, err
			}
			if current, err = e.Settings(); err != nil {
				return false, err
			}
		case 'd':
			return false, interview.ErrStop
		}
	}
}

// questions asks for all keys. Answers that cannot be written are told and kept,
// so that they can be changed.
func (d *dialogue) questions(ctx context.Context, current *config.Setting) (*config.Setting, error) {
	e := d.edit
	after, vars, err := interview.Run(interview.Options{Ref: e.Ref, Schema: e.Schema, File: e.YAML, Variables: e.Config.Variables}, current, d.ask(ctx))
	if err != nil {
		return nil, err
	}
	if err := e.Set(after, vars); err != nil {
		return after, d.complain(err)
	}
	d.vars = append(d.vars, vars...)
	return e.Settings()
}

// ask shows one question and reads the answer.
func (d *dialogue) ask(ctx context.Context) interview.Ask {
	return func(q interview.Question) (string, error) {
		for {
			if err := view.Question(d.terminal, q, d.style()); err != nil {
				return "", err
			}
			prompt := q.Prompt
			if prompt == "" {
				prompt = q.Path[strings.LastIndexByte(q.Path, '.')+1:]
			}
			answer, err := d.terminal.read(ctx, view.Quote(prompt)+": ", q.Hidden, q.Edit)
			switch {
			case errors.Is(err, errTooLong):
				q.Reply = "Not taken: " + err.Error() + ". Use the editor, before saving."
				continue
			case err == nil && q.Hidden && strings.TrimSpace(answer) != "" && !strings.HasPrefix(answer, ":"):
				err = d.say("  (%s)", view.Count(len([]rune(answer)), "character", "characters"))
			}
			return answer, err
		}
	}
}

// review shows what changes and asks what to do about it.
func (d *dialogue) review(ctx context.Context) (choice byte, err error) {
	e := d.edit
	before, err := e.Before()
	if err != nil {
		return 0, err
	}
	after, err := e.Settings()
	if err != nil {
		return 0, err
	}
	problems := interview.Judge(e.Schema, after, e.YAML)
	if e.YAML { // it is the file that is to hold them
		problems = slices.DeleteFunc(problems, func(p packconfig.Problem) bool { return p.Kind == packconfig.LiteralSecret })
	}
	if err := d.say("\nChanges to the config of %s in %s:", e.Ref, e.Path); err != nil {
		return 0, err
	}
	if err := view.ConfigChanges(d.terminal, interview.Changes(e.Schema, before, after), problems, d.style()); err != nil {
		return 0, err
	}
	if e.YAML && e.CommentsLost && e.Changed() {
		if err := d.say("  The file has to be written as a whole: its comments are lost."); err != nil {
			return 0, err
		}
	}
	blocked := slices.ContainsFunc(problems, func(p packconfig.Problem) bool { return p.Severity == pack.Blocked })
	return d.decide(ctx, blocked)
}

// decide asks what to do with the changes.
func (d *dialogue) decide(ctx context.Context, blocked bool) (byte, error) {
	save := "  s) save"
	switch {
	case !d.edit.Changed():
		save = "  s) end, there is nothing to save"
	case blocked && d.edit.YAML:
		save = "  (it cannot be saved while something is wrong: StackStorm would refuse it)"
	case blocked:
		save = "  s) save all the same: packsync plan will be blocked until it is mended"
	}
	for _, line := range []string{"", save, "  e) change it in the editor", "  q) go through the questions again", "  d) discard all changes"} {
		if err := d.say("%s", line); err != nil {
			return 0, err
		}
	}
	for {
		answer, err := d.terminal.read(ctx, "s, e, q or d: ", false, "")
		if err != nil {
			return 0, err
		}
		switch answer = strings.ToLower(strings.TrimSpace(answer)); {
		case answer == "s" && blocked && d.edit.YAML && d.edit.Changed():
			err = d.say("  ! It cannot be saved so.")
		case len(answer) == 1 && strings.Contains("seqd", answer):
			return answer[0], nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// remark begins a line that packsync wrote into the text of the editor.
const remark = "#! "

// inEditor lets the person change the text, until it can be read or they give up.
func (d *dialogue) inEditor(ctx context.Context) error {
	e, suffix := d.edit, ".hcl"
	if e.YAML {
		suffix = ".yaml"
	}
	text, err := e.Text()
	if err != nil {
		return err
	}
	head := fmt.Sprintf("The config of %s %s. Lines that begin with #! are left out.", e.Ref, e.Version)
	for {
		edited, err := d.app.edit(ctx, d.terminal, remarked(head, text), suffix, e.Config.SecretEnv)
		failed, ended := errors.AsType[*editorError](err)
		switch {
		case ended:
			return d.complain(failed)
		case err != nil:
			return err
		}
		text = remarks().ReplaceAll(edited, nil)
		if err = e.SetText(text); err == nil {
			return nil
		}
		if err := d.complain(err); err != nil {
			return err
		}
		head = "This cannot be taken yet: " + firstProblem(err)
		for answer := ""; answer != "e"; {
			if answer, err = d.terminal.read(ctx, "e) edit again, d) drop this edit: ", false, ""); err != nil {
				return err
			}
			if answer = strings.ToLower(strings.TrimSpace(answer)); answer == "d" {
				return nil
			}
		}
	}
}

var remarks = lazyregexp.New(`(?m)^#! .*\n?`)

func remarked(head string, text []byte) []byte {
	var b strings.Builder
	for line := range strings.Lines(head) {
		b.WriteString(remark + strings.TrimSpace(line) + "\n")
	}
	b.Write(text)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		b.WriteString("\n")
	}
	return []byte(b.String())
}

// firstProblem is one sentence about an error, without snippets.
func firstProblem(err error) string {
	if decl, ok := errors.AsType[*reconcile.DeclarationError](err); ok {
		for _, problem := range decl.Diagnostics {
			if (diag.List{problem}).HasErrors() {
				return problem.Summary + ". " + problem.Detail
			}
		}
	}
	return err.Error()
}

// complain shows a mistake and goes on.
func (d *dialogue) complain(err error) error {
	style := d.style()
	if decl, ok := errors.AsType[*reconcile.DeclarationError](err); ok {
		return diag.Write(d.terminal, decl.Files, decl.Diagnostics, style.Color, style.Width)
	}
	return d.say("  ! %s", err)
}

// next says what is left to do.
func (d *dialogue) next() []string {
	e := d.edit
	lines := []string{"Wrote " + e.Path + "."}
	before, err := e.Before()
	settings, err2 := e.Settings()
	if errors.Join(err, err2) != nil { // both were read a moment ago
		return lines
	}
	had := interview.DatastoreKeys(before)
	for _, v := range d.vars {
		switch {
		case !e.Config.Variables[v.Name]: // the editor took it out again
		case v.File != "":
			lines = append(lines, fmt.Sprintf("Put the secret of var.%s into %s, readable for packsync alone.", v.Name, v.File))
		case v.Env != "":
			lines = append(lines, fmt.Sprintf("packsync takes var.%s from the environment variable %s.", v.Name, v.Env))
		default:
			lines = append(lines, fmt.Sprintf("Give var.%s to packsync as PACKSYNC_VAR_%s in the environment, or in a file with --var-file.", v.Name, v.Name))
		}
	}
	for _, name := range interview.DatastoreKeys(settings) {
		if slices.Contains(had, name) {
			continue
		}
		lines = append(lines, fmt.Sprintf("StackStorm reads the key %s of its datastore: st2 key set --encrypt %s VALUE", name, name))
	}
	if e.YAML && e.InPlace {
		return append(lines, "StackStorm reads it when it is registered next: packsync plan shows whether it was.")
	}
	return append(lines, "See what it changes on this host: packsync plan")
}
