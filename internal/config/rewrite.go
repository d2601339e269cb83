package config

import (
	"net/url"
	"strings"

	"github.com/packsync/packsync/internal/lazyregexp"
	"github.com/packsync/packsync/internal/pack"
)

// rewritePrefix is a scheme and a whole host, or user@host: — anything shorter
// would also be the beginning of somebody else's host.
var rewritePrefix = lazyregexp.New(`\A(?:(?:https?|ssh)://(?:[A-Za-z0-9._-]+@)?[^/@\s]+/|file:///|[A-Za-z0-9_.-]+@[^/:@\s]+:)[^\s]*\z`)

func (l *loader) decodeRewrites() {
	for _, inner := range l.blocks["rewrite"] {
		label, at := inner.Labels[0], inner.LabelRanges[0]
		prefix := canonicalPrefix(label)
		if problem := rewriteProblem(label); problem != "" {
			l.error(at, "Invalid prefix", "The label of a rewrite block %s. It looks like \"https://github.com/\" or \"git@github.com:\": the beginning of source and index addresses, with the whole host.", problem)
			continue
		}
		if !l.once("rewrite", prefix, inner.DefRange()) {
			continue
		}
		b := block{l: l, body: inner.Body, scope: l.scope, what: "rewrite block"}
		to, ok := b.text("to", textNonEmpty)
		if !ok {
			continue
		}
		toAt := inner.Body.Attributes["to"].Expr.Range()
		if problem := rewriteProblem(to); problem != "" {
			l.error(toAt, "Invalid address", "The address to rewrite to %s. It takes the place of the prefix, for example \"https://mirror.example.com/github/\".", problem)
			continue
		}
		if _, err := pack.ParseSource(to + "x"); err != nil {
			// The error quotes the text with an x at its end.
			l.error(toAt, "Invalid address", "What is rewritten to this would be no source: it must be https, ssh or file, or http to this machine.")
			continue
		}
		l.cfg.Rewrites = append(l.cfg.Rewrites, pack.Rewrite{Prefix: prefix, To: canonicalPrefix(to)})
	}
}

// rewriteProblem says what is wrong with a prefix, without quoting it: it may
// hold a password.
func rewriteProblem(text string) string {
	u, err := url.Parse(text)
	switch {
	case !rewritePrefix().MatchString(text):
		return "is not the beginning of an address"
	case err != nil && strings.Contains(text, "://"):
		return "is not the beginning of an address"
	case err == nil && u.User != nil && u.Scheme != "ssh":
		return "must not hold a user or password: put them into a credentials block for the host"
	case strings.ContainsAny(text, "?#"):
		return "must not have a query or fragment"
	}
	return ""
}

// canonicalPrefix writes scheme and host as canonical sources have them.
func canonicalPrefix(text string) string {
	end := strings.Index(text, "://")
	if end < 0 {
		end = 0
	} else {
		end += len("://")
	}
	slash := strings.IndexAny(text[end:], "/:")
	if slash < 0 {
		return text
	}
	end += slash
	return strings.ToLower(text[:end]) + text[end:]
}
