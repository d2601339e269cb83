package virtualenv

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
)

// account is another user that children run as.
type account struct {
	name     string
	uid, gid uint32
}

// buildAccount resolves Options.BuildUser; nil means that children run as
// packsync itself, whose effective user is self, does.
func buildAccount(name string, self int) (*account, error) {
	if self == 0 && name == "" {
		name = DefaultBuildUser
	}
	if name == "" {
		return nil, nil
	}
	found, err := user.Lookup(name)
	if unknown := (user.UnknownUserError)(""); errors.As(err, &unknown) {
		found, err = user.LookupId(name)
	}
	if err != nil {
		return nil, fmt.Errorf("look up the user %q that pip is to run as: %w: make the user, or set python.build_user", name, err)
	}
	uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, fmt.Errorf("look up the user %q that pip is to run as: %w", name, err)
	}
	switch {
	case int(uid) == self:
		return nil, nil
	case self != 0:
		return nil, fmt.Errorf("pip is to run as %s, but packsync is not root and cannot become another user: leave out python.build_user", name)
	}
	return &account{name: found.Username, uid: uint32(uid), gid: uint32(gid)}, nil
}
