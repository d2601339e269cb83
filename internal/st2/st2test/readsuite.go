package st2test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/st2"
)

// ReadingClient is a client that can also read back.
type ReadingClient interface {
	st2.Client
	st2.Reader
}

// RunReaderSuite tests what every st2.Reader promises. newClient is as for
// RunSuite.
func RunReaderSuite(t *testing.T, newClient func(t *testing.T, w World) ReadingClient) {
	cases := []struct {
		name string
		test func(t *testing.T, w World, client ReadingClient)
	}{
		{"what was registered is read back, of every kind and pack", readsBackAll},
		{"what was never registered is not there", readsBackNothing},
		{"a config is read back with its secrets masked", readsBackConfig},
		{"a pack without a config has none", readsBackNoConfig},
		{"a config that cannot be masked is hidden, and hides no other", readsBackHiddenConfig},
		{"the version is that of the last registration", readsBackVersion},
		{"a cancelled context ends the call", readingEndsWhenCancelled},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := NewWorld(t)
			c.test(t, w, newClient(t, w))
		})
	}
}

func mustRegister(t *testing.T, w World, client st2.Client, refs ...string) {
	t.Helper()
	for _, ref := range refs {
		if _, err := client.Register(t.Context(), w.Request(ref, []string{"all"})); err != nil {
			t.Fatal(err)
		}
	}
}

func readsBackAll(t *testing.T, w World, client ReadingClient) {
	w.AddPack(t, "acme")
	w.AddPack(t, "other")
	w.Write(t, "acme/aliases/a.yaml", "name: acme_alias\naction_ref: acme.hello\nformats: [hello]\n")
	w.Write(t, "acme/policies/p.yaml", "name: acme_policy\nresource_ref: acme.hello\npolicy_type: action.concurrency\n")
	w.Write(t, "acme/sensors/s.yaml", "class_name: AcmeSensor\nentry_point: s.py\ntrigger_types: [{name: seen}]\n")
	mustRegister(t, w, client, "acme", "other")
	got, err := client.ReadBack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if row := got.Packs["acme"]; row.Version != "1.2.3" || row.Path == "" || got.Packs["other"].Ref != "other" {
		t.Errorf("packs %+v", got.Packs)
	}
	want := map[string][]string{
		"triggers": {"acme.seen", "acme.tick"}, "sensors": {"acme.AcmeSensor"}, "actions": {"acme.bye", "acme.hello"},
		"rules": {"acme.r"}, "aliases": {"acme.acme_alias"}, "policies": {"acme.acme_policy"},
	}
	for kind, refs := range want {
		var acme []string
		for _, o := range got.Objects[kind] {
			if o.Pack == "acme" {
				acme = append(acme, o.Ref)
			}
			if o.Ref != string(o.Pack)+"."+o.Name {
				t.Errorf("%s: %+v", kind, o)
			}
		}
		if diff := cmp.Diff(refs, acme); diff != "" {
			t.Errorf("%s:\n%s", kind, diff)
		}
	}
}

func readsBackNothing(t *testing.T, w World, client ReadingClient) {
	w.AddPack(t, "acme")
	got, err := client.ReadBack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if row, there := got.Packs["acme"]; there {
		t.Errorf("%+v", row)
	}
	for kind, objects := range got.Objects {
		for _, o := range objects {
			if o.Pack == "acme" {
				t.Errorf("%s: %+v", kind, o)
			}
		}
	}
}

func readsBackConfig(t *testing.T, w World, client ReadingClient) {
	w.AddPack(t, "acme")
	w.WriteConfig(t, "acme", "port: 9000\ntoken: s3cret\n")
	mustRegister(t, w, client, "acme")
	got, err := client.ReadConfig(t.Context(), "acme")
	want := st2.ReportedConfig{There: true, Values: map[string]any{"port": json.Number("9000"), "token": st2.Masked}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func readsBackNoConfig(t *testing.T, w World, client ReadingClient) {
	w.AddPack(t, "acme")
	mustRegister(t, w, client, "acme")
	for _, ref := range []string{"acme", "nosuch"} {
		got, err := client.ReadConfig(t.Context(), w.Request(ref, nil).Ref)
		if err != nil || got.There {
			t.Errorf("%s: %+v, %v", ref, got, err)
		}
	}
}

func readsBackHiddenConfig(t *testing.T, w World, client ReadingClient) {
	w.AddPack(t, "acme")
	w.WriteConfig(t, "acme", "port: 9000\n")
	w.Write(t, "bare/pack.yaml", PackYAML("bare", "1.0.0"))
	w.WriteConfig(t, "bare", "anything: 1\n")
	mustRegister(t, w, client, "acme", "bare")
	bare, err := client.ReadConfig(t.Context(), "bare")
	if want := (st2.ReportedConfig{There: true, Hidden: true}); err != nil || !cmp.Equal(want, bare) {
		t.Errorf("bare: %+v, %v", bare, err)
	}
	acme, err := client.ReadConfig(t.Context(), "acme")
	if err != nil || !acme.There || acme.Hidden {
		t.Errorf("acme: %+v, %v", acme, err)
	}
}

func readsBackVersion(t *testing.T, w World, client ReadingClient) {
	w.AddPack(t, "acme")
	mustRegister(t, w, client, "acme")
	w.Write(t, "acme/pack.yaml", PackYAML("acme", "2.0.0"))
	got, err := client.ReadBack(t.Context())
	if err != nil || got.Packs["acme"].Version != "1.2.3" {
		t.Errorf("%+v, %v", got.Packs["acme"], err)
	}
}

func readingEndsWhenCancelled(t *testing.T, _ World, client ReadingClient) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.ReadBack(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("read back: %v", err)
	}
	if _, err := client.ReadConfig(ctx, "acme"); !errors.Is(err, context.Canceled) {
		t.Errorf("read config: %v", err)
	}
}
