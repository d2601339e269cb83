package virtualenv_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// release is one file that an index serves: the name that pip finds it by, and
// its bytes.
type release struct {
	project, file string
	content       []byte
}

// wheel makes a wheel of pure Python.
func wheel(project, version string, files map[string]string, requires ...string) release {
	info := project + "-" + version + ".dist-info/"
	all := maps.Clone(files)
	if all == nil {
		all = map[string]string{}
	}
	if text, ok := all["entry_points.txt"]; ok {
		delete(all, "entry_points.txt")
		all[info+"entry_points.txt"] = text
	}
	meta := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", project, version)
	for _, r := range requires {
		meta += "Requires-Dist: " + r + "\n"
	}
	all[info+"METADATA"] = meta
	all[info+"WHEEL"] = "Wheel-Version: 1.0\nGenerator: packsync-test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
	record := ""
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sum := sha256.Sum256([]byte(all[name]))
		record += fmt.Sprintf("%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(all[name]))
	}
	all[info+"RECORD"] = record + info + "RECORD,,\n"
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(all[name]))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return release{project, project + "-" + version + "-py3-none-any.whl", buf.Bytes()}
}

// backend is a build backend that needs nothing from an index: it runs the
// module evil.py of the source distribution, then makes an empty wheel.
const backend = `
import zipfile
def build_wheel(directory, settings=None, metadata=None):
    import evil
    name = "%[1]s-%[2]s"
    info = name + ".dist-info/"
    with zipfile.ZipFile(directory + "/" + name + "-py3-none-any.whl", "w") as z:
        z.writestr("%[1]s.py", "made = True\n")
        z.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: %[1]s\nVersion: %[2]s\n")
        z.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr(info + "RECORD", "%[1]s.py,,\n")
    return name + "-py3-none-any.whl"
`

// sdist makes a source distribution that runs code when it is built.
func sdist(project, version, code string) release {
	top := project + "-" + version + "/"
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	t := tar.NewWriter(gz)
	for name, text := range map[string]string{
		"PKG-INFO":       fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", project, version),
		"pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n",
		"backend.py":     fmt.Sprintf(backend, project, version),
		"evil.py":        code,
	} {
		if err := t.WriteHeader(&tar.Header{Name: top + name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			panic(err)
		}
		if _, err := t.Write([]byte(text)); err != nil {
			panic(err)
		}
	}
	if err := t.Close(); err != nil {
		panic(err)
	}
	if err := gz.Close(); err != nil {
		panic(err)
	}
	return release{project, project + "-" + version + ".tar.gz", buf.Bytes()}
}

// pypi is a package index (PEP 503) on this machine.
type pypi struct {
	*httptest.Server
	password string // "" to let everybody in

	mu       sync.Mutex
	releases []release
	requests []string
	hook     func(path string) // called for each request, if not nil
}

func newPyPI(t testing.TB, releases ...release) *pypi { return startPyPI(t, false, "", releases) }

func startPyPI(t testing.TB, tls bool, password string, releases []release) *pypi {
	t.Helper()
	p := &pypi{password: password, releases: releases}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // of handshakes that tests let fail
	if tls {
		p.StartTLS()
	} else {
		p.Start()
	}
	t.Cleanup(p.Close)
	return p
}

func (p *pypi) setReleases(releases ...release) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.releases = releases
}

func (p *pypi) onRequest(hook func(path string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hook = hook
}

func (p *pypi) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, r.URL.Path)
	hook, releases := p.hook, p.releases
	p.mu.Unlock()
	if hook != nil {
		hook(r.URL.Path)
	}
	if _, password, _ := r.BasicAuth(); password != p.password {
		w.Header().Set("WWW-Authenticate", `Basic realm="index"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	project, isPage := strings.CutPrefix(r.URL.Path, "/simple/")
	links := ""
	for _, rel := range releases {
		if isPage && strings.Trim(project, "/") == strings.ReplaceAll(rel.project, "_", "-") {
			links += fmt.Sprintf("<a href=\"/files/%[1]s\">%[1]s</a>\n", rel.file)
		}
		if r.URL.Path == "/files/"+rel.file {
			_, _ = w.Write(rel.content)
			return
		}
	}
	if links == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	_, _ = fmt.Fprintf(w, "<!DOCTYPE html><html><body>%s</body></html>", links)
}

func (p *pypi) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// decodeReport reads what the code in report sends.
func decodeReport(body io.Reader) (saw map[string]any, err error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	plain, err := url.PathUnescape(string(text))
	if err != nil {
		return nil, err
	}
	return saw, json.Unmarshal([]byte(plain), &saw)
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// openTree lets everybody read what lies below dir.
func openTree(t testing.TB, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.Type()&os.ModeSymlink != 0 {
			return err
		}
		return os.Chmod(path, 0o755)
	})
	if err != nil {
		t.Fatal(err)
	}
}
