package main

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// canaryMark begins every canary, and stands nowhere else. The values have lower
// case letters only: what hides secrets by their value, as a last door, passes
// over them as ordinary words, so that only redaction by type is between them and
// the outputs.
const canaryMark = "zqxjkv"

// canaries are secrets by the way they come in, one value each.
type canaries struct {
	values []string
	sums   map[string]string // digests of whole config files, which a guess could be held against
	clean  map[string]string // files that were searched, by path, with what tells whether they changed
}

// sum forbids the plain digests of a file that holds secrets.
func (c *canaries) sum(name string, data []byte) {
	if c.sums == nil {
		c.sums = map[string]string{}
	}
	sum := sha256.Sum256(data)
	c.sums[hex.EncodeToString(sum[:])] = "the sha256 of " + name
	c.sums[base64.StdEncoding.EncodeToString(sum[:])] = "the sha256 of " + name
}

// new makes the canary of a channel.
func (c *canaries) new(channel string) string {
	value := canaryMark + channel + "wq"
	if !slices.Contains(c.values, value) {
		c.values = append(c.values, value)
	}
	return value
}

// forms are the ways in which a value could be written by accident.
func forms(value string) map[string]string {
	sum256, sum1, sum5 := sha256.Sum256([]byte(value)), sha1.Sum([]byte(value)), md5.Sum([]byte(value))
	out := map[string]string{
		"in hex": hex.EncodeToString([]byte(value)), "as its sha256": hex.EncodeToString(sum256[:]), "as its sha256 in base64": base64.StdEncoding.EncodeToString(sum256[:])[:40],
		"as its sha1": hex.EncodeToString(sum1[:]), "as its md5": hex.EncodeToString(sum5[:]),
		"backwards": reversed(value),
	}
	line := sha256.Sum256([]byte(value + "\n"))
	out["as its sha256 with a line break"] = hex.EncodeToString(line[:])
	// In base64 a text looks different by where it begins; the middle is certain.
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
		out[fmt.Sprintf("in base64, shifted by %d", shift)] = encoded[4 : len(encoded)-4]
	}
	return out
}

func reversed(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

// leaks says which canaries are in data, in which form: their beginning is enough.
func (c *canaries) leaks(data []byte) (found []string) {
	lower := bytes.ToLower(data)
	for i := 0; ; {
		at := bytes.Index(lower[i:], []byte(canaryMark))
		if at < 0 {
			break
		}
		i += at
		found = append(found, fmt.Sprintf("%q", around(data, i)))
		i += len(canaryMark)
	}
	for _, value := range c.values {
		for name, form := range forms(value) {
			if bytes.Contains(data, []byte(form)) || strings.HasPrefix(name, "in hex") && bytes.Contains(lower, []byte(form)) {
				found = append(found, fmt.Sprintf("%s %s", value, name))
			}
		}
	}
	for form, name := range c.sums {
		if bytes.Contains(data, []byte(form)) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func around(data []byte, at int) []byte {
	return data[max(0, at-40):min(len(data), at+30)]
}

// files scans all files, links and names below a folder, but not those for which
// skip says so, and returns what leaks, by path.
func (c *canaries) files(t *testing.T, root string, skip func(name string, info fs.FileInfo) bool) (found []string) {
	t.Helper()
	if c.clean == nil {
		c.clean = map[string]string{}
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		for _, leak := range c.leaks([]byte(d.Name())) {
			found = append(found, "the name "+name+": "+leak)
		}
		if skip(name, info) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		version := fmt.Sprintf("%v %d %d %d", info.Mode(), info.Size(), info.ModTime().UnixNano(), len(c.values)+len(c.sums))
		if c.clean[path] == version {
			return nil
		}
		var data []byte
		switch {
		case info.Mode().IsRegular():
			data, err = os.ReadFile(path)
		case info.Mode()&fs.ModeSymlink != 0:
			var target string
			target, err = os.Readlink(path)
			data = []byte(target)
		}
		leaks := c.leaks(data)
		for _, leak := range leaks {
			found = append(found, name+": "+leak)
		}
		if len(leaks) == 0 {
			c.clean[path] = version
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestTheCanariesAreFound proves that the search sees every form.
func TestTheCanariesAreFound(t *testing.T) {
	var c canaries
	value := c.new("proof")
	c.sum("file", []byte("a file"))
	for _, text := range []string{
		"x" + value + "y", "a cut one: " + value[:8] + "…", strings.ToUpper(value), `{"a":"` + value + `"}`, "https://u:" + value + "@h/", value[:len(canaryMark)],
		base64.StdEncoding.EncodeToString([]byte("user:" + value)), base64.StdEncoding.EncodeToString([]byte("user1:" + value)), base64.URLEncoding.EncodeToString([]byte("us:" + value + ":x")),
		fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), fmt.Sprintf("%x", sha256.Sum256([]byte(value))), fmt.Sprintf("%x", sha1.Sum([]byte(value))),
		fmt.Sprintf("%x", md5.Sum([]byte(value))), fmt.Sprintf("%x", sha256.Sum256([]byte(value+"\n"))), reversed(value),
		fmt.Sprintf("sum %x", sha256.Sum256([]byte("a file"))),
	} {
		if len(c.leaks([]byte(text))) == 0 {
			t.Errorf("not found: %s", text)
		}
	}
	if found := c.leaks([]byte("nothing to see: 5f2a, zqx, jkv")); len(found) > 0 {
		t.Errorf("found what is not there: %q", found)
	}
}
