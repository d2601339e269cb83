package review

import (
	"strings"

	"github.com/packsync/packsync/internal/content"
	"github.com/packsync/packsync/internal/pack"
)

// Config is what the declaration says about the config of a pack.
type Config struct {
	At      content.Place            // in the declaration
	Given   map[string]content.Place // the keys that it gives, and where
	Refused map[string]bool          // those whose values the schema after the change refuses
}

// fits looks whether a change of the config's schema hits the config that is
// declared. What does not hit it breaks nothing; without one nobody knows.
func (c *Config) fits(ref pack.Ref, change *Change) {
	if c == nil || change.Kind != "config" || change.Grade != pack.Breaking {
		return
	}
	at, given := c.Given[change.Name]
	hit, why := c.Refused[change.Name], "what the declared config gives fits"
	switch {
	case change.ID == configPrefix+required:
		hit, why, at = !given, "the declared config gives it", c.At
	case change.ID == configPrefix+removed:
		hit, why = given, "the declared config does not give it"
	case !given:
		why = "the declared config does not give it"
	}
	if hit {
		change.Hits = []Reference{{Place: at, By: "config of " + string(ref)}}
		return
	}
	change.Grade = pack.Safe
	change.Message += "; " + why
}

// UsersKnown tells whether those who use what changes name it, so that Hits are all
// of them within the packs that were looked at. Nobody names a sensor, or the words
// that a person types.
func (c Change) UsersKnown() bool {
	switch c.ID {
	case ActionRemoved, ActionRenamed, ActionDisabled, TriggerRemoved, TriggerPayloadRemoved, PackRemoved:
		return true
	}
	return c.Kind == "action" && strings.HasPrefix(c.ID, paramPrefix)
}
