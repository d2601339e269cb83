package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// agree runs a command for people and for programs, from the same state of a
// directory, and holds together what both say: the exit code, the first sentence,
// the counts in it, and the digest. The digest is remembered in $DIGEST, and has to
// be the one that is remembered already unless that is empty.
func agree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: agree DIR CODE packsync ARG…")
	}
	dir, code, command := ts.MkAbs(args[0]), args[1], args[2:]
	saved := ts.MkAbs(".agree")
	run := func(name string, arg ...string) {
		out, err := exec.Command(name, arg...).CombinedOutput()
		if err != nil {
			ts.Fatalf("%s %v: %v\n%s", name, arg, err, out)
		}
	}
	run("cp", "-a", dir, saved)
	exit(ts, false, append([]string{code}, command...))
	text := ts.ReadFile("stdout")
	run("rm", "-rf", dir)
	run("mv", saved, dir)
	exit(ts, false, append([]string{code}, append(command, "--json")...))
	var document struct {
		Msg     string
		Exit    int
		Failed  bool
		Digest  string
		Summary map[string]int
		Review  map[string]int
		Changes []struct {
			Action   string
			Findings []struct{ Severity string }
		}
	}
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &document); err != nil {
		ts.Fatalf("the JSON cannot be read: %v", err)
	}
	sentence, _, _ := strings.Cut(text, "\n")
	if fmt.Sprint(document.Exit) != code || document.Failed != (code != "0" && code != "2") {
		ts.Fatalf("the exit code is %s, and the JSON says exit %d, failed %t", code, document.Exit, document.Failed)
	}
	if !document.Failed && !strings.Contains(text, document.Msg) {
		ts.Fatalf("the JSON says %q, and the text begins with %q", document.Msg, sentence)
	}
	quiet := strings.HasPrefix(sentence, "Nothing to do") // then the digest is for programs
	if document.Digest == "" || !quiet && !strings.Contains(text, document.Digest) {
		ts.Fatalf("the digest %q of the JSON does not stand in the text", document.Digest)
	}
	if known := os.Expand("$DIGEST", ts.Getenv); known != "" && known != document.Digest {
		ts.Fatalf("the digest is %s, and was %s", document.Digest, known)
	}
	ts.Setenv("DIGEST", document.Digest)
	counts := map[string]int{}
	for action, n := range document.Summary {
		if n > 0 && action != "unchanged" {
			counts[`\b`+fmt.Sprint(n)+` to `+action+`\b`] = n
		}
	}
	for grade, words := range map[string]string{"breaking": "breaking change", "caution": "changes? to be looked at", "accepted": "accepted"} {
		if n := document.Review[grade]; n > 0 {
			counts[`\b`+fmt.Sprint(n)+` `+words] = n
		}
	}
	for pattern := range counts {
		if !regexp.MustCompile(pattern).MatchString(sentence) {
			ts.Fatalf("the JSON counts %s, and the sentence is %q", pattern, sentence)
		}
	}
	byAction := map[string]int{}
	for _, c := range document.Changes {
		byAction[c.Action]++
	}
	for action, n := range byAction {
		if document.Summary[action] != n {
			ts.Fatalf("the JSON lists %d times %s, and counts %d", n, action, document.Summary[action])
		}
	}
}
