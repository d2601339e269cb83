package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
)

// NewEntry makes the entry of a pack as StackStorm's index has it (reference.md
// 7.1): the keys of its pack.yaml, where it comes from, the versions that its tags
// name, the highest first, and what is in it. Unlike in the Exchange the versions
// are ordered as versions, and tags without a v count as well.
func NewEntry(fsys fs.FS, repoURL string, tags []string) (pack.Ref, json.RawMessage, error) {
	meta, err := content.ReadMeta(fsys)
	if err != nil {
		return "", nil, err
	}
	entry, err := metaKeys(fsys)
	if err != nil {
		return "", nil, err
	}
	inventory, err := content.Read(fsys)
	if err != nil {
		return "", nil, err
	}
	type list struct {
		Count     int      `json:"count"`
		Resources []string `json:"resources"`
	}
	contents := map[string]list{}
	for kind, names := range resources(inventory) {
		contents[kind] = list{len(names), names}
	}
	entry["ref"], entry["version"] = meta.Ref, meta.Version
	entry["repo_url"], entry["versions"], entry["content"] = repoURL, versionsOf(tags), contents
	raw, err := writeJSON(entry, "")
	if err != nil {
		return "", nil, fmt.Errorf("write the entry of %s: %w", meta.Ref, err)
	}
	return meta.Ref, raw, nil
}

// metaKeys are the keys of pack.yaml, known or not.
func metaKeys(fsys fs.FS) (map[string]any, error) {
	text, err := fs.ReadFile(fsys, content.MetaFile)
	if err != nil {
		return nil, err
	}
	doc, err := pyyaml.Unmarshal(text)
	if err != nil {
		return nil, err
	}
	keys := map[string]any{}
	for _, pair := range doc.Root.Pairs() {
		keys[pair.Key.Str()] = pair.Value.Value()
	}
	return keys, nil
}

func versionsOf(tags []string) []string {
	versions := []string{}
	for _, tag := range tags {
		if version, ok := pack.ParseTagVersion(tag); ok && !slices.Contains(versions, version.String()) {
			versions = append(versions, version.String())
		}
	}
	slices.SortFunc(versions, newestFirst)
	return versions
}

// Document writes an index. The same entries give the same bytes: its metadata
// holds a hash of them and no time.
func Document(packs map[string]json.RawMessage) ([]byte, error) {
	list, err := writeJSON(packs, "")
	if err != nil {
		return nil, fmt.Errorf("write the index: %w", err)
	}
	document, err := writeJSON(map[string]any{
		"metadata": map[string]string{"hash": fmt.Sprintf("%x", sha256.Sum256(list))},
		"packs":    packs,
	}, "  ")
	if err != nil {
		return nil, fmt.Errorf("write the index: %w", err)
	}
	return document, nil
}

// writeJSON writes JSON with sorted keys in which addresses stay readable.
func writeJSON(value any, indent string) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	err := encoder.Encode(value)
	return b.Bytes(), err
}

// ParseEntries reads the entries of an index document.
func ParseEntries(document []byte) (map[string]json.RawMessage, error) {
	if len(document) > maxBytes {
		return nil, fmt.Errorf("it is larger than %d MiB", maxBytes>>20)
	}
	return parse(document)
}

// FillRef puts the ref of a pack into a template of its address.
func FillRef(template string, ref pack.Ref) string {
	return strings.ReplaceAll(template, "{ref}", string(ref))
}
