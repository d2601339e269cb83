# What is enabled of all packs, and of one.
# mode: partial

variable "sensors" {
  type    = set(string)
  default = ["B", "A"]
}

variable "unknown" {
  type = list(string)
}

stackstorm {
  new_content = "disabled"

  overrides {
    sensors {
      default = false
    }
  }
}

pack "jira" {
  source      = "./jira"
  virtualenv  = false
  new_content = "enabled"

  overrides {
    sensors {
      default = null
      enable  = var.sensors
      disable = []
    }

    rules {
      default = true
      disable = [
        "on_create",
        "on.delete",
      ]
    }

    actions {
      disable = var.unknown
    }
  }
}
