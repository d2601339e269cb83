package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestUnlistableIsNotEmpty runs the real program as an ordinary user on
// directories that it may write to and enter but not list: they must not pass for
// empty ones.
func TestUnlistableIsNotEmpty(t *testing.T) {
	dir, err := os.MkdirTemp("", "packsync-unlistable-") // t.TempDir is for its owner only
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	x := newBox(t, dir)
	for _, ref := range []string{"a", "b"} {
		x.pack(ref, "1.0.0")
	}
	x.declare("", packBlock("a", "config = { level = 1 }"), packBlock("b"))
	apply := func() (int, string) {
		p := x.prepare(nil, "apply", "--auto-approve")
		if os.Getuid() == 0 {
			const nobody = 65534
			x.chown(nobody)
			p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		p.launch(t)
		return p.exit(t), p.out.String() + p.err.String()
	}
	if code, said := apply(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	x.pack("a", "2.0.0")
	for _, name := range []string{"root/packs", "root/packs/a", "root/packs/a/actions", "root/.packsync", "root/.packsync/journal", "sources/a", "sources/a/actions"} {
		info, err := os.Stat(x.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(x.path(name), 0o333); err != nil {
			t.Fatal(err)
		}
		code, said := apply()
		if err := os.Chmod(x.path(name), info.Mode()); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(x.path("root/packs/a/pack.yaml"))
		done := err == nil && strings.Contains(string(data), "2.0.0")
		switch {
		case code == 0 || done:
			t.Errorf("%s cannot be listed, and apply ends with %d (updated: %v)\n%s", name, code, done, said)
		case !strings.Contains(said, "permission denied"):
			t.Errorf("%s cannot be listed, and apply says %q", name, said)
		}
	}
	if code, said := apply(); code != 0 {
		t.Errorf("exit code %d\n%s", code, said)
	}
}

// chown gives everything of the box to a user.
func (s *box) chown(uid int) {
	s.t.Helper()
	err := filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}
