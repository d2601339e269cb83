package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/tree"
)

// Block is a pack block to be written.
type Block struct {
	Ref      pack.Ref
	Comment  string // one line above the block; "" for none
	Source   string // "" for a short name
	Subdir   string // "" for the root of the source
	Selector pack.Selector
	BasePath string // "" for the default one
	NoVenv   bool   // virtualenv = false
}

// AppendPacks returns a declaration with blocks added at its end. What is there
// stays as it is, byte for byte.
func AppendPacks(src []byte, blocks []Block) []byte {
	var out bytes.Buffer
	out.Write(bytes.TrimRight(src, "\n"))
	if out.Len() > 0 {
		out.WriteString("\n")
	}
	for _, b := range blocks {
		if out.Len() > 0 {
			out.WriteString("\n")
		}
		file := hclwrite.NewEmptyFile()
		body := file.Body().AppendNewBlock("pack", []string{string(b.Ref)}).Body()
		for _, arg := range [][2]string{{"source", b.Source}, {"subdir", b.Subdir}, {string(b.Selector.Kind), b.Selector.Text}, {"base_path", b.BasePath}} {
			if arg[0] != "" && arg[1] != "" {
				body.SetAttributeValue(arg[0], cty.StringVal(arg[1]))
			}
		}
		if b.NoVenv {
			body.SetAttributeValue("virtualenv", cty.False)
		}
		if b.Comment != "" {
			fmt.Fprintf(&out, "# %s\n", b.Comment)
		}
		out.Write(hclwrite.Format(file.Bytes()))
	}
	return out.Bytes()
}

// GroupError reports a pack that cannot be taken out of a declaration by an edit
// of its own: it is one of several that a for_each makes.
type GroupError struct {
	Ref   pack.Ref
	Label string
}

func (e *GroupError) Error() string {
	return fmt.Sprintf("%s is declared by pack %q, which makes several packs with for_each: take its key out there", e.Ref, e.Label)
}

// RemovePack returns a declaration without the block of a pack, and without the
// comment that stands right above it. All else stays, byte for byte. The error is
// a *GroupError for a pack that a for_each makes.
func RemovePack(src []byte, filename string, p Pack) ([]byte, error) {
	file, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("edit %s: it cannot be parsed any more", filename)
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, fmt.Errorf("edit %s: it is not in HCL's own syntax", filename)
	}
	for _, b := range body.Blocks {
		if b.Type != "pack" || b.DefRange().Start.Byte != p.Range.Start.Byte {
			continue
		}
		if isGroup(b) {
			return nil, &GroupError{Ref: p.Ref, Label: b.Labels[0]}
		}
		return cutLines(src, b.DefRange().Start.Byte, b.CloseBraceRange.End.Byte), nil
	}
	return nil, fmt.Errorf("edit %s: the block of pack %q is not there any more", filename, p.Ref)
}

// cutLines takes a block out, from the comment above it to the end of its last
// line, with one of the blank lines around it.
func cutLines(src []byte, start, end int) []byte {
	start = lineStart(src, start)
	for start > 0 {
		above := lineStart(src, start-1)
		if line := bytes.TrimSpace(src[above : start-1]); !bytes.HasPrefix(line, []byte("#")) && !bytes.HasPrefix(line, []byte("//")) {
			break
		}
		start = above
	}
	if next := bytes.IndexByte(src[end:], '\n'); next >= 0 {
		end += next + 1
	} else {
		end = len(src)
	}
	before, after := src[:start], src[end:]
	switch {
	case len(bytes.TrimSpace(after)) == 0:
		before, after = bytes.TrimRight(before, "\n"), []byte("\n") // src is not ours to write into
	case bytes.HasPrefix(after, []byte("\n")):
		after = after[1:]
	}
	return slices.Concat(before, after)
}

func lineStart(src []byte, at int) int { return bytes.LastIndexByte(src[:at], '\n') + 1 }

// Path returns the absolute path of a declaration file by the name that ranges
// and inputs give it.
func (c *Config) Path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.Dir, name)
}

// NameOf is the opposite of Path: how ranges and inputs call a file.
func (c *Config) NameOf(path string) string {
	if rel, err := filepath.Rel(c.Dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// LoadEdited is Load for a declaration of which some files, by absolute path, are
// to have another content: to judge an edit before it is written.
func LoadEdited(req Request, edited map[string][]byte) (*Config, map[string]*hcl.File, diag.List) {
	dir := req.File
	if info, err := os.Stat(req.File); err != nil || !info.IsDir() {
		dir = filepath.Dir(req.File)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, diag.List{unreadableDeclaration(req.File, err)}
	}
	defer root.Close()
	changed := map[string]string{}
	for path, data := range edited {
		if name, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(name) {
			changed[filepath.ToSlash(name)] = string(data)
		}
	}
	return newLoader(editedFS{os.DirFS(dir), tree.FS(tree.Memory(changed)), changed}, root.FS(), dir, req).load()
}

// editedFS is a file system with some files replaced or added.
type editedFS struct {
	fs.FS
	edited  fs.FS
	changed map[string]string
}

// Open implements fs.FS.
func (e editedFS) Open(name string) (fs.File, error) {
	if _, ok := e.changed[name]; ok {
		return e.edited.Open(name)
	}
	return e.FS.Open(name)
}

// ReadDir implements fs.ReadDirFS: it lists the added files too.
func (e editedFS) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(e.FS, name)
	if err != nil {
		return nil, err
	}
	added, err := fs.ReadDir(e.edited, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range added {
		if !slices.ContainsFunc(entries, func(have fs.DirEntry) bool { return have.Name() == entry.Name() }) {
			entries = append(entries, entry)
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}
