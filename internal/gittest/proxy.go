package gittest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Proxy is a forward proxy as companies have it: it wants a user and a password,
// and it looks into TLS, showing certificates of its own authority. Whatever host
// is asked for, it asks one server, so that names need not exist.
type Proxy struct {
	URL string // without user and password
	CA  []byte // PEM of the authority that signs what it shows

	want     string // the Proxy-Authorization that lets pass
	outer    *httptest.Server
	inside   *http.Server // speaks with those who are connected
	tunnels  chan net.Conn
	closed   chan struct{}
	upstream *httputil.ReverseProxy
	signer   *authority

	mu       sync.Mutex
	requests []Request
}

// StartProxy begins to serve on the loopback until Close. With withTLS the proxy
// itself is spoken to over TLS, and shows a certificate of its CA as well.
func StartProxy(user, password string, to *Server, withTLS bool) (*Proxy, error) {
	signer, err := newAuthority()
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(to.URL)
	if err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(to.CA)
	p := &Proxy{
		CA:      signer.pem,
		want:    "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)),
		tunnels: make(chan net.Conn), closed: make(chan struct{}), signer: signer,
		upstream: &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				r.Out.Host = r.In.Host
			},
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
			ErrorLog:  silentLog(),
		},
	}
	config := &tls.Config{GetCertificate: signer.certificate, MinVersion: tls.VersionTLS12}
	p.inside = &http.Server{Handler: http.HandlerFunc(p.pass), ErrorLog: silentLog()}
	go func() { _ = p.inside.Serve(tls.NewListener(tunnelListener{p}, config)) }() // ends with Close
	p.outer = httptest.NewUnstartedServer(http.HandlerFunc(p.enter))
	p.outer.Config.ErrorLog = silentLog()
	if withTLS {
		// Not StartTLS: it has a certificate of its own.
		p.outer.Listener = tls.NewListener(p.outer.Listener, config)
	}
	p.outer.Start()
	p.URL = p.outer.URL
	if withTLS {
		p.URL = "https" + strings.TrimPrefix(p.URL, "http")
	}
	return p, nil
}

// Requests returns what went through since the last call, CONNECT and refusals
// included, and forgets it.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.requests
	p.requests = nil
	return all
}

// Close ends the proxy and its connections.
func (p *Proxy) Close() {
	close(p.closed)
	_ = p.inside.Close() // nothing is left to be lost
	p.outer.CloseClientConnections()
	p.outer.Close()
}

func (p *Proxy) note(r *http.Request, authorization string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, Request{Method: r.Method, Path: r.Host + r.URL.Path, Authorization: authorization})
}

// enter is asked by clients: it checks who they are.
func (p *Proxy) enter(w http.ResponseWriter, r *http.Request) {
	who := r.Header.Get("Proxy-Authorization")
	p.note(r, who)
	if who != p.want {
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		http.Error(w, "who are you?", http.StatusProxyAuthRequired)
		return
	}
	if r.Method != http.MethodConnect {
		p.upstream.ServeHTTP(w, r)
		return
	}
	w.WriteHeader(http.StatusOK)
	conn, early, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	select {
	case p.tunnels <- &tunnel{Conn: conn, early: early.Reader}:
	case <-p.closed:
		_ = conn.Close() // the client is turned away
	}
}

// pass is asked inside TLS.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request) {
	p.note(r, r.Header.Get("Authorization"))
	p.upstream.ServeHTTP(w, r)
}

// tunnel is a connection of which the server has read a little already.
type tunnel struct {
	net.Conn
	early *bufio.Reader
}

func (t *tunnel) Read(p []byte) (int, error) { return t.early.Read(p) }

// tunnelListener accepts the connections that CONNECT made.
type tunnelListener struct{ p *Proxy }

func (l tunnelListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.p.tunnels:
		return conn, nil
	case <-l.p.closed:
		return nil, net.ErrClosed
	}
}

func (l tunnelListener) Close() error   { return nil }
func (l tunnelListener) Addr() net.Addr { return l.p.outer.Listener.Addr() }

// authority signs certificates for whatever name is asked for.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "packsync test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	return &authority{cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})}, nil
}

func (a *authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "packsync test"},
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if hello.ServerName != "" {
		template.DNSNames = []string{hello.ServerName}
	} else if host, _, err := net.SplitHostPort(hello.Conn.LocalAddr().String()); err == nil {
		template.IPAddresses = []net.IP{net.ParseIP(host)} // an address is no server name
	} else {
		return nil, errors.New("the client says no name")
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: a.key}, nil
}
