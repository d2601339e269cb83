# Packs from private repositories: over ssh with a deploy key, over https with a
# token that lies in a file.

packsync {
  name = "example-private"
}

stackstorm {
  root = "/opt/stackstorm"

  registration "command" {}
}

credentials "git.example.com" {
  ssh_key_file     = "/etc/packsync/deploy_ed25519"
  known_hosts_file = "/etc/packsync/known_hosts"
}

credentials "code.example.com" {
  username   = "packsync"
  token_file = "/etc/packsync/token"
  ca_file    = "/etc/packsync/ca.pem"
}

# Follows a branch: the lock holds the commit, `packsync update` moves it.
pack "acme_tools" {
  source = "ssh://git@git.example.com/st2/acme_tools.git"
  branch = "main"
}

# A pack that is one folder of a larger repository.
pack "acme_network" {
  source  = "https://code.example.com/infra/automation.git"
  subdir  = "packs/acme_network"
  version = "~> 1.2"
}
