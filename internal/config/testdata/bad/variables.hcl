# Variables and locals.
# env: PACKSYNC_VAR_nobody=ignored
# var: unknwon=1
# var: count=many
# var: pw=hunter2
# NOWHERE ERROR: Undeclared variable
# NOWHERE ERROR: Wrong type
# NOWHERE ERROR: Secret on the command line

variable "count" {
  type = number
}

variable "pw" {
  type      = string
  sensitive = true
}

variable "literal" {
  type      = string
  sensitive = true
  default   = "hunter2" # ERROR: Secret in the declaration
}

variable "optional_secret" {
  type      = string
  sensitive = true
  default   = null
}

variable "from_file" {
  type    = string
  file    = "/nonexistent/file"
  default = "hunter2" # ERROR: Secret in the declaration
}

variable "count" { # ERROR: Declared twice
}

variable "no good" { # ERROR: Invalid name
}

variable "bad_type" {
  type = strng # ERROR: Invalid type specification
}

variable "bad_default" {
  type    = number
  default = "x" # ERROR: Wrong type
}

variable "computed" {
  type    = string
  default = local.a # ERROR: Variables not allowed
}

variable "missing" { # ERROR: No value for variable
  type = string
}

variable "missing_secret" { # ERROR: No value for variable
  sensitive = true
}

variable "unused" { # needs no value
  type = string
}

variable "absent_file" {
  file = "/nonexistent/file" # ERROR: No value for variable
}

locals {
  a = local.b # ERROR: Circular reference
  b = local.c
  c = local.a
  d = var.missing
  e = var.missing_secret
  f = var.absent_file
  g = 1 / 0
  h = var   # ERROR: Unknown reference
}

locals {
  a = 1 # ERROR: Declared twice
}
