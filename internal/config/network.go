package config

import (
	"net/url"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

func (l *loader) decodeNetwork() {
	if b, ok := l.single("network"); ok {
		n := &l.cfg.Network
		n.HTTPProxy = b.proxy("http_proxy")
		n.HTTPSProxy = b.proxy("https_proxy")
		n.NoProxy, _ = b.text("no_proxy", textAny)
		n.CAFile, _ = b.path("ca_file")
	}
	for _, inner := range l.blocks["index"] {
		name := inner.Labels[0]
		if !l.checkName(name, "an index", inner.LabelRanges[0]) || !l.once("index", name, inner.DefRange()) {
			continue
		}
		b := block{l: l, body: inner.Body, scope: l.scope, what: "index block"}
		text, ok := b.text("url", textNonEmpty)
		if !ok {
			continue
		}
		if problem := indexURLProblem(text); problem != "" {
			l.error(inner.Body.Attributes["url"].Expr.Range(), "Invalid URL", "The url of index %q %s.", name, problem)
			continue
		}
		l.cfg.Indexes = append(l.cfg.Indexes, Index{Name: name, URL: text, Optional: b.flag("optional", false)})
	}
	l.addST2Indexes()
}

// proxy reads a proxy, which may carry a user and a password.
func (b block) proxy(name string) pack.Secret {
	secret, _ := b.secret(name)
	if secret.IsZero() {
		return secret
	}
	u, err := url.Parse(secret.Text())
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
		b.l.error(b.body.Attributes[name].Expr.Range(), "Invalid URL", "%s must be a URL that begins with http://, https:// or socks5://, for example \"http://proxy.example.com:3128\".", b.subject(name))
	}
	return secret
}

// indexURLProblem says what is wrong with a URL, without quoting it: it may hold
// a password.
func indexURLProblem(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "is not a URL"
	case u.User != nil:
		return "must not hold a user or password: it is written to the lock. Put them into a credentials block for the host"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "must not have a query or fragment: they often carry a token, and the URL is written to the lock"
	case u.Scheme == "file":
		if u.Host != "" && u.Host != "localhost" || !strings.HasPrefix(u.Path, "/") {
			return "must have three slashes and an absolute path: file:///path/index.json"
		}
		return ""
	case u.Scheme != "https" && u.Scheme != "http":
		return "must begin with https:// or file:///"
	case u.Hostname() == "":
		return "names no host"
	case u.Scheme == "http" && !pack.IsLoopback(u.Hostname()):
		return "must begin with https://: over http nothing proves who answers (allowed to this machine only)"
	}
	return ""
}
