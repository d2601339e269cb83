# What is not known is left out, and said.
# mode: partial

variable "x" {
  type = string
}

variable "root" {}

packsync {
  name = var.x
}

stackstorm {
  root = var.root

  registration "api" {
    url   = var.x
    token = var.x
  }
}

base_path "team" {
  path = "${var.root}/team"
}

network {
  https_proxy = var.x
}

credentials "git.example.com" {
  token = var.x
}

pack "a" {
  source     = "./a"
  virtualenv = false
  config     = { known = 1, unknown = var.x, nested = { list = [var.x], secret = sensitive("s${var.x}") } }
}

pack "b" {
  source      = "./b"
  virtualenv  = false
  config_file = "${var.x}.yaml"
}

pack "c" {
  source     = "./c"
  virtualenv = false
  config     = var.root
  base_path  = var.x
}
