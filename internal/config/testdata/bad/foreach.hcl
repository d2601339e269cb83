# for_each over what it cannot be, and refs that it makes.
# env: PACKSYNC_VAR_secret=hunter2

variable "secret" {
  type      = string
  sensitive = true
}

pack "list" {
  for_each = ["a", "b"] # ERROR: Wrong type
  source   = "./x"
}

pack "text" {
  for_each = "a" # ERROR: Wrong type
  source   = "./x"
}

pack "null" {
  for_each = null # ERROR: Empty value
  source   = "./x"
}

pack "keys" {
  for_each   = toset(["good", "Bad-Key"]) # ERROR: Invalid pack ref
  source     = "./x"
  virtualenv = false
}

pack "secrets" {
  for_each = toset([var.secret]) # ERROR: Secret not allowed here
  source   = "./x"
}

pack "same" { # ERROR: Declared twice
  for_each   = toset(["a", "b"])
  ref        = "same_ref"
  source     = "./x"
  virtualenv = false
}

pack "taken" {
  source     = "./x"
  virtualenv = false
}

pack "taken" { # ERROR: Declared twice
  for_each = {}
  source   = "./x"
}

pack "each" {
  for_each   = { each_a = "v1" }
  source     = "https://git.example.com/x.git"
  tag        = each.vlaue # ERROR: Unknown reference
  virtualenv = false
}
