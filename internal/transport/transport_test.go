package transport_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/transport"
)

func newClient(t *testing.T, opts transport.Options) *http.Client {
	t.Helper()
	c, err := transport.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func get(t *testing.T, c *http.Client, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	return string(body), errors.Join(err, resp.Body.Close())
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// clearEnv takes the proxies of the machine that runs the test away.
func clearEnv(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "")
		t.Setenv(strings.ToLower(name), "")
	}
}

// proxy is a forward proxy: it answers plain requests itself and tunnels
// CONNECT to target, whatever host was asked for.
type proxy struct {
	*httptest.Server
	target string
	auth   string // wanted Proxy-Authorization, "" for none
	mu     sync.Mutex
	asked  []string
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{target: target}
	p.Server = serve(t, p.handle)
	return p
}

func (p *proxy) handle(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host)
	p.mu.Unlock()
	if p.auth != "" && r.Header.Get("Proxy-Authorization") != p.auth {
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if r.Method != http.MethodConnect {
		_, _ = io.WriteString(w, "from the proxy")
		return
	}
	there, err := net.Dial("tcp", p.target)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	here, early, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	go func() { _, _ = io.Copy(there, early); _ = there.Close() }() // the server may have read a little already
	_, _ = io.Copy(here, there)
	_ = here.Close()
}

func (p *proxy) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := strings.Join(p.asked, ", ")
	p.asked = nil
	return all
}

func TestProxyFromTheBlockOverridesTheEnvironment(t *testing.T) {
	clearEnv(t)
	fromEnv, fromBlock := newProxy(t, ""), newProxy(t, "")
	t.Setenv("HTTP_PROXY", fromEnv.URL)
	if _, err := get(t, newClient(t, transport.Options{}), "http://git.acme.example/x"); err != nil {
		t.Fatal(err)
	}
	if got := fromEnv.seen(); got != "GET git.acme.example" {
		t.Errorf("the environment's proxy saw %q", got)
	}
	block := newClient(t, transport.Options{HTTPProxy: pack.NewSecret(fromBlock.URL)})
	if _, err := get(t, block, "http://git.acme.example/x"); err != nil {
		t.Fatal(err)
	}
	if env, own := fromEnv.seen(), fromBlock.seen(); env != "" || own != "GET git.acme.example" {
		t.Errorf("the proxies saw %q and %q", env, own)
	}
}

func TestNoProxy(t *testing.T) {
	clearEnv(t)
	p := newProxy(t, "")
	c := newClient(t, transport.Options{HTTPProxy: pack.NewSecret(p.URL), NoProxy: "direct.example,.inside.example,192.0.2.0/24"})
	for host, proxied := range map[string]bool{
		"other.example": true, "direct.example": false, "sub.inside.example": false, "192.0.2.77": false, "192.0.3.1": true, "localhost": false,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // what is not for the proxy would really be connected to
		if proxied {
			ctx = t.Context()
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := c.Do(req); err == nil {
			_ = resp.Body.Close()
		}
		if got := p.seen() != ""; got != proxied {
			t.Errorf("%s goes through the proxy: %v, want %v", host, got, proxied)
		}
	}
}

func TestProxyWithPasswordInFrontOfTLS(t *testing.T) {
	clearEnv(t)
	server, ca := tlsServer(t, certificate{hosts: []string{"git.acme.example"}})
	p := newProxy(t, server.Listener.Addr().String())
	p.auth = "Basic amFuZTpwQHNz" // jane:p@ss
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	secret := pack.NewSecret("http://jane:p%40ss@" + u.Host)
	c := newClient(t, transport.Options{HTTPSProxy: secret, CAFile: ca})
	if body, err := get(t, c, "https://git.acme.example/x"); err != nil || body != "hello" {
		t.Fatalf("got %q, %v", body, err)
	}
	if got := p.seen(); got != "CONNECT git.acme.example:443" {
		t.Errorf("the proxy saw %q", got)
	}

	p.auth = "Basic other"
	_, err = get(t, newClient(t, transport.Options{HTTPSProxy: secret, CAFile: ca}), "https://git.acme.example/x")
	problem := transport.Diagnose(err, time.Now())
	if problem.Kind != transport.Proxy || problem.Retry || !strings.Contains(problem.Text, "407 Proxy Authentication Required") {
		t.Errorf("a refusing proxy: %+v", problem)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", err, problem), "p@ss") || strings.Contains(err.Error(), "p%40ss") {
		t.Errorf("the error shows the password: %v", err)
	}
}

func TestDeadProxy(t *testing.T) {
	clearEnv(t)
	for _, target := range []string{"http://git.acme.example/x", "https://git.acme.example/x"} {
		dead := pack.NewSecret("http://jane:passw0rd@127.0.0.1:1")
		_, err := get(t, newClient(t, transport.Options{HTTPProxy: dead, HTTPSProxy: dead}), target)
		problem := transport.Diagnose(err, time.Now())
		if problem.Kind != transport.Proxy || !strings.Contains(problem.Text, "the proxy cannot be reached") {
			t.Errorf("%s: %+v (%v)", target, problem, err)
		}
		if strings.Contains(err.Error(), "passw0rd") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestMalformedSettings(t *testing.T) {
	clearEnv(t)
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noPEM, []byte("secret content"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		opts transport.Options
		want string
	}{
		{"unescaped password", transport.Options{HTTPSProxy: pack.NewSecret("http://jane:pass%w0rd@proxy:3128")}, "invalid https_proxy"},
		{"unescaped slash", transport.Options{HTTPSProxy: pack.NewSecret("http://jane:pass/w0rd@proxy:3128")}, "invalid https_proxy"},
		{"other scheme", transport.Options{HTTPProxy: pack.NewSecret("ftp://jane:passw0rd@proxy")}, `scheme "ftp" is not supported`},
		{"no CA file", transport.Options{CAFile: noPEM + ".absent"}, "read ca_file"},
		{"CA file without certificate", transport.Options{CAFile: noPEM}, "holds no certificate"},
		{"CA file of a host", transport.Options{CAFiles: map[string][]string{"git.acme.example": {noPEM}}}, "git.acme.example"},
	} {
		_, err := transport.New(c.opts)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q in it", c.name, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "w0rd") || strings.Contains(err.Error(), "secret content")) {
			t.Errorf("%s: the error shows a secret: %v", c.name, err)
		}
	}
	if _, err := transport.New(transport.Options{HTTPProxy: pack.NewSecret("proxy.acme.example:3128")}); err != nil {
		t.Errorf("host:port, as environments have it: %v", err)
	}
}

func TestRedirects(t *testing.T) {
	clearEnv(t)
	var sink []string
	elsewhere := serve(t, func(_ http.ResponseWriter, r *http.Request) { sink = append(sink, r.Header.Get("Authorization")) })
	var server *httptest.Server
	server = serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/here":
			_, _ = io.WriteString(w, "arrived "+r.Header.Get("Authorization"))
		case "/once", "/post":
			http.Redirect(w, r, "/here", http.StatusTemporaryRedirect)
		case "/twice":
			http.Redirect(w, r, "/once", http.StatusFound)
		case "/port":
			http.Redirect(w, r, elsewhere.URL+"/x?token=s3cret", http.StatusFound)
		case "/host":
			http.Redirect(w, r, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)+"/here", http.StatusFound)
		case "/scheme":
			http.Redirect(w, r, strings.Replace(server.URL, "http://", "https://", 1)+"/here", http.StatusFound)
		}
	})
	c := newClient(t, transport.Options{})
	ask := func(method, path string) (string, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("jane", "s3cret")
		resp, err := c.Do(req)
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(resp.Body)
		return string(body), errors.Join(err, resp.Body.Close())
	}
	if body, err := ask(http.MethodGet, "/once"); err != nil || !strings.HasPrefix(body, "arrived Basic") {
		t.Errorf("one hop on the same server: %q, %v", body, err)
	}
	for _, c := range []struct{ method, path, want string }{
		{http.MethodGet, "/twice", "not a chain"},
		{http.MethodPost, "/post", "only reading requests"},
		{http.MethodGet, "/port", "another server is not followed"},
		{http.MethodGet, "/host", "another server is not followed"},
		{http.MethodGet, "/scheme", "another server is not followed"},
	} {
		_, err := ask(c.method, c.path)
		problem := transport.Diagnose(err, time.Now())
		if problem.Kind != transport.Redirect || problem.Retry || !strings.Contains(problem.Text, c.want) {
			t.Errorf("%s %s: %+v (%v)", c.method, c.path, problem, err)
		}
		if strings.Contains(problem.Text, "s3cret") {
			t.Errorf("%s: the text shows a secret: %s", c.path, problem.Text)
		}
	}
	if len(sink) != 0 {
		t.Errorf("the other server was asked, with %q", sink)
	}
}

// certificate is what a TLS server of a test shows.
type certificate struct {
	hosts    []string
	from, to time.Time
	max      uint16 // highest TLS version, 0 for any
}

func tlsServer(t *testing.T, c certificate) (*httptest.Server, string) {
	t.Helper()
	if c.to.IsZero() {
		c.from, c.to = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "packsync test"},
		NotBefore: c.from, NotAfter: c.to, DNSNames: c.hosts, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if c.hosts != nil {
		template.IPAddresses = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MaxVersion: c.max, MinVersion: tls.VersionTLS10}
	s.StartTLS()
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, file
}

func TestTLSProblemsAreSaidPlainly(t *testing.T) {
	clearEnv(t)
	old := time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, c := range []struct {
		name    string
		cert    certificate
		trusted bool
		want    string
	}{
		{"trusted", certificate{}, true, ""},
		{"unknown authority", certificate{}, false, "an authority that this machine does not trust"},
		{"another name", certificate{hosts: []string{"other.example"}}, true, `its certificate is not for "127.0.0.1"`},
		{"expired", certificate{from: old, to: old.AddDate(1, 0, 0)}, true, "valid from 2020-01-02 to 2021-01-02, and this machine's clock says 2023-11-14"},
		{"TLS 1.1", certificate{max: tls.VersionTLS11}, true, "TLS"},
	} {
		server, ca := tlsServer(t, c.cert)
		if !c.trusted {
			ca = ""
		}
		_, err := get(t, newClient(t, transport.Options{CAFile: ca}), server.URL)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		problem := transport.Diagnose(err, time.Unix(1_700_000_000, 0))
		if problem.Kind != transport.TLS || problem.Retry || !strings.Contains(problem.Text, c.want) {
			t.Errorf("%s: %+v (%v)", c.name, problem, err)
		}
	}
	_, err := get(t, newClient(t, transport.Options{}), strings.Replace(plain.URL, "http://", "https://", 1))
	if problem := transport.Diagnose(err, time.Now()); problem.Kind != transport.TLS || !strings.Contains(problem.Text, "does not speak TLS") {
		t.Errorf("a server without TLS: %+v (%v)", problem, err)
	}
}

// TestAuthorityForOneHost: it is trusted there and nowhere else.
func TestAuthorityForOneHost(t *testing.T) {
	clearEnv(t)
	one, ca := tlsServer(t, certificate{})
	two, _ := tlsServer(t, certificate{})
	c := newClient(t, transport.Options{CAFiles: map[string][]string{strings.TrimPrefix(one.URL, "https://"): {ca}}})
	if _, err := get(t, c, one.URL); err != nil {
		t.Error(err)
	}
	if _, err := get(t, c, two.URL); err == nil {
		t.Error("another port of the host is trusted")
	}
}

func TestUserAgent(t *testing.T) {
	clearEnv(t)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.UserAgent()) })
	for want, opts := range map[string]transport.Options{"packsync": {}, "packsync/1.2": {UserAgent: "packsync/1.2"}} {
		if got, err := get(t, newClient(t, opts), s.URL); err != nil || got != want {
			t.Errorf("the server sees %q, %v, want %q", got, err, want)
		}
	}
}

// TestConnectionsAreKept: a TLS handshake for each request would cost more than
// the request.
func TestConnectionsAreKept(t *testing.T) {
	clearEnv(t)
	var mu sync.Mutex
	opened := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			mu.Lock()
			opened++
			mu.Unlock()
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := newClient(t, transport.Options{})
	for range 10 {
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if _, err := get(t, c, s.URL); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	mu.Lock()
	defer mu.Unlock()
	if opened > 16 {
		t.Errorf("80 requests, 8 at a time, opened %d connections", opened)
	}
}
