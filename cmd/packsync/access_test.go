package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/testenv"
)

// TestAccess runs testdata/access/*.txtar: ways to sources, around them, and
// without them. To the commands of TestScript and TestExamples it adds
//
//	site DIR                    serve the files of DIR over http; sets $SITE
//	proxy USER PASSWORD         start a proxy that wants this login, looks into TLS, and takes every
//	                            name for an https git server that wants x-access-token and the
//	                            password "very-secret-token": $PROXY is its host, $PROXY_CA a file
//	proxied N                   want exactly N requests through the proxy since the last
//	isolated CODE packsync ARG… exit, in a network namespace that has not even the loopback
func TestAccess(t *testing.T) {
	testenv.Need(t, "git")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/access",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Condition: func(name string) (bool, error) {
			all := os.Getenv("PACKSYNC_TEST_ALL") == "1" // the command fails instead
			switch name {
			case "venv":
				return canBuildVenvs()
			case "isolated":
				return all || exec.Command("unshare", "--net", "true").Run() == nil, nil
			case "sshd":
				_, err := os.Stat("/usr/sbin/sshd")
				return all || err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"commit": commit, "branch": branch, "exit": exit, "fail": fail, "requests": requests, "remember": remember, "untouched": untouched,
			"sshd": sshd, "https": https, "site": site, "isolated": isolated,
			"proxy": proxy, "proxied": proxied, "pypi": pypi,
		},
	})
}

func site(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: site DIR")
	}
	server := gittest.StartHandler(http.FileServer(http.Dir(ts.MkAbs(args[0]))), false)
	ts.Defer(server.Close)
	ts.Setenv("SITE", server.URL)
	ts.Setenv("PACKSYNC_VAR_site", server.URL)
}

func proxy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: proxy USER PASSWORD")
	}
	server, err := gittest.StartHTTP(worldOf(ts).repos, true)
	ts.Check(err)
	ts.Defer(server.Close)
	server.Configure(gittest.Settings{User: "x-access-token", Password: "very-secret-token"})
	p, err := gittest.StartProxy(args[0], args[1], server, false)
	ts.Check(err)
	ts.Defer(p.Close)
	worldOf(ts).proxy = p
	ts.Setenv("PROXY", strings.TrimPrefix(p.URL, "http://"))
	ts.Setenv("PROXY_CA", ts.MkAbs("proxy-ca.pem"))
	ts.Check(os.WriteFile(ts.MkAbs("proxy-ca.pem"), p.CA, 0o644))
}

func proxied(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: proxied N")
	}
	if all := worldOf(ts).proxy.Requests(); fmt.Sprint(len(all)) != args[0] {
		ts.Fatalf("%d requests through the proxy, want %s: %v", len(all), args[0], all)
	}
}

func isolated(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: isolated CODE packsync ARG…")
	}
	exit(ts, false, append([]string{args[0], "unshare", "--net"}, args[1:]...))
}
