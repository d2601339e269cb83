package config

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"

	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/lazyregexp"
)

// The arguments of a variable block that say where its value comes from if none
// is given. What comes from there is always a secret.
const (
	sourceEnv        = "env"
	sourceFile       = "file"
	sourceCommand    = "command"
	sourceCredential = "systemd_credential"
)

var variableSources = []string{sourceEnv, sourceFile, sourceCommand, sourceCredential}

// variableSource is where a variable takes its value from. The zero one is
// nowhere.
type variableSource struct {
	kind string   // an argument of the variable block
	text string   // name of an environment variable or credential, or an absolute path
	argv []string // of a command
	at   diag.Range
}

// Command is a program that gives the value of a variable. It runs without a
// shell and without input.
type Command struct {
	Argv []string
	Dir  string // the declaration's directory, absolute
	// HiddenEnv names environment variables that the declaration takes secrets
	// from: no child has use for them.
	HiddenEnv []string
}

// CommandError says why a command gave no value.
type CommandError struct {
	Problem string   // a clause whose subject is the command: "ended with exit code 1"
	Stderr  []string // the last lines that it wrote there, nothing of stdout in them
}

func (e *CommandError) Error() string { return e.Problem }

// readSource reads which source a variable block names; a second one is a mistake.
func (b block) readSource() (s variableSource) {
	for _, attr := range sortedAttributes(b.body) {
		switch {
		case !slices.Contains(variableSources, attr.Name):
		case s.kind != "":
			b.l.error(attr.NameRange, "Conflicting arguments", "%s and %s exclude each other: a variable takes its value from one place.", s.kind, attr.Name)
		default:
			s = variableSource{kind: attr.Name, at: attr.Expr.Range()}
			b.fillSource(&s)
		}
	}
	return s
}

// credentialName is stricter than systemd, which takes any name that a file can
// have.
var credentialName = lazyregexp.New(`\A[A-Za-z0-9_@:+-][A-Za-z0-9_@:+.-]*\z`)

func (b block) fillSource(s *variableSource) {
	switch s.kind {
	case sourceFile:
		s.text, _ = b.path(s.kind)
	case sourceEnv:
		text, ok := b.text(s.kind, textNonEmpty)
		if ok && !envName().MatchString(text) {
			b.l.error(s.at, "Invalid name", "%s must be the name of an environment variable: letters, digits and _, for example \"JIRA_PASSWORD\".", b.subject(s.kind))
		}
		s.text = text
	case sourceCredential:
		text, ok := b.text(s.kind, textNonEmpty)
		if ok && !credentialName().MatchString(text) {
			b.l.error(s.at, "Invalid name", "%s must be the name that the unit gives in LoadCredential=NAME:PATH, without a slash, for example \"jira_password\".", b.subject(s.kind))
		}
		s.text = text
	case sourceCommand:
		s.argv = b.texts(s.kind)
		if len(s.argv) == 1 && strings.Contains(s.argv[0], " ") && !filepath.IsAbs(s.argv[0]) {
			b.l.error(s.at, "Command in one text", "There is no shell that would take this apart: each word is an element of its own, for example\n\n    command = [\"sops\", \"-d\", \"secrets.yaml\"]")
		}
	}
}

// needsCommand tells whether a command has to run for the variable: only for a
// value that is used, and only where it must be known.
func (l *loader) needsCommand(v *variable, values map[string][]given) bool {
	_, used := l.used[v.name]
	return l.req.Mode == Full && l.req.Run != nil && used && len(v.source.argv) > 0 && len(values[v.name]) == 0
}

// mostCommands run side by side: each may ask a server.
const mostCommands = 4

// ran is what a command gave.
type ran struct {
	out []byte
	err error
}

// runCommands runs the commands of all variables that need one, equal ones once.
func (l *loader) runCommands(values map[string][]given) {
	results := map[string]*ran{}
	var group sync.WaitGroup
	slots := make(chan struct{}, mostCommands)
	hidden := l.secretEnvironment()
	for _, name := range slices.Sorted(maps.Keys(l.vars)) {
		v := l.vars[name]
		if !l.needsCommand(v, values) {
			continue
		}
		key := strings.Join(v.source.argv, "\x00")
		if results[key] == nil {
			r := &ran{}
			results[key] = r
			command := Command{Argv: v.source.argv, Dir: l.dir, HiddenEnv: hidden}
			group.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				r.out, r.err = l.req.Run(command)
			})
		}
		v.ran = results[key]
	}
	group.Wait()
}

// secretEnvironment names the environment variables that secrets are taken from.
func (l *loader) secretEnvironment() []string {
	var names []string
	for _, v := range l.vars {
		if v.source.kind == sourceEnv {
			names = append(names, v.source.text)
		}
	}
	for _, inner := range l.blocks["credentials"] {
		if attr := inner.Body.Attributes["token_env"]; attr != nil && isLiteral(attr.Expr) {
			if v, _ := attr.Expr.Value(nil); v.Type() == cty.String && !v.IsNull() {
				names = append(names, v.AsString())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// fromSource is the value of a variable that names a source. The error is a
// sentence without its end.
func (l *loader) fromSource(v *variable) (cty.Value, error) {
	text, err := l.sourceText(v)
	if err != nil {
		return cty.NilVal, err
	}
	// What editors, echo and most programs end their output with is no part of a
	// secret.
	if v.source.kind != sourceEnv {
		text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	}
	switch {
	case text == "":
		return cty.NilVal, errors.New("it is empty")
	case !utf8.ValidString(text):
		return cty.NilVal, errors.New("it is not a UTF-8 text: keep binary secrets in base64")
	}
	val, err := v.fromText(text)
	if err != nil {
		return cty.NilVal, fmt.Errorf("it does not fit the type of the variable: %w", err)
	}
	return val, nil
}

func (l *loader) sourceText(v *variable) (string, error) {
	switch s := v.source; s.kind {
	case sourceEnv:
		for _, entry := range slices.Backward(l.req.Environ) {
			if name, value, _ := strings.Cut(entry, "="); name == s.text {
				return value, nil
			}
		}
		return "", errors.New("it is not set")
	case sourceCommand:
		if v.ran == nil {
			return "", &CommandError{Problem: "is not run by this command of packsync"}
		}
		return string(v.ran.out), v.ran.err
	case sourceCredential:
		dir := lookupEnv(l.req.Environ, "CREDENTIALS_DIRECTORY")
		if !filepath.IsAbs(dir) {
			return "", errors.New("there is no $CREDENTIALS_DIRECTORY, so no systemd unit with credentials started packsync")
		}
		return l.readSecretFile(filepath.Join(dir, s.text))
	default:
		return l.readSecretFile(s.text)
	}
}

// readSecretFile reads a file that is no input of the declaration: what is in it
// goes into no digest.
func (l *loader) readSecretFile(path string) (string, error) {
	src, err := l.req.ReadFile(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("it cannot be read: %w", cause(err))
	case len(src) > maxFileSize:
		return "", errTooLarge
	}
	return string(src), nil
}

// reportSource says that a source gave no value, and what to do.
func (l *loader) reportSource(v *variable, used diag.Range, err error) {
	const summary = "No value for variable"
	otherwise := fmt.Sprintf("For one run the value can also be given in the environment as %s%s, or with --var-file.", envPrefix, v.name)
	s := v.source
	switch s.kind {
	case sourceEnv:
		l.error(s.at, summary, "%s uses the variable %q, which takes its value from the environment variable %s: %s. Set it where packsync is started. %s", place(used), v.name, s.text, err, otherwise)
	case sourceCredential:
		l.error(s.at, summary, "%s uses the variable %q, which takes its value from the systemd credential %q: %s. The unit that starts packsync needs\n\n    LoadCredential=%s:/path/of/the/secret\n\n%s", place(used), v.name, s.text, err, s.text, otherwise)
	case sourceCommand:
		l.error(s.at, summary, "%s uses the variable %q, which takes its value from a command: %s. %s", place(used), v.name, describeCommand(s.argv[0], err, l.dir), otherwise)
	default:
		l.error(s.at, summary, "%s uses the variable %q, which takes its value from the file %s: %s. Write it, readable for the user that packsync runs as. %s", place(used), v.name, s.text, err, otherwise)
	}
}

// describeCommand says what went wrong with a command, without its arguments.
func describeCommand(program string, err error, dir string) string {
	var failed *CommandError
	if !errors.As(err, &failed) {
		return fmt.Sprintf("what %s printed cannot be used, since %s", program, err)
	}
	text := program + " " + failed.Problem
	switch {
	case !strings.HasPrefix(failed.Problem, "ended"):
		return text
	case len(failed.Stderr) == 0:
		return text + fmt.Sprintf(". Run it by hand in %s to see more", dir)
	}
	return text + ". The last it said on stderr:\n\n    " + strings.Join(failed.Stderr, "\n    ") + fmt.Sprintf("\n\nRun it by hand in %s to see more", dir)
}

func lookupEnv(environ []string, name string) string {
	for _, entry := range slices.Backward(environ) {
		if key, value, _ := strings.Cut(entry, "="); key == name {
			return value
		}
	}
	return ""
}
