# One declaration, several environments: what differs is a variable, and each
# environment has a lock of its own.

packsync {
  name = "example-${var.environment}"
}

variable "environment" {
  type = string
}

variable "aws_version" {
  type        = string
  description = "Constraint on the aws pack."
}

variable "extra_packs" {
  type        = map(string)
  default     = {}
  description = "Further packs: short name to constraint."
}

variable "new_content" {
  type        = string
  default     = "enabled"
  description = "What becomes of sensors and rules that are new in a pack."
}

stackstorm {
  root        = "/opt/stackstorm"
  new_content = var.new_content

  registration "command" {}
}

index "exchange" {
  url = "https://index.stackstorm.org/v1/index.json"
}

pack "aws" {
  version = var.aws_version
}

pack "extra" {
  for_each = var.extra_packs
  version  = each.value
}
