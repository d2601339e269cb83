package reconcile

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/packsync/packsync/internal/state"
)

// Past is the history of a root.
type Past struct {
	Declaration
	Serial  uint64               `json:"serial"`  // of the record in use
	Entries []state.HistoryEntry `json:"history"` // newest first
	End     string               `json:"end"`     // why there is nothing older; "" if the oldest is the first
}

// ReadHistory reads who changed what and when. It changes nothing.
func ReadHistory(ctx context.Context, opts Options) (*Past, error) {
	w, decl, err := openRoot(ctx, opts)
	if err != nil {
		return nil, err
	}
	record, err := w.store.Read()
	if err != nil {
		return nil, err
	}
	history, err := w.store.History(record)
	if err != nil {
		return nil, err
	}
	return &Past{Declaration: decl, Serial: record.Serial, Entries: history.Entries, End: history.End}, nil
}

// openRoot reads the declaration and opens the root that it names, for commands
// that look at the record only.
func openRoot(ctx context.Context, opts Options) (*world, Declaration, error) {
	decl, err := Load(ctx, opts)
	if err != nil {
		return nil, decl, err
	}
	w, err := open(opts, Callbacks{}, decl)
	if err != nil {
		return nil, decl, err
	}
	return w, decl, checkRoot(w.cfg)
}

// hostName names this machine for the run lock and the history.
func hostName() string {
	host, err := os.Hostname()
	if err != nil {
		return "unknown host"
	}
	return host
}

// user names who runs packsync, and who became root to do so.
func (w *world) user() string {
	name := fmt.Sprintf("uid %d", os.Geteuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	for _, entry := range w.opts.Config.Environ {
		if sudo, ok := strings.CutPrefix(entry, "SUDO_USER="); ok && sudo != "" && sudo != name {
			return sudo + " (as " + name + ")"
		}
	}
	return name
}
