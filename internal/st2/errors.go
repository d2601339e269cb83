package st2

import (
	"errors"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/lazyregexp"
)

func setAttempts(err error, attempts int) {
	var e *Error
	if errors.As(err, &e) {
		e.Attempts = attempts
	}
}

// outageMarks are in what StackStorm says while its database is away; through
// the API that comes as 400 (server-behaviour.md 14). collisionMark is in what
// it says when two registrations met (12).
var outageMarks = []string{"ECONNREFUSED", "Topology Description", "ServerSelectionTimeoutError", "AutoReconnect", "not primary"}

const collisionMark = "E11000"

// isTransient reports whether a failure with this text is known to go away by
// itself.
func isTransient(text string) bool {
	return strings.Contains(text, collisionMark) || isOutage(text)
}

func isOutage(text string) bool {
	return slices.ContainsFunc(outageMarks, func(mark string) bool { return strings.Contains(text, mark) })
}

// StackStorm quotes config values when it says why a config is invalid, up to
// the whole config ("On instance[…]"). Only what stands before them is kept.
var (
	invalidAttribute = lazyregexp.New(`(?s)(Failed validating attribute "[^"\n]*" in config for pack "[^"\n]*" \([^)\n]*\)): .*`)
	invalidConfig    = lazyregexp.New(`(?s)(Failed to register config "[^"\n]*" for pack "[^"\n]*"): (.*)`)
	yamlPlace        = lazyregexp.New(`line \d+, column \d+`)
	// What jsonschema says of a value begins with the value, whatever is around it.
	schemaVerdict = lazyregexp.New(` (is|was|are|does|do|has|have|should) (not |non-)?(of type|one of|valid under|match|unique|too |less than|greater than|a multiple of|expected|allowed|be valid|a dependency|equal)`)
)

const valueHidden = "the value does not fit the schema (the value itself is hidden)"

// hideValues takes the config values out of what StackStorm said.
func hideValues(text string) string {
	if m := invalidAttribute().FindStringSubmatch(text); m != nil {
		return m[1] + ": " + valueHidden
	}
	m := invalidConfig().FindStringSubmatch(text)
	switch {
	case m == nil:
		// Any other report of a JSON schema ends with the instance it judged;
		// what it is about decides whether that may be a config.
		before, _, isSchema := strings.Cut(text, "\n\nFailed validating ")
		if strings.HasPrefix(text, "Failed to register ") {
			return before
		}
		if isSchema {
			return valueHidden
		}
		// About a request, which holds no config; but there the same words come first.
		if verdicts := schemaVerdict().FindAllStringIndex(text, -1); verdicts != nil {
			return "a value (hidden)" + text[verdicts[len(verdicts)-1][0]:]
		}
		return before
	case strings.HasPrefix(m[2], `Values specified as "secret: True"`):
		return text
	case yamlPlace().MatchString(m[2]):
		places := yamlPlace().FindAllString(m[2], -1)
		return m[1] + ": it is not readable YAML (" + places[len(places)-1] + ")"
	}
	return m[1] + ": " + valueHidden
}

// configHint says how to learn what StackStorm hides.
const configHint = "StackStorm hides the reason, which for one pack is nearly always its config: it does not fit the pack's config schema, " +
	"or configs/REF.yaml is not readable YAML; st2-validate-pack-config --schema-path DIR/config.schema.yaml --config-path FILE names it"

// visibilityHint is for a StackStorm that does not see what is on disk.
const visibilityHint = "StackStorm does not see what packsync placed: compare packs_base_paths and the configs directory in st2.conf " +
	"with packs.hcl, and check that StackStorm's API runs on a host that has these directories"
