# With broken syntax nothing else is looked at.

pack "aws" {
  source  = "./x"
  version = "~> 1.0 # ERROR: Invalid multi-line string # ERROR: Unterminated template string
}

pack "jira" {
  config = { password = "hunter2" }
}
