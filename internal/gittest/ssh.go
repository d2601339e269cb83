package gittest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/packsync/packsync/internal/testenv"
)

// SSHServer is a real sshd on the loopback. It lets one key in, as the user who
// runs the test.
type SSHServer struct {
	Addr       string // host:port
	URL        string // ssh://user@host:port; a repository's absolute path follows
	KeyFile    string // the private key that it lets in
	KnownHosts string // file that holds its host key
	HostKey    ssh.PublicKey

	listener net.Listener
	sshd     string
	config   string
	wait     sync.WaitGroup
	mu       sync.Mutex
	running  map[*exec.Cmd]bool
	count    int
}

// StartSSH starts an sshd whose files are made in dir. Each connection gets a
// process of its own, as from inetd: so the listener is ours, ready at once and
// on a free port.
func StartSSH(dir string) (*SSHServer, error) {
	sshd, err := findSSHD()
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		// sshd as root wants its empty directory; systemd would have made it.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, fmt.Errorf("start sshd: %w", err)
		}
	}
	me, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("start sshd: %w", err)
	}
	s := &SSHServer{
		sshd: sshd, KeyFile: filepath.Join(dir, "user_key"), KnownHosts: filepath.Join(dir, "known_hosts"),
		config: filepath.Join(dir, "sshd_config"), running: map[*exec.Cmd]bool{},
	}
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start sshd: %w", err)
	}
	s.Addr = s.listener.Addr().String()
	s.URL = "ssh://" + me.Username + "@" + s.Addr
	if err := s.writeFiles(dir); err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	s.wait.Add(1)
	go s.serve()
	return s, nil
}

func findSSHD() (string, error) {
	// sshd insists on being started by its absolute path.
	for _, path := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/lib/ssh/sshd"} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errors.New("needs sshd (openssh-server), which is not installed")
}

func (s *SSHServer) writeFiles(dir string) error {
	hostKey, err := NewKey(filepath.Join(dir, "host_key"))
	if err != nil {
		return err
	}
	userKey, err := NewKey(s.KeyFile)
	if err != nil {
		return err
	}
	s.HostKey = hostKey
	authorized := filepath.Join(dir, "authorized_keys")
	config := strings.Join([]string{
		"HostKey " + filepath.Join(dir, "host_key"),
		"AuthorizedKeysFile " + authorized,
		"StrictModes no", // the test's directory may be anybody's
		"PidFile none",
		"UsePAM no",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"PermitRootLogin prohibit-password",
		"SetEnv GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1",
		"",
	}, "\n")
	for name, text := range map[string]string{
		s.config:     config,
		authorized:   string(ssh.MarshalAuthorizedKey(userKey)),
		s.KnownHosts: knownhosts.Line([]string{s.Addr}, hostKey) + "\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return fmt.Errorf("start sshd: %w", err)
		}
	}
	return nil
}

// NewKey writes a new private key to a file and returns its public half.
func NewKey(file string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make ssh key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "packsync test")
	if err != nil {
		return nil, fmt.Errorf("make ssh key: %w", err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, fmt.Errorf("make ssh key: %w", err)
	}
	return ssh.NewPublicKey(public)
}

func (s *SSHServer) serve() {
	defer s.wait.Done()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.wait.Add(1)
		go func() {
			defer s.wait.Done()
			s.handle(conn)
		}()
	}
}

func (s *SSHServer) handle(conn net.Conn) {
	socket, err := conn.(*net.TCPConn).File()
	_ = conn.Close() // sshd has the copy
	if err != nil {
		return
	}
	cmd := exec.Command(s.sshd, "-i", "-f", s.config)
	cmd.Stdin, cmd.Stdout = socket, socket
	s.mu.Lock()
	s.count++
	err = cmd.Start()
	if err == nil {
		s.running[cmd] = true
	}
	s.mu.Unlock()
	_ = socket.Close()
	if err != nil {
		return
	}
	_ = cmd.Wait() // its exit status is the client's matter
	s.mu.Lock()
	delete(s.running, cmd)
	s.mu.Unlock()
}

// Connections returns how many connections there were.
func (s *SSHServer) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Close ends the server and its connections.
func (s *SSHServer) Close() {
	_ = s.listener.Close() // only ever closed here
	s.mu.Lock()
	for cmd := range s.running {
		_ = cmd.Process.Kill() // it may just have ended
	}
	s.mu.Unlock()
	s.wait.Wait()
}

// ServeSSH is StartSSH for the life of a test.
func ServeSSH(t testing.TB) *SSHServer {
	t.Helper()
	testenv.Need(t, "git")
	if _, err := findSSHD(); err != nil {
		testenv.Skip(t, err.Error())
	}
	s, err := StartSSH(t.TempDir())
	must(t, err)
	t.Cleanup(s.Close)
	return s
}
