package credential

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// Options say where credentials come from.
type Options struct {
	Credentials []Credential
	// NetrcFile is looked into for hosts for which no block has a token; one that
	// does not exist is empty. "" for none.
	NetrcFile string
	Environ   []string      // of the process, for TokenEnv and for commands
	HiddenEnv []string      // names of variables in it that no command gets, besides those of TokenEnv
	Dir       string        // where a TokenCommand runs
	Timeout   time.Duration // of one command; 0 means half a minute
}

// defaultTimeout is patient enough for a helper that asks a server, and short
// enough to notice one that asks a person.
const defaultTimeout = 30 * time.Second

// Set answers who we are to a host. It asks each command once and remembers the
// answer, an error included. Safe for concurrent use; nil knows nobody.
type Set struct {
	opts Options

	mu    sync.Mutex
	asked map[string]*answer
}

type answer struct {
	once  sync.Once
	login *Login
	err   error
}

// New makes a Set. It reads and runs nothing yet.
func New(opts Options) *Set {
	if opts.Timeout == 0 {
		opts.Timeout = defaultTimeout
	}
	return &Set{opts: opts, asked: map[string]*answer{}}
}

// Login is a user name and a password or token for one URL.
type Login struct {
	Username, Password string
	// Origin says where they come from, for messages: `the block credentials
	// "git.example.com"`.
	Origin string

	helper *gitHelper // to be told whether it was right; nil for none
}

// String hides the password.
func (l *Login) String() string { return l.Username + " (sensitive)" }

// GoString is String.
func (l *Login) GoString() string { return l.String() }

// Error says why a credential cannot be used. It wraps nothing on purpose: those
// who put errors of a request into plain words take the innermost one, and this
// is the one that tells something.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

func failed(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Login returns what to log in to u with, or nil for an anonymous request. The
// error is an *Error, or the end of ctx.
func (s *Set) Login(ctx context.Context, u *url.URL) (*Login, error) {
	if s == nil || !secure(u) {
		return nil, nil
	}
	c := s.For(u.Host, u.Path)
	var login *Login
	var err error
	if c.HasToken() {
		login, err = s.fromBlock(ctx, c, u)
	} else {
		login, err = s.fromNetrc(u)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	if login != nil && strings.ContainsAny(login.Username+login.Password, "\x00\r\n") {
		return nil, failed("the token of %s has more than one line", login.Origin)
	}
	return login, nil
}

func (s *Set) fromBlock(ctx context.Context, c *Credential, u *url.URL) (*Login, error) {
	token := c.Token.Text()
	switch {
	case c.TokenFile != "":
		raw, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, failed("read token_file: %v", err)
		}
		if token = strings.TrimSpace(string(raw)); token == "" {
			return nil, failed("read token_file: %s is empty", c.TokenFile)
		}
	case c.TokenEnv != "":
		if token = strings.TrimSpace(lookup(s.opts.Environ, c.TokenEnv)); token == "" {
			return nil, failed("read token_env: the environment variable %s is not set or empty", c.TokenEnv)
		}
	case len(c.TokenCommand) > 0:
		return s.once("command of "+c.Host, func() (*Login, error) {
			token, err := s.runTokenCommand(ctx, c)
			if err != nil {
				return nil, err
			}
			return &Login{Username: c.username(), Password: token, Origin: c.origin()}, nil
		})
	case c.GitHelper:
		helper, err := newGitHelper(s, c, u)
		if err != nil {
			return nil, err
		}
		return s.once("helper for "+u.String(), func() (*Login, error) { return helper.fill(ctx) })
	}
	return &Login{Username: c.username(), Password: token, Origin: c.origin()}, nil
}

// once runs ask for the first caller with a key, and lets the others wait for
// its answer: a command may be slow, or count how often it is asked.
func (s *Set) once(key string, ask func() (*Login, error)) (*Login, error) {
	s.mu.Lock()
	a := s.asked[key]
	if a == nil {
		a = &answer{}
		s.asked[key] = a
	}
	s.mu.Unlock()
	a.once.Do(func() { a.login, a.err = ask() })
	return a.login, a.err
}

// Sign puts the login for a request's URL into its header, if there is one.
func (s *Set) Sign(req *http.Request) error {
	login, err := s.Login(req.Context(), req.URL)
	if err == nil && login != nil {
		req.SetBasicAuth(login.Username, login.Password)
	}
	return err
}

func lookup(environ []string, name string) string {
	for _, entry := range environ {
		if key, value, ok := strings.Cut(entry, "="); ok && key == name {
			return value
		}
	}
	return ""
}
