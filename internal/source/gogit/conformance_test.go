package gogit_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/credential"
	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source/gogit"
	"github.com/packsync/packsync/internal/source/sourcetest"
	"github.com/packsync/packsync/internal/transport"
)

func client(t testing.TB, opts transport.Options) *http.Client {
	t.Helper()
	c, err := transport.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func parse(t testing.TB, url string) pack.Source {
	t.Helper()
	src, err := pack.ParseSource(url)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// below turns a directory below root into a URL below base.
func below(t testing.TB, root, base string) func(string) pack.Source {
	return func(dir string) pack.Source {
		t.Helper()
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			t.Fatal(err)
		}
		return parse(t, base+"/"+rel)
	}
}

func TestConformance(t *testing.T) {
	for _, cached := range []bool{true, false} {
		name, cacheDir := "without cache", func(*testing.T) string { return "" }
		if cached {
			name, cacheDir = "with cache", func(t *testing.T) string { return filepath.Join(t.TempDir(), "cache") }
		}
		t.Run("http "+name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T, root string) sourcetest.Subject {
				server := gittest.ServeHTTPRepos(t, root)
				return sourcetest.Subject{
					Opener: gogit.New(gogit.Options{Client: client(t, transport.Options{}), CacheDir: cacheDir(t)}),
					Source: below(t, root, server.URL),
				}
			})
		})
		t.Run("file "+name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T, root string) sourcetest.Subject {
				return sourcetest.Subject{
					Opener: gogit.New(gogit.Options{CacheDir: cacheDir(t)}),
					Source: below(t, root, "file://"+root),
				}
			})
		})
		if cached { // a connection takes its time, and the cache is no matter of ssh
			continue
		}
		t.Run("ssh "+name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T, root string) sourcetest.Subject {
				server := gittest.ServeSSH(t)
				return sourcetest.Subject{Opener: sshOpener(server, cacheDir(t)), Source: below(t, root, server.URL+root)}
			})
		})
	}
}

func sshOpener(server *gittest.SSHServer, cacheDir string) *gogit.Opener {
	host := strings.TrimPrefix(server.URL[strings.Index(server.URL, "@")+1:], "@")
	return gogit.New(gogit.Options{
		CacheDir:    cacheDir,
		Credentials: know(credential.Credential{Host: host, SSHKeyFile: server.KeyFile, KnownHostsFile: server.KnownHosts}),
	})
}
