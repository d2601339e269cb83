package reconcile

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
)

// shape writes down what a type holds, down to the last field.
func shape(t reflect.Type, seen map[reflect.Type]bool) string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return t.Kind().String() + " of " + shape(t.Elem(), seen)
	case reflect.Struct:
		if seen[t] {
			return t.Name()
		}
		seen[t] = true
		var fields []string
		for i := range t.NumField() {
			f := t.Field(i)
			fields = append(fields, fmt.Sprintf("%s %q %s", f.Name, f.Tag, shape(f.Type, seen)))
		}
		return "{" + strings.Join(fields, "; ") + "}"
	}
	return t.Kind().String()
}

// TestAnotherInventoryIsAnotherFormat fails when an inventory holds something else
// than it did: then inventoryFormat has to be raised, and the sum here set anew.
func TestAnotherInventoryIsAnotherFormat(t *testing.T) {
	text := shape(reflect.TypeFor[content.Inventory](), map[reflect.Type]bool{})
	const format, sum = 2, 0x9a5ccdaa
	if got := crc32.ChecksumIEEE([]byte(text)); inventoryFormat != format || got != sum {
		t.Errorf("inventoryFormat is %d with the sum %#x, was %d with %#x:\n%s", inventoryFormat, got, format, sum, text)
	}
}

// TestInventoriesAreRemembered reads a tree once, and again only where what is
// remembered was written by another packsync, in another form, or is damaged.
func TestInventoriesAreRemembered(t *testing.T) {
	dir := t.TempDir()
	files := fstest.MapFS{"pack.yaml": {Data: []byte("ref: p\nname: p\nversion: 1.0.0\n")}}
	read := 0
	get := func(version string) {
		t.Helper()
		c := &inventories{dir: dir, version: version, note: func(text string) { t.Error(text) }, held: map[pack.TreeHash]*content.Inventory{}}
		inv, err := c.of("t1:abc", func() (fs.FS, error) { read++; return files, nil })
		if err != nil || inv.Meta.Version != "1.0.0" {
			t.Errorf("%v, %v", inv, err)
		}
	}
	wantRead := func(n int, when string) {
		t.Helper()
		if read != n {
			t.Errorf("%s: read %d times, want %d", when, read, n)
		}
	}
	get("v1")
	get("v1")
	wantRead(1, "the second time")
	get("v2")
	wantRead(2, "by another packsync")
	path := filepath.Join(dir, "t1-abc.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for when, content := range map[string]string{
		"in another form": strings.Replace(string(data), fmt.Sprintf(`"format":%d`, inventoryFormat), `"format":1`, 1),
		"of another tree": strings.Replace(string(data), "t1:abc", "t1:abd", 1),
		"damaged":         string(data[:len(data)/2]),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		before := read
		get("v2")
		wantRead(before+1, when)
	}
	c := &inventories{dir: dir, version: "v2", held: map[pack.TreeHash]*content.Inventory{}}
	if _, err := c.of("t1:new", func() (fs.FS, error) { return nil, fs.ErrPermission }); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a tree that cannot be read gives %v", err)
	}
}
