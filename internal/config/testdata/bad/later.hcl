# Everything of the design that this version lacks is named, never ignored.

stackstorm {
  new_content = "disabled" # ERROR: Not available in this version
}

pack "aws" {
  source       = "./aws"
  virtualenv   = false
  new_content  = "disabled" # ERROR: Not available in this version

  overrides { # ERROR: Not available in this version
  }

}
