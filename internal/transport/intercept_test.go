package transport_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/transport"
)

// TestProxyThatLooksIntoTLS: the proxies of companies, spoken to in the clear and
// over TLS.
func TestProxyThatLooksIntoTLS(t *testing.T) {
	clearEnv(t)
	server := gittest.StartHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "from "+r.Host) }), true)
	t.Cleanup(server.Close)
	for _, withTLS := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS to the proxy %v", withTLS), func(t *testing.T) {
			p, err := gittest.StartProxy("jane", "p@ss", server, withTLS)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			ca := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(ca, p.CA, 0o600); err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(p.URL)
			if err != nil {
				t.Fatal(err)
			}
			u.User = url.UserPassword("jane", "p@ss")
			opts := transport.Options{HTTPSProxy: pack.NewSecret(u.String()), CAFile: ca}
			c := newClient(t, opts)
			for range 2 {
				if body, err := get(t, c, "https://git.acme.example/x"); err != nil || body != "from git.acme.example" {
					t.Fatalf("%q, %v", body, err)
				}
			}
			if all := fmt.Sprint(p.Requests()); all != "[CONNECT git.acme.example:443 GET git.acme.example/x GET git.acme.example/x]" {
				t.Errorf("the proxy saw %s", all)
			}

			opts.CAFile = ""
			_, err = get(t, newClient(t, opts), "https://git.acme.example/x")
			if problem := transport.Diagnose(err, time.Now()); problem.Kind != transport.TLS || !strings.Contains(problem.Text, "does not trust") {
				t.Errorf("without the authority: %+v", problem)
			}
			u.User = url.UserPassword("jane", "wr0ng")
			_, err = get(t, newClient(t, transport.Options{HTTPSProxy: pack.NewSecret(u.String()), CAFile: ca}), "https://git.acme.example/x")
			if problem := transport.Diagnose(err, time.Now()); problem.Kind != transport.Proxy || strings.Contains(err.Error(), "wr0ng") {
				t.Errorf("with a wrong password: %+v, %v", problem, err)
			}
		})
	}
}
