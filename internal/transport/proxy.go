package transport

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

type proxyLookup = func(*http.Request) (*url.URL, error)

// proxyFunc merges the options over the environment, field by field. The URLs
// are checked here because httpproxy would put a malformed one, password and
// all, into the error of every request.
func proxyFunc(opts Options) (proxyLookup, error) {
	cfg := httpproxy.FromEnvironment()
	if !opts.HTTPProxy.IsZero() {
		cfg.HTTPProxy = opts.HTTPProxy.Text()
	}
	if !opts.HTTPSProxy.IsZero() {
		cfg.HTTPSProxy = opts.HTTPSProxy.Text()
	}
	if opts.NoProxy != "" {
		cfg.NoProxy = opts.NoProxy
	}
	for name, text := range map[string]string{"http_proxy": cfg.HTTPProxy, "https_proxy": cfg.HTTPSProxy} {
		if err := checkProxyURL(text); err != nil {
			return nil, fmt.Errorf("invalid %s: %w", name, err)
		}
	}
	lookup := cfg.ProxyFunc()
	return func(req *http.Request) (*url.URL, error) { return lookup(req.URL) }, nil
}

func checkProxyURL(text string) error {
	if text == "" {
		return nil
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text // as many environments have it: host:port
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return errors.New("it is not a URL like http://proxy.example:3128 (the value is not shown, it may hold a password; " +
			"in it, write @ as %40, : as %3A, / as %2F)")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return nil
	}
	return fmt.Errorf("scheme %q is not supported (want http, https or socks5)", u.Scheme)
}

// ProxyError reports a proxy that refused to connect us to a server.
type ProxyError struct {
	Proxy  string // host and port
	Status int    // HTTP status of its answer
}

func (e *ProxyError) Error() string {
	return fmt.Sprintf("the proxy %s answered %s", e.Proxy, statusText(e.Status))
}

// checkProxyAnswer turns a refused CONNECT into a ProxyError: net/http alone
// keeps only the words of the status line.
func checkProxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &ProxyError{Proxy: proxy.Host, Status: answer.StatusCode}
}

// certPool returns the system's authorities and those in files; nil, which
// means the system's alone, if there are none.
func certPool(files []string) (*x509.CertPool, error) {
	var pool *x509.CertPool
	for _, file := range files {
		if file == "" {
			continue
		}
		if pool == nil {
			system, err := x509.SystemCertPool()
			if err != nil {
				system = x509.NewCertPool() // a host without a store: only the given authorities
			}
			pool = system
		}
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read ca_file: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read ca_file: %s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", file)
		}
	}
	return pool, nil
}

// RedirectError reports a redirect that is not followed.
type RedirectError struct {
	From, To string // without query
	Reason   string
}

func (e *RedirectError) Error() string {
	return fmt.Sprintf("%s redirects to %s: %s", e.From, e.To, e.Reason)
}

// checkRedirect follows one hop of a GET on the same origin. Anything else would
// hand the request, and its credential, to whom it was not meant for.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from := via[0].URL
	reason := ""
	switch {
	case req.URL.Scheme != from.Scheme || !sameHost(req.URL, from):
		reason = "another server is not followed, since credentials must not go there; if that is right, use its address instead"
	case via[0].Method != http.MethodGet && via[0].Method != http.MethodHead:
		reason = "only reading requests are redirected"
	case len(via) > 1:
		reason = "one redirect is followed, not a chain"
	default:
		return nil
	}
	return &RedirectError{From: showURL(from), To: showURL(req.URL), Reason: reason}
}

func sameHost(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		if u.Port() != "" {
			return u.Port()
		}
		return map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return a.Hostname() == b.Hostname() && port(a) == port(b)
}

// showURL is a URL without what may be secret in it.
func showURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// statusText is a status as people know it.
func statusText(status int) string {
	text := http.StatusText(status)
	if text == "" {
		return fmt.Sprint(status)
	}
	return fmt.Sprintf("%d %s", status, text)
}
