package virtualenv

import (
	"strings"
	"testing"
)

func TestAddressesBecomeNames(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"requests>=2 ; python_version > '3'":            "",
		"-r more.txt":                                   "",
		"--extra-index-url https://acme.example/simple": "",
		"./local.whl":                                   "",
		"-e .":                                          "",
		"acme @ https://acme.example/x.zip":             "acme",
		"acme[ssl]@git+https://acme.example/x@v1 ; os_name == 'posix'":       "acme[ssl] ; os_name == 'posix'",
		"git+https://acme.example/x.git@v1#egg=acme_tools":                   "acme_tools",
		"-e git+ssh://git@acme.example/x.git#subdirectory=py&egg=acme[a]":    "acme[a]",
		"--editable=git+https://acme.example/x.git#egg=acme":                 "acme",
		"https://acme.example/f/acme_tools-1.0-py3-none-any.whl#sha256=1234": "acme_tools",
		"https://acme.example/f/acme-tools-1.0.tar.gz ; os_name == 'posix'":  "acme-tools ; os_name == 'posix'",
		"git+https://acme.example/x.git@v1":                                  "does not tell the name",
		"https://u:PSCANARY@acme.example/archive/main.tar.gz":                "write NAME @ before",
	} {
		if want == "" {
			want = line
		}
		got, err := nameOf(line)
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != want || err != nil && !strings.Contains(got, want) || strings.Contains(got, "PSCANARY") {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
