package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/packsync/packsync/internal/pack"
)

// overrides is the digest of the files that change what StackStorm registers of a
// pack: its own, and the one for all packs (reference.md 4.5). "" if there are
// none. Nobody but people writes them.
func (p *Planned) overrides(ref pack.Ref) (string, error) {
	var all []byte
	for _, name := range []string{"_global.yaml", string(ref) + ".yaml"} {
		if !p.list(p.Config.Host.OverridesDir).May(name) {
			continue
		}
		path := filepath.Join(p.Config.Host.OverridesDir, name)
		data, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", fmt.Errorf("read the overrides of %s: %w", ref, err)
		}
		all = fmt.Appendf(all, "%s %d\n%s", name, len(data), data)
	}
	if all == nil {
		return "", nil
	}
	return p.key.HMAC(all), nil
}
