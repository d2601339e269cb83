package apply

import (
	"io/fs"
	"path/filepath"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/plan"
	"github.com/packsync/packsync/internal/state"
)

// overridesMode lets everybody read override files: StackStorm's API server, which
// need not be in the group of the configs, reads them, and there is no secret in
// them.
const overridesMode fs.FileMode = 0o644

// overridesRecord is what is recorded of the override file of all packs.
type overridesRecord struct {
	File *state.Overrides `json:"file"` // nil: packsync owns none any more
}

// overridesPath is the override file of a pack, or of all packs for
// pack.GlobalOverrides: StackStorm calls it by that name.
func (a *Applier) overridesPath(ref pack.Ref) string {
	return filepath.Join(a.Layout.OverridesDir, string(ref)+".yaml")
}

func recordOverrides(after *plan.Side) *state.Overrides {
	if after == nil || after.OverrideFile == "" {
		return nil
	}
	return &state.Overrides{HMAC: after.OverrideFile}
}
