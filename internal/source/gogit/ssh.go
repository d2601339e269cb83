package gogit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/net/proxy"

	"github.com/packsync/packsync/internal/transport"
)

// go-git's own ssh session is not used: its dialling cannot be cancelled, and it
// reads the user's ssh_config and agent through package variables, so that a
// hostile ~/.ssh/config could send packsync elsewhere.

// sshAddress is a parsed ssh source.
type sshAddress struct {
	user string
	host string // with port
	path string // as the shell on the other side gets it
}

// parseSSH reads ssh://[user@]host[:port]/path and user@host:path, both checked
// by pack.ParseSource before.
func parseSSH(text string) (sshAddress, error) {
	if !strings.Contains(text, "://") {
		user, rest, _ := strings.Cut(text, "@")
		end := strings.Index(rest, ":")
		if strings.HasPrefix(rest, "[") {
			end = strings.Index(rest, "]:") + 1
		}
		if end <= 0 {
			return sshAddress{}, fmt.Errorf("invalid ssh source %q", text)
		}
		host := strings.Trim(rest[:end], "[]")
		return sshAddress{user: user, host: net.JoinHostPort(host, "22"), path: rest[end+1:]}, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return sshAddress{}, fmt.Errorf("invalid ssh source %q", text)
	}
	a := sshAddress{user: u.User.Username(), path: u.Path}
	port := u.Port()
	if port == "" {
		port = "22"
	}
	a.host = net.JoinHostPort(u.Hostname(), port)
	if a.user == "" {
		a.user = "git"
	}
	if strings.HasPrefix(a.path, "/~") {
		a.path = a.path[1:] // as git does: a home directory of the other side
	}
	return a, nil
}

// sshSession is one connection to a git-upload-pack over ssh.
type sshSession struct {
	client   *ssh.Client
	session  *ssh.Session
	in       io.WriteCloser
	out      io.Reader
	complain *complaints
	advBytes int64
	stop     func() bool // ends the watch on the context
	adv      *packp.AdvRefs
}

// openSSH connects, authenticates and starts git-upload-pack. The connection is
// closed when ctx is done.
func openSSH(ctx context.Context, a sshAddress, auth sshAuth, advBytes int64) (*sshSession, error) {
	config, err := auth.config(a)
	if err != nil {
		return nil, err
	}
	keys := &agentKeys{socket: auth.agentSocket}
	defer keys.close()
	if auth.keyFile == "" {
		config.Auth = []ssh.AuthMethod{ssh.PublicKeysCallback(keys.signers)}
	}
	dialCtx, cancel := context.WithTimeout(ctx, transport.ConnectTimeout)
	defer cancel()
	// proxy.Dial honours ALL_PROXY, the only proxy setting that ssh has.
	conn, err := proxy.Dial(dialCtx, "tcp", a.host)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // to end a blocked read
	client, err := handshake(conn, a.host, config)
	if err != nil {
		stop()
		return nil, errors.Join(withCause(ctx, err), ignoreClosed(conn.Close()))
	}
	s := &sshSession{client: client, complain: &complaints{}, advBytes: advBytes, stop: stop}
	if err := s.start(a.path); err != nil {
		return nil, errors.Join(withCause(ctx, err), s.close())
	}
	return s, nil
}

func handshake(conn net.Conn, host string, config *ssh.ClientConfig) (*ssh.Client, error) {
	// A server that says nothing would be waited for without end.
	if err := conn.SetDeadline(time.Now().Add(transport.HeaderTimeout)); err != nil {
		return nil, err
	}
	c, channels, requests, err := ssh.NewClientConn(conn, host, config)
	if err != nil {
		return nil, err
	}
	client := ssh.NewClient(c, channels, requests)
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

func (s *sshSession) start(path string) (err error) {
	if s.session, err = s.client.NewSession(); err != nil {
		return err
	}
	s.session.Stderr = s.complain
	if s.in, err = s.session.StdinPipe(); err != nil {
		return err
	}
	out, err := s.session.StdoutPipe()
	if err != nil {
		return err
	}
	s.out = transport.NewStallReader(out, func() { _ = s.client.Close() }) // the stall is the error
	return s.session.Start("git-upload-pack " + shellQuote(path))
}

// shellQuote is git's own sq_quote_buf: safe for every POSIX shell, csh, and for
// git-shell, which reads it back.
func shellQuote(text string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(text) {
		if c := text[i]; c == '\'' || c == '!' {
			b.WriteString(`'\`)
			b.WriteByte(c)
			b.WriteByte('\'')
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

func (s *sshSession) advertise(ctx context.Context) (*packp.AdvRefs, error) {
	if s.adv != nil {
		return s.adv, nil
	}
	adv, err := readAdvertisement(s.out, s.advBytes)
	if err != nil {
		return nil, withCause(ctx, s.explain(err))
	}
	s.adv = adv
	return adv, nil
}

// explain prefers what the program on the other side wrote on stderr over "the
// answer is empty".
func (s *sshSession) explain(err error) error {
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	// stderr is complete once the program has ended; without an end in sight the
	// connection is closed by the caller's context.
	_ = s.in.Close() // the program may wait for more; the error is known already
	exit := s.session.Wait()
	if text := s.complain.text(); text != "" {
		return &refusedError{text}
	}
	var status *ssh.ExitError
	if errors.As(exit, &status) && status.ExitStatus() == 127 {
		return &refusedError{"git-upload-pack: not found"}
	}
	return err
}

func (s *sshSession) fetch(ctx context.Context, req *packp.UploadPackRequest) (io.ReadCloser, error) {
	if _, err := s.advertise(ctx); err != nil {
		return nil, err
	}
	if err := writeRequest(s.in, req); err != nil {
		return nil, withCause(ctx, err)
	}
	r, err := readResponse(io.NopCloser(s.out), req)
	if err != nil {
		return nil, withCause(ctx, s.explain(err))
	}
	return r, nil
}

func (s *sshSession) close() error {
	s.stop()
	// The program on the other side ends with the connection; that it was still
	// waiting for a request is no error.
	return ignoreClosed(s.client.Close())
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// withCause puts the end of ctx in the place of the error it brought about.
func withCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return cause
	}
	return err
}

// complaints keeps the beginning of what the other side writes on stderr.
type complaints struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (c *complaints) Write(p []byte) (int, error) {
	const most = 2048
	c.mu.Lock()
	defer c.mu.Unlock()
	if room := most - c.buf.Len(); room > 0 {
		c.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (c *complaints) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.TrimSpace(c.buf.String())
}

// sshAuth is how to log in over ssh, and whom to believe.
type sshAuth struct {
	keyFile     string   // private key; "" for the agent
	agentSocket string   // of the ssh agent; "" for none
	knownHosts  []string // files in OpenSSH's format
}

// errNoKey reports that there is nothing to log in with.
var errNoKey = errors.New("there is no ssh key to log in with")

// HostKeyError reports a server whose ssh host key is not the known one.
type HostKeyError struct {
	Host        string
	Fingerprint string   // SHA256:… of the key that was offered
	Line        string   // what known_hosts would have to hold for it
	Files       []string // where it was looked for
	Changed     bool     // another key is known: somebody may be in between
}

func (e *HostKeyError) Error() string {
	if e.Changed {
		return fmt.Sprintf("the host key of %s is %s, which is not the one in %s", e.Host, e.Fingerprint, strings.Join(e.Files, ", "))
	}
	return fmt.Sprintf("the host key of %s, %s, is in no known_hosts file (%s)", e.Host, e.Fingerprint, strings.Join(e.Files, ", "))
}

// config prepares the handshake. Without a key file the caller adds the agent.
func (a sshAuth) config(to sshAddress) (*ssh.ClientConfig, error) {
	check, algorithms, err := a.hostKeys(to.host)
	if err != nil {
		return nil, err
	}
	config := &ssh.ClientConfig{
		User:              to.user,
		HostKeyCallback:   check,
		HostKeyAlgorithms: algorithms,
		ClientVersion:     "SSH-2.0-packsync",
	}
	switch {
	case a.keyFile != "":
		signer, err := readKey(a.keyFile)
		if err != nil {
			return nil, err
		}
		config.Auth = []ssh.AuthMethod{ssh.PublicKeys(signer)}
	case a.agentSocket == "":
		return nil, errNoKey
	}
	return config, nil
}

func readKey(file string) (ssh.Signer, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read ssh_key_file: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(pem)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		return nil, fmt.Errorf("read ssh_key_file: %s has a passphrase, which nobody is here to type: use a key without one, or the ssh agent", file)
	}
	if err != nil {
		// The parser's words may quote the file.
		return nil, fmt.Errorf("read ssh_key_file: %s holds no private key in a form that is known (PEM or OpenSSH)", file)
	}
	return signer, nil
}

// agentKeys asks the ssh agent once the server wants a key. The keys sign
// through the connection, so it stays open for the handshake.
type agentKeys struct {
	socket string
	conn   net.Conn
}

func (k *agentKeys) signers() ([]ssh.Signer, error) {
	conn, err := net.DialTimeout("unix", k.socket, transport.ConnectTimeout)
	if err != nil {
		return nil, fmt.Errorf("ask the ssh agent: %w", err)
	}
	k.conn = conn
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		return nil, fmt.Errorf("ask the ssh agent: %w", err)
	}
	return signers, nil
}

func (k *agentKeys) close() {
	if k.conn != nil {
		_ = k.conn.Close() // only read and sign requests went through it
	}
}

// hostKeys returns the check of a host's key against the known ones, and which
// kinds of key to ask it for: without those a server may offer a kind that is
// not on record, although another one is.
func (a sshAuth) hostKeys(host string) (ssh.HostKeyCallback, []string, error) {
	var files []string
	for _, file := range a.knownHosts {
		if _, err := os.Stat(file); err == nil {
			files = append(files, file)
		} else if !errors.Is(err, os.ErrNotExist) {
			return nil, nil, fmt.Errorf("read known_hosts_file: %w", err)
		}
	}
	db, err := knownhosts.NewDB(files...)
	if err != nil {
		return nil, nil, fmt.Errorf("read known_hosts_file: %w", err)
	}
	known := db.HostKeyCallback()
	check := func(name string, remote net.Addr, key ssh.PublicKey) error {
		err := known(name, remote, key)
		if err == nil {
			return nil
		}
		if !knownhosts.IsHostUnknown(err) && !knownhosts.IsHostKeyChanged(err) {
			return fmt.Errorf("check host key: %w", err)
		}
		return &HostKeyError{
			Host:        name,
			Fingerprint: ssh.FingerprintSHA256(key),
			Line:        knownhosts.Line([]string{name}, key),
			Files:       a.knownHosts,
			Changed:     knownhosts.IsHostKeyChanged(err),
		}
	}
	return check, db.HostKeyAlgorithms(host), nil
}
