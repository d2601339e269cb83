package resolve

import (
	"context"
	"fmt"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/lockfile"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
)

// Look tells which pack a source holds at the commit that it would be pinned to:
// what its pack.yaml says, before there is a block that names it.
func Look(ctx context.Context, src pack.Source, selector pack.Selector, open source.Opener) (pack.Ref, error) {
	r := newResolver(Request{}, open, nil)
	p := &config.Pack{Source: src, Selector: selector}
	var out outcome
	var err error
	if src.Kind == pack.SourceDir {
		err = r.readDir(ctx, p, &out)
	} else {
		var chosen choice
		if chosen, err = r.choose(ctx, p); err == nil {
			out, err = r.fetch(ctx, p, chosen)
		}
	}
	if err == nil {
		return out.ref, nil
	}
	// What to do about it stands in the words for a declared pack.
	d := describe(&config.Pack{Ref: pack.Ref(lockfile.Quote(src.String(), maxText)), Source: src, Selector: selector}, err)
	return "", fmt.Errorf("%s\n  %s", d.Summary, d.Detail)
}
