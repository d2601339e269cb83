package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// StatusError reports an HTTP answer with a status that is no success. It never
// holds the body: that is the server's text.
type StatusError struct {
	Status     int
	RetryAfter time.Duration // what the server asks to wait; 0 for nothing
}

func (e *StatusError) Error() string { return "the server answered " + statusText(e.Status) }

// CheckStatus returns a *StatusError unless the answer is a 2xx. now is for a
// Retry-After that is given as a date.
func CheckStatus(resp *http.Response, now time.Time) error {
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	return &StatusError{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"), now)}
}

func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 1<<20)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// Kind is what sort of thing went wrong.
type Kind string

// The kinds of problem.
const (
	Unknown  Kind = ""         // nothing that this package knows
	Canceled Kind = "canceled" // the caller gave up
	Timeout  Kind = "timeout"  // no connection or no answer in time, or ErrStalled
	DNS      Kind = "dns"      // the name does not resolve
	Connect  Kind = "connect"  // refused or no route
	TLS      Kind = "tls"      // the server's certificate or TLS version
	Proxy    Kind = "proxy"    // the proxy is not reachable or refuses
	Redirect Kind = "redirect" // to a place that is not followed
	Status   Kind = "status"   // an HTTP status that is no success
	Cut      Kind = "cut"      // the connection ended early
)

// Problem is a failed request in plain words.
type Problem struct {
	Kind  Kind
	Text  string        // what happened, without URL; one clause
	Retry bool          // trying again may help and is safe for a reading request
	After time.Duration // how long the server asked to wait before that; 0 for nothing
}

// Diagnose reads an error of an HTTP request, of reading its body, or of a TCP
// connection. now is shown where a certificate's dates are the matter.
func Diagnose(err error, now time.Time) Problem {
	var (
		status   *StatusError
		redirect *RedirectError
		proxy    *ProxyError
		dns      *net.DNSError
		op       *net.OpError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return Problem{Kind: Canceled, Text: "it was interrupted"}
	case errors.Is(err, ErrStalled):
		return Problem{Kind: Timeout, Text: ErrStalled.Error(), Retry: true}
	case errors.As(err, &status):
		return Problem{Kind: Status, Text: status.Error(), Retry: retryStatus(status.Status), After: status.RetryAfter}
	case errors.As(err, &redirect):
		return Problem{Kind: Redirect, Text: redirect.Error()}
	case errors.As(err, &proxy):
		return Problem{Kind: Proxy, Text: proxy.Error(), Retry: retryStatus(proxy.Status)}
	}
	if text := tlsText(err, now); text != "" {
		return Problem{Kind: TLS, Text: text}
	}
	toProxy := errors.As(err, &op) && op.Op == "proxyconnect"
	switch {
	case toProxy:
		return Problem{Kind: Proxy, Text: "the proxy cannot be reached: " + innermost(err), Retry: true}
	case errors.As(err, &dns):
		return Problem{Kind: DNS, Text: fmt.Sprintf("the name %q does not resolve: %s", dns.Name, dns.Err), Retry: dns.IsTemporary || dns.IsTimeout}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return Problem{Kind: Timeout, Text: "no answer in time", Retry: true}
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Problem{Kind: Connect, Text: innermost(err), Retry: true}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return Problem{Kind: Cut, Text: "the connection was cut", Retry: true}
	}
	return Problem{Text: innermost(err)}
}

// retryStatus: only what the server calls temporary.
func retryStatus(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500 && status != http.StatusNotImplemented
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// tlsText says what is wrong with a TLS connection; "" if TLS is not the matter.
func tlsText(err error, now time.Time) string {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		alert   tls.AlertError
		record  tls.RecordHeaderError
		verify  *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &unknown):
		return "its certificate is signed by an authority that this machine does not trust"
	case errors.As(err, &host):
		return fmt.Sprintf("its certificate is not for %q", host.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("its certificate is valid from %s to %s, and this machine's clock says %s",
			invalid.Cert.NotBefore.UTC().Format(time.DateOnly), invalid.Cert.NotAfter.UTC().Format(time.DateOnly), now.UTC().Format(time.DateOnly))
	case errors.As(err, &record):
		return "it does not speak TLS on that port"
	case errors.As(err, &alert):
		return "it broke off the TLS handshake: " + alert.Error()
	case errors.As(err, &invalid), errors.As(err, &verify):
		return "its certificate is not acceptable: " + innermost(err)
	case strings.Contains(err.Error(), "tls: "):
		return "no common TLS version or cipher: " + innermost(err)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS on that port"
	}
	return ""
}

// innermost is the text of the last error in the chain: those above it repeat
// the URL.
func innermost(err error) string {
	for {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
			continue
		}
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
