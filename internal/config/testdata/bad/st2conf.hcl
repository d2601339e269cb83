# What packsync would read otherwise than StackStorm is refused, and what does not
# fit is said.

stackstorm {
  conf    = "./data_st2.conf" # ERROR: Unsupported value in st2.conf # ERROR: Unsupported value in st2.conf # ERROR: Unsupported value in st2.conf
  version = "3.8"             # ERROR: Invalid version
}

base_path "a" {
  path = "/opt/a"
}

base_path "b" { # WARNING: Base paths in another order
  path = "/opt/b"
}

base_path "c" { # WARNING: Base path that StackStorm does not search
  path = "/opt/c"
}

index "mirror" {
  url      = "https://mirror.example.com/index.json"
  optional = "perhaps" # ERROR: Wrong type
}
