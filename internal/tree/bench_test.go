package tree_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/tree"
)

// aPack is a pack of a usual size: 40 files of 0.7 KB below three directories.
func aPack() tree.Tree {
	files := map[string]string{"pack.yaml": "ref: p\n"}
	for i := range 39 {
		files[fmt.Sprintf("actions/lib%d/action_%02d.py", i%2, i)] = strings.Repeat("# a line of an action\n", 32)
	}
	return tree.Memory(files)
}

var profile = tree.Profile{DirMode: 0o755, FileMode: 0o644, ExecMode: 0o755, UID: -1, GID: -1}

// memory is a directory in memory where there is such a file system: what a disk
// adds is not what is measured.
func memory(b *testing.B) string {
	dir, err := os.MkdirTemp("/dev/shm", "packsync-tree-")
	if err != nil {
		return b.TempDir()
	}
	b.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	})
	return dir
}

// BenchmarkWrite writes a pack, hashing it on the way.
func BenchmarkWrite(b *testing.B) {
	t, root := aPack(), memory(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		dir := filepath.Join(root, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			b.Fatal(err)
		}
		if _, err := tree.Write(b.Context(), dir, t, profile); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify reads a pack back that was written.
func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	written, err := tree.Write(b.Context(), dir, aPack(), profile)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := tree.Verify(b.Context(), dir, written); err != nil {
			b.Fatal(err)
		}
	}
}
