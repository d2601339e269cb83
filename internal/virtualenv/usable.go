package virtualenv

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"
	"time"
)

//go:embed usable.py
var usableScript string

// Usable tells whether virtualenvs could be built: with which interpreter, or why
// not. It builds nothing, and runs nothing that lies among the packages of the
// interpreter (-S), so that it is safe as root; it runs as the build user all the
// same, who has to reach the interpreter.
func (b *Builder) Usable(ctx context.Context) (string, error) {
	py, err := b.python()
	if err != nil {
		return "", err
	}
	user, err := buildAccount(b.opts.BuildUser, os.Geteuid())
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var out bytes.Buffer
	p := process{argv: []string{py.path, "-I", "-S", "-c", usableScript}, dir: "/", user: user, stdout: &out}
	if err := p.run(ctx); err != nil && user != nil {
		return "", fmt.Errorf("run the Python interpreter %s as the user %s: %w: let that user reach it, name another one in stackstorm.python, or set python.build_user", py.path, user.name, err)
	} else if err != nil {
		return "", fmt.Errorf("run the Python interpreter %s: %w", py.path, err)
	}
	if missing := strings.TrimSpace(out.String()); missing != "" {
		return "", fmt.Errorf("the Python interpreter %s has no module %s, so it makes no virtualenv: install python%s-venv (Debian, Ubuntu) or virtualenv for it", py.path, clip(missing), py.version)
	}
	return fmt.Sprintf("%s is Python %s and makes virtualenvs", py.path, py.version), nil
}
