package cli

import (
	"fmt"

	"github.com/packsync/packsync/internal/pack"
)

// grade reads the value of --fail-on.
func grade(text string) (pack.Grade, error) {
	switch g := pack.Grade(text); g {
	case "", pack.Breaking, pack.Caution:
		return g, nil
	}
	return "", usageError{fmt.Errorf("--fail-on is %q: want breaking or caution", text)}
}
