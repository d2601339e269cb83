package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/packsync/packsync/internal/credential"
	"github.com/packsync/packsync/internal/safefs"
)

// edit lets a person change a text in their editor: VISUAL, else EDITOR, else vi.
// The text may hold secrets, so it lies in a directory that nobody else can enter,
// and is gone afterwards.
func (a *app) edit(ctx context.Context, t *terminal, text []byte, suffix string, secretEnv []string) (edited []byte, err error) {
	dir := filepath.Join(privateDir(a.streams.Environ), safefs.TempName())
	if dir, err = realPath(dir); err != nil {
		return nil, fmt.Errorf("make a place for the text to edit: %w", err)
	}
	disk := safefs.OS()
	if err := disk.MkdirAll(dir, safefs.Owner{Mode: 0o700, UID: -1, GID: -1}); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, disk.RemoveAll(dir)) }()
	path := filepath.Join(dir, "config"+suffix)
	if err := disk.WriteFile(path, text, safefs.Owner{Mode: 0o600, UID: -1, GID: -1}); err != nil {
		return nil, err
	}
	if err := t.close(); err != nil {
		return nil, err
	}
	env := a.streams.Environ
	editor := cmp.Or(environ(env, "VISUAL"), environ(env, "EDITOR"), "vi")
	// As git does it: the variable may hold arguments.
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", editor+` "$1"`, "sh", path)
	cmd.Dir, cmd.Env = a.globals.dir, credential.ChildEnviron(env, secretEnv)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.in, plainWriter(a.streams.Out), plainWriter(a.streams.Err)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it has a terminal to clean up
	cmd.WaitDelay = 2 * time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err = errors.Join(err, t.open()); err != nil {
		return nil, &editorError{editor, err}
	}
	if edited, err = os.ReadFile(path); err != nil {
		return nil, &editorError{editor, err}
	}
	return edited, nil
}

// editorError says that nothing came of an edit; the person may try again.
type editorError struct {
	editor string
	err    error
}

func (e *editorError) Error() string {
	return fmt.Sprintf("nothing was taken from the editor %s: %v (the variables VISUAL and EDITOR choose another)", e.editor, e.err)
}

func (e *editorError) Unwrap() error { return e.err }

// privateDir is where temporary files go: in memory, where the session has such a
// place.
func privateDir(env []string) string {
	for _, name := range []string{"XDG_RUNTIME_DIR", "TMPDIR"} {
		if dir := environ(env, name); filepath.IsAbs(dir) {
			if info, err := os.Stat(dir); err == nil && info.IsDir() {
				return dir
			}
		}
	}
	return "/tmp"
}

// realPath resolves links on the way to a path that is not there yet.
func realPath(path string) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	return filepath.Join(dir, filepath.Base(path)), err
}
