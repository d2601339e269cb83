# How files are written, and how many generations are kept.

stackstorm {
  mode = "st2" # ERROR: Unknown mode
  keep = 0     # ERROR: Invalid number
}

pack "aws" {
  source = "./aws"
  mode   = "0775" # ERROR: Unknown mode
}

pack "azure" {
  source = "./azure"
  mode   = 493 # ERROR: Wrong type
}
