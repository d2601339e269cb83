# The functions that are not plainly cty's.

pack "a" {
  source     = "./a"
  virtualenv = false

  config = {
    file         = file("data/hello.txt")
    template     = templatefile("data/greeting.tmpl", { name = "you", secret = sensitive("hunter2") })
    plain        = templatefile("data/plain.tmpl", { names = ["a", "b"] })
    yaml         = yamldecode(file("data/values.yaml"))
    yaml_secret  = yamldecode(sensitive("{password: hunter2}"))
    try          = try(local.m.absent, "fallback")
    can          = can(local.m.absent)
    length       = [length("äö"), length([1, 2, 3]), length({ a = 1 }), length(toset(["a"]))]
    replace      = [replace("a.b", ".", "-"), replace("a1b22", "/[0-9]+/", "#")]
    tests        = [startswith("abc", "a"), endswith("abc", "bc"), strcontains("abc", "x")]
    secret_parts = split(",", sensitive("a,b"))
    merged       = merge({ a = 1 }, { b = sensitive(2) })
    json         = jsonencode({ a = sensitive("hunter2") })
    chosen       = sensitive(true) ? "yes" : "no"
    loop         = { for k, v in { a = 1, b = 2 } : k => v * 2 if v > 1 }
    heredoc      = <<-EOT
      one
        two
    EOT
  }
}

locals {
  m = { present = 1 }
}
