package virtualenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// errTimeLimit is the cause of a build that took too long.
var errTimeLimit = errors.New("time limit")

// pipeWait is how long the output of a process that has ended is waited for: one
// that it left behind may hold the pipe.
const pipeWait = 5 * time.Second

// process is one child: nothing of our environment, no input, and no descendant
// that outlives it.
type process struct {
	argv           []string
	env            []string
	dir            string
	user           *account  // nil for our own
	stdout, stderr io.Writer // nil to discard
}

// run runs the child to its end. When ctx ends first, the whole process group is
// killed and the cause of ctx is returned.
func (p process) run(ctx context.Context) error {
	// The kernel kills the child when the thread that started it ends. A thread
	// that a goroutine holds does not.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd, err := p.start(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	err = cmd.Wait()
	// The group may be there still although its leader is not.
	if killErr := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); killErr != nil && !errors.Is(killErr, syscall.ESRCH) && !errors.Is(killErr, syscall.EPERM) {
		err = errors.Join(err, fmt.Errorf("end what it left behind: %w", killErr))
	}
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return cause
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return errors.New("it left a process behind that still writes")
	}
	return err
}

// start starts the child in a process name space of its own where that is
// allowed, so that what it leaves behind ends with it, daemons included.
func (p process) start(ctx context.Context) (*exec.Cmd, error) {
	if cmd := p.command(ctx); isolate(cmd.SysProcAttr) && cmd.Start() == nil {
		return cmd, nil
	}
	cmd := p.command(ctx)
	return cmd, cmd.Start()
}

func (p process) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append([]string{"LANG=C.UTF-8"}, p.env...)
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	cmd.WaitDelay = pipeWait
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	if p.user != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: p.user.uid, Gid: p.user.gid}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}
