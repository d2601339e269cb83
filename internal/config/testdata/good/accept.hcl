# What somebody looked at and vouches for.

pack "jira" {
  source = "./packs/jira"
}

accept "PS-ACTION-REMOVED" {
  pack     = "jira"
  resource = "action get_issue"
  reason   = "nobody has called it since ${local.year}"
  until    = "2027-01-31"
}

accept "PS-CONFIG-REQUIRED" { # all of them, for good, also for a pack that goes
  pack   = "gone"
  reason = "we set it"
}

locals {
  year = 2025
}
