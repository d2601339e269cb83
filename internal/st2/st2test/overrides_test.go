package st2test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/testenv"
)

// overridden is what a recording about override files has besides others: the files,
// and what was enabled afterwards.
type overridden struct {
	recording
	OverrideFiles map[string]string          `json:"override_files"`
	After         map[string]json.RawMessage `json:"db_after"`
}

// TestTheDoubleOverridesAsRecorded plays the recordings about override files: the
// counts are the same, and afterwards the same is enabled.
func TestTheDoubleOverridesAsRecorded(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testenv.Shared(t), "stackstorm", "recorded", "purge-1[5-7]?-override-*.json"))
	if err != nil || len(files) < 24 {
		t.Fatalf("%d recordings about overrides: %v", len(files), err)
	}
	loose := map[string]bool{ // they quote a parser, or a whole schema
		"purge-168-override-string-value": true, "purge-169-override-string-rules": true, "purge-173-override-bad-yaml": true,
	}
	w := NewWorld(t)
	writeFixtures(t, w)
	for _, file := range files {
		name := filepath.Base(file[:len(file)-len(".json")])
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var rec overridden
			if err := json.Unmarshal(data, &rec); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			st := &stage{t: t, w: w, server: New(Options{BasePaths: []string{w.Packs}, ConfigsDir: w.Configs, OverridesDir: dir})}
			st.prepare("v1")
			for name, text := range rec.OverrideFiles {
				if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			st.play(replay{loose: loose[name]}, rec.recording)
			if rec.Result.Status != 200 {
				return
			}
			st.sameCounts(rec)
			if _, selected := body(t, rec)["types"]; selected { // other kinds keep what they had, which was another recording's
				return
			}
			st.sameEnabled(rec)
		})
	}
}

func body(t *testing.T, rec overridden) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(rec.Result.Request.Body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// sameCounts plays once more, for the numbers.
func (st *stage) sameCounts(rec overridden) {
	st.t.Helper()
	_, answer := st.send("POST", "/v1/packs/register", string(rec.Result.Request.Body), nil)
	var want, got map[string]int
	if err := json.Unmarshal(rec.Result.Body, &want); err != nil {
		st.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		st.t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		st.t.Errorf("counts (-recorded +double):\n%s", diff)
	}
}

func (st *stage) sameEnabled(rec overridden) {
	st.t.Helper()
	compared := 0
	for collection, rows := range map[string]string{"actions": "actions", "rules": "rules", "aliases": "actionalias", "sensortypes": "sensortypes"} {
		var recorded map[string]struct{ Enabled bool }
		if err := json.Unmarshal(rec.After[collection], &recorded); err != nil {
			st.t.Fatal(err)
		}
		for ref, want := range recorded {
			d := st.server.store.find(rows, ref)
			if d == nil || d.text("pack") != "pk_purge" { // left over from recordings before
				continue
			}
			compared++
			if d["enabled"] != want.Enabled {
				st.t.Errorf("%s %s: enabled is %v, recorded %v", collection, ref, d["enabled"], want.Enabled)
			}
		}
	}
	if compared < 8 {
		st.t.Errorf("only %d objects compared", compared)
	}
}
