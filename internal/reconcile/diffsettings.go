package reconcile

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/override"
)

// settings names what differs outside of packs, by block and argument, without
// values: they may be secret. Where there was no declaration nothing is listed.
func (b *baseSide) settings(after *config.Config) []string {
	before := b.cfg
	out := []string{}
	if before.Dir == "" {
		return out
	}
	out = append(out, differing("stackstorm", hostWithoutRegistration(before.Host), hostWithoutRegistration(after.Host))...)
	for _, block := range []struct {
		name          string
		before, after any
	}{
		{"packsync: name", before.Name, after.Name},
		{"registration", before.Host.Registration, after.Host.Registration},
		{"base_path", before.BasePaths, after.BasePaths},
		{"index", before.Indexes, after.Indexes},
		{"network", before.Network, after.Network},
		{"rewrite", before.Rewrites, after.Rewrites},
		{"credentials", withoutPlaces(before.Credentials), withoutPlaces(after.Credentials)},
		{"auto_approve", before.AutoApprove, after.AutoApprove},
		{"accept", acceptTexts(before.Accepts), acceptTexts(after.Accepts)},
	} {
		if !reflect.DeepEqual(block.before, block.after) {
			out = append(out, block.name)
		}
	}
	for _, change := range overrideChanges(before.Host.Overrides, after.Host.Overrides) {
		out = append(out, "stackstorm: "+change)
	}
	return out
}

// hostWithoutRegistration leaves out what is compared in another way.
func hostWithoutRegistration(h config.Host) config.Host {
	h.Registration, h.Overrides = config.Registration{}, nil
	return h
}

// overrideChanges says what differs between two overrides blocks.
func overrideChanges(was, is *config.Overrides) (out []string) {
	for _, change := range override.Diff(declaredOverrides(was), declaredOverrides(is)) {
		out = append(out, "overrides: "+change)
	}
	return out
}

// arguments are how packs.hcl calls the fields of a Host.
var arguments = map[string]string{
	"Root": "root", "PacksDir": "packs_dir", "ConfigsDir": "configs_dir", "VirtualenvsDir": "virtualenvs_dir", "OverridesDir": "overrides_dir",
	"Group": "group", "ConfigUser": "config_user", "ConfigGroup": "config_group", "OnDrift": "on_drift", "Mode": "mode", "Keep": "keep", "Python": "python",
	"NewContent": "new_content", "Version": "version", "Purge": "purge",
}

func differing(block string, before, after config.Host) (out []string) {
	x, y := reflect.ValueOf(before), reflect.ValueOf(after)
	for i := range x.NumField() {
		if !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			name := x.Type().Field(i).Name
			if argument, ok := arguments[name]; ok {
				name = argument
			}
			out = append(out, block+": "+name)
		}
	}
	return out
}

func withoutPlaces(credentials []config.Credential) []config.Credential {
	out := slices.Clone(credentials)
	for i := range out {
		out[i].Range = config.Credential{}.Range
	}
	return out
}

func acceptTexts(accepts []config.Accept) (out []string) {
	for _, a := range accepts {
		out = append(out, fmt.Sprintf("%s %s %s %s %s", a.ID, a.Pack, a.Resource, a.Reason, a.Until))
	}
	return out
}
