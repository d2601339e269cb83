accept "actions" { # ERROR: Invalid finding
  pack   = "jira"
  reason = "x"
}

accept "PS-ACTION-REMOVED" {
  pack   = "Jira" # ERROR: Invalid pack
  reason = "x"
}

accept "PS-ACTION-REMOVED" {
  pack   = "jira"
  reason = "x"
  until  = "31.1.2027" # ERROR: Invalid date
}

accept "PS-ACTION-REMOVED" {
  pack   = "jira"
  reason = "" # ERROR: Empty value
}

accept "PS-ACTION-REMOVED" { # ERROR: Missing argument
  pack = "jira"
}

accept "PS-ACTION-REMOVED" { # ERROR: Missing argument
  reason = "x"
}
