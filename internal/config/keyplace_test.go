package config

import (
	"strings"
	"testing"
	"testing/fstest"
)

// In the declaration, each place that a path must lead to ends in # and the path;
// several paths may lead to one line.
const placed = `
variable "ports" {
  default = { http = 80 }
}
locals {
  base = {
    url = "x" # url
    db = { # db
      host = "x" # db.host
    }
    shadowed = 1
  }
  choice = true
  name   = "computed"
}
pack "p" {
  source     = "./p"
  virtualenv = false
  config = merge(local.base, sensitive({ # missing
    shadowed = 2 # shadowed, shadowed.deeper
    "quoted key" = 3 # quoted key
    (local.name) = 4 # computed
    7 = 5 # 7
    ports = var.ports # ports, ports.http
    db2 = local.base.db # db2, db2.nothing
    twice = 1
    hosts = [ # hosts, hosts.5, hosts.x
      "a", # hosts.0
      { name = "b" }, # hosts.1, hosts.1.name, hosts.1.port
      [
        1, # hosts.2.0
        <<-EOT
          x
        EOT
      ],
    ]
    made = yamldecode("{a: {b: 1}}") # made, made.a.b
    list = [for x in ["a"] : { k = x }] # list, list.0.k
    chosen = local.choice ? { a = 1 } : { # chosen, chosen.a, chosen.b
      b = 2
    }
    other = !local.choice ? { a = 1 } : ({ # other
      b = 2 # other.b
    })
    twice = 2 # twice
  }))
}
pack "group" {
  for_each = {
    one = { conf = { a = { b = 1 } } }
    two = {
      conf = {
        a = { # two: a, a.c
          b = 2 # two: a.b
        }
      }
    }
  }
  source     = "./p"
  virtualenv = false
  config     = each.value.conf # two: zzz
}
`

func TestEveryKeyIsFoundWhereItIsWritten(t *testing.T) {
	cfg, _, diags := loadText(placed, Request{}, fstest.MapFS{})
	if cfg == nil {
		t.Fatal(diags)
	}
	configs := map[string]*PackConfig{}
	for _, p := range cfg.Packs {
		configs[string(p.Ref)] = p.Config
	}
	tried := 0
	for i, line := range strings.Split(placed, "\n") {
		_, comment, there := strings.Cut(line, " # ")
		if !there {
			continue
		}
		ref, paths, grouped := strings.Cut(comment, ": ")
		if !grouped {
			ref, paths = "p", comment
		}
		for path := range strings.SplitSeq(paths, ", ") {
			tried++
			at := configs[ref].KeyRange(strings.Split(path, ".")...)
			if at.Filename != "packs.hcl" || at.Start.Line != i+1 {
				t.Errorf("%s of %s is at %v, want line %d: %s", path, ref, at, i+1, line)
			}
			if at.End.Byte <= at.Start.Byte || at.End.Line != at.Start.Line {
				t.Errorf("%s of %s cannot be shown: %v", path, ref, at)
			}
		}
	}
	if tried < 30 {
		t.Errorf("only %d places", tried)
	}
	for ref, c := range configs {
		if c.KeyRange() != c.Range {
			t.Errorf("the config of %s as a whole is at %v, not %v", ref, c.KeyRange(), c.Range)
		}
	}
}
