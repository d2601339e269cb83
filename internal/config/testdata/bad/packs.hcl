# Mistakes inside pack blocks.

pack "Bad-Ref" { # ERROR: Invalid pack ref
  source = "./x"
}

pack "core" { # ERROR: Invalid pack ref
  source = "./x"
}

pack "twice" {
  source = "./x"
}

pack "twice" { # ERROR: Declared twice
  source    = "./y"
  base_path = "team"
}

pack "selectors" {
  source  = "https://git.example.com/x.git"
  version = "~> 1.0"
  branch  = "main" # ERROR: Two selectors
  tag     = "v1"   # ERROR: Two selectors
}

pack "constraint" {
  source  = "https://git.example.com/x.git"
  version = "=> 1.0" # ERROR: Invalid version
}

pack "number" {
  source  = "https://git.example.com/x.git"
  version = 1.10 # ERROR: Wrong type
}

pack "upper" {
  source = "https://git.example.com/x.git"
  commit = "0123456789ABCDEF0123456789ABCDEF01234567" # ERROR: Invalid commit
}

pack "short" {
  source = "https://git.example.com/x.git"
  commit = "0123456" # ERROR: Invalid commit
}

pack "option" {
  source = "https://git.example.com/x.git"
  branch = "--upload-pack=x" # ERROR: Invalid branch
}

pack "full_ref" {
  source = "https://git.example.com/x.git"
  tag    = "refs/tags/v1" # ERROR: Invalid tag
}

pack "directory" {
  source  = "./x"
  version = "~> 1.0" # ERROR: Conflicting arguments
}

pack "no_index" { # ERROR: No index declared
}

pack "subdir" {
  source = "https://git.example.com/x.git"
  subdir = "../x" # ERROR: Invalid subdir
}

pack "user" {
  source = "https://user:hunter2@git.example.com/x.git" # ERROR: Credential in a source
}

pack "query" {
  source = "https://git.example.com/x.git?token=hunter2" # ERROR: Credential in a source
}

pack "http" {
  source = "http://git.example.com/x.git" # ERROR: Invalid source
}

pack "neither" {
  source = "github.com/x/y" # ERROR: Invalid source
}

pack "empty" {
  source = "" # ERROR: Empty value
}

pack "both" {
  source      = "./x"
  config      = {}
  config_file = "../good/configs/tools.yaml" # ERROR: Conflicting arguments
}

pack "no_file" {
  source      = "./x"
  config_file = "absent.yaml" # ERROR: Unreadable config file
}

pack "not_object" {
  source = "./x"
  config = "x" # ERROR: Wrong type
}

pack "infinite" {
  source = "./x"
  config = { a = 1 / 0 } # ERROR: Unsupported value
}

pack "huge" {
  source = "./x"
  config = { a = [1e1000] } # ERROR: Unsupported value
}

pack "wrong_flag" {
  source     = "./x"
  virtualenv = "yes" # ERROR: Wrong type
  replace    = 1     # ERROR: Wrong type
}

pack "drift" {
  source   = "./x"
  on_drift = "ignore" # ERROR: Unknown drift policy
}

pack "ref" {
  source = "./x"
  ref    = "other" # ERROR: Unsupported argument
}

pack "newline" {
  source = "./x\ny" # ERROR: Control character
}

base_path "team" {
  path = "/opt/acme/packs"
}

pack "slow" {
  source = "./slow"

  python {
    timeout = "soon" # ERROR: Invalid duration
  }
}
