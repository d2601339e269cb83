//go:build !linux

package virtualenv

import "syscall"

// Elsewhere than on Linux, where StackStorm runs, there is only the process
// group.
func isolate(*syscall.SysProcAttr) bool { return false }

func endWithParent(*syscall.SysProcAttr) {}
