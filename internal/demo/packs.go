package main

import "github.com/packsync/packsync/internal/gittest"

// declaration is packs.hcl at the beginning. ROOT, INDEX, GIT and STACKSTORM stand
// for places that are known when the demo runs.
const declaration = `packsync {
  name = "demo"
}

variable "weather_password" {
  type      = string
  sensitive = true
}

variable "st2_api_key" {
  type      = string
  sensitive = true
}

stackstorm {
  root  = "ROOT"
  group = ""

  registration "api" {
    url     = "STACKSTORM"
    api_key = var.st2_api_key
  }
}

base_path "team" {
  path = "ROOT/team"
}

index "demo" {
  url = "INDEX"
}

pack "weather" {
  version    = "~> 1.0"
  virtualenv = false

  config = {
    station  = "Berlin"
    password = var.weather_password
  }
}

pack "lab" {
  source     = "./packs/lab"
  virtualenv = false
}
` + greeterBlock

const greeterBlock = `
pack "greeter" {
  source     = "GIT/greeter.git"
  branch     = "main"
  base_path  = "team"
  virtualenv = false
}
`

// weatherPack is the pack with a config; a version differs from the next in more
// than its number, and 1.2.0 has no rule any more.
func weatherPack(version string) gittest.Files {
	files := gittest.Files{
		"pack.yaml":           manifest("weather", version),
		"config.schema.yaml":  "---\nstation:\n  type: string\n  required: true\npassword:\n  type: string\n  secret: true\n",
		"actions/report.yaml": action("report", "report.sh"),
		"actions/report.sh*":  "#!/bin/sh\necho \"weather " + version + "\"\n",
	}
	if version != "1.2.0" {
		files["rules/no_umbrella.yaml"] = "---\nname: no_umbrella\nenabled: false\ntrigger:\n  type: core.st2.IntervalTimer\n" +
			"  parameters:\n    unit: hours\n    delta: 1\naction:\n  ref: weather.report\n"
	}
	return files
}

var greeterPack = gittest.Files{
	"pack.yaml":          manifest("greeter", "0.3.0"),
	"actions/greet.yaml": action("greet", "greet.sh"),
	"actions/greet.sh*":  "#!/bin/sh\necho hello\n",
}

var labPack = map[string]string{
	"pack.yaml":            manifest("lab", "0.1.0"),
	"actions/measure.yaml": action("measure", "measure.sh"),
	"actions/measure.sh":   "#!/bin/sh\necho 42\n",
}

func manifest(ref, version string) string {
	return "---\nref: " + ref + "\nname: " + ref + "\ndescription: A pack of the demo.\nversion: " + version +
		"\nauthor: packsync\nemail: packsync@example.com\n"
}

func action(name, entry string) string {
	return "---\nname: " + name + "\ndescription: An action of the demo.\nrunner_type: local-shell-script\nenabled: true\nentry_point: " + entry + "\nparameters: {}\n"
}
