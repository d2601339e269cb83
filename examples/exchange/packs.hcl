# Packs from the StackStorm Exchange, by short name.

packsync {
  name = "example-exchange"
}

variable "st2_api_key" {
  type        = string
  sensitive   = true
  description = "Key of `st2 apikey create`, for registering packs."
}

variable "jira_password" {
  type      = string
  sensitive = true
}

stackstorm {
  root = "/opt/stackstorm"

  registration "api" {
    url     = "https://st2.example.com/api"
    api_key = var.st2_api_key
  }
}

index "exchange" {
  url = "https://index.stackstorm.org/v1/index.json"
}

# The highest 2.x: ~> 2.0 is >= 2.0, < 3.0.
pack "aws" {
  version = "~> 2.0"
}

# Without a selector: the version that the index names. For this pack that is not
# the highest tag, which is years older.
pack "kubernetes" {}

pack "jira" {
  version = "= 3.3.0"

  # packsync owns configs/jira.yaml as a whole.
  config = {
    url         = "https://jira.example.com"
    auth_method = "basic"
    username    = "st2"
    password    = var.jira_password                            # written to the file, never shown
    oauth_token = "{{ st2kv.system.jira_token | decrypt_kv }}" # StackStorm's own, passed through
  }
}
