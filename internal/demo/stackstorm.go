package main

import (
	"fmt"
	"path/filepath"

	"github.com/packsync/packsync/internal/st2/st2test"
)

// apiKey is what the double wants to see; like the password it may appear nowhere.
const apiKey = "demo-api-key-2f1c"

// stackstorm is the double of a StackStorm that reads packs below a root.
type stackstorm struct {
	server *st2test.Server
	url    string
	stop   func()
}

func startStackStorm(root string) (*stackstorm, error) {
	server := st2test.New(st2test.Options{
		BasePaths:  []string{filepath.Join(root, "packs"), filepath.Join(root, "team")},
		ConfigsDir: filepath.Join(root, "configs"), OverridesDir: filepath.Join(root, "overrides"),
		APIKey: apiKey,
	})
	url, stop, err := server.Listen()
	if err != nil {
		return nil, fmt.Errorf("start the StackStorm double: %w", err)
	}
	return &stackstorm{server: server, url: url, stop: stop}, nil
}

func (s *stackstorm) close() { s.stop() }

// forget forgets the calls so far.
func (s *stackstorm) forget() { s.server.Forget() }

// mutations lists the calls since forget that change something.
func (s *stackstorm) mutations() (lines []string) {
	for _, call := range s.server.Calls() {
		if call.Method != "GET" {
			lines = append(lines, call.Method+" "+call.Path+" "+call.Body)
		}
	}
	return lines
}

// calls counts the calls since forget.
func (s *stackstorm) calls() int { return len(s.server.Calls()) }
