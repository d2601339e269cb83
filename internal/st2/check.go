package st2

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
)

// Checker tells whether StackStorm could be told something now. All clients but
// none are one. Nothing is changed, and nothing is tried again.
type Checker interface {
	// Check returns what it found, as a clause, or why StackStorm cannot be told.
	Check(ctx context.Context) (string, error)
}

// Check implements Checker: a list that needs the right to see packs.
func (a *api) Check(ctx context.Context) (string, error) {
	_, _, err := a.send(ctx, call{op: "ask StackStorm for its packs", method: http.MethodGet, path: "/packs?limit=1&include_attributes=ref"})
	if err != nil {
		return "", err
	}
	return "the API at " + a.URL + " answers and knows us", nil
}

// Check implements Checker: the command is there, and so is its configuration.
func (c *command) Check(context.Context) (string, error) {
	if c.ConfigFile != "" {
		f, err := os.Open(c.ConfigFile)
		if err != nil {
			return "", fmt.Errorf("read the configuration of st2-register-content: %w: set config_file in registration \"command\"", err)
		}
		if err := f.Close(); err != nil {
			return "", err
		}
	}
	if len(c.Argv) == 0 {
		path, err := findCommand()
		if err != nil {
			return "", fmt.Errorf("%w: install StackStorm's packages, or set command in registration \"command\"", err)
		}
		return path + " is there", nil
	}
	path, err := exec.LookPath(c.Argv[0])
	if err != nil {
		return "", fmt.Errorf("find the command of registration \"command\": %w", err)
	}
	return path + " is there", nil
}
