package pack

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"

	"github.com/packsync/packsync/internal/lazyregexp"
)

// SourceKind tells git repositories from plain directories.
type SourceKind string

// The kinds of source.
const (
	SourceGit SourceKind = "git"
	SourceDir SourceKind = "dir"
)

// Source is where a pack's content comes from, without any credential.
type Source struct {
	Kind   SourceKind
	URL    string // git: canonical URL or scp-like user@host:path; dir: absolute path
	Subdir string // slash-separated, inside the repository or directory; "" for its root
	Limits Limits // what is taken from it
}

// Limits bound what a pack may hold. They travel with the source, since whoever
// fetches has to know them before the content is there.
type Limits struct {
	Files int   // number of files; 0 for the default
	Bytes int64 // bytes of all files together, and then of one file too; 0 for the default
}

func (s Source) String() string {
	if s.Subdir == "" {
		return s.URL
	}
	return s.URL + "//" + s.Subdir
}

// ErrCredentialInURL reports a source URL that carries a user name, password,
// token or query: what stands in a URL ends up in logs, plans and the lock.
var ErrCredentialInURL = errors.New("a source URL must not carry a credential")

// ErrPlainHTTP reports an http:// URL to another machine.
var ErrPlainHTTP = errors.New("http:// is only allowed to this machine (loopback): nothing proves who answers")

var (
	scpPattern    = lazyregexp.New(`\A([A-Za-z0-9_][A-Za-z0-9._-]*)@([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\]):([^\s]+)\z`)
	hostPattern   = lazyregexp.New(`\A[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\z`)
	subdirPattern = lazyregexp.New(`\A[^\x00-\x1f\x7f\\:]+\z`)
)

// ParseSource reads a git URL: https, ssh (both forms), file, and http to a
// loopback address. It does not read directories: config knows what a relative
// path counts from, and builds those itself. The canonical form has a
// lower-case scheme and host, no default port, no trailing slash. The error
// wraps ErrCredentialInURL or ErrPlainHTTP where those are the reason.
func ParseSource(text string) (Source, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return Source{}, fmt.Errorf("invalid source %q: it contains a space or control character", redactURL(text))
	}
	if !strings.Contains(text, "://") {
		if m := scpPattern().FindStringSubmatch(text); m != nil {
			if strings.HasPrefix(m[3], "-") {
				return Source{}, fmt.Errorf("invalid source %q: the path begins with -", text)
			}
			repository := strings.TrimRight(m[3], "/")
			if repository == "" {
				return Source{}, fmt.Errorf("invalid source %q: it names a host but no repository", text)
			}
			return Source{Kind: SourceGit, URL: m[1] + "@" + strings.ToLower(m[2]) + ":" + repository}, nil
		}
		return Source{}, fmt.Errorf("invalid source %q: want https://, ssh://, file://, user@host:path, or a path beginning with ./, ../ or /", redactURL(text))
	}
	u, err := url.Parse(text)
	if err != nil {
		return Source{}, fmt.Errorf("invalid source %q: not a URL", redactURL(text))
	}
	u.Scheme = strings.ToLower(u.Scheme)
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return Source{}, fmt.Errorf("invalid source %q: %w (it has a query or fragment)", redactURL(text), ErrCredentialInURL)
	}
	if strings.HasPrefix(u.Path, "/-") {
		return Source{}, fmt.Errorf("invalid source %q: the path begins with -", redactURL(text))
	}
	switch u.Scheme {
	case "https", "http":
		if u.User != nil {
			return Source{}, fmt.Errorf("invalid source %q: %w", redactURL(text), ErrCredentialInURL)
		}
	case "ssh":
		if _, has := u.User.Password(); has {
			return Source{}, fmt.Errorf("invalid source %q: %w", redactURL(text), ErrCredentialInURL)
		}
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return Source{}, fmt.Errorf("invalid source %q: a file URL has three slashes (file:///path)", redactURL(text))
		}
		u.Host = ""
		if u.Path == "" || u.Path[0] != '/' {
			return Source{}, fmt.Errorf("invalid source %q: a file URL needs an absolute path", text)
		}
		return Source{Kind: SourceGit, URL: "file://" + (&url.URL{Path: path.Clean(u.Path)}).EscapedPath()}, nil
	default:
		return Source{}, fmt.Errorf("invalid source %q: scheme %q is not supported (want https, ssh or file)", redactURL(text), u.Scheme)
	}
	host := strings.ToLower(u.Hostname())
	if net.ParseIP(host) == nil && !hostPattern().MatchString(host) {
		return Source{}, fmt.Errorf("invalid source %q: bad host name", redactURL(text))
	}
	if u.Scheme == "http" && !IsLoopback(host) {
		return Source{}, fmt.Errorf("invalid source %q: %w", text, ErrPlainHTTP)
	}
	port := u.Port()
	if port == map[string]string{"https": "443", "http": "80", "ssh": "22"}[u.Scheme] {
		port = ""
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		host += ":" + port
	}
	if strings.Trim(u.Path, "/") == "" {
		return Source{}, fmt.Errorf("invalid source %q: it names a host but no repository", redactURL(text))
	}
	user := ""
	if u.User != nil {
		user = u.User.Username() + "@"
	}
	return Source{Kind: SourceGit, URL: u.Scheme + "://" + user + host + strings.TrimRight(u.EscapedPath(), "/")}, nil
}

// ParseSubdir checks a sub-directory of a source and returns it cleaned; "" and
// "." mean the root. Absolute paths and paths that leave the source are errors.
func ParseSubdir(text string) (string, error) {
	if text == "" || text == "." {
		return "", nil
	}
	clean := path.Clean(text)
	switch {
	case !subdirPattern().MatchString(text):
		return "", fmt.Errorf("invalid subdir %q: it contains a character that is not allowed", text)
	case path.IsAbs(text), clean == "..", strings.HasPrefix(clean, "../"):
		return "", fmt.Errorf("invalid subdir %q: it must lie inside the source", text)
	}
	if clean == "." {
		return "", nil
	}
	return clean, nil
}

// Host returns the host (with port, if any) of a git source, "" for file URLs
// and directories.
func (s Source) Host() string {
	if s.Kind != SourceGit {
		return ""
	}
	if m := scpPattern().FindStringSubmatch(s.URL); m != nil && !strings.Contains(s.URL, "://") {
		return m[2]
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// IsLoopback reports whether a host, without its port, is this machine.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// redactURL removes what may be a credential before a bad URL is shown.
func redactURL(text string) string {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		rest, scheme = text, ""
	} else {
		scheme += "://"
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "#")
	if i := strings.LastIndex(rest, "@"); i >= 0 && strings.Contains(rest[:i], ":") || i >= 0 && scheme != "" && scheme != "ssh://" {
		rest = "***@" + rest[i+1:]
	}
	return scheme + rest
}
