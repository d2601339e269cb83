package diag

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// at returns the range of the first occurrence of text in src.
func at(t *testing.T, src, text string) Range {
	t.Helper()
	start := strings.Index(src, text)
	if start < 0 {
		t.Fatalf("%q does not occur", text)
	}
	pos := func(offset int) hcl.Pos {
		line := strings.Count(src[:offset], "\n")
		return hcl.Pos{Line: line + 1, Column: offset - strings.LastIndex(src[:offset], "\n"), Byte: offset}
	}
	return Range{Filename: "packs.hcl", Start: pos(start), End: pos(start + len(text))}
}

func parsed(src string) Files {
	file, _ := hclsyntax.ParseConfig([]byte(src), "packs.hcl", hcl.InitialPos)
	return Files{"packs.hcl": file}
}

func written(t *testing.T, files Files, color bool, width int, list ...*Diagnostic) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, files, list, color, width); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

const example = `pack "aws" {
  version = "~> 1.0" # a comment
  base_path = "taem"
}
`

func TestWrite(t *testing.T) {
	got := written(t, parsed(example), false, 40,
		Error(at(t, example, `"taem"`), "Unknown base path", "There is no base path \"taem\". Did you mean \"team\"?\n\n    an example that is longer than forty columns"),
		Warning(Range{}, "No place", "Nowhere."),
		Error(Range{Filename: "absent.hcl", Start: hcl.Pos{Line: 7}}, "No source", "Gone."),
	)
	want := `Error: Unknown base path

  on packs.hcl line 3, in pack "aws":
   3:   base_path = "taem"

There is no base path "taem". Did you
mean "team"?

    an example that is longer than forty columns

Warning: No place

Nowhere.

Error: No source

  on absent.hcl line 7

Gone.

`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestColorUnderlinesTheSubject(t *testing.T) {
	got := written(t, parsed(example), true, 0, Error(at(t, example, `"taem"`), "S", "D"))
	if !strings.Contains(got, "base_path = \x1b[4m\"taem\"\x1b[0m\n") || !strings.HasPrefix(got, "\x1b[1;31mError:\x1b[0m") {
		t.Errorf("got %q", got)
	}
	got = written(t, parsed(example), true, 0, Warning(at(t, example, "pack"), "S", "D"))
	if !strings.HasPrefix(got, "\x1b[1;33mWarning:\x1b[0m") {
		t.Errorf("got %q", got)
	}
}

func TestALongSubjectIsCut(t *testing.T) {
	src := "pack \"aws\" {\n\n\n\n\n\n\n\n}\n"
	got := written(t, parsed(src), false, 0, Error(at(t, src, strings.TrimSuffix(src, "\n")), "S", "D"))
	if !strings.Contains(got, "   5:") || strings.Contains(got, "   6:") || !strings.Contains(got, "…") {
		t.Errorf("got:\n%s", got)
	}
}

func TestNothingMovesTheCursor(t *testing.T) {
	src := "pack \"a\" {\n  source = \"./\x1b[2J\u202e\"\r\n}\n"
	got := written(t, parsed(src), false, 0, Error(at(t, src, "source"), "S\x1b[2J", "D\x07 \u2066"))
	if strings.ContainsAny(got, "\x1b\x07\r\u202e\u2066") {
		t.Errorf("got %q", got)
	}
}

func TestASubjectBeyondTheFileIsHarmless(t *testing.T) {
	for _, r := range []Range{
		{Filename: "packs.hcl", Start: hcl.Pos{Line: 99, Byte: 9999}, End: hcl.Pos{Line: 99, Byte: 99999}},
		{Filename: "packs.hcl", Start: hcl.Pos{Line: 5, Column: 1, Byte: len(example)}, End: hcl.Pos{Line: 5, Column: 1, Byte: len(example)}},
		{Filename: "packs.hcl", Start: hcl.Pos{Line: 3, Byte: 60}, End: hcl.Pos{Line: 1, Byte: 0}},
	} {
		if got := written(t, parsed(example), true, 10, Error(r, "S", "D")); !strings.Contains(got, "packs.hcl") {
			t.Errorf("got %q", got)
		}
	}
}

// Each line of the table is a file; what a snippet of all its lines shows stands
// below it. hunter2 is the secret.
func TestHidden(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"config", "pack \"a\" {\n  config = { password = \"hunter2\", n = 4711, on = true, x = var.y }\n}",
			"pack \"a\" {\n  config = { password = \"(hidden)\", n = (hidden), on = (hidden), x = var.y }\n}"},
		{"a misspelt config", "pack \"a\" {\n  confg = { password = \"hunter2\" }\n}",
			"pack \"a\" {\n  confg = { password = \"(hidden)\" }\n}"},
		{"what is nearly harmless", "pack \"a\" {\n  vesion = \"~> 1.0\"\n  mode = \"st2\"\n  limits { bytes = 5 }\n}\nstackstorm {\n  kep = 3\n}",
			"pack \"a\" {\n  vesion = \"~> 1.0\"\n  mode = \"st2\"\n  limits { bytes = 5 }\n}\nstackstorm {\n  kep = 3\n}"},
		{"what is not near enough, or near to a secret", "pack \"a\" {\n  versionpw = \"hunter2\"\n  confi = \"hunter2\"\n  config2 = \"hunter2\"\n  password = \"hunter2\"\n  token = \"hunter2\"\n  limits { tokens = \"hunter2\" }\n}\nstackstorm {\n  registration \"api\" {\n    tokn = \"hunter2\"\n  }\n}",
			"pack \"a\" {\n  versionpw = \"(hidden)\"\n  confi = \"(hidden)\"\n  config2 = \"(hidden)\"\n  password = \"(hidden)\"\n  token = \"(hidden)\"\n  limits { tokens = \"(hidden)\" }\n}\nstackstorm {\n  registration \"api\" {\n    tokn = \"(hidden)\"\n  }\n}"},
		{"config as a block", "pack \"a\" {\n  config {\n    password = \"hunter2\"\n  }\n}",
			"pack \"a\" {\n  config {\n    password = \"(hidden)\"\n  }\n}"},
		{"a text with a reference", "pack \"a\" {\n  config = { a = \"hunter2 ${var.x} hunter2\" }\n}",
			"pack \"a\" {\n  config = { a = \"(hidden)\" }\n}"},
		{"a password with ${ in it", "pack \"a\" {\n  config = { a = \"x${hunter2}\" }\n}",
			"pack \"a\" {\n  config = { a = \"(hidden)\" }\n}"},
		{"a text without quotes", "pack \"a\" {\n  config = { a = hunter2, b = aa.hunter2.cc }\n}",
			"pack \"a\" {\n  config = { a = (hidden), b = (hidden) }\n}"},
		{"references, keys and functions stay", "pack \"a\" {\n  config = { a = local.x.y, (var.k) = each.value, c = upper(var.z[0]) }\n}",
			"pack \"a\" {\n  config = { a = local.x.y, (var.k) = each.value, c = upper(var.z[(hidden)]) }\n}"},
		{"heredoc", "pack \"a\" {\n  config = {\n    a = <<-EOT\n      hunter2\n      ${var.x} hunter2\n    EOT\n  }\n}",
			"pack \"a\" {\n  config = {\n    a = <<-EOT\n(hidden)\n(hidden)\n    EOT\n  }\n}"},
		{"comments", "pack \"a\" { # hunter2\n  // hunter2\n  source = \"./a\" # hunter2\n  /* hunter2 */\n}",
			"pack \"a\" {\n\n  source = \"./a\"\n\n}"},
		{"credentials", "credentials \"git.example.com\" {\n  token = \"hunter2\"\n}",
			"credentials \"git.example.com\" {\n  token = \"(hidden)\"\n}"},
		{"credentials with a URL", "credentials \"https://user:hunter2@git.example.com\" {\n}",
			"credentials \"(hidden)\" {\n}"},
		{"registration", "stackstorm {\n  root = \"/opt\"\n  registration \"api\" {\n    api_key = \"hunter2\"\n  }\n}",
			"stackstorm {\n  root = \"/opt\"\n  registration \"api\" {\n    api_key = \"(hidden)\"\n  }\n}"},
		{"a sensitive default, whichever comes first", "variable \"a\" {\n  default = \"hunter2\"\n  sensitive = true\n}\nvariable \"b\" {\n  sensitive = true\n  default = \"hunter2\"\n}",
			"variable \"a\" {\n  default = \"(hidden)\"\n  sensitive = true\n}\nvariable \"b\" {\n  sensitive = true\n  default = \"(hidden)\"\n}"},
		{"a misspelt sensitive", "variable \"a\" {\n  default = \"hunter2\"\n  sensitiv = true\n}",
			"variable \"a\" {\n  default = \"(hidden)\"\n  sensitiv = true\n}"},
		{"a default beside a source", "variable \"a\" {\n  env = \"A\"\n  default = \"hunter2\"\n}\nvariable \"b\" {\n  command = [\"cat\", \"hunter2\"]\n}",
			"variable \"a\" {\n  env = \"A\"\n  default = \"(hidden)\"\n}\nvariable \"b\" {\n  command = [\"(hidden)\", \"(hidden)\"]\n}"},
		{"a plain default is shown", "variable \"a\" {\n  default = \"x\"\n  sensitive = false\n}",
			"variable \"a\" {\n  default = \"x\"\n  sensitive = false\n}"},
		{"a credential in a source", "pack \"a\" {\n  source = \"https://user:hunter2@git.example.com/x\"\n}",
			"pack \"a\" {\n  source = \"(hidden)\"\n}"},
		{"a token in a source", "pack \"a\" {\n  source = \"https://git.example.com/x?token=hunter2\"\n}",
			"pack \"a\" {\n  source = \"(hidden)\"\n}"},
		{"a user of ssh is no credential", "pack \"a\" {\n  source = \"git@git.example.com:x/y.git\"\n  tag = \"v1\"\n}",
			"pack \"a\" {\n  source = \"git@git.example.com:x/y.git\"\n  tag = \"v1\"\n}"},
		{"a proxy with a password", "network {\n  http_proxy = \"http://user:hunter2@proxy:3128\"\n  no_proxy = \"localhost\"\n}",
			"network {\n  http_proxy = \"(hidden)\"\n  no_proxy = \"localhost\"\n}"},
		{"what is called sensitive", "locals {\n  a = sensitive(\"hunter2\")\n  b = \"shown\"\n}",
			"locals {\n  a = sensitive(\"(hidden)\")\n  b = \"shown\"\n}"},
		{"an unknown block", "credentails \"x\" {\n  token = \"hunter2\"\n}",
			"credentails \"x\" {\n  token = \"(hidden)\"\n}"},
		{"an argument outside of everything", "password = \"hunter2\"", "password = \"(hidden)\""},

		{"broken: a quote too few", "pack \"a\" {\n  version = \"~> 1.0\n}\npack \"b\" {\n  config = { password = \"hunter2\" }\n}",
			"pack \"a\" {\n  version = \"~> 1.0\n}\npack \"b\" {\n  config = (hidden)\n}"},
		{"broken: a brace too few", "pack \"a\" {\n  config = {\n    password = \"hunter2\"\n}\npack \"b\" {\n  source = \"./hunter2\"\n}",
			"pack \"a\" {\n  config = (hidden)\n    password = (hidden)\n}\npack \"b\" {\n  source = (hidden)\n}"},
		{"broken: a brace too many", "pack \"a\" {\n  config = { a = {} }}\n  password = \"hunter2\"\n}\n",
			"pack \"a\" {\n  config = (hidden)\n  password = (hidden)\n}\n"},
		{"broken: single quotes", "pack \"a\" {\n  config = {\n    password = 'hunter2'\n  }\n}",
			"pack \"a\" {\n  config = (hidden)\n    password = (hidden)\n  }\n}"},
		{"broken: elsewhere, what is sure is shown", "pack \"a\" {\n  source = \"./a\"\n  version \"1\"\n}",
			"pack \"a\" {\n  source = \"./a\"\n  (hidden)\n}"},
		{"broken: an open bracket swallows the config", "pack \"a\" {\n  depends_on = [\n  config = {\n    password = \"hunter2\"\n  }\n}",
			"pack \"a\" {\n  depends_on = [\n  config = (hidden)\n    password = (hidden)\n  }\n}"},
		{"broken: an open heredoc swallows the config", "variable \"v\" {\n  description = <<EOT\n  x\n}\nhunter2\n",
			"variable \"v\" {\n  description = (hidden)\n(hidden)\n(hidden)\n(hidden)\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, snippetOfAll(t, parsed(test.src))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNothingOfAValueFileIsShown(t *testing.T) {
	for _, test := range []struct{ src, want string }{
		{"password = \"hunter2\"\n", "password = (hidden)\n"},
		{"password: hunter2\n- hunter2\n", "(hidden)\n(hidden)\n"},
		{"key: |\n  -----BEGIN\n  aGVsbG8=\n  hunter2==\n", "(hidden)\n  (hidden)\n  (hidden)\n  (hidden)\n"},
		{"hosts = [\n  \"hunter2\",\n]\n", "hosts = (hidden)\n  (hidden)\n]\n"},
	} {
		if diff := cmp.Diff(test.want, snippetOfAll(t, Files{"packs.hcl": HiddenFile([]byte(test.src))})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// snippetOfAll shows a file line by line.
func snippetOfAll(t *testing.T, files Files) string {
	t.Helper()
	var lines []string
	offset := 0
	for i, line := range strings.SplitAfter(string(files["packs.hcl"].Bytes), "\n") {
		got := written(t, files, false, 0, Error(Range{Filename: "packs.hcl", Start: hcl.Pos{Line: i + 1, Byte: offset}, End: hcl.Pos{Line: i + 1, Byte: offset + 1}}, "S", "D"))
		if strings.Contains(got, "hunter2") {
			t.Errorf("line %d shows the secret: %s", i+1, got)
		}
		_, after, _ := strings.Cut(got, ":\n")
		_, shown, _ := strings.Cut(strings.TrimSuffix(after, "\n\nD\n\n"), ": ")
		lines = append(lines, shown)
		offset += len(line)
	}
	return strings.Join(lines, "\n")
}

func TestJSON(t *testing.T) {
	got := JSON(List{
		Error(at(t, example, `"taem"`), "Unknown base path", "There is none."),
		Warning(Range{}, "Virtualenvs are not built", "Sorry."),
	})
	want := []JSONDiagnostic{
		{"error", "unknown-base-path", "Unknown base path", "There is none.", "packs.hcl", &JSONRange{JSONPos{3, 15, 60}, JSONPos{3, 21, 66}}},
		{Severity: "warning", Code: "virtualenvs-are-not-built", Summary: "Virtualenvs are not built", Detail: "Sorry."},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if JSON(nil) == nil {
		t.Error("no diagnostics are null and not []")
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestAWriteErrorIsReturned(t *testing.T) {
	if err := Write(full{}, nil, List{Error(Range{}, "S", "D")}, false, 0); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

func TestHide(t *testing.T) {
	src := "# hunter2\npack \"a\" {\n  version = \"~> 1.0\" # hunter2\n  config = { a = \"hunter2 ${var.x}\", b = <<-EOT\n    hunter2\n  EOT\n  }\n}\n"
	want := "# …\npack \"a\" {\n  version = \"~> 1.0\" # …\n  config = { a = \"(hidden)\", b = <<-EOT\n(hidden)\n  EOT\n  }\n}\n"
	if diff := cmp.Diff(want, string(Hide("packs.hcl", []byte(src)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := Hide("packs.hcl", []byte("config = \"hunter2\n")); got != nil {
		t.Errorf("a file that does not parse gives %q", got)
	}
}

// What a finding about a config points at may stand anywhere.
func TestConfidential(t *testing.T) {
	src := "locals {\n  base = { pin = \"hunter2\", x = var.y }\n}\n"
	d := Error(at(t, src, "pin"), "S", "D")
	if got := written(t, parsed(src), false, 0, d); !strings.Contains(got, "hunter2") {
		t.Errorf("an ordinary one hides what stands in locals:\n%s", got)
	}
	got := written(t, parsed(src), false, 0, d, Confidential(d))
	if strings.Contains(got, "hunter2") || strings.Count(got, `base = { pin = "(hidden)", x = var.y }`) != 2 {
		t.Errorf("got:\n%s", got)
	}
}
