package virtualenv

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/packsync/packsync/internal/pack"
)

// BuildError is a step of a build that ran and failed.
type BuildError struct {
	Step   string   // what was run, in words
	Lines  []string // the last that it wrote; no credentials, no control characters
	Advice string   // what to do
	Err    error    // its exit status, or why it was ended
}

func (e *BuildError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %v", e.Step, e.Err)
	for _, line := range e.Lines {
		text.WriteString("\n  | " + line)
	}
	if e.Advice != "" {
		text.WriteString("\n" + e.Advice)
	}
	return text.String()
}

func (e *BuildError) Unwrap() error { return e.Err }

// The limits of what is shown of a child's output.
const (
	tailLines   = 12
	shownRunes  = 300
	maxLineSize = 64 << 10
)

// output takes what children write: line by line, made harmless, the last lines
// kept. One goroutine of os/exec writes at a time.
type output struct {
	hidden   []string // texts that must not be shown
	progress func(line string)
	rest     []byte // of a line that is not complete
	skip     bool   // the line is too long to be shown
	lines    []string
}

func (o *output) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		i := bytes.IndexAny(rest, "\r\n")
		if i < 0 {
			o.add(rest)
			break
		}
		o.add(rest[:i])
		o.flush()
		rest = rest[i+1:]
	}
	return len(p), nil
}

func (o *output) add(part []byte) {
	if len(o.rest)+len(part) > maxLineSize {
		o.skip = true // a cut could show half of a secret, which nothing would recognise
	}
	if !o.skip {
		o.rest = append(o.rest, part...)
	}
}

func (o *output) flush() {
	line := strings.TrimSpace(clip(hide(string(o.rest), o.hidden)))
	if o.skip {
		line = "(a line of more than 64 KiB)"
	}
	o.rest, o.skip = o.rest[:0], false
	if line == "" {
		return
	}
	if o.progress != nil {
		o.progress(line)
	}
	if len(o.lines) == tailLines {
		o.lines = append(o.lines[:0], o.lines[1:]...)
	}
	o.lines = append(o.lines, line)
}

// hide replaces secrets, and whatever stands for a user in a URL.
func hide(text string, secrets []string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	return redactURLs(text)
}

func redactURLs(text string) string { return credentialPattern().ReplaceAllString(text, "://***@") }

// clip makes foreign text harmless to a terminal, and short.
func clip(text string) string {
	runes := 0
	return strings.Map(func(r rune) rune {
		runes++
		switch {
		case runes > shownRunes+1:
			return -1
		case runes > shownRunes:
			return '…'
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '\uFFFD'
		}
		return r
	}, text)
}

// secretTexts lists the forms in which the secrets of URLs could be printed. Of
// less than four bytes only the URL pattern takes care: they would blot out
// ordinary text.
func secretTexts(secrets ...pack.Secret) (texts []string) {
	add := func(text string) {
		if len(text) >= 4 {
			texts = append(texts, text)
		}
	}
	for _, s := range secrets {
		u, err := url.Parse(s.Text())
		if err != nil {
			continue
		}
		add(u.RawQuery)
		if u.User == nil {
			continue
		}
		written, _, _ := strings.Cut(strings.TrimPrefix(s.Text(), u.Scheme+"://"), "@")
		add(written)
		if password, ok := u.User.Password(); ok {
			_, writtenPassword, _ := strings.Cut(written, ":")
			add(password)
			add(writtenPassword)
			continue
		}
		add(u.User.Username()) // a token alone
	}
	return texts
}

// advice says what to do about a failed step of pip.
func (o Options) advice(err error, lines []string) string {
	text := strings.Join(lines, "\n")
	// What pip could not ask, it says at the end, does not exist.
	nothingFits := strings.Contains(text, "No matching distribution") || strings.Contains(text, "Could not find a version")
	switch {
	case errors.Is(err, errTimeLimit):
		return fmt.Sprintf("It did not finish within %s: raise python.timeout, or see which line above it hung at.", o.Timeout)
	case strings.Contains(text, "CERTIFICATE_VERIFY_FAILED") || strings.Contains(text, "SSLError"):
		return "Name the authority that signed the certificate in network.ca_file."
	case strings.Contains(text, "ProxyError"):
		return "Check https_proxy and no_proxy in the network block."
	case strings.Contains(text, "NewConnectionError") || strings.Contains(text, "ConnectTimeoutError") || strings.Contains(text, "NameResolutionError"):
		return "The package index cannot be reached: check the network block and pip's index, or install from vendored wheels with --offline."
	case nothingFits && o.Offline:
		return "Offline, packages come only from the vendored wheels: run packsync vendor with network access."
	case nothingFits && o.OnlyBinary:
		return "Under only_binary only wheels count: require a version that has one for this Python, or set only_binary = false for this pack."
	case strings.Contains(text, "(from versions: none)"):
		return "pip saw no file of that name: the index does not have it, or cannot be reached, or refuses the credentials, which pip does not tell apart. Check the name, the index and the network block."
	case nothingFits:
		return "Check the name and version in requirements.txt, and that the index has it for this Python."
	case strings.Contains(text, "No space left"):
		return "Make room on the file system of the build directory."
	}
	return ""
}
