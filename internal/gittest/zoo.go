package gittest

import (
	"fmt"
	"strings"
)

// Animal is one hostile commit of research/reliability.md part 8.
type Animal struct {
	Number int
	Name   string
	Objects
	Commit ID
	// Rule is by which rule it is refused (a tree.Rule), "" if it installs, and
	// "fetch" if it never becomes a tree.
	Rule string
	Path string // what the refusal must name, as it is quoted; "" for no file
	// OwnServer tells that a git server would not send it.
	OwnServer bool
}

// packYAML is the regular pack.yaml that most animals hold.
const packYAML = "name: zoo\nref: zoo\nversion: 1.0.0\n"

// Zoo returns the hostile commits 00-50, without 47, which is about refs. outside
// is an absolute path that must never be written to.
func Zoo(outside string) []Animal {
	z := zookeeper{outside: outside}
	for _, fill := range []func(*zookeeper){
		(*zookeeper).names, (*zookeeper).disguises, (*zookeeper).links, (*zookeeper).clashes,
		(*zookeeper).submodules, (*zookeeper).modes, (*zookeeper).oddities, (*zookeeper).bombs, (*zookeeper).damage,
	} {
		fill(&z)
	}
	return z.animals
}

// Giants returns the commits of the zoo that take long to make: 34, and the large
// variants of 34 and 42.
func Giants() []Animal {
	z := zookeeper{}
	z.add(34, "64 MB of zeros", "", "", func(o *Objects) []Entry {
		return []Entry{{"100644", "big", o.Blob(strings.Repeat("\x00", 64<<20))}}
	})
	z.add(34, "100 MB of zeros", "limit", "", func(o *Objects) []Entry {
		return []Entry{{"100644", "big", o.Blob(strings.Repeat("\x00", 100<<20))}}
	})
	z.add(42, "attribute of 120 MB", "limit", "", func(o *Objects) []Entry {
		return []Entry{{"100644", ".gitattributes", o.Blob("* " + strings.Repeat("a", 120<<20) + "\n")}}
	})
	return z.animals
}

type zookeeper struct {
	outside string
	animals []Animal
}

// add makes an animal whose root holds what build returns; a pack.yaml joins it
// unless build brings its own. The root is sorted as git sorts.
func (z *zookeeper) add(number int, name, rule, path string, build func(o *Objects) []Entry) *Animal {
	return z.addRaw(number, name, rule, path, func(o *Objects) ID {
		entries := build(o)
		own := false
		for _, e := range entries {
			own = own || e.Name == "pack.yaml"
		}
		if !own {
			entries = append(entries, Entry{"100644", "pack.yaml", o.Blob(packYAML)})
		}
		return o.Tree(sorted(entries)...)
	})
}

func (z *zookeeper) addRaw(number int, name, rule, path string, root func(o *Objects) ID) *Animal {
	a := Animal{Number: number, Name: name, Rule: rule, Path: path}
	tree := root(&a.Objects)
	a.Commit = a.Objects.Commit(tree, "Add "+name)
	z.animals = append(z.animals, a)
	return &z.animals[len(z.animals)-1]
}

// sorted orders entries as git does, keeping the order of equal names.
func sorted(entries []Entry) []Entry {
	key := func(e Entry) string {
		if strings.TrimLeft(e.Mode, "0") == "40000" {
			return e.Name + "/"
		}
		return e.Name
	}
	for i := range entries {
		for j := i; j > 0 && key(entries[j]) < key(entries[j-1]); j-- {
			entries[j], entries[j-1] = entries[j-1], entries[j]
		}
	}
	return entries
}

// file and dir are entries with content of no interest.
func file(o *Objects, name string) []Entry {
	return []Entry{{"100644", name, o.Blob("content of a file\n")}}
}

func dir(o *Objects, name, inside string) []Entry {
	return []Entry{{"40000", name, o.Tree(Entry{"100644", inside, o.Blob("content of a file\n")})}}
}

func link(o *Objects, name, target string) Entry { return Entry{"120000", name, o.Blob(target)} }

func (z *zookeeper) names() {
	for _, n := range []struct {
		number      int
		name, entry string
		inside      string
	}{
		{1, "dot dot", "..", "escape"},
		{2, "path with dot dot", "../escape", ""},
		{3, "absolute", z.outside + "/escape-abs", ""},
		{4, "slash", "a/b", ""},
		{10, "backslash", `..\escape`, ""},
		{27, "not UTF-8", "caf\xe9.yaml", ""},
		{28, "control bytes", "a\nb\x1b[31m.yaml", ""},
		{29, "bidirectional", "a\u202egpj.py", ""},
		{45, "empty", "", ""},
		{46, "dot", ".", "x"},
	} {
		z.add(n.number, n.name, "name", n.entry, func(o *Objects) []Entry {
			if n.inside != "" {
				return dir(o, n.entry, n.inside)
			}
			return file(o, n.entry)
		})
	}
	z.add(31, "300 bytes", "limit", strings.Repeat("a", 300), func(o *Objects) []Entry { return file(o, strings.Repeat("a", 300)) })
	for i, name := range []string{"a. ", "CON", "a:b"} {
		rule := "name"
		if name == "CON" {
			rule = "" // only Windows minds
		}
		z.add(44, fmt.Sprintf("for Windows %d", i+1), rule, name, func(o *Objects) []Entry { return file(o, name) })
	}
}

func (z *zookeeper) disguises() {
	for number, name := range map[int]string{5: ".git", 6: ".GIT", 7: "git~1", 8: ".g\u200cit", 9: ".git::$INDEX_ALLOCATION"} {
		z.add(number, "disguise "+name, "git", name, func(o *Objects) []Entry { return dir(o, name, "config") })
	}
}

func (z *zookeeper) links() {
	for _, l := range []struct {
		number       int
		name, target string
	}{
		{11, "x", "/etc/passwd"},
		{12, "x", "../../../../etc"},
		{20, ".gitmodules", "/etc/passwd"},
		{38, "a", ""},
		{39, "a", "pack.yaml\x00/etc/passwd"},
		{40, "a", ".git/config"},
		{48, "pack.yaml", "/etc/passwd"},
		{49, "requirements.txt", "/etc/shadow"},
	} {
		z.add(l.number, "link "+l.name, "link", l.name, func(o *Objects) []Entry { return []Entry{link(o, l.name, l.target)} })
	}
	z.add(37, "link loop", "link", "a", func(o *Objects) []Entry { return []Entry{link(o, "a", "b"), link(o, "b", "a")} })
}

func (z *zookeeper) clashes() {
	z.add(13, "link and directory", "malformed", "d", func(o *Objects) []Entry {
		return append(dir(o, "d", "planted"), link(o, "d", z.outside))
	})
	z.add(14, "link and directory by case", "clash", "d/planted", func(o *Objects) []Entry {
		return append(dir(o, "d", "planted"), link(o, "D", "pack.yaml"))
	})
	z.add(15, "Unicode forms", "name", "e\u0301.yaml", func(o *Objects) []Entry {
		return append(file(o, "\u00e9.yaml"), file(o, "e\u0301.yaml")...)
	})
	z.add(16, "duplicate", "malformed", "a", func(o *Objects) []Entry {
		return append(file(o, "a"), Entry{"100644", "a", o.Blob("other content\n")})
	})
	z.addRaw(17, "unsorted", "malformed", "a", func(o *Objects) ID {
		return o.Tree(append(append(file(o, "z"), file(o, "a")...), Entry{"100644", "pack.yaml", o.Blob(packYAML)})...)
	})
	z.add(50, "link and path", "name", "d/planted", func(o *Objects) []Entry {
		return append(file(o, "d/planted"), link(o, "d", "pack.yaml"))
	})
}

func (z *zookeeper) submodules() {
	for number, modules := range map[int]string{
		18: "[submodule \"x\"]\n\tpath = x\n\turl = -u./payload\n",
		19: "[submodule \"../../hooks\"]\n\tpath = x\n\turl = https://example.com/x.git\n",
		21: "[submodule \"x\"]\n\tpath = x\n\turl = ext::sh -c id\n",
		22: "",
	} {
		z.add(number, fmt.Sprintf("submodule %d", number), "submodule", "x", func(o *Objects) []Entry {
			entries := []Entry{{"160000", "x", ID{1, 2, 3}}}
			if modules != "" {
				entries = append(entries, Entry{"100644", ".gitmodules", o.Blob(modules)})
			}
			return entries
		})
	}
}

func (z *zookeeper) modes() {
	for _, m := range []struct {
		number           int
		mode, name, rule string
	}{
		{23, "104755", "s", "mode"}, {24, "100666", "s", "mode"}, {25, "10644", "p", "mode"}, {26, "0100644", "s", "malformed"},
	} {
		z.add(m.number, "mode "+m.mode, m.rule, m.name, func(o *Objects) []Entry {
			return []Entry{{m.mode, m.name, o.Blob("content of a file\n")}}
		})
	}
}

func (z *zookeeper) oddities() {
	z.add(0, "benign", "", "", func(o *Objects) []Entry { return dir(o, "actions", "a.yaml") })
	z.add(30, "leading dash", "", "", func(o *Objects) []Entry { return append(file(o, "--help"), dir(o, "-rf", "x")...) })
	z.add(41, "attributes", "", "", func(o *Objects) []Entry {
		return []Entry{{"100644", ".gitattributes", o.Blob("* filter=evil ident export-subst\n")}, {"100644", "a", o.Blob("$Id$\n")}}
	})
	z.add(42, "long attribute", "", "", func(o *Objects) []Entry {
		return []Entry{{"100644", ".gitattributes", o.Blob("* " + strings.Repeat("a", 5000) + "\n")}}
	})
	z.add(43, "LFS pointer", "lfs", "a.bin", func(o *Objects) []Entry {
		pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("0", 64) + "\nsize 12345\n"
		return []Entry{{"100644", ".gitattributes", o.Blob("*.bin filter=lfs\n")}, {"100644", "a.bin", o.Blob(pointer)}}
	})
}

func (z *zookeeper) bombs() {
	z.add(32, "3000 levels", "limit", strings.Repeat("d/", 40), func(o *Objects) []Entry {
		inner := o.Tree(file(o, "f")...)
		for range 2999 {
			inner = o.Tree(Entry{"40000", "d", inner})
		}
		return []Entry{{"40000", "d", inner}}
	})
	z.add(33, "100 million paths", "limit", "", func(o *Objects) []Entry {
		inner := o.Tree(file(o, "f")...)
		for range 8 {
			var entries []Entry
			for i := range 10 {
				entries = append(entries, Entry{"40000", fmt.Sprint(i), inner})
			}
			inner = o.Tree(entries...)
		}
		return []Entry{{"40000", "d", inner}}
	})
}

func (z *zookeeper) damage() {
	z.add(35, "missing blob", "fetch", "a", func(*Objects) []Entry {
		return []Entry{{"100644", "a", ID{0xde, 0xad}}}
	}).OwnServer = true
	z.add(36, "blob of another id", "fetch", "a", func(o *Objects) []Entry {
		wrong := ID{0xba, 0xad}
		o.putAs(wrong, "blob", []byte("not what the id says\n"))
		return []Entry{{"100644", "a", wrong}}
	}).OwnServer = true
}
