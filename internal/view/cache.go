package view

import (
	"fmt"
	"io"
	"time"

	"github.com/packsync/packsync/internal/reconcile"
)

// Cache writes what the cache holds. now is what ages count from.
func Cache(w io.Writer, c reconcile.Cache, now time.Time, style Style) error {
	if _, err := fmt.Fprintf(w, "%s %s\n", style.Label("Cache"), Quote(c.Dir)); err != nil {
		return err
	}
	for _, row := range []struct {
		name string
		part reconcile.CachedPart
	}{{"commits", c.Commits}, {"indexes", c.Indexes}, {"inventories", c.Inventories}} {
		used := ""
		if row.part.Files > 0 {
			used = fmt.Sprintf("  last used %s to %s ago", age(now.Sub(row.part.Newest)), age(now.Sub(row.part.Oldest)))
		}
		if _, err := fmt.Fprintf(w, "  %-11s %5d  %10s%s\n", row.name, row.part.Files, Bytes(row.part.Bytes), used); err != nil {
			return err
		}
	}
	return nil
}

// age writes a time span in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "seconds"
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute", "minutes")
	case d < 48*time.Hour:
		return plural(int(d/time.Hour), "hour", "hours")
	}
	return plural(int(d/(24*time.Hour)), "day", "days")
}
