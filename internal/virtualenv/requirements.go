package virtualenv

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/lazyregexp"
)

// requirementsFile is what StackStorm looks for at the top of a pack.
const requirementsFile = "requirements.txt"

// requirements are requirement files by their path in the pack: the one at the
// top and those that it includes by -r and -c. Empty if the pack has none.
type requirements map[string][]byte

// readRequirements reads requirements.txt and what it includes. Includes by URL
// are left to pip. An included file that lies outside the pack, or is not there,
// is an error: it would not be the same on every host.
func readRequirements(packTree fs.FS) (requirements, error) {
	reqs := requirements{}
	if packTree == nil {
		return reqs, nil
	}
	switch _, err := fs.Stat(packTree, requirementsFile); {
	case errors.Is(err, fs.ErrNotExist):
		return reqs, nil
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", requirementsFile, err)
	}
	return reqs, reqs.read(packTree, requirementsFile)
}

func (reqs requirements) read(packTree fs.FS, name string) error {
	if _, done := reqs[name]; done {
		return nil
	}
	text, err := fs.ReadFile(packTree, name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	reqs[name] = text
	for _, line := range logicalLines(string(text)) {
		included, ok := includedFile(line)
		if !ok {
			continue
		}
		inPack := path.Join(path.Dir(name), included)
		if path.IsAbs(included) || !fs.ValidPath(inPack) {
			return fmt.Errorf("%s includes %q, which is not in the pack: put the file into the pack", name, included)
		}
		if err := reqs.read(packTree, inPack); err != nil {
			return fmt.Errorf("%s includes %q: %w", name, included, err)
		}
	}
	return nil
}

var (
	commentPattern  = lazyregexp.New(`(^|\s+)#.*$`)
	commentLine     = lazyregexp.New(`\A\s*#`)
	includeOption   = lazyregexp.New(`\A(?:-([rc])|--(requirem\w*|const\w*)(?:=|\z))(.*)\z`)
	wordPattern     = lazyregexp.New(`(?:[^\s'"]|'[^']*'|"[^"]*")+`)
	quotePattern    = lazyregexp.New(`'([^']*)'|"([^"]*)"`)
	schemePattern   = lazyregexp.New(`\A[a-z][a-z+]*:`)
	noBinaryPattern = lazyregexp.New(`(^|\s)--no-b[a-z-]*`)
	editablePattern = lazyregexp.New(`\A(-e|--e[dit]\w*)`)
)

// logicalLines splits a requirement file as pip does: a backslash at the end
// joins lines, except after a comment; comments and empty lines go.
func logicalLines(text string) (lines []string) {
	joined := ""
	keep := func(line string) {
		if line = strings.TrimSpace(commentPattern().ReplaceAllString(line, "")); line != "" {
			lines = append(lines, line)
		}
	}
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case commentLine().MatchString(line):
			keep(joined + " " + line)
			joined = ""
		case strings.HasSuffix(line, `\`):
			joined += strings.Trim(line, `\`)
		default:
			keep(joined + line)
			joined = ""
		}
	}
	keep(joined)
	return lines
}

// includedFile returns the file that a line includes, as it is written there.
// pip takes one a line, -r before -c, and none where a requirement comes first.
func includedFile(line string) (string, bool) {
	words := wordPattern().FindAllString(line, -1)
	if len(words) == 0 || !strings.HasPrefix(words[0], "-") {
		return "", false
	}
	var first struct{ required, constraint string }
	for i := 0; i < len(words); i++ {
		m := includeOption().FindStringSubmatch(words[i])
		if m == nil {
			continue
		}
		name := m[3]
		if name == "" && i+1 < len(words) {
			i++
			name = words[i]
		}
		name = quotePattern().ReplaceAllString(name, "$1$2")
		if kind := (m[1] + m[2])[0]; kind == 'r' && first.required == "" {
			first.required = name
		} else if kind == 'c' && first.constraint == "" {
			first.constraint = name
		}
	}
	name := first.required
	if name == "" {
		name = first.constraint
	}
	return name, name != "" && !schemePattern().MatchString(name)
}

// needsBuilding tells why a line makes pip build something although only wheels
// are allowed: pip's --only-binary does not hold for what is named directly, and
// a file can take it back.
func needsBuilding(line string) string {
	switch {
	case noBinaryPattern().MatchString(line):
		return "--no-binary asks for a build"
	case editablePattern().MatchString(line):
		return "an editable install is a build"
	case strings.HasPrefix(line, "-"):
		return ""
	}
	target := line
	if _, url, ok := strings.Cut(line, "@"); ok && strings.Contains(url, ":") && !schemePattern().MatchString(line) {
		target = strings.TrimSpace(url)
	}
	target, _, _ = strings.Cut(target, " ")
	target, _, _ = strings.Cut(target, "#")
	isDirect := strings.Contains(target, ":") || strings.Contains(target, "/") || strings.HasPrefix(target, ".") ||
		strings.HasSuffix(target, ".gz") || strings.HasSuffix(target, ".zip") || strings.HasSuffix(target, ".bz2") || strings.HasSuffix(target, ".xz")
	if isDirect && !strings.HasSuffix(target, ".whl") {
		return "it is named by address and is no wheel"
	}
	return ""
}

// credentialPattern matches a URL with user information.
var credentialPattern = lazyregexp.New(`://[^/\s@]+@`)

// checkPolicy refuses what would break a promise before anything runs.
func (b *Builder) checkPolicy(reqs requirements) error {
	for _, text := range slices.Concat(b.opts.PipOptions, b.opts.BaseRequirements) {
		if credentialPattern().MatchString(text) {
			return errors.New("a pip option or base requirement holds a URL with a user or password, which everybody on the host could read in the process list: set the index URL instead")
		}
	}
	for _, req := range b.opts.BaseRequirements {
		if strings.HasPrefix(req, "-") {
			return fmt.Errorf("base requirement %q is an option: base requirements name packages, options belong in pip_options", req)
		}
	}
	if !b.opts.OnlyBinary {
		return nil
	}
	for _, option := range b.opts.PipOptions {
		if noBinaryPattern().MatchString(option) {
			return fmt.Errorf("pip option %q contradicts only_binary", option)
		}
	}
	for _, name := range reqs.names() {
		for _, line := range logicalLines(string(reqs[name])) {
			if why := needsBuilding(line); why != "" {
				return fmt.Errorf("%s: %q is refused under only_binary: %s; require a released wheel, or set only_binary = false for this pack", name, redactURLs(line), why)
			}
		}
	}
	return nil
}

// names lists the files in a fixed order, so that the same mistake is reported
// first each time.
func (reqs requirements) names() []string { return slices.Sorted(maps.Keys(reqs)) }
