package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/state"
	"github.com/packsync/packsync/internal/view"
)

func newState(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Look at the record of what packsync applied, and mend it",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStateList(a), newStateShow(a), newStateRemove(a), newStateRecover(a))
	return cmd
}

// recordBody is the JSON of state list, after the envelope.
type recordBody struct {
	Name    string                  `json:"name"`
	Lineage string                  `json:"lineage"`
	Serial  uint64                  `json:"serial"`
	Packs   map[pack.Ref]state.Pack `json:"packs"`
}

func newStateList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the packs that are recorded",
		Args:  cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			r, err := reconcile.ReadRecord(ctx, a.globals.options(a.streams, config.Partial))
			if err != nil {
				return outcome{}, err
			}
			body := recordBody{r.Record.Name, r.Record.Lineage, r.Record.Serial, r.Record.Packs}
			if body.Packs == nil {
				body.Packs = map[pack.Ref]state.Pack{}
			}
			return outcome{
				body: body, msg: fmt.Sprintf("serial %d, %d packs", r.Record.Serial, len(body.Packs)),
				warnings: r.Warnings, files: r.Files, notes: r.Record.Notes,
				text: func(w io.Writer, style view.Style) error { return view.Record(w, r, style) },
			}, nil
		}),
	}
}

// recordedBody is the JSON of state show, after the envelope.
type recordedBody struct {
	Ref pack.Ref `json:"ref"`
	state.Pack
}

func newStateShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show PACK",
		Short: "Show what is recorded about one pack",
		Args:  cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			r, err := reconcile.ReadRecord(ctx, a.globals.options(a.streams, config.Partial))
			if err != nil {
				return outcome{}, err
			}
			ref := pack.Ref(args[0])
			recorded, managed := r.Record.Packs[ref]
			if !managed {
				return outcome{}, fmt.Errorf("packsync does not manage %q: packsync state list shows what it does", args[0])
			}
			return outcome{
				body: recordedBody{ref, recorded}, msg: fmt.Sprintf("%s is recorded", ref), warnings: r.Warnings, files: r.Files, notes: r.Record.Notes,
				text: func(w io.Writer, style view.Style) error { return view.RecordedPack(w, ref, recorded, style) },
			}, nil
		}),
	}
}

// removedBody is the JSON of state rm, after the envelope.
type removedBody struct {
	Changed bool     `json:"changed"`
	Ref     pack.Ref `json:"ref"`
}

func newStateRemove(a *app) *cobra.Command {
	var autoApprove bool
	cmd := &cobra.Command{
		Use:   "rm PACK",
		Short: "Take one pack out of the record, and nothing else",
		Long: "Forgets what is recorded about a pack. Nothing on disk or in StackStorm changes. If the\n" +
			"pack is still declared, the next apply takes it over again; to hand it back, use release.",
		Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			ref, err := pack.ParseRef(args[0])
			if err != nil {
				return outcome{}, err
			}
			opts := a.globals.options(a.streams, config.Full)
			before, err := reconcile.ReadRecord(ctx, opts)
			if err != nil {
				return outcome{}, err
			}
			if _, managed := before.Record.Packs[ref]; managed && !autoApprove {
				if err := a.ask(fmt.Sprintf("Take %s out of the record of %s?", ref, before.Config.Host.Root)); err != nil {
					return outcome{}, err
				}
			}
			cb, done := a.watching()
			defer done()
			if err := reconcile.Forget(ctx, opts, cb, ref); err != nil {
				return outcome{}, err
			}
			msg := fmt.Sprintf("%s is not in the record any more. Its files stay.", ref)
			return outcome{
				body: removedBody{true, ref}, msg: msg, warnings: before.Warnings, files: before.Files,
				text: func(w io.Writer, _ view.Style) error { _, err := fmt.Fprintln(w, msg); return err },
			}, nil
		}),
	}
	cmd.Flags().BoolVar(&autoApprove, "auto-approve", false, "do not ask for confirmation")
	return cmd
}

// ask waits for the word yes, on a terminal only.
func (a *app) ask(question string) error {
	if !a.streams.InTTY || a.globals.noInput || a.globals.json {
		return errors.New("there is nobody to confirm this: give --auto-approve; nothing was changed")
	}
	style := a.globals.style(a.streams, a.streams.ErrTTY)
	if _, err := fmt.Fprintf(a.streams.Err, "%s\n  Only yes is taken as an approval: ", style.Label(question)); err != nil {
		return err
	}
	answer, err := bufio.NewReader(a.streams.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("the answer was not yes; nothing was changed")
	}
	return nil
}

// recoverBody is the JSON of state recover, after the envelope.
type recoverBody struct {
	Finished []pack.Ref `json:"finished"`
	Notes    []string   `json:"notes"`
}

func newStateRecover(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "recover",
		Short: "Finish what an interrupted apply had begun, and nothing else",
		Long: "Does what every apply begins with: what an interrupted one had announced is finished, what\n" +
			"it had only staged is discarded. For a unit that runs once when the host comes up.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			cb, done := a.watching()
			cb.Recovered = nil // it is the result here
			recovery, err := reconcile.Recover(ctx, a.globals.options(a.streams, config.Full), cb)
			done()
			if recovery == nil {
				return outcome{}, err
			}
			msg := "There is nothing to recover."
			if len(recovery.Finished) > 0 {
				msg = fmt.Sprintf("Finished what an interrupted apply had begun: %s.", view.Refs(recovery.Finished))
			}
			return outcome{
				body: recoverBody{append([]pack.Ref{}, recovery.Finished...), append([]string{}, recovery.Notes...)}, msg: msg, notes: recovery.Notes,
				text: func(w io.Writer, _ view.Style) error { _, err := fmt.Fprintln(w, msg); return err },
			}, err
		}),
	}
}
