package gogit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/transport"
	"github.com/packsync/packsync/internal/tree"
)

// translate turns what went wrong into source's errors, with a hint that says
// what to do. Refused trees and interruptions keep their own kind. commit is what
// was being fetched, "" for something else.
func (r *remote) translate(err error, commit pack.Commit) error {
	var refused *tree.RefusedError
	var unreachable *source.UnreachableError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unreachable):
		return err
	case errors.As(err, &refused), errors.Is(err, context.Canceled):
		if commit == "" {
			return fmt.Errorf("ask %s: %w", r.src.URL, err)
		}
		return fmt.Errorf("fetch commit %s of %s: %w", commit, r.src, err)
	}
	text, hint := r.explain(err)
	switch {
	case text != "":
		err = &plainError{text: text, err: err}
	case hint == "" && commit != "": // something is wrong with the commit, not with the way
		err = fmt.Errorf("commit %s: %w", commit, err)
	}
	return &source.UnreachableError{Source: r.src, Hint: hint, Err: err}
}

// plainError says in plain words what err says in those of a library.
type plainError struct {
	text string
	err  error
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.err }

// explain returns a text, "" to keep that of err, and a hint.
func (r *remote) explain(err error) (text, hint string) {
	var hostKey *HostKeyError
	var refused *refusedError
	host := r.src.Host()
	block := fmt.Sprintf("credentials %q", host)
	switch {
	case errors.As(err, &hostKey) && hostKey.Changed:
		return "", "somebody may be in between: ask who runs the server for its fingerprint; only if it is this one, replace the old line in the known_hosts file by\n  " + hostKey.Line
	case errors.As(err, &hostKey):
		return "", "if who runs the server confirms that fingerprint, add this line to the known_hosts file (known_hosts_file in the block " + block + "):\n  " + hostKey.Line
	case errors.Is(err, errNoKey):
		return "", "add a block " + block + " with ssh_key_file, or start an ssh agent (SSH_AUTH_SOCK)"
	case strings.Contains(err.Error(), "ssh: unable to authenticate"):
		return "the server takes none of the ssh keys", "register the public key as a deploy key of the repository, or name another ssh_key_file in the block " + block
	case errors.Is(err, errNotGit):
		return "", "check the address; a captive portal, a proxy's or a server's login page answers like this"
	case errors.Is(err, errNotRepository):
		return "", fmt.Sprintf("for a plain directory write its path without file://: source = %q", strings.TrimPrefix(r.src.URL, "file://"))
	case errors.Is(err, fs.ErrNotExist) && r.backend.isLocal():
		return "", "check the path"
	case errors.Is(err, errTruncated), errors.Is(err, errEmptyAnswer):
		return "", r.hint(transport.Problem{Kind: transport.Cut}, err, block)
	case errors.As(err, &refused) && r.isSSH():
		return "", "check the path of the repository, and that the ssh key may read it"
	case errors.As(err, &refused):
		return "", "" // its words are the server's: nothing is read out of them
	}
	p := transport.Diagnose(err, r.opener.opts.Clock.Now())
	if p.Kind == transport.Unknown {
		return "", ""
	}
	return p.Text, r.hint(p, err, block)
}

func (r *remote) isSSH() bool {
	return strings.HasPrefix(r.src.URL, "ssh://") || !strings.Contains(r.src.URL, "://")
}

// hint says what to do about a problem of the way to the server.
func (r *remote) hint(p transport.Problem, err error, block string) string {
	const otherwise = "; behind a proxy, set https_proxy in the network block or in the environment"
	switch p.Kind {
	case transport.Status:
		var status *transport.StatusError
		errors.As(err, &status)
		return r.statusHint(status.Status, block)
	case transport.Proxy:
		var proxy *transport.ProxyError
		if errors.As(err, &proxy) && proxy.Status == http.StatusProxyAuthRequired {
			return "give the proxy a user and password: https_proxy = \"http://USER:PASSWORD@PROXY\" in the network block (a sensitive variable) or in the environment"
		}
		return "check http_proxy, https_proxy and no_proxy in the network block and in the environment"
	case transport.TLS:
		return "if the certificate is right (a company's own authority, or a proxy that looks inside), name the authority with ca_file in the network block or in the block " + block
	case transport.DNS:
		return "check the host name and this machine's resolver" + otherwise
	case transport.Connect:
		return "check that the server is up and can be reached from this machine" + otherwise
	case transport.Timeout, transport.Cut:
		return "try again; commits that are locked and in the cache still install"
	case transport.Redirect:
		return "if the repository has moved, change the source to its new address"
	}
	return ""
}

// lacksVariable tells whether the login is missing only because a variable is.
func (r *remote) lacksVariable() bool {
	u, err := url.Parse(r.src.URL)
	if err != nil {
		return false
	}
	c := r.opener.opts.Credentials.For(u.Host, u.Path)
	return c != nil && c.Unknown
}

func (r *remote) statusHint(status int, block string) string {
	login := r.login.Load()
	switch {
	case login == nil && (status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound) && r.lacksVariable():
		return "the block " + block + " takes its token from a variable that has no value in this run, and commands of variables are not run by this command: " +
			"give the value with PACKSYNC_VAR_…, or put token_command, token_file or token_env into the block, which every command asks"
	case status == http.StatusUnauthorized && login == nil:
		return "put token, token_file, token_env or token_command into a block " + block
	case status == http.StatusUnauthorized:
		return fmt.Sprintf("the token of %s was not accepted: it may have expired, or need a username", login.Origin)
	case status == http.StatusForbidden && login == nil:
		return "the server wants to know who asks: put a token into a block " + block
	case status == http.StatusForbidden:
		return fmt.Sprintf("the token of %s may not read this repository", login.Origin)
	case status == http.StatusNotFound && login == nil:
		return "check the address; a private repository answers the same to strangers: then put a token into a block " + block
	case status == http.StatusNotFound:
		return fmt.Sprintf("check the address, and that the token of %s may read the repository", login.Origin)
	case status == http.StatusProxyAuthRequired:
		return "give the proxy a user and password: http_proxy = \"http://USER:PASSWORD@PROXY\" in the network block or in the environment"
	case status == http.StatusTooManyRequests:
		return "the server asks for patience: try again later"
	case status >= 500:
		return "the server is in trouble: try again later; commits that are locked and in the cache still install"
	}
	return "check the address"
}
