# What StackStorm cannot override, or would not look at.
# var-file: data_overrides.hclvars

variable "secret" {
  type      = string
  sensitive = true
}

variable "names" {
  type    = list(string)
  default = ["a", ""]
}

stackstorm {
  new_content = "off" # ERROR: Unknown policy

  overrides {
    sensors {
      default = "maybe"    # ERROR: Wrong type
      disable = ["a.b"]    # ERROR: Unsupported argument
      enable  = ["Sensor"] # ERROR: Unsupported argument
    }

    rules {} # ERROR: Empty block
  }

  overrides { # ERROR: Declared twice
    rules {
      default = true
    }
  }
}

pack "aws" {
  source      = "./aws"
  virtualenv  = false
  new_content = true # ERROR: Wrong type

  overrides {
    policies { # ERROR: Unsupported block
    }

    triggers { # ERROR: Unsupported block
    }

    sensor { # ERROR: Unsupported block
      default = false
    }

    rules {
      enabled = true                     # ERROR: Unsupported argument
      enable  = ["a", "b", "a"]          # ERROR: Named twice
      disable = ["c", "b", 1, null, "d"] # ERROR: Conflicting names # ERROR: Wrong type # ERROR: Wrong type
    }

    rules { # ERROR: Declared twice
      default = true
    }

    aliases {
      enable  = "one"        # ERROR: Wrong type
      disable = [var.secret] # ERROR: Secret not allowed here
    }

    actions {
      disable = var.names # ERROR: Wrong type
    }
  }
}

pack "empty" {
  source     = "./empty"
  virtualenv = false

  overrides {} # ERROR: Empty block
}

pack "argument" {
  source     = "./argument"
  virtualenv = false
  overrides  = { rules = { default = true } } # ERROR: Unsupported argument
}
