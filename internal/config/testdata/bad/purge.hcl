# What becomes of what a new version lacks.

stackstorm {
  purge = "all" # ERROR: Unknown purge policy
}

pack "lab" {
  source       = "./lab"
  purge        = sensitive("full") # ERROR: Secret not allowed here
  purge_config = "perhaps" # ERROR: Wrong type
  protect      = ["old"] # ERROR: Invalid object
}

pack "other" {
  source  = "./other"
  protect = ["lab.old"] # ERROR: Invalid object
}

pack "stars" {
  source  = "./stars"
  protect = ["stars.*old*"] # ERROR: Invalid object
}

pack "none" {
  source  = "./none"
  protect = [] # ERROR: Empty value
}
