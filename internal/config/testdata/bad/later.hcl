# Everything of the design that this version lacks is named, never ignored.

stackstorm {
  new_content = "disabled" # ERROR: Not available in this version
}

pack "aws" {
  source       = "./aws"
  virtualenv   = false
  purge        = true       # ERROR: Not available in this version
  purge_config = true       # ERROR: Not available in this version
  protect      = ["a.b"]    # ERROR: Not available in this version
  new_content  = "disabled" # ERROR: Not available in this version

  overrides { # ERROR: Not available in this version
  }

}
