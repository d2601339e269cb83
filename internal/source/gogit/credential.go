package gogit

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// Credential is how to authenticate to one host. It is used for nothing else:
// neither for another port nor after a redirect.
type Credential struct {
	// Host is HOST, HOST:PORT or either with /PREFIX: then it is for
	// repositories below that path only. The longest prefix that fits wins.
	Host string
	// Username goes with Token. "" means "x-access-token", which GitHub wants and
	// GitLab and Gitea take for any token; for bitbucket.org it means
	// "x-token-auth". A GitLab deploy token needs its own name.
	Username  string
	Token     pack.Secret
	TokenFile string // read at each use, so that it may be renewed; white space around it is cut

	SSHKeyFile     string // private key without passphrase; "" for the agent
	KnownHostsFile string // instead of Options.KnownHosts
}

// login is a user name and password for HTTP.
type login struct{ username, password string }

// credentialFor returns the credential for a host and the repository's path on
// it, or nil.
func credentialFor(list []Credential, host, name string) *Credential {
	// Cleaned, because /ours/../theirs is not below /ours for the server.
	name = strings.Trim(path.Clean("/"+name), "/")
	var best *Credential
	longest := -1
	for i := range list {
		credHost, prefix, _ := strings.Cut(list[i].Host, "/")
		prefix = strings.Trim(prefix, "/")
		if !strings.EqualFold(credHost, host) {
			continue
		}
		if prefix != "" && name != prefix && !strings.HasPrefix(name, prefix+"/") {
			continue
		}
		if len(prefix) > longest {
			best, longest = &list[i], len(prefix)
		}
	}
	return best
}

// login reads the token. The result is nil if the credential has none.
func (c *Credential) login() (*login, error) {
	if c == nil {
		return nil, nil
	}
	token := c.Token.Text()
	if token == "" && c.TokenFile != "" {
		raw, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("read token_file: %w", err)
		}
		if token = strings.TrimSpace(string(raw)); token == "" {
			return nil, fmt.Errorf("read token_file: %s is empty", c.TokenFile)
		}
	}
	if token == "" {
		return nil, nil
	}
	if strings.ContainsAny(token, "\x00\r\n") {
		return nil, fmt.Errorf("the token for %s has more than one line", c.Host)
	}
	username := c.Username
	if username == "" {
		username = "x-access-token"
		if host, _, _ := strings.Cut(c.Host, "/"); strings.EqualFold(host, "bitbucket.org") {
			username = "x-token-auth"
		}
	}
	return &login{username: username, password: token}, nil
}
