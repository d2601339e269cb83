# A declaration for a newer packsync: only that is said.

packsync {
  required_version = ">= 99.0" # ERROR: Unsupported packsync version
}

from_the_future "x" {
}

pack "aws" {
  source = <<-EOT
    unfinished
