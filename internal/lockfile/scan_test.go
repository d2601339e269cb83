package lockfile

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// Walking by hand finds the keys and values that encoding/json finds.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{`{}`, ` { "a" : [1, {"b": "}]\""}, null ] , "\\\"" : -1.5E+3 , "c":{} } `, `{"a":1,"a":2}`, `{"\u00e4":true}`, `[[], "x,y", {"a":[]}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !utf8.Valid(data) || !json.Valid(data) {
			return
		}
		at := skipSpace(data, 0)
		switch data[at] {
		case '{':
			var want map[string]json.RawMessage
			if err := json.Unmarshal(data, &want); err != nil {
				return // keys that are no text
			}
			got := map[string]json.RawMessage{}
			for _, m := range scanMembers(data, at) {
				if data[m.at] != '"' || !bytes.HasPrefix(data[m.rawAt:], m.raw) {
					t.Fatalf("%q stands elsewhere", m.key)
				}
				got[m.key] = m.raw
			}
			if len(got) != len(want) {
				t.Fatalf("%d keys, want %d", len(got), len(want))
			}
			for key, raw := range want {
				if !bytes.Equal(got[key], raw) {
					t.Fatalf("%q is %s, want %s", key, got[key], raw)
				}
			}
		case '[':
			var want []json.RawMessage
			if err := json.Unmarshal(data, &want); err != nil {
				return
			}
			got := scanItems(data, at)
			if len(got) != len(want) {
				t.Fatalf("%d items, want %d", len(got), len(want))
			}
			for i := range want {
				if !bytes.Equal(got[i].raw, want[i]) {
					t.Fatalf("item %d is %s, want %s", i, got[i].raw, want[i])
				}
			}
		}
	})
}
