auto_approve {
  actions      = ["install", "update"]
  max_removals = 2     # ERROR: Conflicting arguments
  maxremovals  = 2     # ERROR: Unsupported argument
  actions_too  = "all" # ERROR: Unsupported argument
}
