# What may happen unattended is spelt out, or it is not believed.

auto_approve {
  actions      = ["instal", "remove"] # ERROR: Unknown action
  max_removals = -1                   # ERROR: Invalid number
  fail_on      = "safe"               # ERROR: Unknown grade
}

auto_approve { # ERROR: Declared twice
}

pack "aws" {
  source     = "./aws"
  virtualenv = false
}
