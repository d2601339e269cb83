package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// python is the interpreter that scripts build virtualenvs with: the one of the
// system, which every user may run.
const python = "/usr/bin/python3"

// canBuildVenvs is the script condition [venv].
func canBuildVenvs() (bool, error) {
	if exec.Command(python, "-c", "import venv, ensurepip").Run() == nil {
		return true, nil
	}
	if os.Getenv("PACKSYNC_TEST_ALL") == "1" {
		return false, fmt.Errorf("PACKSYNC_TEST_ALL=1 and %s with venv is not installed", python)
	}
	return false, nil
}

// pypi serves wheels as an index does: NAME=VERSION each, a module that holds its
// version. It sets PIP_INDEX_URL.
func pypi(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: pypi NAME=VERSION…")
	}
	wheels := map[string][]byte{}
	pages := map[string]string{}
	for _, arg := range args {
		name, version, _ := strings.Cut(arg, "=")
		file := fmt.Sprintf("%s-%s-py3-none-any.whl", name, version)
		data, err := wheel(name, version)
		ts.Check(err)
		wheels[file] = data
		pages[name] += fmt.Sprintf("<a href=\"/files/%s\">%s</a>\n", file, file)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(r.URL.Path)
		if data, ok := wheels[name]; ok {
			_, _ = w.Write(data) // the client may be gone
			return
		}
		page, ok := pages[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, "<!DOCTYPE html><html><body>%s</body></html>", page)
	}))
	ts.Defer(server.Close)
	ts.Setenv("PIP_INDEX_URL", server.URL+"/simple")
}

func wheel(name, version string) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	info := fmt.Sprintf("%s-%s.dist-info/", name, version)
	files := [][2]string{
		{name + ".py", fmt.Sprintf("version = %q\n", version)},
		{info + "METADATA", fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	record := ""
	for _, f := range files {
		record += f[0] + ",,\n"
	}
	for _, f := range append(files, [2]string{info + "RECORD", record + info + "RECORD,,\n"}) {
		w, err := archive.Create(f[0])
		if err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(f[1])); err != nil {
			return nil, err
		}
	}
	err := archive.Close() // writes the directory of the archive
	return out.Bytes(), err
}
