package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newLock(a *app) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "Pin what the lock lacks; keep every pin that satisfies the declaration",
		Long: "Resolves the packs that packs.lock.json does not pin yet or whose pin no longer satisfies\n" +
			"the declaration, drops entries that nobody needs, and keeps all others as they are. It\n" +
			"needs no StackStorm and no secret. To move pins, use update.",
		Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) (outcome, error) {
			opts := a.globals.options(a.streams, config.Partial)
			opts.Locked = check
			return a.lock(ctx, opts)
		}),
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 4 if the lock would change")
	return cmd
}

func newUpdate(a *app) *cobra.Command {
	var flags updateFlags
	cmd := &cobra.Command{
		Use:   "update [PACK…]",
		Short: "Move pins to the newest commits that satisfy the declaration",
		Long: "Asks the remotes again what the declared versions, branches and tags mean now, for the\n" +
			"packs that are named (here or by a flag) or for all, and writes the lock. No other pin\n" +
			"moves. Nothing is installed: that is apply.\n\n" +
			"With --safe each pin moves to the newest version that breaks nothing: nothing that plan\n" +
			"--fail-on breaking would block on. What stops the versions above it is printed.",
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			opts := a.globals.options(a.streams, config.Partial)
			if err := flags.fill(&opts, args); err != nil {
				return outcome{}, err
			}
			return a.lock(ctx, opts)
		}),
	}
	flags.add(cmd.Flags())
	return cmd
}

// updateFlags are the flags of update. Each names packs.
type updateFlags struct {
	safe             string
	precise          []string
	acceptMovedTag   []string
	allowUnreachable []string
}

func (f *updateFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.safe, "safe", "", "move to the newest versions that break nothing: `all` (the word may be left out) for nobody at all, used for nobody in the packs that are declared or installed")
	flags.Lookup("safe").NoOptDefVal = string(reconcile.SafeAll)
	flags.StringArrayVar(&f.precise, "precise", nil, "pin exactly this revision, within what is declared: `PACK=REV`; repeatable")
	flags.StringArrayVar(&f.acceptMovedTag, "accept-moved-tag", nil, "take the commit that the tag of `PACK` was moved to; repeatable")
	flags.StringArrayVar(&f.allowUnreachable, "allow-unreachable", nil, "take the commit of `PACK` although no branch or tag leads to it; repeatable")
}

func (f *updateFlags) fill(o *reconcile.Options, args []string) error {
	o.Update = true
	switch o.Safe = reconcile.Safety(f.safe); {
	case o.Safe != reconcile.Unsafe && o.Safe != reconcile.SafeAll && o.Safe != reconcile.SafeUsed:
		return usageError{fmt.Errorf("--safe is %q: want --safe, or --safe=used", f.safe)}
	case o.Safe != reconcile.Unsafe && len(f.precise) > 0:
		return usageError{errors.New("--safe looks for a version, and --precise names one: use one of them")}
	}
	o.Precise = map[pack.Ref]string{}
	var precise []string
	for _, text := range f.precise {
		name, revision, found := strings.Cut(text, "=")
		if !found || revision == "" {
			return fmt.Errorf("--precise is %q: want PACK=REV, for example --precise jira=v1.2.0", text)
		}
		precise = append(precise, name)
		o.Precise[pack.Ref(name)] = revision
	}
	named := map[pack.Ref]bool{}
	for _, list := range []struct {
		flag string
		args []string
		into *map[pack.Ref]bool
	}{
		{"", args, nil}, {"--precise: ", precise, nil},
		{"--accept-moved-tag: ", f.acceptMovedTag, &o.AcceptMovedTags}, {"--allow-unreachable: ", f.allowUnreachable, &o.AllowUnreachable},
	} {
		found, err := refs(list.args)
		if err != nil {
			return fmt.Errorf("%s%w", list.flag, err)
		}
		vouched := map[pack.Ref]bool{}
		for _, ref := range found {
			named[ref], vouched[ref] = true, true
		}
		if list.into != nil {
			*list.into = vouched
		}
	}
	if len(named) > 0 {
		o.Packs = named
	}
	return nil
}

// lockBody is the JSON of lock and update, after the envelope.
type lockBody struct {
	Changed     bool                        `json:"changed"`
	LockFile    string                      `json:"lock_file"`
	LockChanges []plan.LockChange           `json:"lock_changes"`
	Findings    map[pack.Ref][]pack.Finding `json:"findings"`
	Safe        []reconcile.SafeChoice      `json:"safe,omitempty"` // of update --safe
}

func (a *app) lock(ctx context.Context, opts reconcile.Options) (outcome, error) {
	cb, done := a.watching()
	locked, err := reconcile.Lock(ctx, opts, cb)
	done()
	if locked == nil {
		return outcome{}, err
	}
	msg := "The lock is up to date: nothing to write."
	if len(locked.Changes) > 0 {
		msg = fmt.Sprintf("Lock: %d of %d entries change.", len(locked.Changes), max(len(locked.Lock.Packs), len(locked.Changes)))
	}
	if locked.Written {
		msg = fmt.Sprintf("Lock written: %s, %s pinned.", view.Count(len(locked.Changes), "change", "changes"), view.Count(len(locked.Lock.Packs), "pack", "packs"))
	}
	return outcome{
		body: lockBody{Changed: locked.Written, LockFile: opts.LockFile, LockChanges: locked.Changes, Findings: locked.Findings, Safe: locked.Choices},
		msg:  msg, warnings: locked.Warnings, files: locked.Files,
		text: func(w io.Writer, style view.Style) error {
			if _, err := fmt.Fprintln(w, style.Label(msg)); err != nil {
				return err
			}
			if err := view.LockChanges(w, locked.Changes, style); err != nil {
				return err
			}
			if err := view.Findings(w, locked.Findings, style); err != nil || opts.Safe == reconcile.Unsafe {
				return err
			}
			return view.SafeChoices(w, locked, style)
		},
	}, err
}
