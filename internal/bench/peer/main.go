// Command peer is what the bench measures with, and some of what it measures
// against: small, so that its own start costs next to nothing.
//
//	peer run COMMAND…      run the command, and write what it cost to descriptor 3
//	peer lstat LIST        look at every file of a list, as the floor of looking
//	peer dirhash DIR…      hash directories as the Go module proxy does
//
// run is a process of its own because the kernel counts the memory of whoever
// starts a process as memory of that process.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/sys/unix"
)

func main() {
	if err := peer(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func peer(args []string) error {
	if len(args) < 2 {
		return errors.New("want run, lstat or dirhash and its arguments")
	}
	switch args[0] {
	case "run":
		return run(args[1:])
	case "lstat":
		return lstat(args[1])
	case "dirhash":
		for _, dir := range args[1:] {
			if _, err := dirhash.HashDir(dir, "", dirhash.Hash1); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// usage is what one run cost: its process and all that it started.
type usage struct {
	Wall    float64 `json:"wall"` // seconds
	CPU     float64 `json:"cpu"`
	PeakKiB int64   `json:"peak_kib"` // of the largest process
	Exit    int     `json:"exit"`
}

func run(argv []string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	began := time.Now()
	err := cmd.Run()
	u := usage{Wall: time.Since(began).Seconds()}
	if cmd.ProcessState == nil {
		return err
	}
	u.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	u.Exit = cmd.ProcessState.ExitCode()
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.PeakKiB = r.Maxrss
	}
	return json.NewEncoder(os.NewFile(3, "result")).Encode(u)
}

// lstat does, on one thread, what nobody can do without who wants to know whether
// files are as they were: open each directory, and newfstatat each file by its
// name. The list has the path of a directory, then the names of its files, each
// ended by a NUL; a directory begins with a slash.
func lstat(list string) error {
	data, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	dir := -1
	var st unix.Stat_t
	for len(data) > 0 {
		end := bytes.IndexByte(data, 0)
		if end < 0 {
			return errors.New("the list does not end with NUL")
		}
		name := string(data[:end])
		data = data[end+1:]
		if name[0] == '/' {
			if dir >= 0 {
				if err := unix.Close(dir); err != nil {
					return err
				}
			}
			if dir, err = unix.Open(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
				return fmt.Errorf("open %s: %w", name, err)
			}
			if err := unix.Fstat(dir, &st); err != nil {
				return fmt.Errorf("look at %s: %w", name, err)
			}
			continue
		}
		if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("look at %s: %w", name, err)
		}
	}
	return nil
}
