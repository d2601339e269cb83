# What a pack may hold.

pack "none" {
  source     = "./x"
  virtualenv = false

  limits {} # ERROR: Empty block
}

pack "wrong" {
  source     = "./x"
  virtualenv = false

  limits {
    files = 0         # ERROR: Invalid number
    bytes = "512 MiB" # ERROR: Invalid number
  }
}

pack "odd" {
  source     = "./x"
  virtualenv = false

  limits {
    files = 1.5      # ERROR: Invalid number
    bytes = 17179869185 # ERROR: Invalid number
  }
}

pack "twice" {
  source     = "./x"
  virtualenv = false

  limits {
    files = 1
  }

  limits { # ERROR: Declared twice
    bytes = 1
  }
}

pack "unknown" {
  source     = "./x"
  virtualenv = false

  limits {
    depth = 5 # ERROR: Unsupported argument
  }
}

pack "argument" {
  source     = "./x"
  virtualenv = false
  limits     = { files = 1 } # ERROR: Unsupported argument
}
