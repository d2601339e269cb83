package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is where the kernel gives up too.
const maxLinks = 40

// follow finds where a path leads, one name at a time. It tells see of every
// directory entry that decides it: each symbolic link on the way, the last name,
// and the first one that does not exist. Who watches those learns of editors
// that save by rename, and of a ..data link that is turned to another directory.
func follow(path string, see func(dir, name string)) (real string, err error) {
	at := "/"
	rest := split(path)
	links := 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if err != nil {
			see(at, name)
			return "", err
		}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			see(at, name)
			if links++; links > maxLinks {
				return "", &fs.PathError{Op: "follow", Path: path, Err: errors.New("too many symbolic links")}
			}
			target, err := os.Readlink(next)
			if err != nil {
				return "", err
			}
			if filepath.IsAbs(target) {
				at = "/"
			}
			rest = append(split(target), rest...)
		case len(rest) == 0:
			see(at, name)
			at = next
		default:
			at = next
		}
	}
	return at, nil
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// identity tells a directory from another one that took its name.
type identity struct{ dev, ino uint64 }

func identify(dir string) (identity, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return identity{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, fmt.Errorf("look at %s: the system tells no identity", dir)
	}
	return identity{uint64(stat.Dev), stat.Ino}, nil //nolint:unconvert // its width differs by system
}
