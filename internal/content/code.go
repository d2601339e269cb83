package content

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// CodeFile is a file that nothing here reads: a script, a library, a template.
// It is told only whether it differs.
type CodeFile struct {
	File string `json:"file"`
	Hash string `json:"hash"` // a part of its SHA-256
}

// readCode lists what an upgrade can change besides what StackStorm reads. What
// only people and test runs read is left out, and so is what is listed already.
func (inv *Inventory) readCode(fsys fs.FS) error {
	read := map[string]bool{MetaFile: true, ConfigSchemaFile: true, RequirementsFile: true}
	for _, w := range inv.Workflows {
		read[w.File] = true
	}
	return fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("look through the pack: %w", err)
		case file == ".":
			return nil
		case d.IsDir() && (isAside(file) || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case !d.Type().IsRegular(), read[file], isProse(file), strings.HasPrefix(d.Name(), "."):
			return nil
		case slices.ContainsFunc(registrars, func(r registrar) bool { return path.Dir(file) == r.dir && isContent(r.dir, d.Name()) }):
			return nil
		}
		hash, err := hashFile(fsys, file)
		inv.Code = append(inv.Code, CodeFile{file, hash})
		return err
	})
}

// isAside tells folders at the top that are not used where a pack is installed.
func isAside(dir string) bool {
	return slices.Contains([]string{"tests", "test", "docs", "doc", "examples", "images", "screenshots", "spec"}, dir)
}

// isProse tells files at the top that only people read.
func isProse(file string) bool {
	if strings.Contains(file, "/") {
		return false
	}
	ext := strings.ToLower(path.Ext(file))
	return slices.Contains([]string{".md", ".rst", ".png", ".jpg", ".svg", ".example"}, ext) ||
		slices.Contains([]string{"LICENSE", "NOTICE", "AUTHORS", "CONTRIBUTORS", "README", "CHANGES", "requirements-tests.txt", "requirements-test.txt",
			"circle.yml", "Gemfile", "Rakefile", "Makefile", "tox.ini"}, file)
}

func hashFile(fsys fs.FS, name string) (string, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}
