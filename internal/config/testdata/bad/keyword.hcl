# A password may hold what looks like a template.

pack "a" {
  config = { password = "x%{hunter2}" } # ERROR: Invalid template control keyword
}
