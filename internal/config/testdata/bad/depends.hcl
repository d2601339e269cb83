# depends_on: circles, groups, and what is not a reference.

pack "a" {
  source     = "./x"
  virtualenv = false
  depends_on = [pack.b]
}

pack "b" {
  source     = "./x"
  virtualenv = false
  depends_on = [pack.c]
}

pack "c" {
  source     = "./x"
  virtualenv = false
  depends_on = [pack.a] # ERROR: Circular dependency
}

pack "itself" {
  source     = "./x"
  virtualenv = false
  depends_on = [pack.itself] # ERROR: Circular dependency
}

pack "quoted" {
  source     = "./x"
  virtualenv = false
  depends_on = ["a"] # ERROR: Invalid depends_on
}

pack "no_list" {
  source     = "./x"
  virtualenv = false
  depends_on = pack.a # ERROR: Invalid depends_on
}

pack "deep" {
  source     = "./x"
  virtualenv = false
  depends_on = [pack.a.version] # ERROR: Invalid depends_on
}

pack "missing" {
  source     = "./x"
  virtualenv = false
  depends_on = [pack["nobody"]] # ERROR: Unknown pack
}
