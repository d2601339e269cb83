package credential

import (
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
)

// mostNetrc bounds the file; real ones have a few lines.
const mostNetrc = 1 << 20

// fromNetrc looks for the host as curl, and git through curl, do: the file is
// for any path and any port of it. Its default entry is not used, since that
// hands a password to every host that some pack happens to come from.
func (s *Set) fromNetrc(u *url.URL) (*Login, error) {
	if s.opts.NetrcFile == "" {
		return nil, nil
	}
	text, err := readNetrc(s.opts.NetrcFile)
	if err != nil {
		return nil, failed("read netrc: %v", err)
	}
	user, password := searchNetrc(text, u.Hostname())
	if password == "" {
		return nil, nil
	}
	if user == "" {
		user = defaultUsername(u.Host)
	}
	return &Login{Username: user, Password: password, Origin: s.opts.NetrcFile}, nil
}

func readNetrc(name string) (string, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, mostNetrc+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if len(text) > mostNetrc {
		return "", errors.New(name + " is larger than 1 MiB")
	}
	return string(text), nil
}

// searchNetrc returns the login and password of the first entry for a host that
// has a password.
func searchNetrc(text, host string) (user, password string) {
	words := netrcWords(text)
	ours := false // inside an entry for host
	next := func(i int) string {
		if i+1 < len(words) {
			return words[i+1]
		}
		return ""
	}
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "machine", "default":
			if ours && password != "" {
				return user, password
			}
			user, password = "", ""
			ours = words[i] == "machine" && strings.EqualFold(next(i), host)
			if words[i] == "machine" {
				i++
			}
		case "login":
			if ours {
				user = next(i)
			}
			i++
		case "password":
			if ours {
				password = next(i)
			}
			i++
		case "account":
			i++
		}
	}
	return user, password
}

// netrcWords splits a netrc into its words: comments and macros are left out, and
// what stands in double quotes is one word, with \" and \\ in it.
func netrcWords(text string) []string {
	var words []string
	macro := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if macro {
			macro = line != "" // a macro ends with an empty line
			continue
		}
		for line != "" && line[0] != '#' {
			var word string
			word, line = netrcWord(line)
			if word == "macdef" {
				macro = true
				break
			}
			words = append(words, word)
			line = strings.TrimLeft(line, " \t")
		}
	}
	return words
}

func netrcWord(line string) (word, rest string) {
	if line[0] != '"' {
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			return line, ""
		}
		return line[:end], line[end:]
	}
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			return b.String(), line[i+1:]
		case c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}
