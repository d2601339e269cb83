# A block written as an argument, an argument written as a block, wrong labels.

stackstorm {
  registration = "api" # ERROR: Unsupported argument
}

pack "aws" {
  source     = "./aws"
  virtualenv = false

  config { # ERROR: Unsupported block
    password = "x"
  }
}

pack { # ERROR: Wrong number of labels
  source = "./x"
}

pack "one" "two" { # ERROR: Wrong number of labels
}

locals "x" { # ERROR: Wrong number of labels
}

base_path "team" {} # ERROR: Missing argument

index "acme" { # ERROR: Missing argument
}
