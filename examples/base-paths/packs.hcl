# Packs in several base paths. StackStorm searches <root>/packs first, then the
# others in the order of packs_base_paths in st2.conf: declare them in the same order.

packsync {
  name = "example-base-paths"
}

variable "root" {
  type    = string
  default = "/opt/stackstorm"
}

variable "team_packs" {
  type    = string
  default = "/opt/acme/packs"
}

stackstorm {
  root = var.root

  registration "none" {}
}

base_path "team" {
  path = var.team_packs
}

# Into <root>/packs, whose name is "default".
pack "hello" {
  source     = "../offline/packs/hello"
  virtualenv = false
}

# Into /opt/acme/packs.
pack "hello_every_minute" {
  source     = "../offline/packs/hello_every_minute"
  base_path  = "team"
  virtualenv = false
  depends_on = [pack.hello]
}
