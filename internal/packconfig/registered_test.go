package packconfig_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/packconfig"
)

func TestDiffRegistered(t *testing.T) {
	cases := []struct {
		name, file, registered string
		want                   string // changes, a line each
	}{
		{"the same", "port: 8080\nurl: https://x\non: yes\nratio: 0.5\nlist: [1, two, {a: b}]\n", `{"port": 8080, "url": "https://x", "True": true, "ratio": 0.5, "list": [1, "two", {"a": "b"}]}`, ""},
		{"a secret is masked, at any depth", "token: s3cret\nnested: {password: p, user: bob}\nkeys: [a, b]\n", `{"token": "********", "nested": {"password": "********", "user": "bob"}, "keys": "********"}`, ""},
		{"another value", "port: 8080\n", `{"port": 9000}`, "port changed"},
		{"another type", "port: 8080\nflag: true\n", `{"port": "8080", "flag": "true"}`, "flag changed\nport changed"},
		{"a whole number is no fraction", "port: 1\n", `{"port": 1.0}`, "port changed"},
		{"a fraction however it is written", "a: 1.0\nb: 1.5e+3\n", `{"a": 1.0, "b": 1500.0}`, ""},
		{"a number beyond 64 bits", "n: 123456789012345678901234567890\n", `{"n": 123456789012345678901234567890}`, ""},
		{"numbers that JSON lacks", "a: .nan\nb: .inf\n", `{"a": null, "b": null}`, ""},
		{"a date is text", "day: 2020-01-01\n", `{"day": "2020-01-01"}`, ""},
		{"a time is text in StackStorm's own form", "at: 2001-12-14t21:59:43.10-05:00\n", `{"at": "2001-12-14T21:59:43.100000-05:00"}`, ""},
		{"null", "a:\nb: ~\n", `{"a": null, "b": 0}`, "b changed"},
		{"keys come and go", "a: 1\nnested: {b: 2}\n", `{"old": 1, "nested": {"c": 3}}`, "a added\nnested.b added\nnested.c removed\nold removed"},
		{"a secret comes", "token: s3cret\n", `{}`, "token added"},
		{"a list of another length", "l: [1, 2]\n", `{"l": [1]}`, "l changed"},
		{"a list with another element", "l: [1, 2]\n", `{"l": [1, 3]}`, "l.1 changed"},
		{"a mapping instead of text", "a: {b: 1}\n", `{"a": "b"}`, "a changed"},
		{"an empty file", "", `{}`, ""},
		{"an empty file where values were", "# nothing\n", `{"a": 1}`, "a removed"},
		{"a list as the file", "- a\n", `{"a": 1}`, "the file changed"},
		{"a strange key", "a.b: 1\n", `{"a.b": 2}`, `"a.b" changed`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			decoder := json.NewDecoder(strings.NewReader(c.registered))
			decoder.UseNumber()
			registered := packconfig.Registered{Mask: "********"}
			if err := decoder.Decode(&registered.Values); err != nil {
				t.Fatal(err)
			}
			changes, err := packconfig.DiffRegistered([]byte(c.file), registered)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, change := range changes {
				got = append(got, change.String())
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDiffRegisteredOfAFileThatCannotBeRead(t *testing.T) {
	if _, err := packconfig.DiffRegistered([]byte("a: [b\n"), packconfig.Registered{}); err == nil {
		t.Error("unreadable is not empty")
	}
}
