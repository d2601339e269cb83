package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/reconcile"
	"github.com/packsync/packsync/internal/view"
)

func newAdd(a *app) *cobra.Command {
	var flags addFlags
	cmd := &cobra.Command{
		Use:   "add PACK[@CONSTRAINT]…",
		Short: "Declare packs in packs.hcl and pin them",
		Long: "Adds a block for each pack at the end of packs.hcl and an entry to the lock. Nothing is\n" +
			"installed: that is apply. PACK is a name of a declared index, a git URL, OWNER/REPOSITORY on\n" +
			"GitHub, or a directory that begins with ./, ../ or /. What a URL or a directory holds is\n" +
			"called as its pack.yaml says. After PACK may stand @CONSTRAINT, or =REVISION as for st2 pack\n" +
			"install.\n\n" +
			"Without either, a pack of an index gets the version that the index names and may move to\n" +
			"what should be compatible: version = \"~> 2.1\" for 2.1.3, \"~> 0.4.2\" for 0.4.2. A URL follows\n" +
			"its default branch. If anything about the declaration would not hold, nothing is written.",
		Example: "  packsync add aws\n  packsync add \"aws@~> 2.0\" jira=3.3.0\n" +
			"  packsync add https://git.example.com/st2/acme_tools.git --branch main --base-path team\n  packsync add ./packs/lab",
		Args: cobra.MinimumNArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) (outcome, error) {
			opts := a.globals.options(a.streams, config.Partial)
			request, err := flags.request(args, a.globals.dir)
			if err != nil {
				return outcome{}, err
			}
			cb, done := a.watching()
			added, err := reconcile.Add(ctx, opts, request, cb)
			done()
			if err != nil {
				return outcome{notes: editNotes(err)}, err
			}
			return addOutcome(added), nil
		}),
	}
	flags.add(cmd.Flags())
	return cmd
}

// addFlags are the flags of add. All but the last two are about one pack.
type addFlags struct {
	selectors    map[pack.SelectorKind]*string
	ref, subdir  string
	basePath     string
	noVirtualenv bool
}

func (f *addFlags) add(flags *pflag.FlagSet) {
	f.selectors = map[pack.SelectorKind]*string{}
	for _, s := range []struct {
		kind pack.SelectorKind
		help string
	}{
		{pack.SelectVersion, "a `CONSTRAINT`, the same as after @"},
		{pack.SelectBranch, "follow the branch `NAME`"},
		{pack.SelectTag, "the tag `NAME`"},
		{pack.SelectCommit, "the full commit `ID`"},
		{pack.SelectRevision, "what st2 pack install PACK=`REVISION` would take"},
	} {
		f.selectors[s.kind] = flags.String(string(s.kind), "", s.help)
	}
	flags.StringVar(&f.ref, "ref", "", "expect the pack to be called `REF` (default: what its pack.yaml says)")
	flags.StringVar(&f.subdir, "subdir", "", "where the pack lies in the repository: `DIR`")
	flags.StringVar(&f.basePath, "base-path", "", "install into the base path `NAME` instead of the default one")
	flags.BoolVar(&f.noVirtualenv, "no-virtualenv", false, "build no virtualenv for it")
}

func (f *addFlags) request(args []string, dir string) (reconcile.AddRequest, error) {
	r := reconcile.AddRequest{Packs: args, Dir: dir, BasePath: f.basePath, Virtualenv: !f.noVirtualenv}
	given := ""
	for _, kind := range []pack.SelectorKind{pack.SelectVersion, pack.SelectBranch, pack.SelectTag, pack.SelectCommit, pack.SelectRevision} {
		if *f.selectors[kind] == "" {
			continue
		}
		if given != "" {
			return r, usageError{fmt.Errorf("--%s and --%s both say which commit is wanted: use one of them", given, kind)}
		}
		given = string(kind)
		r.Selector = pack.Selector{Kind: kind, Text: *f.selectors[kind]}
	}
	var err error
	if f.ref != "" {
		if r.Ref, err = pack.ParseRef(f.ref); err != nil {
			return r, fmt.Errorf("--ref: %w", err)
		}
	}
	if r.Subdir, err = pack.ParseSubdir(f.subdir); err != nil {
		return r, fmt.Errorf("--subdir: %w", err)
	}
	if len(args) > 1 && (given != "" || f.ref != "" || f.subdir != "") {
		return r, usageError{errors.New("a selector, --ref and --subdir are about one PACK: run packsync add once for each")}
	}
	return r, nil
}

// addBody is the JSON of add, after the envelope.
type addBody struct {
	Changed     bool                  `json:"changed"`
	File        string                `json:"file"`
	Added       []reconcile.AddedPack `json:"added"`
	LockFile    string                `json:"lock_file"`
	LockChanges []plan.LockChange     `json:"lock_changes"`
}

func addOutcome(r *reconcile.Added) outcome {
	return outcome{
		body: addBody{true, r.File, r.Packs, r.LockFile, r.Changes}, warnings: r.Warnings, files: r.Files,
		msg:  fmt.Sprintf("%s declared in %s and pinned.", view.Count(len(r.Packs), "pack", "packs"), r.File),
		text: func(w io.Writer, style view.Style) error { return view.Added(w, r, style) },
	}
}

// editNotes explains diagnostics about lines that are in no file yet.
func editNotes(err error) []string {
	if _, is := errors.AsType[*reconcile.EditedError](err); !is {
		return nil
	}
	return []string{"nothing was written: this is about the declaration as it would be"}
}
