stackstorm {
  root = "/opt/stackstorm"

  registration "command" {
    command = ["sudo", "/usr/bin/st2ctl"] # ERROR: Unusable command
  }
}
