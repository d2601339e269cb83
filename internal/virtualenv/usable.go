package virtualenv

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"
)

//go:embed usable.py
var usableScript string

// Usable tells whether virtualenvs could be built: with which interpreter, or why
// not. It builds nothing, and runs nothing that lies among the packages of the
// interpreter (-S), so that it is safe as root.
func (b *Builder) Usable(ctx context.Context) (string, error) {
	py, err := b.python()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var out bytes.Buffer
	p := process{argv: []string{py.path, "-I", "-S", "-c", usableScript}, dir: "/", stdout: &out}
	if err := p.run(ctx); err != nil {
		return "", fmt.Errorf("run the Python interpreter %s: %w", py.path, err)
	}
	if missing := strings.TrimSpace(out.String()); missing != "" {
		return "", fmt.Errorf("the Python interpreter %s has no module %s, so it makes no virtualenv: install python%s-venv (Debian, Ubuntu) or virtualenv for it", py.path, clip(missing), py.version)
	}
	return fmt.Sprintf("%s is Python %s and makes virtualenvs", py.path, py.version), nil
}
