# One of everything.
# env: PACKSYNC_VAR_jira_password=hunter2
# env: PACKSYNC_VAR_sites={ site_a = { tag = "v1", password = "hunter2" }, site_b = { tag = "v2", password = "hunter2" } }
# var: stage=prod

packsync {
  required_version = ">= 1.0, < 2.0"
  name             = "acme-${var.stage}"
}

auto_approve {
  actions      = ["install", "update", "configure", "remove"]
  max_removals = 2
  fail_on      = "breaking"
}

variable "stage" {
  type        = string
  default     = "test"
  description = "Which StackStorm."
}

variable "jira_password" {
  type      = string
  sensitive = true
}

variable "st2_api_key" {
  type = string
  file = "secrets/api_key"
}

variable "sites" {
  type      = map(object({ tag = string, password = string, port = optional(number, 443) }))
  sensitive = false
}

locals {
  url   = "https://jira-${local.stage}.example.com"
  stage = upper(var.stage)
  big   = 123456789012345678901234567890
}

stackstorm {
  root            = "/srv/st2"
  packs_dir       = "/srv/packs"
  configs_dir     = "/srv/configs"
  virtualenvs_dir = "../envs"
  group           = ""
  config_user     = "st2"
  config_group    = "acme"
  on_drift        = "repair"

  registration "api" {
    url     = "https://st2.example.com/api/"
    api_key = var.st2_api_key
    ca_file = "ca.pem"
  }
}

base_path "team" {
  path = "/opt/acme/packs"
}

index "acme" {
  url = "https://packs.example.com/index.json"
}

index "local" {
  url = "file:///srv/index.json"
}

network {
  http_proxy  = "http://user:${var.jira_password}@proxy.example.com:3128"
  https_proxy = "http://proxy.example.com:3128"
  no_proxy    = "localhost,.example.com"
  ca_file     = "/etc/ssl/proxy.pem"
}

credentials "Git.Example.com:8443/Team/" {
  username         = "packsync"
  token            = var.jira_password
  ssh_key_file     = "/etc/packsync/key"
  known_hosts_file = "known_hosts"
  ca_file          = "/etc/packsync/ca.pem"
}

credentials "env.example.com" {
  token_env = "GIT_TOKEN"
}

credentials "command.example.com" {
  username      = "packsync"
  token_command = ["pass", "show", "git/${local.stage}"]
}

credentials "helper.example.com" {
  git_credential_helper = true
}

rewrite "https://GitHub.com/Acme/" {
  to = "https://Mirror.example.com/Acme/"
}

rewrite "git@GitHub.com:" {
  to = "ssh://git@mirror.example.com:2222/"
}

rewrite "https://disk.example.com/" {
  to = "file:///srv/Git/"
}

pack "aws" {
  version = "~> 2.0"
}

pack "jira" {
  source  = "https://GIT.example.com:443/jira.git/"
  version = "= 3.3.0"

  config = {
    url      = local.url
    password = var.jira_password
    header   = "Basic ${var.jira_password}"
    token    = "{{ st2kv.system.jira_token | decrypt_kv }}"
    absent   = null
    numbers  = [1, 1.5, -3, local.big, null]
    flags    = { on = true, off = false, none = null }
    nested   = { secret = sensitive({ a = [1, "x"] }), plain = [] }
  }
}

pack "tools" {
  source      = "git@git.example.com:st2/tools.git"
  branch      = "main"
  subdir      = "packs/tools/"
  base_path   = "team"
  config_file = "configs/tools.yaml"
  virtualenv  = false
  replace     = true
  on_drift    = "leave"
  depends_on  = [pack.aws, pack["site"], pack.nobody]
}

pack "site" {
  for_each = var.sites

  source     = "ssh://git@git.example.com/sites.git"
  subdir     = each.key
  tag        = each.value.tag
  virtualenv = false
  config     = { password = sensitive(each.value.password), port = each.value.port }
}

pack "named" {
  for_each = toset(["x", "y"])

  ref        = "named_${each.key}"
  source     = "./packs/${each.value}"
  virtualenv = false
}

pack "pinned" {
  source     = "file:///srv/git/pinned"
  commit     = "0123456789abcdef0123456789abcdef01234567"
  virtualenv = false
  config     = {}

  python {
    build_user  = "builder"
    only_binary = true
    timeout     = "90s"
  }
}

pack "whatever" {
  source     = "/srv/plain/../plain/pack"
  virtualenv = false

  limits {
    files = 100000
    bytes = 512 * 1024 * 1024
  }

  config     = sensitive({ a = 1, b = null })
}

pack "nobody" {
  for_each = {}
  source   = "./nobody"
}
