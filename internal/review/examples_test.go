package review_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/review"
)

// examples are upgrades that happened to real packs, in other words: files before
// and after as they lie in the pack, and what a reviewer has to be told.
var examples = []struct{ name, files, want string }{
	{
		"a patch release adds a required parameter",
		`
-- before/actions/vm_find.yaml --
name: vm_find
runner_type: python-script
entry_point: vm_find.py
parameters:
  name: {type: string, required: true}
-- after/actions/vm_find.yaml --
name: vm_find
runner_type: python-script
entry_point: vm_find.py
parameters:
  name: {type: string, required: true}
  datacenter: {type: string, required: true}
`, `breaking PS-PARAM-REQUIRED action vm_find, parameter datacenter: it is new, has no default, and callers must give it (actions/vm_find.yaml:6)`,
	},
	{
		"a patch release drops an optional parameter",
		`
-- before/actions/put_file.yaml --
name: put_file
runner_type: python-script
entry_point: put.py
parameters:
  path: {type: string, required: true}
  encoding: {type: string, default: utf-8}
-- after/actions/put_file.yaml --
name: put_file
runner_type: python-script
entry_point: put.py
parameters:
  path: {type: string, required: true}
`, `breaking PS-PARAM-REMOVED action put_file, parameter encoding: it is gone; callers must not give it any more (actions/put_file.yaml:6 (before))`,
	},
	{
		"actions and aliases get other names",
		`
-- before/actions/ack_alert.yaml --
name: ack_alert
runner_type: python-script
entry_point: ack.py
parameters: {id: {type: string}}
-- before/aliases/ack_alert.yaml --
name: ack_alert
action_ref: pager.ack_alert
formats: ["ack {{id}}"]
-- after/actions/alert.ack.yaml --
name: alert.ack
runner_type: python-script
entry_point: ack.py
parameters: {id: {type: string}}
-- after/aliases/alert_ack.yaml --
name: alert_ack
action_ref: pager.alert.ack
formats: ["ack {{id}}"]
`, `breaking PS-ACTION-RENAMED action ack_alert: it is called alert.ack now (actions/alert.ack.yaml:1)
caution PS-ALIAS-RENAMED alias ack_alert: it is called alert_ack now, and takes the same words (aliases/alert_ack.yaml:1)
caution PS-ALIAS-CHANGED alias alert_ack: it runs pager.alert.ack instead of pager.ack_alert (aliases/alert_ack.yaml:1)`,
	},
	{
		"one wrapper runs everything, and every name gets a prefix",
		`
-- before/actions/net-list.yaml --
name: net-list
runner_type: python-script
entry_point: wrap.py
parameters: {ep: {type: string, immutable: true, default: net.list}, filter: {type: string}}
-- before/actions/net-show.yaml --
name: net-show
runner_type: python-script
entry_point: wrap.py
parameters: {ep: {type: string, immutable: true, default: net.show}, filter: {type: string}}
-- after/actions/neutron.net.list.yaml --
name: neutron.net.list
runner_type: python-script
entry_point: wrap.py
parameters: {ep: {type: string, immutable: true, default: net.list}, filter: {type: string}}
-- after/actions/neutron.net.show.yaml --
name: neutron.net.show
runner_type: python-script
entry_point: wrap.py
parameters: {ep: {type: string, immutable: true, default: net.show}, filter: {type: string}}
`, `breaking PS-ACTION-RENAMED action net-list: it is called neutron.net.list now (actions/neutron.net.list.yaml:1)
breaking PS-ACTION-RENAMED action net-show: it is called neutron.net.show now (actions/neutron.net.show.yaml:1)`,
	},
	{
		"a release holds YAML that does not parse",
		`
-- before/actions/build.yaml --
name: build
runner_type: python-script
entry_point: build.py
-- after/actions/build.yaml --
name: build
runner_type: "python-script
entry_point: build.py
`, `breaking PS-ACTION-REMOVED action build: it is gone (actions/build.yaml:1 (before))
breaking PS-CONTENT-YAML`,
	},
}

func TestExamples(t *testing.T) {
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) {
			sides := map[string]fstest.MapFS{"before": {}, "after": {}}
			for _, f := range txtar.Parse([]byte(e.files)).Files {
				side, name, _ := strings.Cut(f.Name, "/")
				sides[side][name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
			}
			var inventories []*content.Inventory
			for _, side := range []string{"before", "after"} {
				sides[side]["pack.yaml"] = &fstest.MapFile{Data: []byte("ref: pager\nname: pager\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@example.com\n")}
				for _, script := range []string{"vm_find.py", "put.py", "ack.py", "wrap.py", "build.py"} {
					sides[side]["actions/"+script] = &fstest.MapFile{}
				}
				inv, err := content.Read(sides[side])
				if err != nil {
					t.Fatal(err)
				}
				inventories = append(inventories, inv)
			}
			var got []string
			for _, c := range review.Compare(inventories[0], inventories[1]) {
				if c.ID == review.VersionSame {
					continue // the fixtures share one pack.yaml
				}
				f := c.Finding()
				got = append(got, string(f.Grade)+" "+f.ID+" "+f.Resource+": "+f.Message+" ("+strings.Join(f.At, ", ")+")")
				if strings.HasPrefix(f.ID, "PS-CONTENT") { // the words are those of package content
					got[len(got)-1] = string(f.Grade) + " " + f.ID
				}
			}
			if diff := cmp.Diff(strings.Split(e.want, "\n"), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
