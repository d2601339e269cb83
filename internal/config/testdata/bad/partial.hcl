# Without values: unknown may flow into config, credentials, registration and
# host paths, and nowhere else.
# mode: partial

variable "x" {
  type = string
}

variable "m" {
  type = map(string)
}

variable "from_file" {
  file = "/nonexistent/file"
}

locals {
  through = "v${var.x}"
}

packsync {
  name = var.x
}

stackstorm {
  root  = var.x
  group = var.x

  registration "api" {
    url     = var.x
    api_key = var.from_file
  }
}

credentials "git.example.com" {
  token = var.from_file
}

pack "config" {
  source     = "./x"
  virtualenv = false
  config     = { a = var.x, b = { c = var.from_file } }
}

pack "source" {
  source     = "https://${var.x}/x.git" # ERROR: Value not known
  virtualenv = false
}

pack "subdir" {
  source     = "https://git.example.com/x.git"
  subdir     = var.x # ERROR: Value not known
  virtualenv = false
}

pack "selector" {
  source     = "https://git.example.com/x.git"
  version    = local.through # ERROR: Value not known
  virtualenv = false
}

pack "group" {
  for_each   = var.m # ERROR: Value not known
  source     = "./x"
  virtualenv = false
}

pack "members" {
  for_each   = { member = var.x }
  source     = "https://git.example.com/x.git"
  tag        = each.value # ERROR: Value not known
  virtualenv = false
}

pack "refs" {
  for_each   = { refs_a = var.x }
  ref        = each.value # ERROR: Value not known
  source     = "./x"
  virtualenv = false
}
