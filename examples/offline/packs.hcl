# Two packs from plain directories, installed below a root of your choice.
# Nothing here needs the network or a StackStorm.

packsync {
  name = "example-offline"
}

variable "root" {
  type        = string
  description = "Where StackStorm's packs/ and configs/ lie. Must exist."
}

stackstorm {
  root  = var.root
  group = "" # leave the group alone; on a StackStorm host the default, st2packs, is right

  registration "none" {} # files only
}

pack "hello" {
  source     = "./packs/hello"
  virtualenv = false # no Python in it

  config = {
    greeting = "Good morning"
  }
}

pack "hello_every_minute" {
  source     = "./packs/hello_every_minute"
  virtualenv = false
  depends_on = [pack.hello]
}
