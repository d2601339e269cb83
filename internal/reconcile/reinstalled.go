package reconcile

import (
	"context"
	"net/url"

	"github.com/packsync/packsync/internal/installed"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/tree"
)

// reinstalled tells a pack that somebody installed again with StackStorm's own
// tools from one that was edited: it is a clone, 0775 everywhere, and holds
// exactly what the commit of its HEAD holds (reference.md 1.6, 3.7). The answer
// is a clause for people, "" if it is not so. The clone itself says what its
// commit holds: that takes no network.
func (w *world) reinstalled(ctx context.Context, seen installed.Pack) string {
	if seen.Modes != installed.ModesST2 {
		return ""
	}
	checkout, err := installed.ReadCheckout(seen.Dir)
	if err != nil || checkout == nil {
		return "" // whatever is wrong with .git, what is there differs from the record
	}
	remote, err := w.sources.Open(pack.Source{Kind: pack.SourceGit, URL: (&url.URL{Scheme: "file", Path: seen.Dir}).String()})
	if err != nil {
		return ""
	}
	snapshot, err := remote.Fetch(ctx, checkout.Head, "")
	if err != nil {
		return ""
	}
	manifest, err := tree.HashOf(tree.Filter(snapshot.Tree))
	if err != nil || manifest.Content() != seen.Content {
		return ""
	}
	text := "installed again by hand with StackStorm's own tools (commit " + checkout.Head.Short()
	if checkout.Remote != "" {
		text += " of " + checkout.Remote
	}
	return text + ")"
}
