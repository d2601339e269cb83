# Credentials and rewrites.
# env: PACKSYNC_VAR_secret=hunter2

variable "secret" {
  type      = string
  sensitive = true
}

credentials "a.example.com" {
  token         = var.secret
  token_file    = "/etc/x"   # ERROR: Conflicting arguments
  token_command = ["a", "b"] # ERROR: Conflicting arguments # ERROR: Conflicting arguments
}

credentials "b.example.com" {
  token_env             = "A"
  git_credential_helper = true # ERROR: Conflicting arguments
}

credentials "c.example.com" {
  token_env = "hunter2 is no name" # ERROR: Invalid name
}

credentials "d.example.com" {
  token_env = var.secret # ERROR: Secret not allowed here
}

credentials "e.example.com" {
  token_command = "pass show x" # ERROR: Wrong type
}

credentials "f.example.com" {
  token_command = ["pass", var.secret] # ERROR: Secret not allowed here
}

credentials "g.example.com" {
  token_command = [] # ERROR: Empty value
}

credentials "h.example.com" {
  git_credential_helper = "perhaps" # ERROR: Wrong type
}

rewrite "https://github.com" { # ERROR: Invalid prefix
  to = "https://mirror.example.com/"
}

rewrite "https://jane:hunter2@github.com/" { # ERROR: Invalid prefix
  to = "https://mirror.example.com/"
}

rewrite "github.com/" { # ERROR: Invalid prefix
  to = "https://mirror.example.com/"
}

rewrite "https://one.example.com/" {
  to = "https://jane:hunter2@mirror.example.com/" # ERROR: Invalid address
}

rewrite "https://two.example.com/" {
  to = "http://mirror.example.com/" # ERROR: Invalid address
}

rewrite "https://three.example.com/" {
  to = "https://mirror.example.com/?token=hunter2" # ERROR: Invalid address
}

rewrite "https://four.example.com/" {
  to = "/srv/git/" # ERROR: Invalid address
}

rewrite "https://five.example.com/" {
  to = var.secret # ERROR: Secret not allowed here
}

rewrite "https://six.example.com/" { # ERROR: Missing argument
}

rewrite "https://seven.example.com/" {
  to = "https://mirror.example.com/"
}

rewrite "https://SEVEN.example.com/" { # ERROR: Declared twice
  to = "https://mirror.example.com/"
}
