package virtualenv

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/packsync/packsync/internal/testenv"
)

// requirementLines are lines whose reading is compared with pip's own.
var requirementLines = []string{
	"requests", "requests>=2 # newest", "  requests  ", "# only a comment", "", "a\\\nb.txt", "-r \\\nb.txt", "-r b.txt # why",
	"-rb.txt", "-r=b.txt", "-r  b.txt", "--requirement b.txt", "--requirement=b.txt", "--requirem b.txt", "-c b.txt", "-cb.txt", "--constraint=b.txt",
	"--constr b.txt", "-r 'b.txt'", `-r "b.txt"`, "--require-hashes", "--pre", "--index-url https://x.invalid/simple", "x-r b.txt",
	"x#-r b.txt", "x #-r b.txt", "# comment \\\n-r b.txt", "x \\\n# comment\n-r b.txt", "\ufeff-r b.txt", "-r b.txt\r\nx\r\n", "--no-index", "-e .", "--find-links w",
	"a\n\n\\\n-r b.txt", "a \\", "-r b.txt --pre", "--pre -r b.txt", "-r c.txt -r b.txt", "-c c.txt -r b.txt", "-i https://x.invalid/ -c c.txt", "-r b.t'x't", "--requirement='b.txt'", "x; python_version > '3' # c",
}

// Which files a requirement file includes decides what is handed to pip and what
// is in the key: pip's parser is the judge.
func TestIncludesAreThoseThatPipSees(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "/usr/bin/python3")
	pip, err := filepath.Glob("/usr/share/python-wheels/pip-*.whl")
	if err != nil || len(pip) == 0 {
		testenv.Skip(t, "needs pip's wheel of python3-venv")
	}
	dir := t.TempDir()
	var files []string
	for i, text := range requirementLines {
		sub := filepath.Join(dir, string(rune('a'+i/26))+string(rune('a'+i%26)))
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"requirements.txt": text, "b.txt": "", "c.txt": ""} {
			if err := os.WriteFile(filepath.Join(sub, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		files = append(files, filepath.Join(sub, "requirements.txt"))
	}
	const script = `
import json, os, sys
sys.path.insert(0, sys.argv[1])
from pip._internal.network.session import PipSession
from pip._internal.req import req_file
opened, read = [], req_file.get_file_content
req_file.get_file_content = lambda url, session: (opened.append(os.path.basename(url)), read(url, session))[1]
result = []
for name in sys.argv[2:]:
    opened.clear()
    try:
        list(req_file.parse_requirements(name, PipSession()))
    except Exception as e:
        opened.append("error: %s" % e)
    result.append(opened[1:])
print(json.dumps(result))
`
	out, err := exec.Command("/usr/bin/python3", append([]string{"-I", "-c", script, pip[0]}, files...)...).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	var want [][]string
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i, text := range requirementLines {
		reqs, err := readRequirements(fstest.MapFS{"requirements.txt": {Data: []byte(text)}, "b.txt": {}, "c.txt": {}})
		var got []string
		for _, name := range reqs.names() {
			if name != "requirements.txt" {
				got = append(got, name)
			}
		}
		if len(want[i]) > 0 && strings.HasPrefix(want[i][len(want[i])-1], "error") {
			continue // pip will say so, whatever it was handed
		}
		if err != nil || !slices.Equal(got, want[i]) {
			t.Errorf("%q includes %q (%v), for pip %q", text, got, err, want[i])
		}
	}
}

func TestNeedsBuilding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line  string
		needs bool
	}{
		{"requests", false},
		{"requests[socks]>=2,<3 ; python_version > '3.6'", false},
		{"requests==2.0 --hash=sha256:aa", false},
		{"--only-binary :all:", false},
		{"--index-url https://x.example/simple", false},
		{"x @ https://x.example/x-1-py3-none-any.whl", false},
		{"x @ https://x.example/x-1-py3-none-any.whl#sha256=aa", false},
		{"https://x.example/x-1-py3-none-any.whl", false},
		{"--no-binary :all:", true},
		{"--no-bin=x", true},
		{"requests --no-binary x", true},
		{"-e .", true},
		{"--editable=git+https://x.example/x", true},
		{".", true},
		{"./lib", true},
		{"lib/x", true},
		{"x-1.0.tar.gz", true},
		{"x-1.0.zip", true},
		{"git+https://x.example/x.git@v1", true},
		{"git+https://x.example/x.git#egg=x.whl", true},
		{"x @ git+https://x.example/x.git", true},
		{"x@git+ssh://git@x.example/x.git", true},
		{"x @ https://x.example/x.tar.gz", true},
		{"x @ file:///srv/x", true},
	} {
		if got := needsBuilding(c.line); (got != "") != c.needs {
			t.Errorf("%q: %q, want a reason: %v", c.line, got, c.needs)
		}
	}
}

func FuzzReadRequirements(f *testing.F) {
	for _, text := range requirementLines {
		f.Add(text, "-r requirements.txt")
	}
	f.Fuzz(func(t *testing.T, top, included string) {
		packTree := fstest.MapFS{"requirements.txt": {Data: []byte(top)}, "b.txt": {Data: []byte(included)}}
		reqs, err := readRequirements(packTree)
		if err != nil {
			return
		}
		for name, text := range reqs {
			if string(text) != string(packTree[name].Data) {
				t.Errorf("%s was changed", name)
			}
		}
		_, takes := reqs["b.txt"]
		if named := strings.NewReplacer("'", "", `"`, "", `\`, "", "\n", "", "\r", "").Replace(top); takes && !strings.Contains(named, "b.txt") {
			t.Errorf("%q includes b.txt without naming it", top)
		}
		for _, line := range logicalLines(top) {
			if strings.TrimSpace(line) != line || line == "" || strings.HasPrefix(line, "#") {
				t.Errorf("line %q of %q", line, top)
			}
			needsBuilding(line)
		}
	})
}
