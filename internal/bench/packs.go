package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/gittest"
)

// A synthetic pack has as many files, directories and bytes as most packs of the
// Exchange do: small ones, in pairs, below actions.
const (
	filesPerPack   = 40
	filesForGrowth = 20
)

// syntheticPack makes the files of a pack: 40 or 20 of them.
func syntheticPack(ref string, count int) gittest.Files {
	files := gittest.Files{
		"pack.yaml":          fmt.Sprintf("ref: %s\nname: %s\ndescription: Does what %s does\nversion: 1.0.0\nauthor: A\nemail: a@example.com\n", ref, ref, ref),
		"README.md":          strings.Repeat("Words about "+ref+".\n", 40),
		"requirements.txt":   "",
		"config.schema.yaml": "greeting:\n  type: string\n  description: what to say\n",
		"actions/lib/one.py": strings.Repeat("# a line of "+ref+"\n", 40),
		"actions/lib/two.py": strings.Repeat("# a line of another file of "+ref+"\n", 30),
	}
	if count == filesPerPack {
		for _, name := range []string{"CHANGES.md", "LICENSE", "actions/lib/three.py", "actions/lib/four.py", "tests/test_one.py", "tests/test_two.py"} {
			files[name] = strings.Repeat("# "+name+" of "+ref+"\n", 25)
		}
	}
	for i := range (count - len(files)) / 2 {
		name := fmt.Sprintf("%s_action_%02d", ref, i)
		files["actions/"+name+".yaml"] = fmt.Sprintf("name: %s\nrunner_type: python-script\nentry_point: %s.py\ndescription: Number %d of %s\nparameters:\n  target:\n    type: string\n    required: true\n%s",
			name, name, i, ref, strings.Repeat("# a word about "+name+"\n", 10))
		files["actions/"+name+".py"] = "from lib import one\n" + strings.Repeat("# a line of "+name+"\n", 28)
	}
	return files
}

// objectsOf turns files into git objects: one commit. It returns its id.
func objectsOf(files gittest.Files, message string) (*gittest.Objects, gittest.ID) {
	o := &gittest.Objects{}
	return o, o.Commit(treeOf(o, files), message)
}

func treeOf(o *gittest.Objects, files gittest.Files) gittest.ID {
	below := map[string]gittest.Files{}
	var entries []gittest.Entry
	for _, path := range slices.Sorted(maps.Keys(files)) {
		dir, rest, nested := strings.Cut(path, "/")
		if !nested {
			entries = append(entries, gittest.Entry{Mode: "100644", Name: path, ID: o.Blob(files[path])})
			continue
		}
		if below[dir] == nil {
			below[dir] = gittest.Files{}
		}
		below[dir][rest] = files[path]
	}
	for _, dir := range slices.Sorted(maps.Keys(below)) {
		entries = append(entries, gittest.Entry{Mode: "40000", Name: dir, ID: treeOf(o, below[dir])})
	}
	slices.SortFunc(entries, func(a, b gittest.Entry) int { return cmp.Compare(orderOf(a), orderOf(b)) })
	return o.Tree(entries...)
}

// orderOf is git's order of the entries of a tree: a directory counts with its
// slash.
func orderOf(e gittest.Entry) string {
	if e.Mode == "40000" {
		return e.Name + "/"
	}
	return e.Name
}

// bareRepo writes a bare repository with one packfile, one branch and three tags.
// git itself would need a dozen processes for it.
func bareRepo(dir string, objects *gittest.Objects, commit gittest.ID) error {
	for _, name := range []string{"objects/pack", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"HEAD": "ref: refs/heads/main\n", "config": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
		"refs/heads/main": commit.String() + "\n", "refs/tags/v0.8.0": commit.String() + "\n",
		"refs/tags/v0.9.0": commit.String() + "\n", "refs/tags/v1.0.0": commit.String() + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	_, err := gittest.Git(dir, objects.Pack(), "index-pack", "--stdin")
	return err
}
