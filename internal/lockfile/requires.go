package lockfile

import (
	"maps"
	"slices"

	"github.com/packsync/packsync/internal/pack"
)

// RequiredBy says which packs in the lock require each other: by name, by the
// address of a pack that is locked, or by the name that StackStorm takes from an
// address. What plain directories require does not stand in a lock.
func (f *File) RequiredBy() map[pack.Ref][]pack.Ref {
	byAddress := map[string]pack.Ref{}
	for _, ref := range slices.Sorted(maps.Keys(f.Packs)) {
		if e := f.Packs[ref]; !e.IsDir() && e.Subdir == "" && byAddress[e.Source] == "" {
			byAddress[e.Source] = ref
		}
	}
	out := map[pack.Ref][]pack.Ref{}
	for _, by := range slices.Sorted(maps.Keys(f.Packs)) {
		for _, text := range f.Packs[by].Requires {
			d, err := pack.ParseDependency(text)
			if err != nil {
				continue // resolving says what is wrong with it
			}
			targets := d.Names()
			if known, is := byAddress[d.Source.URL]; is {
				targets = []pack.Ref{known}
			}
			for _, target := range targets {
				if _, locked := f.Packs[target]; locked && target != by && !slices.Contains(out[target], by) {
					out[target] = append(out[target], by)
					break
				}
			}
		}
	}
	return out
}
