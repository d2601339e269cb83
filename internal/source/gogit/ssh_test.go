package gogit_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/packsync/packsync/internal/credential"
	"github.com/packsync/packsync/internal/gittest"
	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/source"
	"github.com/packsync/packsync/internal/source/gogit"
)

func TestSSHTrustAndLogin(t *testing.T) {
	root := t.TempDir()
	server := gittest.ServeSSH(t)
	repo := gittest.New(t, root, "it's a repo!.git")
	commit := pack.Commit(repo.Commit("main", "First", gittest.Files{"pack.yaml": "x"}))
	url := server.URL + strings.NewReplacer(" ", "%20", "'", "%27").Replace(repo.Dir)
	host := server.Addr
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	otherKey := filepath.Join(dir, "other_key")
	other, err := gittest.NewKey(otherKey)
	if err != nil {
		t.Fatal(err)
	}
	line := knownhosts.Line([]string{host}, server.HostKey)
	changed := write("changed", knownhosts.Line([]string{host}, other)+"\n")
	good := credential.Credential{Host: host, SSHKeyFile: server.KeyFile, KnownHostsFile: server.KnownHosts}

	for _, c := range []struct {
		name       string
		opts       gogit.Options
		text, hint string
	}{
		{"key and known host", gogit.Options{Credentials: know(good)}, "", ""},
		{"known_hosts of the options", gogit.Options{
			KnownHosts:  []string{filepath.Join(dir, "absent"), server.KnownHosts},
			Credentials: know(credential.Credential{Host: host, SSHKeyFile: server.KeyFile}),
		}, "", ""},
		{"agent", gogit.Options{KnownHosts: []string{server.KnownHosts}, AgentSocket: startAgent(t, otherKey, server.KeyFile)}, "", ""},
		{"agent with another key", gogit.Options{KnownHosts: []string{server.KnownHosts}, AgentSocket: startAgent(t, otherKey)}, "takes none of the ssh keys", "deploy key"},
		{"agent that is gone", gogit.Options{KnownHosts: []string{server.KnownHosts}, AgentSocket: filepath.Join(dir, "gone")}, "ssh", ""},
		{"nothing to log in with", gogit.Options{KnownHosts: []string{server.KnownHosts}}, "no ssh key", "ssh_key_file"},
		{"another key", gogit.Options{Credentials: know(credential.Credential{Host: host, SSHKeyFile: otherKey, KnownHostsFile: server.KnownHosts})}, "takes none of the ssh keys", "deploy key"},
		{"unknown host", gogit.Options{Credentials: know(credential.Credential{Host: host, SSHKeyFile: server.KeyFile, KnownHostsFile: write("empty", "")})}, ssh.FingerprintSHA256(server.HostKey), line},
		{"no known_hosts at all", gogit.Options{Credentials: know(credential.Credential{Host: host, SSHKeyFile: server.KeyFile})}, ssh.FingerprintSHA256(server.HostKey), line},
		{"changed host key", gogit.Options{Credentials: know(credential.Credential{Host: host, SSHKeyFile: server.KeyFile, KnownHostsFile: changed})}, "which is not the one in", "somebody may be in between"},
		{"key with passphrase", gogit.Options{Credentials: know(credential.Credential{Host: host, SSHKeyFile: lockedKey(t, dir), KnownHostsFile: server.KnownHosts})}, "has a passphrase", ""},
		{"no key in the file", gogit.Options{Credentials: know(credential.Credential{Host: host, SSHKeyFile: write("nokey", "s3cret"), KnownHostsFile: server.KnownHosts})}, "holds no private key", ""},
		{"no key file", gogit.Options{Credentials: know(credential.Credential{Host: host, SSHKeyFile: filepath.Join(dir, "absent"), KnownHostsFile: server.KnownHosts})}, "read ssh_key_file", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := &fakeClock{}
			c.opts.Clock = clock
			before := server.Connections()
			_, err := fetchFrom(t, gogit.New(c.opts), url, commit, "")
			if c.text == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := server.Connections() - before; got != 1 {
					t.Errorf("it took %d connections, want 1", got)
				}
				return
			}
			var unreachable *source.UnreachableError
			if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), c.text) || !strings.Contains(unreachable.Hint, c.hint) {
				t.Fatalf("error is %v with hint %q,\nwant %q and %q", err, unreachable.Hint, c.text, c.hint)
			}
			if len(clock.slept) != 0 || server.Connections()-before > 1 {
				t.Error("it was tried again")
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows the key file: %v", err)
			}
		})
	}

	_, err = fetchFrom(t, gogit.New(gogit.Options{Credentials: know(good)}), server.URL+root+"/absent", commit, "")
	var unreachable *source.UnreachableError
	if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "does not appear to be a git repository") || !strings.Contains(unreachable.Hint, "path of the repository") {
		t.Errorf("a repository that is not there: %v", err)
	}
}

func lockedKey(t *testing.T, dir string) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("s3cret"))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "locked")
	if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// startAgent runs an ssh agent that holds the keys of files.
func startAgent(t *testing.T, files ...string) string {
	t.Helper()
	keys := agent.NewKeyring()
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ssh.ParseRawPrivateKey(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := keys.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "agent") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = agent.ServeAgent(keys, conn)
				_ = conn.Close()
			}()
		}
	}()
	return socket
}

// TestSSHServerThatSaysNothing: the caller's context ends the wait.
func TestSSHServerThatSaysNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.CopyN(io.Discard, conn, 4) // the client has begun to speak
		cancel()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}()
	key := filepath.Join(t.TempDir(), "key")
	if _, err := gittest.NewKey(key); err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	r, err := gogit.New(gogit.Options{Credentials: know(credential.Credential{Host: host, SSHKeyFile: key})}).Open(parse(t, "ssh://git@"+host+"/x"))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := r.Refs(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
