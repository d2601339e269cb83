# What is not declared is read from st2.conf: root, group, base paths, indexes.

stackstorm {
  conf    = "./data/st2.conf"
  version = "v3.8.1"
}

base_path "more" {
  path = "/srv/More Packs"
}

pack "jira" {
  base_path  = "opt_acme_packs"
  virtualenv = false
}
