package st2test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/st2"
)

// World is the disk that a client's StackStorm sees.
type World struct {
	Packs   string // a base path
	Configs string
}

// NewWorld makes an empty world for a test.
func NewWorld(t testing.TB) World {
	t.Helper()
	dir := t.TempDir()
	w := World{filepath.Join(dir, "packs"), filepath.Join(dir, "configs")}
	for _, d := range []string{w.Packs, w.Configs} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// Write puts a file below the world's directory of packs ("acme/pack.yaml").
func (w World) Write(t testing.TB, name, text string) {
	t.Helper()
	write(t, filepath.Join(w.Packs, filepath.FromSlash(name)), text)
}

// WriteConfig puts a config file.
func (w World) WriteConfig(t testing.TB, ref, text string) {
	t.Helper()
	write(t, filepath.Join(w.Configs, ref+".yaml"), text)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// PackYAML is a pack.yaml that StackStorm registers.
func PackYAML(ref, version string) string {
	return "ref: " + ref + "\nname: " + ref + "\ndescription: pack " + ref + "\nversion: " + version +
		"\nauthor: Someone\nemail: someone@example.com\npython_versions: [\"3\"]\n"
}

// ActionYAML is an action that StackStorm registers.
func ActionYAML(name string) string {
	return "name: " + name + "\nrunner_type: local-shell-cmd\nparameters:\n  cmd:\n    default: echo " + name + "\n"
}

// AddPack writes the pack of the suite: two actions, a rule on a trigger of its
// own, and a config schema.
func (w World) AddPack(t testing.TB, ref string) st2.Request {
	t.Helper()
	w.Write(t, ref+"/pack.yaml", PackYAML(ref, "1.2.3"))
	w.Write(t, ref+"/actions/hello.yaml", ActionYAML("hello"))
	w.Write(t, ref+"/actions/bye.yaml", ActionYAML("bye"))
	w.Write(t, ref+"/triggers/tick.yaml", "name: tick\ndescription: a tick\n")
	w.Write(t, ref+"/rules/r.yaml", "name: r\nenabled: true\ntrigger:\n  type: "+ref+".tick\naction:\n  ref: "+ref+".hello\n")
	w.Write(t, ref+"/config.schema.yaml", "port:\n  type: integer\n  default: 8080\ntoken:\n  type: string\n  secret: true\n")
	return w.Request(ref, []string{"all"}, "actions", "rules", "triggers")
}

// Request is a request for a pack of this world.
func (w World) Request(ref string, types []string, due ...string) st2.Request {
	return st2.Request{Ref: pack.Ref(ref), Dir: filepath.Join(w.Packs, ref), Types: types, Due: due}
}

// RunSuite tests what every st2.Client promises. newClient returns a client for
// a StackStorm that sees the world; it is called once for each test. What a kind
// of client cannot do, because it only tells or is told nothing, is left out.
func RunSuite(t *testing.T, newClient func(t *testing.T, w World) st2.Client) {
	cases := []struct {
		name string
		test func(t *testing.T, w World, client st2.Client)
	}{
		{"a pack registers, again and again", registersAgain},
		{"one type registers", registersConfigsOnly},
		{"a pack without actions registers", registersWithoutActions},
		{"a pack that is not there is refused", refusesAbsentPack},
		{"a broken action is refused with its file", refusesBrokenAction},
		{"an invalid config is refused without its values", refusesInvalidConfig},
		{"what is due and not counted is a failure", refusesMissingCount},
		{"a cancelled context ends the call", endsWhenCancelled},
		{"an unregistered pack is gone or named", unregisters},
		{"an unknown pack is unregistered without error", unregistersUnknown},
		{"packs of StackStorm itself are never unregistered", refusesSystemPacks},
		{"what a new version lacks is purged, or refused", purges},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := NewWorld(t)
			c.test(t, w, newClient(t, w))
		})
	}
}

func registersAgain(t *testing.T, w World, client st2.Client) {
	req := w.AddPack(t, "acme")
	for range 2 {
		out, err := client.Register(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if client.Kind() != "none" && (out.Counts["actions"] != 2 || out.Counts["rules"] != 1) {
			t.Errorf("counted %v", out.Counts)
		}
	}
}

func registersConfigsOnly(t *testing.T, w World, client st2.Client) {
	w.AddPack(t, "acme")
	w.WriteConfig(t, "acme", "port: 9000\n")
	out, err := client.Register(t.Context(), w.Request("acme", []string{"configs"}, "configs"))
	if err != nil {
		t.Fatal(err)
	}
	if client.Kind() != "none" && (out.Counts["configs"] != 1 || out.Counts["actions"] != 0) {
		t.Errorf("counted %v", out.Counts)
	}
}

func registersWithoutActions(t *testing.T, w World, client st2.Client) {
	w.Write(t, "bare/pack.yaml", PackYAML("bare", "1.0.0"))
	w.Write(t, "bare/triggers/tick.yaml", "name: tick\n")
	if _, err := client.Register(t.Context(), w.Request("bare", []string{"all"}, "triggers")); err != nil {
		t.Error(err)
	}
}

func refusesAbsentPack(t *testing.T, w World, client st2.Client) {
	_, err := client.Register(t.Context(), w.Request("nosuch", []string{"all"}))
	e := refusalOf(t, client, err)
	if e != nil && (!strings.Contains(e.Text, "nosuch") || e.Hint == "") {
		t.Errorf("text %q, hint %q", e.Text, e.Hint)
	}
}

func refusesBrokenAction(t *testing.T, w World, client st2.Client) {
	req := w.AddPack(t, "acme")
	w.Write(t, "acme/actions/broken.yaml", "name: broken\nrunner_type: noop\na: b: c\n")
	_, err := client.Register(t.Context(), req)
	if e := refusalOf(t, client, err); e != nil && !strings.Contains(e.Text, "broken.yaml") {
		t.Errorf("text %q", e.Text)
	}
}

func refusesInvalidConfig(t *testing.T, w World, client st2.Client) {
	w.AddPack(t, "acme")
	w.WriteConfig(t, "acme", "port: BROKEN\ntoken: s3cret\n")
	_, err := client.Register(t.Context(), w.Request("acme", []string{"configs"}, "configs"))
	e := refusalOf(t, client, err)
	if e == nil {
		return
	}
	if e.Hint == "" || e.Attempts != 1 {
		t.Errorf("hint %q after %d attempts: trying again does not mend a config", e.Hint, e.Attempts)
	}
	if all := e.Error() + e.Hint; strings.Contains(all, "BROKEN") || strings.Contains(all, "s3cret") {
		t.Errorf("the error shows a value of the config: %s", all)
	}
}

func refusesMissingCount(t *testing.T, w World, client st2.Client) {
	w.AddPack(t, "acme")
	_, err := client.Register(t.Context(), w.Request("acme", []string{"configs"}, "configs"))
	if e := refusalOf(t, client, err); e != nil && !strings.Contains(e.Text, "no configs") {
		t.Errorf("text %q", e.Text)
	}
}

func endsWhenCancelled(t *testing.T, w World, client st2.Client) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := w.AddPack(t, "acme")
	if _, err := client.Register(ctx, req); !errors.Is(err, context.Canceled) {
		t.Errorf("register: %v", err)
	}
	if _, err := client.Unregister(ctx, req.Ref); !errors.Is(err, context.Canceled) {
		t.Errorf("unregister: %v", err)
	}
}

func unregisters(t *testing.T, w World, client st2.Client) {
	req := w.AddPack(t, "acme")
	if _, err := client.Register(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	out, err := client.Unregister(t.Context(), req.Ref)
	if err != nil {
		t.Fatal(err)
	}
	left := strings.Join(out.Left, "\n")
	if client.Kind() == "api" && left != "" {
		t.Errorf("left: %s", left)
	}
	if client.Kind() != "api" && !strings.Contains(left, "st2 run packs.unload packs=acme") {
		t.Errorf("left without saying how to remove it: %s", left)
	}
}

func unregistersUnknown(t *testing.T, _ World, client st2.Client) {
	if _, err := client.Unregister(t.Context(), "nosuch"); err != nil {
		t.Error(err)
	}
}

func refusesSystemPacks(t *testing.T, _ World, client st2.Client) {
	for _, ref := range []pack.Ref{"core", "packs", "linux", "chatops", "default"} {
		var e *st2.Error
		if _, err := client.Unregister(t.Context(), ref); !errors.As(err, &e) {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func purges(t *testing.T, w World, client st2.Client) {
	req := w.AddPack(t, "acme")
	if _, err := client.Register(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	bye := []pack.Object{{Kind: pack.KindAction, Ref: "acme.bye"}}
	done, err := client.Purge(t.Context(), req.Ref, bye)
	unloaded := client.Unload(t.Context(), req.Ref)
	if client.Kind() == "api" {
		if err != nil || len(done.Deleted) != 1 || unloaded != nil {
			t.Errorf("purged %v, %v; unloaded: %v", done, err, unloaded)
		}
		return
	}
	var e *st2.Error
	if !errors.As(err, &e) || !errors.As(unloaded, &e) {
		t.Errorf("what it cannot do passes for done: %v, %v", err, unloaded)
	}
	if rules, err := client.RulesOn(t.Context(), req.Ref); len(rules) > 0 || err != nil {
		t.Errorf("%v, %v", rules, err)
	}
}

// refusalOf returns the *st2.Error that a client must give; nil for the client
// that is told nothing, which succeeds.
func refusalOf(t *testing.T, client st2.Client, err error) *st2.Error {
	t.Helper()
	if client.Kind() == "none" {
		if err != nil {
			t.Errorf("none must succeed: %v", err)
		}
		return nil
	}
	var e *st2.Error
	if !errors.As(err, &e) {
		t.Fatalf("want a *st2.Error, got %v", err)
	}
	if !strings.HasPrefix(e.Op, "register ") {
		t.Errorf("op %q", e.Op)
	}
	return e
}
