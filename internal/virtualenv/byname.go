package virtualenv

import (
	"fmt"
	"path"
	"strings"

	"github.com/packsync/packsync/internal/lazyregexp"
)

var (
	namedAddress = lazyregexp.New(`\A([A-Za-z0-9][A-Za-z0-9._-]*(?:\s*\[[^\]]*\])?)\s*@\s*[a-z][a-z+]*:\S+`)
	bareAddress  = lazyregexp.New(`\A[a-z][a-z+]*://\S+`)
	eggPattern   = lazyregexp.New(`[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?)`)
	filePattern  = lazyregexp.New(`\A([A-Za-z0-9][A-Za-z0-9._]*(?:-[A-Za-z_][A-Za-z0-9._]*)*)-[0-9][^-]*(?:-.*\.whl|\.tar\.gz|\.zip)\z`)
)

// byName returns requirement files in which what is named by address is named by
// name, as it must be where the address cannot be asked and its wheel is at hand.
// An address that does not tell the name is an error.
func (reqs requirements) byName() (requirements, error) {
	out := requirements{}
	for name, text := range reqs {
		lines := logicalLines(string(text))
		changed := false
		for i, line := range lines {
			named, err := nameOf(line)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			changed = changed || named != line
			lines[i] = named
		}
		if changed {
			text = []byte(strings.Join(lines, "\n") + "\n")
		}
		out[name] = text
	}
	return out, nil
}

// nameOf replaces the address in a line by the name that it stands for. What
// follows, a marker, stays.
func nameOf(line string) (string, error) {
	target := strings.TrimLeft(editablePattern().ReplaceAllString(line, ""), "= \t")
	if m := namedAddress().FindStringSubmatch(target); m != nil {
		return m[1] + target[len(m[0]):], nil
	}
	address := bareAddress().FindString(target)
	if address == "" {
		return line, nil
	}
	rest := target[len(address):]
	if m := eggPattern().FindStringSubmatch(address); m != nil {
		return m[1] + rest, nil
	}
	file, _, _ := strings.Cut(address, "#")
	file, _, _ = strings.Cut(file, "?")
	if m := filePattern().FindStringSubmatch(path.Base(file)); m != nil {
		return m[1] + rest, nil
	}
	return "", fmt.Errorf("%q does not tell the name of what is there, so that no wheel can stand in for it: write NAME @ before the address", redactURLs(address))
}
