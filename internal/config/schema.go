package config

// blockType is what a block may hold. Decoding looks up what is present; this
// table is where every mistake in a name is found, so that nothing that a user
// writes is ever ignored.
type blockType struct {
	labels   []string // what each label is, for messages
	example  string   // how the header is written
	attrs    []string
	required []string
	blocks   map[string]*blockType
	// never holds names that somebody may expect, and why they are not there.
	never map[string]string
}

// declaration is the schema of packs.hcl (design.md 3).
func declaration() *blockType {
	registration := &blockType{
		labels: []string{"kind"}, example: `registration "api" {`,
		attrs: []string{"url", "api_key", "token", "ca_file", "command", "config_file"},
	}
	return &blockType{
		blocks: map[string]*blockType{
			"accept": {
				labels: []string{"id"}, example: `accept "PS-ACTION-REMOVED" {`,
				attrs: []string{"pack", "resource", "reason", "until"}, required: []string{"pack", "reason"},
			},
			"auto_approve": {example: "auto_approve {", attrs: []string{"actions", "max_removals", "fail_on"}},
			"packsync":     {example: "packsync {", attrs: []string{"required_version", "name"}},
			"variable": {
				labels: []string{"name"}, example: `variable "jira_password" {`,
				attrs: []string{"type", "default", "description", "sensitive", "file", "env", "command", "systemd_credential"},
			},
			"locals": {example: "locals {"},
			"stackstorm": {
				example: "stackstorm {",
				attrs:   []string{"root", "packs_dir", "configs_dir", "virtualenvs_dir", "overrides_dir", "group", "config_user", "config_group", "on_drift", "python", "conf", "version", "mode", "keep", "purge", "new_content"},
				blocks:  map[string]*blockType{"registration": registration, "overrides": globalOverrides()},
			},
			"base_path": {labels: []string{"name"}, example: `base_path "team" {`, attrs: []string{"path"}, required: []string{"path"}},
			"index": {
				labels: []string{"name"}, example: `index "exchange" {`,
				attrs: []string{"url", "optional"}, required: []string{"url"},
			},
			"network": {example: "network {", attrs: []string{"http_proxy", "https_proxy", "no_proxy", "ca_file"}},
			"rewrite": {labels: []string{"prefix"}, example: `rewrite "https://github.com/" {`, attrs: []string{"to"}, required: []string{"to"}},
			"credentials": {
				labels: []string{"host"}, example: `credentials "git.example.com" {`,
				attrs: []string{
					"username", "token", "token_file", "token_env", "token_command", "git_credential_helper",
					"ssh_key_file", "known_hosts_file", "ca_file",
				},
			},
			"pack": {
				labels: []string{"ref"}, example: `pack "aws" {`,
				attrs: []string{
					"source", "subdir", "version", "branch", "tag", "commit", "revision", "base_path", "config", "config_file",
					"virtualenv", "depends_on", "for_each", "ref", "replace", "on_drift", "mode",
					"purge", "purge_config", "protect", "new_content",
				},
				blocks: map[string]*blockType{
					"overrides": packOverrides(),
					"limits":    {example: "limits {", attrs: []string{"files", "bytes"}},
					"python":    {example: "python {", attrs: []string{"build_user", "only_binary", "timeout"}},
				},
			},
		},
	}
}
