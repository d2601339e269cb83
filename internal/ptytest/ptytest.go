// Package ptytest gives tests a real terminal: a pseudo terminal of the kernel,
// and the screen that a person would see on it.
//
// It is for tests only, and its Screen knows only what packsync and the kernel
// write to one: anything else fails the test.
package ptytest

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/testenv"
)

// Open returns the two ends of a pseudo terminal of the given size. A process gets
// the peer as its standard streams; what it prints is read from ours.
func Open(t *testing.T, columns, rows int) (ours, peer *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		testenv.Skip(t, "needs a pseudo terminal: "+err.Error())
	}
	t.Cleanup(func() { _ = ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	peer, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		testenv.Skip(t, "needs a pseudo terminal: "+err.Error())
	}
	t.Cleanup(func() { _ = peer.Close() })
	Resize(t, ours, columns, rows)
	return ours, peer
}

// Resize gives a terminal another size.
func Resize(t *testing.T, ours *os.File, columns, rows int) {
	t.Helper()
	size := &unix.Winsize{Col: uint16(columns), Row: uint16(rows)}
	if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
}
