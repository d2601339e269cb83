package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// awaitText waits for what a program in the background is bound to write.
func awaitText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await REGEXP FILE")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	ticker, deadline := time.NewTicker(5*time.Millisecond), time.NewTimer(30*time.Second)
	defer ticker.Stop()
	defer deadline.Stop()
	for {
		data, err := os.ReadFile(ts.MkAbs(args[1]))
		if err == nil && want.Match(data) {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			ts.Fatalf("%s does not match %s; it holds\n%s", args[1], args[0], data)
		}
	}
}

// hasTool is the condition [tool:NAME]: an absent tool is an error where nothing
// may be skipped.
func hasTool(name string) (bool, error) {
	_, err := exec.LookPath(name)
	if err != nil && os.Getenv("PACKSYNC_TEST_ALL") == "1" {
		return false, fmt.Errorf("PACKSYNC_TEST_ALL=1 and %s is not installed", name)
	}
	return err == nil, nil
}
