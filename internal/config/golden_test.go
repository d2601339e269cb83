package config

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/pack"
)

var update = flag.Bool("update", false, "write the golden files")

func TestGoodDeclarations(t *testing.T) {
	for _, path := range glob(t, "testdata/good/*.hcl") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			req, src := fixture(t, path)
			cfg, files, diags := Load(req)
			if diff := gocmp.Diff(expected(src), found(diags)); diff != "" {
				t.Fatalf("diagnostics (-expected +found):\n%s\n%s", diff, rendered(t, files, diags))
			}
			checkPrinting(t, cfg)
			got := strings.ReplaceAll(dump(cfg), cfg.Dir, "DIR")
			got = strings.ReplaceAll(got, filepath.Dir(cfg.Dir), "DIR/..")
			golden := strings.TrimSuffix(path, ".hcl") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(string(want), got); diff != "" {
				t.Errorf("Config (-golden +got):\n%s", diff)
			}
		})
	}
}

// checkPrinting checks that no way of printing a Config shows a secret. What is
// made of file contents is left out: it holds secrets by nature.
func checkPrinting(t *testing.T, c *Config) {
	t.Helper()
	whole := *c
	whole.Inputs = nil
	things := []any{whole}
	for _, p := range c.Packs {
		if p.Config != nil && p.Config.File == "" {
			things = append(things, *p.Config)
		}
	}
	for _, thing := range things {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if strings.Contains(fmt.Sprintf(verb, thing), canary) {
				t.Errorf("printing a %T with %s shows a secret", thing, verb)
			}
		}
	}
}

// dump prints a Config with its secrets revealed and marked: in a test they are
// the point.
func dump(c *Config) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("name %q, dir %s", c.Name, c.Dir)
	h := c.Host
	line("host root %s, packs %s, configs %s, virtualenvs %s, overrides %s", h.Root, h.PacksDir, h.ConfigsDir, h.VirtualenvsDir, h.OverridesDir)
	line("host group %q, config %q:%q, on_drift %q, python %q, version %q", h.Group, h.ConfigUser, h.ConfigGroup, h.OnDrift, h.Python, h.Version)
	overrides := func(indent string, policy NewContent, o *Overrides) {
		if policy != "" {
			line("%snew_content %q", indent, policy)
		}
		if o == nil {
			return
		}
		for _, kind := range slices.Sorted(maps.Keys(o.Kinds)) {
			k, by := o.Kinds[kind], "as shipped"
			if k.Default != nil {
				by = fmt.Sprint(*k.Default)
			}
			line("%soverride %s: default %s, enable %v, disable %v", indent, kind, by, k.Enable, k.Disable)
		}
	}
	overrides("", h.NewContent, h.Overrides)
	r := h.Registration
	line("registration %s, url %q, api_key %s, token %s, ca %q, command %q, conf %q, declared %t", r.Kind, r.URL, reveal(r.APIKey), reveal(r.Token), r.CAFile, r.Command, r.ConfigFile, r.Declared)
	for _, p := range c.BasePaths {
		line("base path %s: %s", p.Name, p.Path)
	}
	for _, i := range c.Indexes {
		line("index %s: %s, optional %t", i.Name, i.URL, i.Optional)
	}
	n := c.Network
	line("network http %s, https %s, no %q, ca %q", reveal(n.HTTPProxy), reveal(n.HTTPSProxy), n.NoProxy, n.CAFile)
	for _, r := range c.Rewrites {
		line("rewrite %q to %q", r.Prefix, r.To)
	}
	for _, k := range c.Credentials {
		line("credentials %s: username %q, token %s, token_file %q, token_env %q, token_command %q, helper %t, key %q, known_hosts %q, ca %q, unknown %t", k.Host, k.Username, reveal(k.Token), k.TokenFile, k.TokenEnv, k.TokenCommand, k.GitHelper, k.SSHKeyFile, k.KnownHostsFile, k.CAFile, k.Unknown)
	}
	for _, p := range c.Packs {
		line("pack %s in %q: short %q, source %s %q, written %q, %s", p.Ref, p.BasePath, p.ShortName, p.Source.Kind, p.Source, p.SourceText, p.Selector)
		line("  virtualenv %t, replace %t, on_drift %q, depends on %v, at %s", p.Virtualenv, p.Replace, p.OnDrift, p.DependsOn, p.Range)
		if l := p.Source.Limits; l != (pack.Limits{}) {
			line("  limits: %d files, %d bytes", l.Files, l.Bytes)
		}
		if p.Python != (Python{}) {
			line("  python: build_user %q, only_binary %t, timeout %s", p.Python.BuildUser, p.Python.OnlyBinary, p.Python.Timeout)
		}
		overrides("  ", p.NewContent, p.Overrides)
		if p.Config != nil {
			line("  config file %q, bytes %q, unknown %t", p.Config.File, p.Config.Bytes, p.Config.Unknown)
			if p.Config.Values != nil {
				line("  config %s", reveal(p.Config.Values))
			}
		}
	}
	if a := c.AutoApprove; a != nil {
		line("auto_approve %v, %d removals, fail_on %q", a.Actions, a.MaxRemovals, a.FailOn)
	}
	for _, a := range c.Accepts {
		line("accept %s pack %s resource %q reason %q until %s", a.ID, a.Pack, a.Resource, a.Reason, a.Until.Format("2006-01-02"))
	}
	for _, i := range c.Inputs {
		line("input %s", i.Path)
	}
	return b.String()
}

// reveal prints a value with its Go types.
func reveal(v any) string {
	switch v := v.(type) {
	case pack.Secret:
		if v.IsZero() {
			return "none"
		}
		return "secret(" + reveal(v.Reveal()) + ")"
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, fmt.Sprintf("\n      %s = %s", key, strings.ReplaceAll(reveal(v[key]), "\n", "\n  ")))
		}
		return "{" + strings.Join(parts, "") + "}"
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, reveal(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return fmt.Sprintf("%q", v)
	case nil:
		return "nil"
	}
	return fmt.Sprintf("%T(%v)", v, v)
}
