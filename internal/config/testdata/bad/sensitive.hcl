# A secret may not come where it would be shown.
# env: PACKSYNC_VAR_secret=hunter2

variable "secret" {
  type      = string
  sensitive = true
}

locals {
  a = parseint(sensitive("hunter2"), 10) # ERROR: Invalid function argument
}

pack "a" {
  source  = "https://${var.secret}@git.example.com/x.git" # ERROR: Secret not allowed here
  version = sensitive("~> 1.0")                           # ERROR: Secret not allowed here
  subdir  = var.secret                                    # ERROR: Secret not allowed here

  base_path = var.secret          # ERROR: Secret not allowed here
  replace   = var.secret == "x"   # ERROR: Secret not allowed here
  config    = {
    a = parseint(var.secret, 10)                # ERROR: Invalid function argument
    b = jsondecode(var.secret)                  # ERROR: Error in function call
    c = formatdate(var.secret, "2020-01-01")    # ERROR: Invalid function argument
    d = try(parseint(var.secret, 10))           # ERROR: Error in function call
    e = var.secret + 1                          # ERROR: Invalid operand
  }
}

# Forgotten quotes, and a text with a ${ by accident.
pack "b" {
  source = "https://git.example.com/b.git"
  config = {
    f = "x${hunter2}" # ERROR: Unknown reference
    g = hunter2       # ERROR: Unknown reference
  }
}

# The keys of a config are shown.
pack "c" {
  source = "https://git.example.com/c.git"
  config = {
    (var.secret)        = 1                     # ERROR: Secret not allowed here
    "${var.secret} key" = 1                     # ERROR: Secret not allowed here
    list = [{ (var.secret) = 1 }]               # ERROR: Secret not allowed here
  }
}
