package content

import "github.com/packsync/packsync/internal/pack"

// The ids of what Read finds. They are stable: people write them into policies.
//
// The first group is what StackStorm refuses: registration stops at the file, and
// with it everything that comes after it in the pack (reference.md 4.1).
const (
	FindingMeta              = "PS-CONTENT-META"               // pack.yaml cannot be used at all
	FindingYAML              = "PS-CONTENT-YAML"               // not YAML, not a file, or not a mapping
	FindingPack              = "PS-CONTENT-PACK"               // the field pack names another pack
	FindingKeyMissing        = "PS-CONTENT-KEY-MISSING"        // a required key
	FindingKeyUnknown        = "PS-CONTENT-KEY-UNKNOWN"        // a key that StackStorm does not know
	FindingKeyType           = "PS-CONTENT-KEY-TYPE"           // a value of the wrong type
	FindingKeyValue          = "PS-CONTENT-KEY-VALUE"          // a value out of range or of the choices
	FindingParameterName     = "PS-CONTENT-PARAMETER-NAME"     // letters, digits and _ only
	FindingParameterSchema   = "PS-CONTENT-PARAMETER-SCHEMA"   // the schema of a parameter
	FindingPosition          = "PS-CONTENT-POSITION"           // twice, or with a gap
	FindingImmutable         = "PS-CONTENT-IMMUTABLE"          // without a default
	FindingRunner            = "PS-CONTENT-RUNNER"             // a runner type that StackStorm does not bring
	FindingRunnerParameter   = "PS-CONTENT-RUNNER-PARAMETER"   // changes what a runner fixes
	FindingPollInterval      = "PS-CONTENT-POLL-INTERVAL"      // below four seconds
	FindingTrigger           = "PS-CONTENT-TRIGGER"            // a rule without the trigger it needs
	FindingTriggerParameters = "PS-CONTENT-TRIGGER-PARAMETERS" // of a timer or webhook
	FindingCriteria          = "PS-CONTENT-CRITERIA"           // of a rule
	FindingPolicyType        = "PS-CONTENT-POLICY-TYPE"        // one that StackStorm does not bring
	FindingPolicyParameters  = "PS-CONTENT-POLICY-PARAMETERS"
	FindingConfigSchema      = "PS-CONTENT-CONFIG-SCHEMA" // refuses the pack as a whole
)

// The second group is what StackStorm accepts, although nobody can have meant it.
const (
	FindingDuplicate    = "PS-CONTENT-DUPLICATE"     // one name in two files: the later one wins
	FindingDuplicateKey = "PS-CONTENT-DUPLICATE-KEY" // one key twice in a mapping: the later one wins
	FindingEntryPoint   = "PS-CONTENT-ENTRY-POINT"   // a file that is not there
	FindingReference    = "PS-CONTENT-REFERENCE"     // to an action of the pack that it does not have
	FindingWorkflow     = "PS-CONTENT-WORKFLOW"      // a workflow that fails when it runs
	FindingSensor       = "PS-CONTENT-SENSOR"        // a sensor that counts as registered, and is not
	FindingIgnored      = "PS-CONTENT-IGNORED"       // a file or key that StackStorm does not read
	FindingLater        = "PS-CONTENT-LATER"         // releases up to 3.9 accept it, later ones do not
)

var accepted = map[string]bool{
	FindingDuplicate: true, FindingDuplicateKey: true, FindingEntryPoint: true, FindingReference: true,
	FindingWorkflow: true, FindingSensor: true, FindingIgnored: true, FindingLater: true,
}

// Refused returns those of an Inventory's findings that stop a registration, in
// their order: the likely reasons for StackStorm's error 500.
func Refused(findings []pack.Finding) []pack.Finding {
	var refused []pack.Finding
	for _, f := range findings {
		if !accepted[f.ID] {
			refused = append(refused, f)
		}
	}
	return refused
}
