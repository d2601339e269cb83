package content

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/packsync/packsync/internal/testenv"
)

func packOf(metadata string) fs.FS {
	return fstest.MapFS{MetaFile: {Data: []byte(metadata)}}
}

const good = `ref: acme_tools
name: Acme Tools
description: Tools
version: 1.2.3
author: Acme
email: ops@acme.example
dependencies: [core_tools, "https://git.acme.example/x.git=1.0.0"]
stackstorm_version: ">=3.8.0, <4.0.0"
python_versions: ["3"]
`

func TestReadMeta(t *testing.T) {
	got, err := ReadMeta(packOf(good))
	if err != nil {
		t.Fatal(err)
	}
	want := Meta{
		Ref: "acme_tools", Name: "Acme Tools", Version: "1.2.3", Description: "Tools",
		Dependencies:      []string{"core_tools", "https://git.acme.example/x.git=1.0.0"},
		StackStormVersion: ">=3.8.0, <4.0.0", PythonVersions: []string{"3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadMetaDerivesRefAndVersionAsStackStorm(t *testing.T) {
	cases := []struct{ name, metadata, ref, version string }{
		{"ref goes before name", "ref: a\nname: b\nversion: 1.0.0\n", "a", "1.0.0"},
		{"name where there is no ref", "name: b_2\nversion: 1.0.0\n", "b_2", "1.0.0"},
		{"an empty ref is none", "ref: ''\nname: b\nversion: 1.0.0\n", "b", "1.0.0"},
		{"the last of two keys counts", "name: a\nname: b\nversion: 1.0.0\n", "b", "1.0.0"},
		{"pre-release and build", "name: b\nversion: 1.0.0-rc.1+b.2\n", "b", "1.0.0-rc.1+b.2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ReadMeta(packOf(c.metadata))
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Ref) != c.ref || got.Version != c.version {
				t.Errorf("got ref %q version %q", got.Ref, got.Version)
			}
		})
	}
}

func TestReadMetaRefusals(t *testing.T) {
	cases := []struct {
		name, metadata string
		line           int
		want           string
	}{
		{"empty", "", 0, "it is empty"},
		{"only a comment", "# pack\n", 0, "it is empty"},
		{"a list", "- ref: a\n", 1, "it has the type list"},
		{"text", "pack", 1, "it has the type string"},
		{"broken YAML", "ref: a\nname: b: c\n", 2, "mapping values are not allowed"},
		{"a ref that climbs", "version: 1.0.0\nref: ../../etc\n", 2, "lead out of the packs directory"},
		{"an absolute ref", "ref: /etc\nversion: 1.0.0\n", 1, "lead out of the packs directory"},
		{"a ref with a slash", "ref: a/b\nversion: 1.0.0\n", 1, "lead out of the packs directory"},
		{"dots alone", "ref: ..\nversion: 1.0.0\n", 1, "lead out of the packs directory"},
		{"a ref with a dash", "ref: a-b\nversion: 1.0.0\n", 1, "only lower-case letters"},
		{"a ref with a newline", "ref: \"a\\n\"\nversion: 1.0.0\n", 1, "only lower-case letters"},
		{"a ref that is a number", "ref: 12\nversion: 1.0.0\n", 1, "ref has the type integer"},
		{"a reserved ref", "ref: _global\nversion: 1.0.0\n", 1, "reserves this name"},
		{"a system pack", "ref: core\nversion: 1.0.0\n", 1, "comes with StackStorm"},
		{"neither ref nor name", "version: 1.0.0\n", 0, "neither ref nor name"},
		{"a name that cannot be a ref", "name: My Pack\nversion: 1.0.0\n", 1, "add ref"},
		{"a name that climbs", "name: ../x\nversion: 1.0.0\n", 1, "add ref"},
		{"no version", "ref: a\n", 0, "has no version"},
		{"a null version", "ref: a\nversion:\n", 2, "has no version"},
		{"a number as version", "ref: a\nversion: 1.10\n", 2, `version "1.1" is not of the form 1.2.3`},
		{"a boolean as version", "ref: a\nversion: yes\n", 2, `version "True"`},
		{"two places", "ref: a\nversion: '1.0'\n", 2, `version "1.0"`},
		{"upper case after the dash", "ref: a\nversion: 1.0.0-RC1\n", 2, "lower-case letters only"},
		{"a v in front", "ref: a\nversion: v1.0.0\n", 2, `version "v1.0.0"`},
		{"a list as version", "ref: a\nversion: [1]\n", 2, "reads it as list"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadMeta(packOf(c.metadata))
			var refused *MetaError
			if !errors.As(err, &refused) {
				t.Fatalf("want a MetaError, got %v", err)
			}
			if refused.Line != c.line || !strings.Contains(refused.Reason, c.want) {
				t.Errorf("line %d: %s\nwant line %d: …%s…", refused.Line, refused.Reason, c.line, c.want)
			}
		})
	}
}

func TestReadMetaMissingFileIsToldApart(t *testing.T) {
	_, err := ReadMeta(fstest.MapFS{"pack.yml": {}})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	_, err = ReadMeta(fstest.MapFS{MetaFile: {Mode: fs.ModeDir}})
	var refused *MetaError
	if !errors.As(err, &refused) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory called pack.yaml: %v", err)
	}
}

func TestReadMetaFindings(t *testing.T) {
	cases := []struct{ name, change, want string }{
		{"no email", "-email", "PS-PACK-EMAIL-MISSING pack.yaml"},
		{"a null email is accepted", "email:", ""},
		{"not an address", "email: someone", "PS-PACK-EMAIL-INVALID pack.yaml:10"},
		{"no author", "-author", "PS-PACK-KEY-MISSING pack.yaml"},
		{"no name", "-name", "PS-PACK-KEY-MISSING pack.yaml"},
		{"a number as description", "description: 12", "PS-PACK-KEY-TYPE pack.yaml:10"},
		{"python versions as numbers", "python_versions: [3]", "PS-PACK-KEY-TYPE pack.yaml:10"},
		{"a python nobody knows", "python_versions: ['4']", "PS-PACK-PYTHON-VERSION pack.yaml:10"},
		{"python versions as text", "python_versions: '3'", "PS-PACK-KEY-TYPE pack.yaml:10"},
		{"a bare StackStorm version", "stackstorm_version: 3.10.0", "PS-PACK-ST2-VERSION pack.yaml:10"},
		{"a StackStorm version with a space", "stackstorm_version: '>= 3.9.0'", ""},
		{"keywords as text", "keywords: a, b", "PS-PACK-KEY-TYPE pack.yaml:10"},
		{"null keywords", "keywords:", ""},
		{"system as list", "system: [x]", "PS-PACK-KEY-TYPE pack.yaml:10"},
		{"dependencies as mapping", "dependencies: {a: b}", "PS-PACK-KEY-TYPE pack.yaml:10"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			// The key under test is taken out and, unless it shall be missing,
			// written anew in line 10.
			key, _, _ := strings.Cut(strings.TrimPrefix(c.change, "-"), ":")
			var lines []string
			for line := range strings.Lines(good) {
				if strings.HasPrefix(line, key+":") {
					line = "\n"
				}
				lines = append(lines, line)
			}
			if !strings.HasPrefix(c.change, "-") {
				lines = append(lines, c.change+"\n")
			}
			meta, err := ReadMeta(packOf(strings.Join(lines, "")))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range meta.Findings {
				got = append(got, f.ID+" "+f.At[0])
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestReadMetaWarnsOfKeysWrittenTwice(t *testing.T) {
	meta, err := ReadMeta(packOf(good + "version: 2.0.0\n"))
	if err != nil {
		t.Fatal(err)
	}
	if meta.Version != "2.0.0" || len(meta.Findings) != 1 || meta.Findings[0].ID != "PS-YAML-DUPLICATE-KEY" {
		t.Errorf("version %s, findings %v", meta.Version, meta.Findings)
	}
}

func TestTypes(t *testing.T) {
	file := &fstest.MapFile{}
	got, err := Types(fstest.MapFS{
		"actions/a.yaml": file, "actions/b.py": file,
		"rules/r.yml":          file,
		"sensors/deep/s.yaml":  file,
		"triggers/.t.yaml":     file,
		"aliases/A.YAML":       file,
		"policies/README.md":   file,
		"policies/x.yaml/file": file,
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"actions", "rules"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got, err = Types(fstest.MapFS{"actions/config.yaml": file, "rules/config.yaml": file})
	if err != nil || !slices.Equal(got, []string{"rules"}) {
		t.Errorf("StackStorm skips actions/config.yaml: got %v, %v", got, err)
	}
	if _, err := Types(fstest.MapFS{"actions": file}); err == nil {
		t.Error("a file in the place of a directory should be an error, not an empty pack")
	}
}

// Every pack.yaml of the real packs can be read; what is refused is listed here,
// because StackStorm refuses it too.
func TestTheExchangeParses(t *testing.T) {
	refused := map[string]string{}
	packs := readCorpus(t)
	for _, dir := range packs {
		if _, err := ReadMeta(dir.files); err != nil {
			refused[dir.name] = err.Error()
		}
		types, err := Types(dir.files)
		if err != nil || len(types) == 0 {
			t.Errorf("%s: types %v, %v", dir.name, types, err)
		}
	}
	t.Logf("%d packs", len(packs))
	if len(packs) < 39 {
		t.Errorf("only %d packs", len(packs))
	}
	if diff := cmp.Diff(map[string]string{}, refused); diff != "" {
		t.Error(diff)
	}
}

type corpusPack struct {
	name  string // NAME/TAG
	files fs.FS
}

func readCorpus(t *testing.T) []corpusPack {
	archive, err := os.Open(filepath.Join(testenv.Shared(t), "corpus", "exchange-packs.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]fstest.MapFS{}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.SplitN(path.Clean(header.Name), "/", 4) // packs/NAME/TAG/…
		if header.Typeflag != tar.TypeReg || len(parts) < 4 || parts[0] != "packs" {
			continue
		}
		data, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		name := parts[1] + "/" + parts[2]
		if all[name] == nil {
			all[name] = fstest.MapFS{}
		}
		all[name][parts[3]] = &fstest.MapFile{Data: data}
	}
	var packs []corpusPack
	for name, files := range all {
		packs = append(packs, corpusPack{name, files})
	}
	return packs
}

func FuzzReadMeta(f *testing.F) {
	f.Add(good)
	f.Add("ref: ../x\nversion: 1.0.0\n")
	f.Fuzz(func(t *testing.T, metadata string) {
		meta, err := ReadMeta(packOf(metadata))
		if err != nil {
			var refused *MetaError
			if !errors.As(err, &refused) {
				t.Fatalf("want a MetaError, got %T", err)
			}
			return
		}
		// Whatever is accepted is safe as the name of a directory.
		if !namePattern().MatchString(string(meta.Ref)) || meta.Ref.IsSystem() || meta.Ref == "_global" {
			t.Errorf("accepted ref %q", meta.Ref)
		}
		if !versionPattern().MatchString(meta.Version) {
			t.Errorf("accepted version %q", meta.Version)
		}
	})
}
