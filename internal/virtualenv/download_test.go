package virtualenv_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/virtualenv"
)

// download downloads to a new directory, and wants nothing else to be left.
func (b *bench) download() (dir string, names []string, err error) {
	b.t.Helper()
	dir = filepath.Join(b.t.TempDir(), "wheels")
	names, err = virtualenv.New(b.opts).Download(b.t.Context(), b.req, dir, func(line string) { b.progress = append(b.progress, line) })
	b.wantClean()
	if _, there := os.Lstat(dir); err != nil && !errors.Is(there, fs.ErrNotExist) {
		b.t.Errorf("after an error, the directory: %v", there)
	}
	return dir, names, err
}

// offline reads wheels from dir as Build is to be given them.
func offline(dir string, names []string) map[string]func() ([]byte, error) {
	wheels := map[string]func() ([]byte, error){}
	for _, name := range names {
		wheels[name] = func() ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) }
	}
	return wheels
}

func TestWhatIsDownloadedIsWhatABuildNeeds(t *testing.T) {
	t.Parallel()
	const token = "PSCANARY-download"
	told := make(chan map[string]any, 1)
	teller := newPyPI(t)
	teller.Config.Handler = tellTo(t, told)
	index := startPyPI(t, false, token, []release{hello, dep, wheel("acme_base", "3.1", nil), wheel("acme_base", "4.0", nil),
		sdist("acme_source", "1.0", fmt.Sprintf(report, teller.URL))})
	b := newBench(t, index, "")
	b.opts.IndexURL = pack.NewSecret(strings.Replace(index.URL, "http://", "http://u:"+token+"@", 1) + "/simple/")
	b.opts.BaseRequirements = []string{"acme_base<4"}
	address := strings.TrimSuffix(b.opts.IndexURL.Text(), "/simple/")
	b.req.Pack = fstest.MapFS{"requirements.txt": {Data: []byte("-r more.txt\nacme-source @ " + address + "/files/acme_source-1.0.tar.gz ; python_version > '3'\n")}, "more.txt": {Data: []byte("acme-hello\n")}}
	dir, names, err := b.download()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"acme_base-3.1-py3-none-any.whl", dep.file, hello.file, "acme_source-1.0-py3-none-any.whl"}
	if !slices.Equal(names, want) {
		t.Errorf("wheels are %q, want %q", names, want)
	}
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || info.Mode() != 0o644 || int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
			t.Errorf("%s: %v (%v), want a file of ours with mode 0644", name, info, err)
		}
	}
	saw := <-told
	if argv := fmt.Sprint(saw["argv"]); strings.Contains(argv, token) || !strings.Contains(argv, "wheel") {
		t.Errorf("command lines are %q, want pip's and no token", argv)
	}
	if os.Geteuid() == 0 && saw["uid"] == 0.0 {
		t.Error("the source distribution was built as root")
	}
	if shown := strings.Join(b.progress, "\n"); strings.Contains(shown, token) {
		t.Errorf("progress shows the token: %s", shown)
	}

	index.Close()
	b.opts.IndexURL, b.opts.Offline = pack.Secret{}, true
	b.req.Wheels = offline(dir, names)
	b.built()
	if got := b.run("python", "-c", "import acme_source; print(acme_source.made)"); got != "True" {
		t.Errorf("the module says %q", got)
	}
}

func TestDownloadOfNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, "")
	if dir, names, err := b.download(); err != nil || len(names) > 0 {
		t.Errorf("%q in %s, %v", names, dir, err)
	}
}

func TestDownloadKeepsToWheels(t *testing.T) {
	t.Parallel()
	index := newPyPI(t)
	index.setReleases(sdist("acme_source", "1.0", ""), sdist("acme_only", "1.0", ""),
		wheel("acme_top", "1.0", nil, "acme-source @ "+index.URL+"/files/acme_source-1.0.tar.gz"))
	for requirement, want := range map[string]string{
		"acme-top":  "acme_source-1.0.tar.gz is no wheel, and only_binary",
		"acme-only": "only_binary only wheels count",
		"acme-only @ " + index.URL + "/files/acme_only-1.0.tar.gz": "refused under only_binary",
		"acme-absent": "No matching distribution",
	} {
		b := newBench(t, index, requirement+"\n")
		b.opts.OnlyBinary = true
		if _, _, err := b.download(); err == nil || !strings.Contains(err.Error(), "download wheels for acme") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", requirement, err, want)
		}
	}
}

// A build can write into the directory beside what pip puts there.
func TestWhatABuildPlantsAmongTheWheels(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"os.symlink('/etc/passwd', wheels + '/a-1-py3-none-any.whl')": "a-1-py3-none-any.whl",
		"os.mkfifo(wheels + '/a-1-py3-none-any.whl')":                 "is no file",
		"open(wheels + '/SHA256SUMS', 'w').close()":                   "is no wheel",
	} {
		index := newPyPI(t, sdist("acme_source", "1.0", "import os\nwheels = os.path.join(os.environ['HOME'], '../wheels')\nos.makedirs(wheels, exist_ok=True)\n"+code+"\n"))
		b := newBench(t, index, "acme-source\n")
		if _, _, err := b.download(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", code, err, want)
		}
	}
}
