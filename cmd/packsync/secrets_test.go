package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/testenv"
)

// standIns are for tools that a test machine lacks, or has without keys. Each
// takes the arguments that docs/secrets.md shows, and no others.
var standIns = map[string]string{
	"sops": `[ "$*" = "decrypt --output-type json secrets/jira.yaml" ] && [ -f secrets/jira.yaml ] && [ -n "$SOPS_AGE_KEY_FILE" ] || { echo "sops: bad call: $*" >&2; exit 64; }
echo '{"user": "jane", "password": "of the page"}'`,
	"vault": `[ "$*" = "kv get -field=password secret/jira" ] && [ -n "$VAULT_ADDR" ] || { echo "vault: bad call: $*" >&2; exit 2; }
printf 'of the page'`,
	"pass": `[ "$*" = "show st2/jira" ] || { echo "Error: $* is not in the password store." >&2; exit 1; }
echo 'of the page'`,
}

var hclBlocks = regexp.MustCompile("(?s)```hcl\n(.*?)```")

// TestSecretsPage carries out every example of docs/secrets.md: it is the
// declaration of a pack whose password must arrive, and stay unseen.
func TestSecretsPage(t *testing.T) {
	page := read(t, testenv.Root(t)+"/docs/secrets.md")
	blocks := hclBlocks.FindAllStringSubmatch(page, -1)
	ways := map[string]bool{}
	for _, m := range blocks {
		example := m[1]
		s := newBox(t, t.TempDir())
		s.pack("jira", "1.0.0")
		for name, script := range standIns {
			s.write("bin/"+name, "#!/bin/sh\n"+script+"\n")
			if err := os.Chmod(s.path("bin/"+name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		s.env = append(s.env, "PATH="+s.path("bin")+":"+os.Getenv("PATH"), "SOPS_AGE_KEY_FILE=/x", "VAULT_ADDR=http://127.0.0.1:1", "JIRA_PASSWORD=of the page", "CREDENTIALS_DIRECTORY="+s.path("creds"))
		s.write("secrets/jira.yaml", "sops: {}\n")
		s.write("creds/jira_password", "of the page\n")
		s.write("etc/jira_password", "of the page\n")
		want := `"password": "of the page"`
		switch way := regexp.MustCompile(`(file|env|systemd_credential|st2kv|"sops"|"vault"|"pass")`).FindString(example); {
		case way == "":
			t.Errorf("no way of giving a secret in %s", example)
		case way == "st2kv":
			ways[way] = true
			want = `"password": "{{ st2kv.system.jira_password }}"`
			s.declare("", strings.Replace(example, "pack \"jira\" {", "pack \"jira\" {\n  source = \"./sources/jira\"\n  virtualenv = false", 1))
		default:
			ways[way] = true
			value := "var.jira_password"
			if strings.Contains(example, `variable "jira" {`) {
				value = "var.jira.password"
			}
			s.declare("", strings.ReplaceAll(example, "/etc/packsync/", s.path("etc")+"/"), packBlock("jira", "config = { password = "+value+" }"))
		}
		code, said := s.run("apply", "--auto-approve")
		if code != 0 || strings.Contains(said, "of the page") {
			t.Errorf("exit code %d\n%s\n%s", code, example, said)
			continue
		}
		if config := read(t, s.path("root/configs/jira.yaml")); !strings.Contains(config, want) {
			t.Errorf("%s gives %s", example, config)
		}
	}
	if len(ways) != 7 {
		t.Errorf("the page shows only %v", ways)
	}
}
