# Where a variable takes its value from.

variable "two_places" {
  env  = "A"
  file = "/nonexistent/file" # ERROR: Conflicting arguments
}

variable "three_places" {
  command            = ["cat", "/x"]
  env                = "A" # ERROR: Conflicting arguments
  systemd_credential = "a" # ERROR: Conflicting arguments
}

variable "no_name" {
  env = "JIRA-PASSWORD" # ERROR: Invalid name
}

variable "a_path" {
  systemd_credential = "../shadow" # ERROR: Invalid name
}

variable "a_text" {
  command = "sops -d secrets.yaml" # ERROR: Wrong type
}

variable "one_text" {
  command = ["sops -d secrets.yaml"] # ERROR: Command in one text
}

variable "nothing" {
  command = [] # ERROR: Empty value
}

variable "computed" {
  command = ["echo", var.two_places] # ERROR: Variables not allowed
}

variable "defaulted" {
  env     = "A"
  default = "" # ERROR: Default never used
}

variable "open" {
  env       = "A"
  sensitive = false # WARNING: Always sensitive
}

variable "unset" {
  env = "UNSET" # ERROR: No value for variable
}

variable "no_unit" {
  systemd_credential = "jira" # ERROR: No value for variable
}

variable "not_run" {
  command = ["true"] # ERROR: No value for variable
}

variable "never_used" {
  command = ["false"]
}

locals {
  a = [var.unset, var.no_unit, var.not_run]
}
