package virtualenv

import (
	"os"
	"syscall"
)

// isolate asks for a process name space, which only root may have.
func isolate(attr *syscall.SysProcAttr) bool {
	attr.Cloneflags = syscall.CLONE_NEWPID
	return os.Geteuid() == 0
}

func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
