// Package transport makes the one HTTP client that git, the indexes and the
// StackStorm API share: proxies with their exceptions, extra certificate
// authorities, timeouts for every way of hanging, redirects that never carry a
// credential away, retries where they are safe, and a plain-words reading of
// what went wrong.
//
// It is not for any protocol above HTTP, and it knows no credentials except
// those of a proxy.
package transport

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/packsync/packsync/internal/pack"
)

// The limits of patience, from research/reliability.md 3.2.
const (
	ConnectTimeout = 10 * time.Second // TCP, and again TLS
	HeaderTimeout  = 30 * time.Second // from the request to the answer's header
	StallWindow    = 30 * time.Second // below StallRate over so long: given up
	StallRate      = 1000             // bytes a second
)

// idlePerHost keeps a connection for each worker that may ask one host, so that
// no TLS handshake is repeated: net/http alone keeps two.
const idlePerHost = 16

// Options describe the way out. Empty proxy fields leave what the environment
// says (HTTP_PROXY, HTTPS_PROXY, NO_PROXY, in either case).
type Options struct {
	HTTPProxy  pack.Secret // URL; a secret because it may carry a user and password
	HTTPSProxy pack.Secret
	NoProxy    string              // comma-separated hosts, .suffixes, addresses and CIDR ranges
	CAFile     string              // PEM file whose authorities are trusted beside the system's
	CAFiles    map[string][]string // the same for one host (HOST or HOST:PORT), beside CAFile
	UserAgent  string              // "" for "packsync"
}

// New makes the client. It is safe for concurrent use, keeps no cookies, never
// follows a redirect to another origin, and gives up on a server that stalls.
// The errors are about unreadable CA files and malformed proxy URLs, and never
// hold a proxy's password.
func New(opts Options) (*http.Client, error) {
	proxy, err := proxyFunc(opts)
	if err != nil {
		return nil, err
	}
	tr, err := newTransport(proxy, opts.CAFile)
	if err != nil {
		return nil, err
	}
	router := &hostRouter{other: tr, byHost: map[string]http.RoundTripper{}}
	for host, files := range opts.CAFiles {
		own, err := newTransport(proxy, append([]string{opts.CAFile}, files...)...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", host, err)
		}
		router.byHost[strings.ToLower(host)] = own
	}
	agent := opts.UserAgent
	if agent == "" {
		agent = "packsync"
	}
	return &http.Client{
		Transport:     &stallGuard{base: &agentHeader{base: router, agent: agent}},
		CheckRedirect: checkRedirect,
	}, nil
}

func newTransport(proxy proxyLookup, caFiles ...string) (*http.Transport, error) {
	roots, err := certPool(caFiles)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: ConnectTimeout}
	return &http.Transport{
		Proxy:                  proxy,
		OnProxyConnectResponse: checkProxyAnswer,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    ConnectTimeout,
		ResponseHeaderTimeout:  HeaderTimeout,
		IdleConnTimeout:        time.Minute,
		MaxIdleConns:           4 * idlePerHost,
		MaxIdleConnsPerHost:    idlePerHost,
		MaxResponseHeaderBytes: 1 << 20,
		ForceAttemptHTTP2:      true,
	}, nil
}

// hostRouter sends each request through the transport that trusts the right
// authorities: net/http has one set of roots per transport.
type hostRouter struct {
	other  http.RoundTripper
	byHost map[string]http.RoundTripper
}

func (r *hostRouter) RoundTrip(req *http.Request) (*http.Response, error) {
	for _, host := range []string{req.URL.Host, req.URL.Hostname()} {
		if tr := r.byHost[strings.ToLower(host)]; tr != nil {
			return tr.RoundTrip(req)
		}
	}
	return r.other.RoundTrip(req)
}

func (r *hostRouter) CloseIdleConnections() {
	closeIdle(r.other)
	for _, tr := range r.byHost {
		closeIdle(tr)
	}
}

func closeIdle(tr http.RoundTripper) {
	if c, ok := tr.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// agentHeader names the program to the server, unless the request does already.
type agentHeader struct {
	base  http.RoundTripper
	agent string
}

func (a *agentHeader) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("User-Agent") == "" {
		req = req.Clone(req.Context())
		req.Header.Set("User-Agent", a.agent)
	}
	return a.base.RoundTrip(req)
}

func (a *agentHeader) CloseIdleConnections() { closeIdle(a.base) }

// Clock is time as retries see it, so that tests need not wait.
type Clock interface {
	Now() time.Time
	// Sleep returns after d, or earlier with the context's error.
	Sleep(ctx context.Context, d time.Duration) error
}

// SystemClock is the real time.
type SystemClock struct{}

// Now returns the present time.
func (SystemClock) Now() time.Time { return time.Now() }

// Sleep waits for d or until ctx is done.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
