package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/safefs"
	"github.com/packsync/packsync/internal/st2/st2test"
)

// host is a StackStorm root and a declaration of plain directories in one folder.
type host struct {
	t    testing.TB
	dir  string
	far  string      // a folder on another device; "" without
	st2  *stackstorm // nil: nobody is told
	base string      // blocks that every declaration has, e.g. base paths

	global string // what the stackstorm block has besides

	noExchange bool // the file system cannot exchange two names, as NFS cannot
}

func newHost(t testing.TB) *host {
	h := &host{t: t, dir: ramDir(t)}
	h.mkdir("root/packs")
	h.mkdir("root/configs")
	h.write("root/packs/foreign/pack.yaml", "ref: foreign\nname: foreign\nversion: 1.0.0\n")
	h.write("root/configs/foreign.yaml", "a: 1\n")
	h.write("root/other/canary", "untouched\n")
	return h
}

// ramDir is a temporary directory in memory where there is one: thousands of
// syncs to a real disk would take minutes and prove nothing more.
func ramDir(t testing.TB) string {
	if _, err := os.Stat("/dev/shm"); err != nil {
		return t.TempDir()
	}
	return tempDir(t, "/dev/shm")
}

func tempDir(t testing.TB, parent string) string {
	dir, err := os.MkdirTemp(parent, "packsync-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// addDevice gives the host a folder on another device than its root, in memory
// where the user may write to /dev.
func (h *host) addDevice() {
	for _, parent := range []string{"/dev", "/run", os.TempDir()} {
		dir, err := os.MkdirTemp(parent, "packsync-test-")
		if err != nil {
			continue
		}
		h.t.Cleanup(func() {
			if err := os.RemoveAll(dir); err != nil {
				h.t.Error(err)
			}
		})
		if device(h.t, dir) != device(h.t, h.dir) {
			h.far = dir
			return
		}
	}
	h.t.Skip("this machine has only one file system that the test may write to")
}

func device(t testing.TB, dir string) uint64 {
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Dev
}

// path makes names absolute; those that begin with far: lie on the other device.
func (h *host) path(name string) string {
	if rest, far := strings.CutPrefix(name, "far:"); far {
		return filepath.Join(h.far, rest)
	}
	return filepath.Join(h.dir, name)
}

func (h *host) mkdir(name string) {
	h.t.Helper()
	if err := os.MkdirAll(h.path(name), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) write(name, text string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.path(name), []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// source writes a directory source with one version of a pack.
func (h *host) source(ref, version string) { h.packAt("sources/"+ref, ref, version) }

func (h *host) packAt(dir, ref, version string) {
	h.write(dir+"/pack.yaml", fmt.Sprintf("ref: %s\nname: %s\nversion: %s\ndescription: d\nauthor: a\nemail: a@example.com\n", ref, ref, version))
	h.write(dir+"/actions/run.sh", "#!/bin/sh\necho "+version+"\n")
	h.write(dir+"/actions/run.yaml", "name: run\nrunner_type: local-shell-script\nentry_point: run.sh\n")
}

// block declares a pack from its directory source; more are further lines.
func block(ref string, more ...string) string {
	return fmt.Sprintf("pack %q {\n  source = \"./sources/%s\"\n  virtualenv = false\n  %s\n}", ref, ref, strings.Join(more, "\n  "))
}

// declare writes packs.hcl over the given blocks.
func (h *host) declare(blocks ...string) {
	registration := `registration "none" {}`
	if h.st2 != nil {
		registration = fmt.Sprintf("registration \"api\" {\n    url = %q\n  }", h.st2.url)
	}
	h.write("packs.hcl", fmt.Sprintf("packsync {\n  name = \"crash\"\n}\nstackstorm {\n  root  = %q\n  group = \"\"\n  %s\n  %s\n}\n%s\n%s\n",
		h.path("root"), registration, h.global, h.base, strings.Join(blocks, "\n")))
}

// disk is the disk of this machine, as able as the host's is said to be, with a
// hook before each step.
func (h *host) disk(hook func(safefs.Step) error) safefs.Disk {
	d := safefs.OS()
	if h.noExchange {
		d = safefs.WithHook(d, func(s safefs.Step) error {
			if s.Op == safefs.OpExchange {
				return safefs.ErrNoExchange
			}
			return nil
		})
	}
	if hook != nil {
		var mu sync.Mutex // packs are staged side by side, and hooks count
		d = safefs.WithHook(d, func(s safefs.Step) error {
			mu.Lock()
			defer mu.Unlock()
			return hook(s)
		})
	}
	return d
}

func (h *host) options(disk safefs.Disk) Options {
	if disk == nil {
		disk = h.disk(nil)
	}
	return Options{
		Config:   config.Request{File: h.path("packs.hcl"), Mode: config.Full, Version: "0.1.0"},
		LockFile: h.path("packs.lock.json"), CacheDir: h.path("cache"), AllowRemovals: -1, Version: "0.1.0",
		Disk: disk, Clock: st2test.NewClock(),
	}
}

func (h *host) apply(disk safefs.Disk) (*Applied, error) {
	return Apply(context.Background(), h.options(disk), Callbacks{})
}

func (h *host) mustApply() *Applied {
	h.t.Helper()
	applied, err := h.apply(nil)
	if err != nil {
		h.t.Fatalf("undisturbed apply: %v", err)
	}
	return applied
}

// save and restore copy all that the host has, links, modes and times included.
func (h *host) save() (saved string) {
	saved = ramDir(h.t)
	for name, dir := range h.folders() {
		copyTree(h.t, dir, filepath.Join(saved, name))
	}
	return saved
}

func (h *host) restore(saved string) {
	h.t.Helper()
	for name, dir := range h.folders() {
		if err := os.RemoveAll(dir); err != nil {
			h.t.Fatal(err)
		}
		copyTree(h.t, filepath.Join(saved, name), dir)
	}
	if h.st2 != nil {
		h.st2.reset()
	}
}

func (h *host) folders() map[string]string {
	folders := map[string]string{"near": h.dir}
	if h.far != "" {
		folders["far"] = h.far
	}
	return folders
}

func copyTree(t testing.TB, from, to string) {
	t.Helper()
	info, err := os.Lstat(from)
	if err != nil {
		t.Fatal(err)
	}
	switch info.Mode().Type() {
	case fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err == nil {
			err = os.Symlink(target, to)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	case fs.ModeDir:
		entries, err := os.ReadDir(from)
		if err == nil {
			err = os.Mkdir(to, 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			copyTree(t, filepath.Join(from, e.Name()), filepath.Join(to, e.Name()))
		}
	default:
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(to, info.Mode()), os.Chtimes(to, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
}

// picture describes a file or a whole directory: names, modes, contents; "" if it
// is not there.
func (h *host) picture(name string) string {
	h.t.Helper()
	var out strings.Builder
	root := h.path(name)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if path == root && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%s %v", strings.TrimPrefix(path, root), info.Mode())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, " %q", data)
		}
		out.WriteString("\n")
		return nil
	})
	if err != nil {
		h.t.Fatalf("look at what is visible: %v", err)
	}
	return out.String()
}

// holds reports whether some file of the root, or on the other device, holds text.
// One in keep/ does not count: that is trimmed.
func (h *host) holds(text string) bool {
	found := false
	for _, root := range []string{h.path("root"), h.far} {
		if root == "" {
			continue
		}
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "keep" && strings.Contains(path, ".packsync") {
				return fs.SkipDir
			}
			if err != nil || found || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			found = found || strings.Contains(string(data), text)
			return err
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
	return found
}
