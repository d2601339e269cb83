# A constraint that cannot be read does not hide the other mistakes.

packsync {
  required_version = "=> 1.0" # ERROR: Invalid required_version
}

pcak "x" {} # ERROR: Unsupported block
