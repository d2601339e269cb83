package config

import (
	"strings"

	"github.com/packsync/packsync/internal/lazyregexp"
)

// hostPrefix is HOST, HOST:PORT or either with /PREFIX.
var hostPrefix = lazyregexp.New(`\A(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?\z`)

// envName is a name that a shell can set.
var envName = lazyregexp.New(`\A[A-Za-z_][A-Za-z0-9_]*\z`)

// tokenArguments say where a token comes from.
var tokenArguments = []string{"token", "token_file", "token_env", "token_command", "git_credential_helper"}

func (l *loader) decodeCredentials() {
	for _, inner := range l.blocks["credentials"] {
		label, at := inner.Labels[0], inner.LabelRanges[0]
		if !hostPrefix().MatchString(label) {
			// The label is not quoted: it may be a whole URL with a password.
			l.error(at, "Invalid host", "The label of a credentials block is a host, or a host and a path, without https:// and without a user: credentials \"git.example.com/team\" { … }.")
			continue
		}
		host, prefix, _ := strings.Cut(label, "/")
		name := strings.TrimRight(strings.ToLower(host)+"/"+prefix, "/")
		if !l.once("credentials for", name, inner.DefRange()) {
			continue
		}
		scope := l.scope
		scope.secret = true
		b := block{l: l, body: inner.Body, scope: scope, what: "credentials block"}
		c := Credential{Host: name, Range: inner.DefRange()}
		b.decodeCredential(&c)
		l.cfg.Credentials = append(l.cfg.Credentials, c)
	}
}

func (b block) decodeCredential(c *Credential) {
	if len(b.body.Attributes) == 0 {
		b.l.error(c.Range, "Empty block", "This credentials block says nothing. It takes token, token_file, token_env, token_command or git_credential_helper, username, ssh_key_file, known_hosts_file and ca_file.")
	}
	for i, one := range tokenArguments {
		for _, other := range tokenArguments[:i] {
			b.both(other, one, "one of them is enough")
		}
	}
	token, known := b.secret("token")
	c.Token, c.Unknown = token, !known
	for name, field := range map[string]*string{
		"token_file": &c.TokenFile, "ssh_key_file": &c.SSHKeyFile, "known_hosts_file": &c.KnownHostsFile, "ca_file": &c.CAFile,
	} {
		path, ok := b.path(name)
		*field = path
		c.Unknown = c.Unknown || !ok && b.given(name)
	}
	c.TokenCommand = b.texts("token_command")
	c.GitHelper = b.flag("git_credential_helper", false)
	c.TokenEnv, _ = b.text("token_env", textNonEmpty)
	if c.TokenEnv != "" && !envName().MatchString(c.TokenEnv) {
		b.l.error(b.body.Attributes["token_env"].Expr.Range(), "Invalid name", "token_env is the name of an environment variable, for example token_env = \"GIT_TOKEN\", not the token.")
	}
	for _, name := range []string{"token_env", "token_command", "git_credential_helper"} {
		_, v, given := b.value(name)
		c.Unknown = c.Unknown || given && !v.IsWhollyKnown()
	}
	username, ok := b.text("username", textNonEmpty)
	c.Username = username
	c.Unknown = c.Unknown || !ok && b.given("username")
}
