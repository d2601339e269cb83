# Names that nobody knows, everywhere a name can stand.

packsync {
  nam = "x" # ERROR: Unsupported argument
}

pcak "aws" { # ERROR: Unsupported block
}

stackstorm {
  packs_dri = "/x" # ERROR: Unsupported argument

  registration "apu" { # ERROR: Unknown registration
  }

  regitsration "api" { # ERROR: Unsupported block
  }
}

locals {
  known = "x"

  nested { # ERROR: Unsupported block
  }
}

pack "aws" {
  source     = "https://git.example.com/aws.git"
  verson     = "~> 1.0" # ERROR: Unsupported argument
  base_path  = "taem"   # ERROR: Unknown base path
  depends_on = [pack.jria] # ERROR: Unknown pack

  config = {
    a = var.unknwon      # ERROR: Unknown reference
    b = local.knwon      # ERROR: Unknown reference
    c = known            # ERROR: Unknown reference
    d = each.key         # ERROR: Reference not allowed here
    e = pack.jira.commit # ERROR: Reference not allowed here
    f = uper("x")        # ERROR: Unknown function
  }

  limits = 3 # ERROR: Unsupported argument
}

pack "jira" {
  source       = "https://git.example.com/jira.git"
  registration = "x" # ERROR: Unsupported argument
}

base_path "team" {
  path = "/opt/acme/packs"
}
