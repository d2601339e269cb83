package st2test

import (
	"os"
	"path/filepath"
	"testing"
)

const goodSchema = `url: {description: Base URL, type: string, required: true}
token: {description: Token, type: string, secret: true, required: false}
port: {type: integer, default: 8080}
level: {type: string, enum: [low, high], default: low}
nested:
  type: object
  properties:
    user: {type: string, required: true}
    password: {type: string, secret: true}
`

const goodConfig = `url: https://example.com
token: s3cr3t
port: 9000
nested: {user: bob, password: hunter2}
`

// writeFixtures writes packs like those that the recordings were made with.
func writeFixtures(t *testing.T, w World) {
	for _, ref := range []string{"pk_good", "pk_noschema", "pk_badyaml", "pk_badrunner", "core"} {
		w.Write(t, ref+"/pack.yaml", PackYAML(ref, "1.2.3"))
		w.Write(t, ref+"/actions/hello.yaml", ActionYAML("hello"))
		w.Write(t, ref+"/actions/bye.yaml", ActionYAML("bye"))
		w.Write(t, ref+"/rules/r1.yaml", "name: r1\ntrigger: {type: core.st2.webhook, parameters: {url: "+ref+"}}\naction: {ref: "+ref+".hello}\n")
	}
	w.Write(t, "pk_good/config.schema.yaml", goodSchema)
	w.WriteConfig(t, "pk_good", goodConfig)
	w.WriteConfig(t, "pk_noschema", "a: 1\n")
	w.Write(t, "pk_badyaml/actions/broken.yaml", "---\nname: broken\ndescriptio: x: y\n")
	w.Write(t, "pk_badrunner/actions/broken.yaml", "name: broken\nrunner_type: no-such-runner\n")
	w.Write(t, "pk_badmeta/pack.yaml", PackYAML("pk_badmeta", "1.2"))
	w.Write(t, "pk_nometa/actions/hello.yaml", ActionYAML("hello"))
	writePurge1(t, w)
}

func writePurge1(t *testing.T, w World) {
	w.Write(t, "pk_purge/pack.yaml", PackYAML("pk_purge", "1.0.0"))
	for _, name := range []string{"echo", "script", "shared", "oldname"} {
		w.Write(t, "pk_purge/actions/"+name+".yaml", ActionYAML(name))
	}
	w.Write(t, "pk_purge/triggers/tick.yaml", "name: tick\ndescription: a tick\npayload_schema: {type: object}\n")
	w.Write(t, "pk_purge/rules/on_hook.yaml", "name: on_hook\nenabled: true\ntrigger: {type: core.st2.webhook, parameters: {url: pk_purge}}\naction: {ref: pk_purge.echo}\n")
	w.Write(t, "pk_purge/rules/on_tick.yaml", "name: on_tick\ntrigger: {type: pk_purge.tick}\naction: {ref: pk_purge.script}\n")
	w.Write(t, "pk_purge/aliases/echo.yaml", "name: pk_purge_echo\naction_ref: pk_purge.echo\nformats: [\"purge echo {{ message }}\"]\n")
	w.Write(t, "pk_purge/aliases/script.yaml", "name: pk_purge_script\naction_ref: pk_purge.script\nformats: [purge script]\n")
	w.Write(t, "pk_purge/policies/echo_concurrency.yaml", "name: echo_concurrency\nresource_ref: pk_purge.echo\npolicy_type: action.concurrency\nparameters: {threshold: 2}\n")
	w.Write(t, "pk_purge/sensors/purge_sensor.yaml", "class_name: PurgeSensor\nentry_point: purge_sensor.py\npoll_interval: 30\ntrigger_types: [{name: seen, description: something was seen}]\n")
	w.Write(t, "pk_purge/config.schema.yaml", "level: {type: string}\n")
	w.WriteConfig(t, "pk_purge", "level: low\n")
	w.Write(t, "pk_user/pack.yaml", PackYAML("pk_user", "1.0.0"))
	w.Write(t, "pk_user/rules/user_tick.yaml", "name: user_tick\nenabled: true\ntrigger: {type: pk_purge.tick}\naction: {ref: pk_purge.shared}\n")
	w.Write(t, "pk_user/aliases/shared.yaml", "name: pk_user_shared\naction_ref: pk_purge.shared\nformats: [use shared]\n")
}

// writePurge2 makes pk_purge the version that drops and renames things.
func (st *stage) writePurge2() {
	st.w.Write(st.t, "pk_purge/pack.yaml", PackYAML("pk_purge", "2.0.0"))
	for _, name := range []string{"actions/script.yaml", "actions/oldname.yaml", "rules/on_tick.yaml", "aliases/script.yaml",
		"policies/echo_concurrency.yaml", "sensors/purge_sensor.yaml", "triggers/tick.yaml"} {
		if err := os.Remove(filepath.Join(st.w.Packs, "pk_purge", name)); err != nil {
			st.t.Fatal(err)
		}
	}
	st.w.Write(st.t, "pk_purge/actions/newname.yaml", ActionYAML("newname"))
}
