# The host, network and credentials.
# env: PACKSYNC_VAR_secret=hunter2

variable "secret" {
  sensitive = true
}

packsync {
  name = var.secret # ERROR: Secret not allowed here
}

packsync { # ERROR: Declared twice
}

stackstorm {
  root            = "~/stackstorm" # ERROR: Invalid path
  packs_dir       = "/srv/packs"
  configs_dir     = "/srv/packs"         # ERROR: Same directory twice
  virtualenvs_dir = "/srv/packs/envs"    # ERROR: Directories in each other # ERROR: Directories in each other
  overrides_dir   = "/srv/elsewhere"
  config_user     = ["root"] # ERROR: Wrong type

  registration "api" {
    url     = "https://user:hunter2@st2.example.com/api" # ERROR: Invalid URL
    api_key = "hunter2"
    token   = "hunter2" # ERROR: Conflicting arguments
    command = ["x"]     # ERROR: Unsupported argument
  }

  registration "none" {} # ERROR: Declared twice
}

base_path "default" { # ERROR: Reserved name
  path = "/x"
}

base_path "team" { # ERROR: Directories in each other
  path = "/srv/elsewhere/team"
}

base_path "inner" {
  path = "/opt/acme/packs/x"
}

base_path "outer" { # ERROR: Directories in each other
  path = "/opt/acme"
}

base_path "prefix" {
  path = "/opt/acme-packs"
}

base_path "team" { # ERROR: Declared twice
  path = "/opt/other"
}

index "plain" {
  url = "http://packs.example.com/index.json" # ERROR: Invalid URL
}

index "relative" {
  url = "./index.json" # ERROR: Invalid URL
}

index "token" {
  url = "https://packs.example.com/index.json?token=hunter2" # ERROR: Invalid URL
}

network {
  https_proxy = "proxy.example.com:3128" # ERROR: Invalid URL
}

credentials "https://git.example.com" { # ERROR: Invalid host
  token = "hunter2"
}

credentials "user:hunter2@git.example.com" { # ERROR: Invalid host
  token = "hunter2"
}

credentials "git.example.com" {
  token      = "hunter2"
  token_file = "/x" # ERROR: Conflicting arguments
}

credentials "GIT.example.com/" { # ERROR: Declared twice
  token = "hunter2"
}

credentials "empty.example.com" {} # ERROR: Empty block

credentials "wrong.example.com" {
  token = parseint("hunter2", 10) # ERROR: Invalid function argument
  username = "" # ERROR: Empty value
}
