package pyyaml

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/testenv"
)

// Every YAML file of the real packs reads as PyYAML reads it. Equal files are
// read once.
func TestTheExchangeReadsAsPyYAML(t *testing.T) {
	archive, err := os.Open(filepath.Join(testenv.Shared(t), "corpus", "exchange-packs.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	python := newOracle(t)
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(header.Name, ".yaml") && !strings.HasSuffix(header.Name, ".yml") {
			continue
		}
		data, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(data)] {
			continue
		}
		seen[string(data)] = true
		doc, docErr := Unmarshal(data)
		form, problem := python.read(t, "C", data)
		if why := compare(doc, docErr, form, problem); why != "" {
			t.Errorf("%s: %s", header.Name, why)
		}
	}
	if len(seen) < 1000 {
		t.Errorf("only %d different files, the corpus has thousands", len(seen))
	}
	t.Logf("%d different files", len(seen))
}
