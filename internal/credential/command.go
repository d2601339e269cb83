package credential

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// mostOutput bounds what a command may print: the longest tokens have a few
// kilobytes.
const mostOutput = 64 << 10

// runTokenCommand runs the command of a block. Its output is never shown, stderr
// included: people's scripts print what they should not.
func (s *Set) runTokenCommand(ctx context.Context, c *Credential) (string, error) {
	out, err := s.run(ctx, s.opts.Dir, nil, nil, c.TokenCommand...)
	if err != nil {
		return "", failed("run token_command of %s: %s %v; run it by hand to see what it says", c.origin(), c.TokenCommand[0], err)
	}
	token := strings.TrimSpace(out)
	if token == "" {
		return "", failed("run token_command of %s: %s printed nothing", c.origin(), c.TokenCommand[0])
	}
	return token, nil
}

// run returns what a command prints on stdout. Its environment is ours without
// the variables that hold tokens, and with extra.
func (s *Set) run(ctx context.Context, dir string, extra []string, stdin []byte, argv ...string) (string, error) {
	out, err := Run(ctx, Command{
		Argv: argv, Dir: dir, Environ: append(s.Environ(), extra...), Stdin: stdin, Timeout: s.opts.Timeout, Most: mostOutput,
	})
	return string(out), err
}

// Environ returns the environment for other programs: without packsync's own
// variables and those that the declaration takes secrets from.
func (s *Set) Environ() []string {
	hidden := slices.Clone(s.opts.HiddenEnv)
	for _, c := range s.opts.Credentials {
		if c.TokenEnv != "" {
			hidden = append(hidden, c.TokenEnv)
		}
	}
	return ChildEnviron(s.opts.Environ, hidden)
}

// gitHelper speaks git's credential protocol (gitcredentials(7)) for one URL.
type gitHelper struct {
	set    *Set
	origin string
	query  []string // key=value lines that say what is asked for
	host   string
	judged sync.Once
}

func newGitHelper(s *Set, c *Credential, u *url.URL) (*gitHelper, error) {
	h := &gitHelper{set: s, origin: c.origin(), host: u.Host}
	// The path counts only where the user's git has credential.useHttpPath.
	for _, field := range []struct{ key, value string }{
		{"protocol", u.Scheme}, {"host", u.Host}, {"path", strings.TrimPrefix(u.Path, "/")}, {"username", c.Username},
	} {
		// A line break would let a URL ask for another host's password (CVE-2020-5260).
		if strings.ContainsAny(field.value, "\x00\r\n") {
			return nil, failed("ask git's credential helper for %s: the %s holds a line break or NUL", u.Host, field.key)
		}
		if field.value != "" {
			h.query = append(h.query, field.key+"="+field.value)
		}
	}
	return h, nil
}

// git runs git credential away from every repository, whose configuration could
// name a helper, and without anybody to type.
func (h *gitHelper) git(ctx context.Context, verb string, lines []string) (string, error) {
	noPrompt := []string{"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "LC_ALL=C"}
	return h.set.run(ctx, "/", noPrompt, []byte(strings.Join(lines, "\n")+"\n\n"), "git", "credential", verb)
}

func (h *gitHelper) fill(ctx context.Context) (*Login, error) {
	out, err := h.git(ctx, "fill", h.query)
	if err != nil {
		return nil, failed("ask git's credential helper for %s: git %v; `git credential fill` must answer without asking a person", h.host, err)
	}
	login := &Login{Origin: "git's credential helper", helper: h}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch key {
		case "username":
			login.Username = value
		case "password":
			login.Password = value
		case "host":
			if value != h.host { // a helper must not move the question
				return nil, failed("ask git's credential helper for %s: it answers for another host", h.host)
			}
		}
	}
	if login.Password == "" {
		return nil, failed("ask git's credential helper for %s: it knows no password", h.host)
	}
	return login, nil
}

// Judge tells the helper that a password came from whether the server took it,
// so that it keeps or forgets it; once for each login. Logins from elsewhere need
// no word. As in git, what the helper makes of it cannot fail the request.
func (l *Login) Judge(ctx context.Context, accepted bool) {
	if l == nil || l.helper == nil {
		return
	}
	h := l.helper
	h.judged.Do(func() {
		verb := "reject"
		if accepted {
			verb = "approve"
		}
		lines := slices.DeleteFunc(slices.Clone(h.query), func(line string) bool { return strings.HasPrefix(line, "username=") })
		lines = append(lines, "username="+l.Username, "password="+l.Password)
		_, _ = h.git(ctx, verb, lines)
	})
}
