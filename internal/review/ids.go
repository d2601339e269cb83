package review

// The ids of the changes. They are stable: people write them into accept blocks,
// and docs/findings.md has a section for each. Ids of package content
// (PS-CONTENT-…) appear too, for what StackStorm would refuse after the change.
const (
	PackAdded   = "PS-PACK-ADDED"
	PackRemoved = "PS-PACK-REMOVED"
	VersionSame = "PS-VERSION-SAME"

	ActionAdded      = "PS-ACTION-ADDED"
	ActionRemoved    = "PS-ACTION-REMOVED"
	ActionRenamed    = "PS-ACTION-RENAMED"
	ActionDisabled   = "PS-ACTION-DISABLED"
	ActionEnabled    = "PS-ACTION-ENABLED"
	ActionRunner     = "PS-ACTION-RUNNER"
	ActionEntryPoint = "PS-ACTION-ENTRY-POINT"
	ActionOutput     = "PS-ACTION-OUTPUT"

	SensorAdded      = "PS-SENSOR-ADDED"
	SensorRemoved    = "PS-SENSOR-REMOVED"
	SensorEnabled    = "PS-SENSOR-ENABLED"
	SensorDisabled   = "PS-SENSOR-DISABLED"
	SensorPoll       = "PS-SENSOR-POLL"
	SensorEntryPoint = "PS-SENSOR-ENTRY-POINT"

	TriggerAdded          = "PS-TRIGGER-ADDED"
	TriggerRemoved        = "PS-TRIGGER-REMOVED"
	TriggerParameters     = "PS-TRIGGER-PARAMETERS"
	TriggerPayload        = "PS-TRIGGER-PAYLOAD"
	TriggerPayloadRemoved = "PS-TRIGGER-PAYLOAD-REMOVED"

	RuleAdded    = "PS-RULE-ADDED"
	RuleRemoved  = "PS-RULE-REMOVED"
	RuleEnabled  = "PS-RULE-ENABLED"
	RuleDisabled = "PS-RULE-DISABLED"
	RuleChanged  = "PS-RULE-CHANGED"

	AliasAdded         = "PS-ALIAS-ADDED"
	AliasRemoved       = "PS-ALIAS-REMOVED"
	AliasRenamed       = "PS-ALIAS-RENAMED"
	AliasEnabled       = "PS-ALIAS-ENABLED"
	AliasDisabled      = "PS-ALIAS-DISABLED"
	AliasFormatAdded   = "PS-ALIAS-FORMAT-ADDED"
	AliasFormatRemoved = "PS-ALIAS-FORMAT-REMOVED"
	AliasChanged       = "PS-ALIAS-CHANGED"

	PolicyAdded   = "PS-POLICY-ADDED"
	PolicyRemoved = "PS-POLICY-REMOVED"
	PolicyChanged = "PS-POLICY-CHANGED"

	WorkflowInputRequired = "PS-WORKFLOW-INPUT-REQUIRED"
	WorkflowInputAdded    = "PS-WORKFLOW-INPUT-ADDED"
	WorkflowInputRemoved  = "PS-WORKFLOW-INPUT-REMOVED"
	WorkflowInputDefault  = "PS-WORKFLOW-INPUT-DEFAULT"
	WorkflowOutputAdded   = "PS-WORKFLOW-OUTPUT-ADDED"
	WorkflowOutputRemoved = "PS-WORKFLOW-OUTPUT-REMOVED"
	WorkflowTasks         = "PS-WORKFLOW-TASKS"

	Requirements      = "PS-PYTHON-REQUIREMENTS"
	PythonVersions    = "PS-PYTHON-VERSIONS"
	StackStormVersion = "PS-STACKSTORM-VERSION"
	Dependencies      = "PS-DEPENDENCIES"
	Code              = "PS-CODE"

	ReferenceBroken = "PS-REFERENCE-BROKEN"
	Dangling        = "PS-REFERENCE-DANGLING"
	Builtin         = "PS-REFERENCE-BUILTIN"
)

// Parameters of actions and keys of configs change in the same ways. Their ids
// are one of these after PS-PARAM- or PS-CONFIG-.
const (
	added     = "ADDED"
	removed   = "REMOVED"
	required  = "REQUIRED"
	optional  = "OPTIONAL"
	typed     = "TYPE"
	enum      = "ENUM"
	looser    = "LOOSER"
	defaults  = "DEFAULT"
	immutable = "IMMUTABLE"
	secret    = "SECRET"
	position  = "POSITION"
	schema    = "SCHEMA"
)

// IDs lists the ids of all changes, in the order of docs/findings.md.
func IDs() []string {
	ids := []string{
		PackAdded, PackRemoved, VersionSame,
		ActionAdded, ActionRemoved, ActionRenamed, ActionDisabled, ActionEnabled, ActionRunner, ActionEntryPoint, ActionOutput,
	}
	for _, prefix := range []string{paramPrefix, configPrefix} {
		for _, suffix := range []string{added, removed, required, optional, typed, enum, looser, defaults, immutable, secret, position, schema} {
			ids = append(ids, prefix+suffix)
		}
	}
	return append(
		ids,
		SensorAdded, SensorRemoved, SensorEnabled, SensorDisabled, SensorPoll, SensorEntryPoint,
		TriggerAdded, TriggerRemoved, TriggerParameters, TriggerPayload, TriggerPayloadRemoved,
		RuleAdded, RuleRemoved, RuleEnabled, RuleDisabled, RuleChanged,
		AliasAdded, AliasRemoved, AliasRenamed, AliasEnabled, AliasDisabled, AliasFormatAdded, AliasFormatRemoved, AliasChanged,
		PolicyAdded, PolicyRemoved, PolicyChanged,
		WorkflowInputRequired, WorkflowInputAdded, WorkflowInputRemoved, WorkflowInputDefault, WorkflowOutputAdded, WorkflowOutputRemoved, WorkflowTasks,
		Requirements, PythonVersions, StackStormVersion, Dependencies, Code,
		ReferenceBroken, Dangling, Builtin,
	)
}

const (
	paramPrefix  = "PS-PARAM-"
	configPrefix = "PS-CONFIG-"
)
