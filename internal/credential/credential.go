// Package credential finds what to authenticate to a host with: the credentials
// block that fits, and its token from wherever the block says it comes (itself,
// a file, the environment, a command, git's credential helper), else the user's
// netrc.
//
// It is not for speaking to the host, and it keeps nothing beyond one run.
package credential

import (
	"net/url"
	"path"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// Credential is how to authenticate to one host. It is used for nothing else:
// neither for another port nor after a redirect. Of the token fields at most one
// is set.
type Credential struct {
	// Host is HOST, HOST:PORT or either with /PREFIX: then it is for
	// repositories below that path only. The longest prefix that fits wins.
	Host string
	// Username goes with the token. "" means "x-access-token", which GitHub wants
	// and GitLab and Gitea take for any token; for bitbucket.org it means
	// "x-token-auth". A GitLab deploy token needs its own name.
	Username     string
	Token        pack.Secret
	TokenFile    string   // read at each use, so that it may be renewed; white space around it is cut
	TokenEnv     string   // name of an environment variable
	TokenCommand []string // argv; the token is what it prints on stdout, trimmed
	GitHelper    bool     // ask git's own credential helpers
	// Unknown tells that the block has more, which this run does not know because a
	// variable has no value: only where that may be so (config.Partial).
	Unknown bool

	SSHKeyFile     string // private key without passphrase; "" for the agent
	KnownHostsFile string // "" for those of the user and the system
}

// HasToken reports whether the credential says where a token comes from.
func (c *Credential) HasToken() bool {
	return c != nil && (!c.Token.IsZero() || c.TokenFile != "" || c.TokenEnv != "" || len(c.TokenCommand) > 0 || c.GitHelper)
}

// For returns the credential for a host (with its port, if the URL has one) and
// the path on it, or nil. It may be called on a nil Set.
func (s *Set) For(host, name string) *Credential {
	if s == nil {
		return nil
	}
	// Cleaned, because /ours/../theirs is not below /ours for the server.
	name = strings.Trim(path.Clean("/"+name), "/")
	var best *Credential
	longest := -1
	for i := range s.opts.Credentials {
		c := &s.opts.Credentials[i]
		credHost, prefix, _ := strings.Cut(c.Host, "/")
		prefix = strings.Trim(prefix, "/")
		if !strings.EqualFold(credHost, host) {
			continue
		}
		if prefix != "" && name != prefix && !strings.HasPrefix(name, prefix+"/") {
			continue
		}
		if len(prefix) > longest {
			best, longest = c, len(prefix)
		}
	}
	return best
}

// username is the name that goes with the credential's token.
func (c *Credential) username() string {
	if c.Username != "" {
		return c.Username
	}
	return defaultUsername(c.Host)
}

// defaultUsername is what the hosts want beside a token that belongs to no
// person. The others take any name.
func defaultUsername(host string) string {
	host, _, _ = strings.Cut(host, "/")
	if strings.EqualFold(host, "bitbucket.org") {
		return "x-token-auth"
	}
	return "x-access-token"
}

// origin of a Login that a block gives.
func (c *Credential) origin() string { return "the block credentials \"" + c.Host + "\"" }

// secure reports whether a password may go to u: in the clear only to this
// machine. Config refuses other URLs; this is the last door.
func secure(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && pack.IsLoopback(u.Hostname())
}
